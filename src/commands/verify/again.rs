//! Makes a delivered snapshot a second time, without writing files, if the mirror has not changed since. Both must
//! have the same checksums, which proves that every cell was delivered as the mirror has it. If the job was edited
//! since the delivery, the second snapshot would differ although nothing is wrong, so the edit is reported instead.

use super::Differences;
use crate::config::destinations::DestinationSettings;
use crate::config::settings::Settings;
use crate::delivery::masked_reader::masked;
use crate::delivery::{offer, target};
use crate::destinations::manifest::Manifest;
use crate::error::Result;
use crate::mirror::changes::MirrorView;
use crate::quantity::counted;
use crate::record::{Reader as _, SeqRange};
use crate::say;
use crate::streams::Stream;

/// Makes each stream of a snapshot a second time, and adds a difference for each file that would have other bytes or
/// another name now. `place` names the destination in messages.
pub fn make(
    settings: &Settings,
    destination: &DestinationSettings,
    (place, manifest): (&str, &Manifest),
    differences: &mut Differences,
    quiet: bool,
) -> Result<()> {
    let Some(files) = target::to_nowhere(destination) else { return Ok(()) };
    let reading = MirrorView::begin(&settings.mirror)?;
    let run = reading.latest_run()?.map_or(0, |r| r.id);
    let mirror = reading.identity()?.unwrap_or_default();
    let delivery = offer::delivery(settings, &reading, mirror, run, settings.lane)?;
    for offer in &delivery.streams {
        let Some(entry) = manifest.streams.get(offer.stream.name()) else { continue };
        let last = entry.seq.map_or(0, |seq| seq.last);
        if entry.run_id != Some(run) || has_moved(&reading, offer.stream, last)? {
            continue;
        }
        let edited = files.edited(&delivery, offer, manifest, entry);
        if !edited.is_empty() {
            let (stream, edited) = (offer.stream, edited.join(", "));
            if !quiet {
                say!(
                    "{place}: {stream}: the job says otherwise now than when it was delivered ({edited}): it is held against \
                     its manifest, and not made once more"
                );
            }
            continue;
        }
        let again = files.sums(&delivery, offer, entry, &masked(settings, &reading))?;
        for (was, is) in entry.files.iter().zip(&again).filter(|(was, is)| was != is) {
            let what = if was.path == is.path { "its bytes" } else { "its name" };
            differences.add(&was.path, format!("{what} would be another if it were made from the mirror now"));
        }
        if again.len() != entry.files.len() {
            let count = counted(again.len() as u64, "file");
            differences.add(offer.stream.name(), format!("the mirror makes {count} of it now"));
        }
    }
    Ok(())
}

/// Returns whether any record of the stream has changed in the mirror after the seq `last`.
fn has_moved(reading: &MirrorView, stream: Stream, last: i64) -> Result<bool> {
    let since = SeqRange { first: last.saturating_add(1), last: i64::MAX };
    Ok(reading.first_change(stream, since)?.is_some())
}
