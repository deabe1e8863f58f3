//! What a job's masks have to agree with beside the mirror: the places that were filled under them, and the records that
//! went through them.

use crate::config::settings::Settings;
use crate::destinations::{Content, Destination};
use crate::error::{Error, Kind, Result};
use crate::mirror::store::Writer;
use crate::mirror::{masked_places, pins};
use crate::source::Source;
use crate::streams::Stream;

/// Refuses a place that was given changes under other masks or another key than the job's: two kinds of hashes would lie
/// in it side by side. A place that holds nothing takes the job's masks.
pub fn claim_place(writer: &mut Writer, settings: &Settings, destination: &mut dyn Destination) -> Result<()> {
    if destination.terms().content == Content::Snapshot {
        return Ok(());
    }
    let (mirror, place) = (pins::identity(writer)?, destination.place());
    for stream in settings.streams.iter().copied() {
        let masks = settings.mask_at.delivery(&settings.masks, stream);
        let known = masked_places::of(writer, &place, stream)?;
        if known.as_ref() == Some(&masks) {
            continue;
        }
        if known.is_some() && destination.delivered(&mirror, stream)? > 0 {
            return Err(Error::new(
                Kind::DestinationRefused,
                format!(
                    "{place}: its {stream} were delivered under other masks or another QPIEN_MASK_KEY than the job's now: \
                     put those back, or empty the place, which is filled again without a request"
                ),
            ));
        }
        masked_places::remember(writer, &place, stream, &masks)?;
    }
    Ok(())
}

/// Notes the masks that led to nothing in any record and name nothing that is asked for: a typing error would leave what
/// they are meant for as it is.
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
