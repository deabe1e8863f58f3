//! `export JOB`: delivers what the mirror holds to the job's destinations, without any API request. As in a run, a
//! stream is held back if it is incomplete or if a run refused its deletions.

use super::accounts;
use super::overlap::apart;
use crate::cli::ExportArgs;
use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::delivery::{handover, job_destinations, offer, recovery};
use crate::destinations::Receipt;
use crate::error::{Error, Kind, Result};
use crate::logging;
use crate::mirror::changes::MirrorView;
use crate::mirror::store::Mirror;
use crate::mirror::{account, integrity_check, refusals};
use crate::policy::{self, Exit};
use crate::quantity::counted;
use crate::report::run_report::DestinationReport;
use crate::report::terminal::{self, LEFT_OUT};
use crate::say;
use crate::streams::Stream;
use crate::sync::dialect;

/// The hint for streams that are held back.
const HELD: &str = "run the job again until they are complete; publish = \"always\" delivers them all the same";

/// Delivers the mirror of each account of a job.
pub async fn export(args: &ExportArgs, quiet: bool) -> Result<Exit> {
    let flags = Flags {
        mirror: args.mirror.clone(),
        out: args.out.clone(),
        accounts: args.accounts.account.clone(),
        shard: args.accounts.shard.clone(),
        ..Flags::default()
    };
    let all = Settings::load_offline(&args.job, &flags)?;
    let heading = Some("account").filter(|_| !quiet);
    accounts::each(all, heading, async |settings| one(settings, quiet).await).await
}

async fn one(settings: Settings, quiet: bool) -> Result<Exit> {
    if settings.destinations.is_empty() {
        return Err(Error::usage(format!("job {} has no destination", settings.name)));
    }
    apart(&settings)?;
    let account = settings.account.as_ref().map(|name| format!("account {name}: ")).unwrap_or_default();
    let holder = format!("export of job {}", settings.name);
    let reading = MirrorView::begin(&settings.mirror)?;
    integrity_check::tables(reading.connection(), reading.path())?;
    let remembered = dialect::recall_of_records(reading.connection(), &settings.source.endpoint)?;
    drop(reading);
    let dates = dialect::dates(&remembered, &settings.spelled)?;
    let mirror = Mirror::open(&settings.mirror, &holder, dates)?;
    let mut destinations = job_destinations::open(&settings)?;
    let told_of = settings.clone();
    let (delivered, refused) = mirror
        .call(move |writer| {
            account::claim_masks(writer, &settings.mask_at.landing(&settings.masks))?;
            recovery::finish_pending(writer, &settings, &mut destinations)?;
            let run = MirrorView::begin(writer.path())?.latest_run()?.map_or(0, |r| r.id);
            Ok((handover::deliver(writer, &settings, run, &mut destinations)?, refused(&settings)?))
        })
        .await?;
    let mut exits = Vec::new();
    for (_, refused) in &refused {
        let decision = policy::decide(&Kind::DeletesRefused);
        logging::failed(&format!("{account}{refused}"), decision.hint);
        exits.push(decision.exit);
    }
    let damaged = offer::damaged(&told_of)?;
    for (_, error) in &damaged {
        let decision = policy::decide(&error.kind);
        logging::failed(&format!("{account}{error}"), decision.hint);
        exits.push(decision.exit);
    }
    let is_damaged = |stream: Stream| damaged.iter().any(|(damaged, _)| *damaged == stream);
    // Records that belong to those of a refused stream are held with them.
    let is_refused = |stream: Stream| {
        refused.iter().any(|(refused, _)| *refused == stream || stream.definition().parent == Some(*refused))
    };
    for (place, delivered) in delivered {
        match delivered {
            Ok(receipts) => {
                exits.extend(receipts.iter().map(|r| told(&place, r, is_refused(r.stream), quiet)));
                let report = DestinationReport::new(place.clone(), &Ok(receipts.clone()));
                if !report.set_aside.is_empty() {
                    exits.push(Exit::Incomplete);
                    let cause = format!("{account}{place}: {}", terminal::left_out(&report.set_aside));
                    logging::failed(&cause, LEFT_OUT);
                }
                let held = receipts.iter().filter(|r| r.held && !is_refused(r.stream) && !is_damaged(r.stream));
                let held: Vec<&str> = held.map(|r| r.stream.name()).collect();
                if !held.is_empty() {
                    let cause = format!("{account}{place}: held back, not proven complete: {}", held.join(", "));
                    logging::failed(&cause, HELD);
                }
            }
            Err(error) => {
                let decision = policy::decide(&error.kind);
                logging::failed(&format!("{account}{}", error.detail), decision.hint);
                exits.push(handover::exit_of(&error.kind));
            }
        }
    }
    Ok(Exit::first(exits))
}

/// Returns the job's streams with refused deletions that no later run has settled, each with the reason. Deletions
/// are refused if too many records were missing from a reading, or if the job no longer asks for some records of the
/// mirror.
fn refused(settings: &Settings) -> Result<Vec<(Stream, String)>> {
    if !settings.deletes.on {
        return Ok(Vec::new());
    }
    let reading = MirrorView::begin(&settings.mirror)?;
    let mut all = Vec::new();
    for stream in settings.streams.iter().copied() {
        let refused = refusals::unsettled(reading.connection(), stream)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("what the mirror has refused: {e}")).caused_by(&e))?;
        let why = match refused {
            Some(refused) => Some(format!("{stream}: {refused}")),
            None => offer::left_over(&reading, settings, stream, None)?,
        };
        all.extend(why.map(|why| (stream, why)));
    }
    Ok(all)
}

fn told(place: &str, receipt: &Receipt, is_refused: bool, quiet: bool) -> Exit {
    let state = match receipt.set_aside {
        _ if receipt.held && is_refused => "held back, deletions are refused".to_owned(),
        _ if receipt.held => "held back, not proven complete".to_owned(),
        0 => "delivered".to_owned(),
        n => format!("delivered without what is set aside ({n})"),
    };
    if !quiet {
        say!("{place}: {} {}, {state}", receipt.stream, counted(receipt.records, "record"));
    }
    if receipt.held || receipt.set_aside > 0 { Exit::Incomplete } else { Exit::Complete }
}
