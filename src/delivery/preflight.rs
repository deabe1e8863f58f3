//! Refuses destinations that the mirror must not deliver to, before the first request. The reasons are:
//!
//! - Another mirror feeds the destination.
//! - The destination has changes that this mirror never delivered.
//! - The destination lacks records or deletions that this mirror no longer holds.
//! - The destination was filled with other masks.

use rusqlite::Connection;

use crate::config::settings::Settings;
use crate::delivery::mask_check;
use crate::destinations::{Content, Destination, Filled};
use crate::error::{Error, Kind, Result};
use crate::mirror::changes::MirrorView;
use crate::mirror::store::Writer;
use crate::mirror::{pending_deliveries, retention, tombstones};
use crate::streams::Stream;

/// Returns an error if the mirror must not deliver to this destination of the job.
pub fn refuse(writer: &mut Writer, settings: &Settings, destination: &mut dyn Destination) -> Result<()> {
    let mirror = pending_deliveries::identity(writer)?;
    let reading = MirrorView::begin(writer.path())?;
    if destination.is_one_mirrors() {
        for stream in &settings.streams {
            let (seq, filled) = (destination.delivered(&mirror, *stream)?, destination.filled(*stream)?);
            fits(reading.connection(), settings, destination, *stream, (seq, &filled))?;
        }
    }
    drop(reading);
    unfed(writer, settings, &mirror, destination)
}

/// Returns an error if the mirror must not deliver changes of a stream to a destination that has them up to `seq`.
/// `filled` is what the destination records about their delivery. Checks three things: this mirror delivered that
/// seq, it still holds the deletions after it, and the masks are the job's.
pub fn fits(
    mirror: &Connection,
    settings: &Settings,
    destination: &dyn Destination,
    stream: Stream,
    (seq, filled): (i64, &Filled),
) -> Result<()> {
    ahead(mirror, destination, stream, seq, filled.delivery_id.as_deref())?;
    too_far_behind(mirror, destination, stream, seq)?;
    if seq > 0 { mask_check::agree(mirror, settings, destination, stream, filled) } else { Ok(()) }
}

/// Returns an error if a destination holds changes of a stream up to a `seq` at which no delivery of this mirror can
/// have ended, or if the mirror's log does not know the `id` of its last delivery. The mirror gives the same seqs to
/// other changes, and those below `seq` would count as delivered although the destination never got them.
fn ahead(mirror: &Connection, destination: &dyn Destination, stream: Stream, seq: i64, id: Option<&str>) -> Result<()> {
    let damaged = |e: rusqlite::Error| Error::new(Kind::MirrorCorrupt, format!("the mirror's log of deliveries: {e}"));
    let counts = destination.terms().content == Content::Changes && seq > 0;
    if !counts || pending_deliveries::can_have_ended_at(mirror, stream, seq, id).map_err(damaged)? {
        return Ok(());
    }
    Err(Error::new(
        Kind::DestinationOfAnother,
        format!(
            "{} holds {stream} up to seq {seq}, which this mirror never delivered there: the mirror is an older copy, or \
             another copy of it delivers there, too, or the mark was changed; put the newer mirror back, or {}: it is \
             filled again without a request",
            destination.place(),
            destination.to_empty()
        ),
    ))
}

/// Returns an error if a destination was last fed before deletions that the mirror has forgotten. The destination
/// would keep the deleted records for ever.
fn too_far_behind(mirror: &Connection, destination: &dyn Destination, stream: Stream, seq: i64) -> Result<()> {
    let damaged = |e: rusqlite::Error| Error::new(Kind::MirrorCorrupt, format!("the mirror's tombstones: {e}"));
    let forgotten = tombstones::forgotten(mirror, stream).map_err(damaged)?;
    if destination.terms().content != Content::Changes || seq <= 0 || seq >= forgotten {
        return Ok(());
    }
    Err(Error::new(
        Kind::DestinationOfAnother,
        format!(
            "{} holds {stream} up to seq {seq}, and the mirror has forgotten deletions up to seq {forgotten}: it would keep \
             records that are gone; {}: it is filled again without a request",
            destination.place(),
            destination.to_empty()
        ),
    ))
}

/// Returns an error if a destination lacks records whose payloads the mirror no longer holds. The mirror dropped them
/// when all destinations of that time had them.
fn unfed(writer: &mut Writer, settings: &Settings, mirror: &str, destination: &mut dyn Destination) -> Result<()> {
    let dropped = retention::dropped(writer)?;
    for (stream, up_to) in dropped.into_iter().filter(|(stream, _)| settings.streams.contains(stream)) {
        let is_snapshot = destination.terms().content == Content::Snapshot;
        if is_snapshot || destination.delivered(mirror, stream)? < up_to {
            return Err(Error::new(
                Kind::DestinationOfAnother,
                format!(
                    "{} lacks {stream} that the mirror {} has dropped (retain = \"until-delivered\"): it needs a \
                     backfill, with a mirror of its own",
                    destination.place(),
                    writer.path().display()
                ),
            ));
        }
    }
    Ok(())
}
