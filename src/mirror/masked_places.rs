//! With which masks each place of changes was filled by versions that did not write it beside the data. Only names of masks
//! are kept ([`crate::record::mask::Masks::fingerprint_of`]), under the name of the place that the job wrote.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::store::has_table;
use crate::streams::Stream;

/// Returns with which masks a place was filled, or `None` if nobody remembers.
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
