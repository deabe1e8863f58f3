//! Reads the names of streams that a job file mentions: the `streams` key and the `[mask.STREAM]` tables.

use crate::error::{Error, Result};
use crate::streams::{self, Stream};

/// Returns the streams with these names, in the program's own order. Returns an error if a name is unknown or occurs
/// twice, if a stream's parent is missing, or if there are no names. `place` says in the error where the names were
/// read.
pub(super) fn streams_named(names: &[String], place: &str) -> Result<Vec<Stream>> {
    let mut chosen = Vec::new();
    for name in names {
        let stream = stream_named(name, place)?;
        if chosen.contains(&stream) {
            return Err(Error::usage(format!("{place}: `{name}` stands in streams twice")));
        }
        chosen.push(stream);
    }
    for stream in &chosen {
        if let Some(parent) = stream.definition().parent.filter(|p| !chosen.contains(p)) {
            return Err(Error::usage(format!(
                "{place}: `{stream}` are asked for by `{parent}`: add \"{parent}\" to streams"
            )));
        }
    }
    if chosen.is_empty() {
        return Err(Error::usage(format!("{place}: streams is empty")));
    }
    chosen.sort();
    Ok(chosen)
}

/// Returns the stream with this name. If there is none, the error suggests the nearest name. `place` says in the
/// error where the name was read.
pub(super) fn stream_named(name: &str, place: &str) -> Result<Stream> {
    let known: Vec<&str> = streams::ALL.iter().map(|s| s.name()).collect();
    Stream::named(name).ok_or_else(|| {
        let near = known.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let near = near.filter(|near| strsim::jaro_winkler(name, near) > 0.75);
        let meant = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Error::usage(format!("{place}: there is no stream `{name}`{meant} (known: {})", known.join(", ")))
    })
}
