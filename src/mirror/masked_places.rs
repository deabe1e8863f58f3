//! Remembers with which masks earlier versions filled each destination of changes, because they did not write that
//! beside the data. Only names of masks are kept ([`crate::record::mask::Masks::fingerprint_of`]), under the
//! destination's name in the job.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::store::has_table;
use crate::streams::Stream;

/// Returns the name of the masks with which a destination was filled, or `None` if it is not remembered.
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
