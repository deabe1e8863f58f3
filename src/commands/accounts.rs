//! Runs a command for the accounts of a job, in one process. `run` works on several accounts at a time; every other
//! command works on one after the other. An account that fails does not stop the others. Each account is reported in
//! a block of its own. The process exits with the gravest of the accounts' exit codes.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::{Id, JoinSet};
use tracing::Instrument as _;

use super::one_account::run_settings;
use super::one_run::Common;
use crate::config::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::lock;
use crate::policy::{self, Exit};
use crate::quantity::counted;
use crate::report::run_report::RunReport;
use crate::report::terminal::{self, word};
use crate::{logging, say};

/// The closing overview counts the accounts for each outcome and names those that did not end well, but at most this
/// many for an outcome.
const NAMED: usize = 20;

/// Runs all accounts, `accounts_at_once` at a time, and reports each when it has ended. Starts with the accounts
/// whose latest run began the longest ago. So if the time box ends before every account was run, the next run begins
/// with those that were left out.
pub async fn side_by_side(mut all: Vec<Settings>, common: Common) -> Exit {
    all.sort_by_cached_key(|one| std::fs::metadata(lock::beside(&one.mirror)).and_then(|lock| lock.modified()).ok());
    if all.is_empty() {
        return nothing_to_do(!common.quiet);
    }
    let at_once = all.first().map_or(1, |one| one.accounts_at_once) as usize;
    let common = Arc::new(common);
    let mut waiting = all.into_iter();
    let mut running: JoinSet<Result<RunReport>> = JoinSet::new();
    let mut names: HashMap<Id, (String, String)> = HashMap::new();
    let mut ended: Vec<(String, Exit)> = Vec::new();
    loop {
        while running.len() < at_once {
            let Some(one) = waiting.next() else { break };
            let account = one.account.clone().unwrap_or_default();
            let of = (one.name.clone(), account.clone());
            if common.stop.requested() {
                if common.quiet {
                    // Nothing failed here: the exit code says that not every account had its turn.
                    ended.push((account, Exit::Stopped));
                    continue;
                }
                let why = common.stop.why().map(|why| format!(": {why}")).unwrap_or_default();
                let outcome = Err(Error::new(Kind::Stopped, format!("its turn did not come{why}")));
                ended.push((account, tell(&of, &outcome, common.quiet)));
                continue;
            }
            let (common, span) = (common.clone(), logging::of_account(&account));
            let run = async move { run_settings(&one, &common).await };
            names.insert(running.spawn(run.instrument(span.clone())).id(), of);
            span.in_scope(|| tracing::debug!(at_work = running.len(), "its turn has come"));
        }
        let Some(outcome) = running.join_next_with_id().await else { break };
        let (id, outcome) = match outcome {
            Ok((id, outcome)) => (id, outcome),
            Err(e) => (e.id(), Err(e.into())),
        };
        let of = names.remove(&id).unwrap_or_default();
        let exit = tell(&of, &outcome, common.quiet);
        ended.push((of.1, exit));
    }
    if !common.quiet && ended.len() > 1 {
        logging::print(&overview(&ended));
    }
    Exit::first(ended.into_iter().map(|(_, exit)| exit))
}

/// Prints the report of one account, and its errors on standard error. Returns the account's exit code. With `quiet`,
/// prints the errors only.
fn tell((job, account): &(String, String), outcome: &Result<RunReport>, quiet: bool) -> Exit {
    let _within = logging::of_account(account).entered();
    let (block, exit) = match outcome {
        Ok(report) => (terminal::summary(report), report.exit_code),
        Err(error) => {
            let exit = policy::decide(&error.kind).exit;
            (format!("{job}, account {account}: {}: {}\n", word(exit), error.detail), exit)
        }
    };
    if !quiet {
        logging::print(&format!("{block}\n"));
    }
    match outcome {
        Ok(report) => {
            for (cause, hint) in terminal::shortfall(report) {
                logging::failed(&format!("account {account}: {cause}"), hint);
            }
        }
        Err(error) => failed(account, error),
    }
    exit
}

fn failed(account: &str, error: &Error) {
    logging::failed(&format!("account {account}: {}", error.detail), policy::decide(&error.kind).hint);
}

/// Returns one line that counts the accounts for each outcome and names the accounts that did not end well.
fn overview(ended: &[(String, Exit)]) -> String {
    let mut parts = Vec::new();
    let mut told: Vec<Exit> = Vec::new();
    for exit in ended.iter().map(|(_, exit)| *exit) {
        if told.contains(&exit) {
            continue;
        }
        told.push(exit);
        let mut names: Vec<&str> = ended.iter().filter(|(_, e)| *e == exit).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let (count, more) = (names.len(), names.len().saturating_sub(NAMED));
        names.truncate(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let which = if exit == Exit::Complete { String::new() } else { format!(" ({}{more})", names.join(", ")) };
        parts.push((exit.code(), format!("{count} {}{which}", word(exit))));
    }
    parts.sort();
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    format!("{}: {}\n", counted(ended.len() as u64, "account"), parts.join(", "))
}

/// Runs `command` for one account after the other. Prints `heading` and the account's name before each; `None` prints
/// no headings. A job without accounts runs `command` once, without a heading.
pub async fn each(
    all: Vec<Settings>,
    heading: Option<&str>,
    mut command: impl AsyncFnMut(Settings) -> Result<Exit>,
) -> Result<Exit> {
    let mut exits = Vec::new();
    if all.is_empty() {
        return Ok(nothing_to_do(heading.is_some()));
    }
    for (at, one) in all.into_iter().enumerate() {
        let Some(account) = one.account.clone() else {
            return command(one).await;
        };
        if let Some(heading) = heading {
            say!("{}{heading} {account}", if at == 0 { "" } else { "\n" });
        }
        let span = logging::of_account(&account);
        let outcome = command(one).instrument(span.clone()).await;
        let _within = span.entered();
        exits.push(outcome.unwrap_or_else(|error| {
            failed(&account, &error);
            policy::decide(&error.kind).exit
        }));
    }
    Ok(Exit::first(exits))
}

/// Prints, if `say` is set, that this shard (this machine's share of the job's accounts) has no account. That happens
/// if a job has few accounts.
fn nothing_to_do(say: bool) -> Exit {
    if say {
        say!("this shard holds none of the job's accounts: nothing to do");
    }
    Exit::Complete
}
