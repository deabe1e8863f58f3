//! `status`: shows what the mirror holds and how far its walks have come. It may be called while a job is running.

use std::path::Path;

use super::accounts;
use crate::cli::StatusArgs;
use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::changes::MirrorView;
use crate::mirror::stream_state::standing;
use crate::mirror::walk_key::Lane;
use crate::mirror::{deletions, wal};
use crate::policy::Exit;
use crate::record::Reader as _;
use crate::report::terminal::{aligned, word};
use crate::say;
use crate::streams;
use crate::sync::dialect;
use crate::sync::run::{as_of, judge};

/// Prints the status of each account of a job, or of one mirror if no job is named.
pub async fn status(args: &StatusArgs) -> Result<Exit> {
    let Some(job) = &args.job else {
        let path = args.mirror.clone().unwrap_or_else(|| "state/qpien.db".into());
        return show(&path, None);
    };
    let flags = Flags {
        mirror: args.mirror.clone(),
        accounts: args.accounts.account.clone(),
        shard: args.accounts.shard.clone(),
        ..Flags::default()
    };
    let all = Settings::load_offline(job, &flags)?;
    accounts::each(all, Some("account"), async |one| show(&one.mirror, Some(&one))).await
}

fn show(path: &Path, settings: Option<&Settings>) -> Result<Exit> {
    let reading = MirrorView::begin(path)?;
    let remembered = match settings {
        Some(settings) => dialect::recall_read_only(reading.connection(), &settings.source.endpoint)?,
        None => Vec::new(),
    };
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    let log = match wal::size(path) {
        0 => String::new(),
        bytes => format!(", and {:.1} MB in its log", bytes as f64 / 1e6),
    };
    say!("mirror {} ({:.1} MB{log})", path.display(), size as f64 / 1e6);
    match reading.latest_run()? {
        None => say!("no run yet"),
        Some(run) => {
            let ended = match (&run.finished_at, run.exit_code) {
                (Some(at), Some(code)) => {
                    let exit = u8::try_from(code).map_or(Exit::Failed, Exit::of_code);
                    format!("ended {}, exit code {code} ({})", quote(at), word(exit))
                }
                _ => "has not ended (running, or killed: the next run goes on where it stopped)".into(),
            };
            say!(
                "run {} of job {} ({}), started {}, {ended}",
                run.id,
                quote(&run.job),
                run.lane,
                quote(&run.started_at)
            );
        }
    }
    for lane in [Lane::Backfill, Lane::Incremental] {
        let Ok((since, open)) = reading.round(lane, settings.map(|s| s.name.as_str())) else {
            continue;
        };
        let state = if open { "a reading is under way or was cut short" } else { "the latest reading has ended" };
        say!("\n{}: {state}", lane.name());
        let header =
            ["stream", "verdict", "in mirror", "deleted", "suspects", "lists", "unchanged", "open", "pages", "as of"];
        let (mut table, mut refused) = (vec![header.map(str::to_owned).to_vec()], Vec::new());
        for stream in streams::ALL {
            let of = |s| {
                standing(reading.connection(), lane, s, since)
                    .map(|all| all.where_deletes_are(settings.is_none_or(|job| job.deletes.on)))
                    .map_err(|e| {
                        Error::new(Kind::MirrorCorrupt, format!("the mirror's checkpoints: {e}")).caused_by(&e)
                    })
            };
            let s = of(stream)?;
            let above = stream.definition().parent.map(|p| of(p).map(|s| (s, p))).transpose()?;
            let fresh = as_of(&s, above.as_ref().map(|(s, _)| s));
            let verdict = judge(&s, above.as_ref().map(|(s, p)| (s, *p)), None);
            let records = reading.extent(stream)?.records;
            let (deleted, suspects) = deletions::counts(reading.connection(), stream)
                .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's ledger: {e}")).caused_by(&e))?;
            refused.extend(s.refused.map(|refused| (stream, refused)));
            let absent = s.walks == 0 && records == 0 && dialect::is_absent(&remembered, stream);
            table.push(vec![
                stream.name().into(),
                if absent { "absent".into() } else { verdict.word().into() },
                records.to_string(),
                deleted.to_string(),
                suspects.to_string(),
                s.walks.to_string(),
                s.skipped.to_string(),
                s.open.to_string(),
                s.windows.to_string(),
                fresh.unwrap_or_default(),
            ]);
        }
        crate::logging::print(&aligned(&table));
        for (stream, refused) in refused {
            say!("{stream}: {refused}");
        }
    }
    Ok(Exit::Complete)
}
