//! `run JOB`: reads from the API into the mirror, then delivers to the job's destinations. Before the first request
//! it checks everything that could be known to make the run fail.

use super::one_account::{LEAST_REQUESTS, run_settings};
use super::one_run::Common;
use super::{accounts, setup};
use crate::cli::RunArgs;
use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::config::values;
use crate::error::{Error, Kind, Result};
use crate::logging;
use crate::policy::Exit;
use crate::report::terminal;
use crate::sync::time_box::{TimeBox, Until};

/// Runs each account of a job, or prints the effective settings if `--print-config` is given.
pub async fn run(args: &RunArgs, quiet: bool) -> Result<Exit> {
    let flags = Flags { allow_deletes: args.allow_deletes, ..setup::flags(&args.job) };
    if args.print_config {
        let all = Settings::load_offline(&args.job.job, &flags)?;
        return accounts::each(all, Some("# account"), async |one| {
            logging::print(&one.print());
            Ok(Exit::Complete)
        })
        .await;
    }
    let all = Settings::load(&args.job.job, &flags)?;
    if let Some(few) = args.max_requests.filter(|most| *most < LEAST_REQUESTS) {
        let told = format!("--max-requests {few} is too few to come forward: at least {LEAST_REQUESTS}");
        return Err(Error::usage(told));
    }
    let time_box = TimeBox {
        lasts: args.max_runtime.as_ref().map(|text| values::duration(text, "--max-runtime")).transpose()?,
        until: args.until.as_ref().map(|text| Until::read(text)).transpose()?,
        requests: args.max_requests,
    };
    let many = all.len() > 1;
    let common = Common { quiet, many, adopt: args.adopt_mirror, time_box, ..Common::default() };
    common.stop.on_signals().map_err(|e| Error::new(Kind::Internal, format!("signals: {e}")).caused_by(&e))?;
    if let Some(until) = common.time_box.until.as_ref().filter(|_| !quiet) {
        logging::progress(None, &until.told());
    }
    common.time_box.watch_clock(&common.stop);
    let [alone] = &all[..] else {
        return Ok(accounts::side_by_side(all, common).await);
    };
    if alone.account.is_some() {
        return Ok(accounts::side_by_side(all, common).await);
    }
    let report = run_settings(alone, &common).await?;
    if !quiet {
        crate::logging::print(&terminal::summary(&report));
    }
    for (cause, hint) in terminal::shortfall(&report) {
        logging::failed(&cause, hint);
    }
    Ok(report.exit_code)
}
