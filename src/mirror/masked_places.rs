//! With which masks each place was filled that is given changes: rows that were masked otherwise would lie there side by
//! side, and nothing would tell them apart. Only names of masks are kept ([`crate::mask::Masks::fingerprint_of`]).

use rusqlite::{OptionalExtension as _, params};

use super::store::Writer;
use crate::error::Result;
use crate::streams::Stream;

/// With which masks a place was filled; none where nobody remembers.
pub fn of(writer: &mut Writer, destination: &str, stream: Stream) -> Result<Option<String>> {
    writer.transaction(|t| {
        t.query_row(
            "SELECT masks FROM masked_place WHERE destination = ? AND stream = ?",
            params![destination, stream.number()],
            |r| r.get(0),
        )
        .optional()
    })
}

/// Remembers with which masks a place is filled from now on.
pub fn remember(writer: &mut Writer, destination: &str, stream: Stream, masks: &str) -> Result<()> {
    writer.transaction(|t| {
        t.execute(
            "INSERT OR REPLACE INTO masked_place (destination, stream, masks) VALUES (?, ?, ?)",
            params![destination, stream.number(), masks],
        )
        .map(drop)
    })
}
