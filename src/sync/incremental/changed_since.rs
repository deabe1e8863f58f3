//! Lets a nightly run ask only for what changed since a list was read last, if the API has a filter for that and
//! obeys it. Other lists are read completely.
//!
//! Each filter is tried once before it is believed. A filter that the server ignores costs no more than the whole
//! list, but a filter that answers with nothing would hide every change. From time to time the whole list is read
//! (`full_every`), which finds the changes that the filter misses, and the records that are gone.
//! [`crate::mirror::readings`] decides which reading is due.
//!
//! A list whose records have lists of their own (conversations) is always read completely, because the messages of a
//! conversation that the filter leaves out would not be asked for.

use std::sync::PoisonError;

use xxhash_rust::xxh3::xxh3_64;

use crate::discovery::check_paging;
use crate::error::Result;
use crate::mirror::checkpoint::Checkpoint;
use crate::mirror::readings::ChangedSince;
use crate::mirror::store::Mirror;
use crate::source::Source;
use crate::streams::{self, Stream};
use crate::sync::{Context, dialect};

/// Returns the moment since which a walk asks for changes, in milliseconds since 1970. `None` means that it reads the
/// whole list.
pub fn since(from: &Checkpoint) -> Option<i64> {
    from.known_since.filter(|_| from.partition.is_empty())
}

/// Returns a fingerprint of the query for a stream's only list. It changes when the operation, the fields or the
/// arguments change.
pub fn asked(source: &Source, stream: Stream) -> Result<i64> {
    let dialect = source.dialect();
    let part = dialect.stream(stream)?;
    let mut all = vec![part.operation.as_str(), part.list.items.as_str(), part.list.since.as_str()];
    all.push(part.list.since_form.word());
    all.extend(part.selected());
    all.extend(part.list.arguments.iter().flat_map(|(path, literal)| [path.as_str(), literal.as_str()]));
    Ok(i64::from_ne_bytes(xxh3_64(all.join("\n").as_bytes()).to_ne_bytes()))
}

/// Returns the lists that may be asked for changes only, and notes for the summary about the others. `wanted` says
/// when a reading of changes is due. Asks the server only if the next reading would be one of changes.
pub async fn offered(
    source: &Source,
    mirror: &Mirror,
    endpoint: &str,
    streams: &[Stream],
    wanted: ChangedSince,
) -> Result<(ChangedSince, Vec<String>)> {
    let (mut offered, mut notes) = (wanted.clone(), Vec::new());
    for stream in streams.iter().copied().filter(|s| !source.is_partitioned(*s) && !has_partitions(source, *s)) {
        let list = source.dialect().stream(stream)?.list.clone();
        let query = asked(source, stream)?;
        let one = ChangedSince { streams: vec![(stream, query)], ..wanted.clone() };
        let due = mirror.call(move |w| w.transaction(|t| one.since(t, stream)));
        if list.since.is_empty() || due.await?.is_none() {
            continue;
        }
        let filter =
            format!("{} {} {}", source.dialect().stream(stream)?.operation, list.since, list.since_form.word());
        let part = dialect::recall(mirror, endpoint).await?.into_iter().find(|part| part.name == stream.name());
        let mut obeyed = part.as_ref().and_then(|part| part.obeys(&filter));
        if let (None, Some(part)) = (obeyed, part) {
            obeyed = check_paging::since(source, stream).await?;
            if let Some(obeyed) = obeyed {
                dialect::keep_part(source, mirror, endpoint, part.with_obeyed(&filter, obeyed)).await?;
            }
        }
        match obeyed {
            Some(true) => offered.streams.push((stream, query)),
            Some(false) => {
                notes.push(format!("{stream}: the server does not obey `{}`; the list is read whole", list.since));
            }
            None => {
                notes
                    .push(format!("{stream}: whether `{}` is obeyed is not known; the list is read whole", list.since));
            }
        }
    }
    Ok((offered, notes))
}

fn has_partitions(source: &Source, stream: Stream) -> bool {
    streams::ALL.into_iter().any(|s| s.definition().parent == Some(stream) && source.is_partitioned(s))
}

/// Adds a note to the summary if a walk asks only for what has changed.
pub fn note(context: &Context, stream: Stream, from: &Checkpoint) {
    if let Some(since) = since(from) {
        let note = format!("{stream}: only what changed since {} is asked for", crate::clock::text(since));
        context.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }
}
