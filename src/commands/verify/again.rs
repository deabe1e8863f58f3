//! Makes a snapshot once more, to nowhere, if the mirror has not changed since it was delivered. The result must be
//! the same, which proves that every cell of it is as the mirror has it. If the job was edited since, the result
//! would differ although nothing is wrong, so that is reported instead.

use super::Differences;
use crate::config::destinations::DestinationSettings;
use crate::config::settings::Settings;
use crate::delivery::deliver;
use crate::delivery::offer;
use crate::destinations::manifest::Manifest;
use crate::error::Result;
use crate::mirror::changes::MirrorView;
use crate::quantity::counted;
use crate::record::{Reader as _, SeqRange};
use crate::say;
use crate::streams::Stream;

/// Makes the streams of a snapshot once more.
pub fn make(
    settings: &Settings,
    destination: &DestinationSettings,
    (place, manifest): (&str, &Manifest),
    differences: &mut Differences,
    quiet: bool,
) -> Result<()> {
    let Some(files) = deliver::to_nowhere(destination) else { return Ok(()) };
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
        let again = files.sums(&delivery, offer, &deliver::masked(settings, &reading))?;
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

/// Returns whether anything of a stream has changed in the mirror after this seq.
fn has_moved(reading: &MirrorView, stream: Stream, last: i64) -> Result<bool> {
    let since = SeqRange { first: last.saturating_add(1), last: i64::MAX };
    Ok(reading.first_change(stream, since)?.is_some())
}
