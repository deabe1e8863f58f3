//! `export JOB`: deliver again from the mirror, without one API request. What was incomplete is held as in a run.

use super::apart::apart;
use super::{accounts, deliver};
use crate::cli::ExportArgs;
use crate::config::settings::{Flags, Settings};
use crate::destinations::Receipt;
use crate::error::{Error, Result};
use crate::mirror::account;
use crate::mirror::changes::Reading;
use crate::mirror::store::Mirror;
use crate::policy::{self, Exit};
use crate::quantity::counted;
use crate::say;
use crate::sync::dialect;
use crate::telemetry;

/// What to do about streams that are held back.
const HELD: &str = "run the job again until they are complete; publish = \"always\" delivers them all the same";

/// Exports a job.
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
    let remembered =
        dialect::recall_read_only(Reading::begin(&settings.mirror)?.connection(), &settings.source.endpoint)?;
    let date = dialect::date(&remembered, &settings.spelled)?;
    let mirror = Mirror::open(&settings.mirror, &holder, date)?;
    let mut destinations = deliver::destinations(&settings)?;
    let delivered = mirror
        .call(move |writer| {
            account::claim_masks(writer, &settings.mask_at.landing(&settings.masks))?;
            deliver::finish(writer, &settings, &mut destinations)?;
            let run = Reading::begin(writer.path())?.latest_run()?.map_or(0, |r| r.id);
            deliver::deliver(writer, &settings, run, &mut destinations)
        })
        .await?;
    let mut exits = Vec::new();
    for (place, delivered) in delivered {
        match delivered {
            Ok(receipts) => {
                exits.extend(receipts.iter().map(|r| told(&place, r, quiet)));
                let held: Vec<&str> = receipts.iter().filter(|r| r.held).map(|r| r.stream.name()).collect();
                if !held.is_empty() {
                    let cause = format!("{account}{place}: held back, not proven complete: {}", held.join(", "));
                    telemetry::failed(&cause, HELD);
                }
            }
            Err(error) => {
                let decision = policy::decide(&error.kind);
                telemetry::failed(&format!("{account}{}", error.detail), decision.hint);
                exits.push(decision.exit);
            }
        }
    }
    Ok(Exit::first(exits))
}

fn told(place: &str, receipt: &Receipt, quiet: bool) -> Exit {
    let state = match receipt.set_aside {
        _ if receipt.held => "held back, not proven complete".to_owned(),
        0 => "delivered".to_owned(),
        n => format!("delivered without what is set aside ({n})"),
    };
    if !quiet {
        say!("{place}: {} {}, {state}", receipt.stream, counted(receipt.records, "record"));
    }
    if receipt.held || receipt.set_aside > 0 { Exit::Incomplete } else { Exit::Complete }
}
