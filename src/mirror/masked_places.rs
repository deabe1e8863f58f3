//! Remembers with which masks earlier versions of this program filled each destination of changes. Those versions did
//! not store this beside the delivered data, as this one does. Only fingerprints of masks are kept
//! ([`crate::record::mask::Masks::fingerprint_of`]), under the destination's name in the job.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::schema::has_table;
use crate::streams::Stream;

/// Returns the fingerprint of the masks with which an earlier version delivered a stream to a destination, or `None`
/// if the mirror has none.
pub fn of(c: &Connection, destination: &str, stream: Stream) -> rusqlite::Result<Option<String>> {
    if !has_table(c, "masked_place")? {
        return Ok(None);
    }
    c.query_row(
        "SELECT masks FROM masked_place WHERE destination = ? AND stream = ?",
        params![destination, stream.number()],
        |r| r.get(0),
    )
    .optional()
}
