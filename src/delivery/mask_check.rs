//! Checks a job's masks against the places that were filled under them, and against the records that went through
//! them.

use rusqlite::Connection;

use crate::config::settings::Settings;
use crate::destinations::{Content, Destination, Filled};
use crate::error::{Error, Kind, Result};
use crate::mirror::masked_places;
use crate::source::Source;
use crate::streams::Stream;

/// Refuses a place of changes that was filled under other masks or another key than the job's, because two kinds of
/// rows would lie in it side by side.
///
/// The place itself records its masks, so a folder may be moved. For a place that an earlier version filled, the
/// mirror remembers the masks, under the name that the job wrote.
pub fn agree(
    mirror: &Connection,
    settings: &Settings,
    destination: &dyn Destination,
    stream: Stream,
    filled: &Filled,
) -> Result<()> {
    if destination.terms().content == Content::Snapshot {
        return Ok(());
    }
    let damaged = |e| Error::new(Kind::MirrorCorrupt, format!("the masks that the mirror remembers: {e}"));
    let known = match &filled.masks {
        Some(masks) => Some(masks.clone()),
        None => masked_places::of(mirror, &destination.formerly(), stream).map_err(damaged)?,
    };
    let place = destination.place();
    let why = match known {
        Some(masks) if masks == settings.mask_at.delivery(&settings.masks, stream) => return Ok(()),
        Some(_) => format!(
            "{place}: its {stream} were delivered under other masks or another QPIEN_MASK_KEY than the job's now: put \
             those back, or {}, which is filled again without a request",
            destination.to_empty()
        ),
        None => format!(
            "{place}: nothing says under which masks its {stream} were delivered, so rows of two kinds could lie there side \
             by side: {}, which is filled again without a request",
            destination.to_empty()
        ),
    };
    Err(Error::new(Kind::DestinationRefused, why))
}

/// Returns notes about masks whose path led to no value in any record and names no field that the run asks for. A
/// typing error in a mask would leave the values unmasked.
pub fn unmet(settings: &Settings, source: &Source, streams: &[Stream]) -> Result<Vec<String>> {
    let dialect = source.dialect();
    let mut notes = Vec::new();
    for stream in streams.iter().copied() {
        let part = dialect.stream(stream)?;
        let unmet = settings.masks.unmet(stream).into_iter();
        let names: Vec<String> = unmet
            .filter(|path| path[..] != ["_extra"] && !part.is_asked_for(path))
            .map(|path| path.join("."))
            .collect();
        if !names.is_empty() {
            let names = names.join(", ");
            notes.push(format!("{stream}: [mask.{stream}] names {names}, which no record of this run has"));
        }
    }
    Ok(notes)
}
