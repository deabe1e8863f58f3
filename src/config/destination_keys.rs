//! The keys of `[[destination]]` tables that files and databases share: the names of keys in messages, and `retry_for`.

use std::time::Duration;

use super::job::DestinationTable;
use super::origin::Picker;
use crate::error::{Error, Result};

/// The longest `retry_for` that a job may set, because a repeated request keeps the signature of its first attempt.
const RETRY_AT_MOST: Duration = Duration::from_secs(300);

/// Returns the name of a key of the destination with the number `i`, for messages and for `--print-config`.
pub(super) fn key(i: usize, name: &str) -> String {
    format!("destination[{i}].{name}")
}

/// Reads `retry_for`: how long failed operations on an object store or a database are repeated. `i` and `d` are the
/// destination's number and table. `usual` is the default.
pub(super) fn retry_for(p: &mut Picker<'_>, i: usize, d: &DestinationTable, usual: &str) -> Result<Duration> {
    let lasts = p.duration(&key(i, "retry_for"), d.retry_for.as_ref(), usual)?;
    if lasts > RETRY_AT_MOST {
        return Err(Error::usage(format!("{}: {}: it may be 5m at most", p.place, key(i, "retry_for"))));
    }
    Ok(lasts)
}
