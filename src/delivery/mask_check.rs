//! Checks a job's masks in two ways: a destination must have been filled with the same masks, and each mask should
//! have matched a value.

use rusqlite::Connection;

use crate::config::settings::Settings;
use crate::destinations::{Content, Destination, Filled};
use crate::error::{Error, Kind, Result};
use crate::mirror::masked_places;
use crate::source::Source;
use crate::streams::Stream;

/// Returns an error if a destination with changes was filled with other masks or another mask key than the job's. It
/// would otherwise hold rows that are masked in two ways.
///
/// The destination stores its masks itself, so its folder can be moved. For a destination that an earlier version
/// filled, the mirror keeps the masks, under the destination's name in the job file.
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

/// Returns a note for each stream that has a mask whose path matched no value and no field that the run asks for. The
/// path may contain a typing error, and the values that it was meant for would stay unmasked.
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
