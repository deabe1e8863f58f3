//! `export JOB`: deliver again from the mirror, without one API request. What was incomplete is held as in a run.

use super::{run, setup};
use crate::cli::ExportArgs;
use crate::config::settings::{Flags, Settings};
use crate::error::{Error, Result};
use crate::mirror::changes::Reading;
use crate::mirror::lock_for_reading;
use crate::policy::{self, Exit};
use crate::quantity::counted;
use crate::say;
use crate::telemetry;

/// Exports a job.
pub fn export(args: &ExportArgs, quiet: bool) -> Result<Exit> {
    let flags = Flags { mirror: args.mirror.clone(), out: args.out.clone(), ..Flags::default() };
    let settings = Settings::load_offline(&args.job, &flags)?;
    if settings.destinations.is_empty() {
        return Err(Error::usage(format!("{} has no destination", args.job.display())));
    }
    let _lock = lock_for_reading(&settings.mirror, &format!("export of job {}", settings.name))?;
    let run = Reading::begin(&settings.mirror)?.latest_run()?.map_or(0, |r| r.id);
    let mut destinations = setup::destinations(&settings)?;
    let mut exits = Vec::new();
    for (place, delivered) in run::deliver_all(&settings, run, &mut destinations)? {
        match delivered {
            Ok(receipts) => {
                for r in receipts {
                    let state = if r.held { "held back, not proven complete" } else { "delivered" };
                    if !quiet {
                        say!("{place}: {} {}, {state}", r.stream, counted(r.records, "record"));
                    }
                    exits.push(if r.held { Exit::Incomplete } else { Exit::Complete });
                }
            }
            Err(error) => {
                let decision = policy::decide(&error.kind);
                telemetry::failed(&error.detail, decision.hint);
                exits.push(decision.exit);
            }
        }
    }
    Ok(Exit::first(exits))
}
