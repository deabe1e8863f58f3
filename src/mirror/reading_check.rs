//! Compares each body with its stored sum when it is delivered. Before anything is published, also compares the
//! number of bodies and the sum of their sums. So a destination gets exactly what was written to the mirror, or
//! nothing.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::integrity_check;
use super::sums::{self, BLOCK, Total};
use crate::error::{Error, Kind, Result, quote};
use crate::record::SeqRange;
use crate::streams::Stream;

/// The check of the bodies that one delivery of a stream reads.
pub(super) struct ReadingCheck {
    stream: Stream,
    /// Whether the mirror has sums. A mirror that only an older version has written has none, and nothing is
    /// compared.
    is_on: bool,
    /// The bodies compared so far: their number, and the sum of their sums.
    total: Total,
}

impl ReadingCheck {
    pub(super) fn new(stream: Stream, is_on: bool) -> ReadingCheck {
        ReadingCheck { stream, is_on, total: Total::default() }
    }

    /// Returns two pieces of SQL for a query over bodies `b`: the column with a body's stored sum, and the join that
    /// supplies it.
    pub(super) fn sql(&self) -> (&'static str, &'static str) {
        if self.is_on { ("s.sum", "LEFT JOIN payload_sum AS s ON s.seq = b.seq") } else { ("NULL", "") }
    }

    /// Compares a body with its stored sum. `row` has the seq in column 0, then id, `first_seq` and sum. The inner
    /// `Err` means that the body is damaged.
    pub(super) fn body(&mut self, row: &Row<'_>, payload: ValueRef<'_>) -> rusqlite::Result<Result<()>> {
        if !self.is_on {
            return Ok(Ok(()));
        }
        let (id, sum) = (row.get_ref(1)?, row.get_ref(3)?);
        let is = sums::of_body(self.stream, row.get(0)?, id, payload, row.get_ref(2)?);
        if sum != ValueRef::Integer(is) {
            let id = id.as_bytes_or_null().ok().flatten().map(String::from_utf8_lossy).unwrap_or_default();
            let what = format!("{} {}: the mirror holds other bytes of it than were written", self.stream, quote(&id));
            return Ok(Err(Error::new(Kind::RecordDamaged, what)));
        }
        self.total.add(is);
        Ok(Ok(()))
    }

    /// Compares the bodies that were read with the stored totals of all blocks that `range` touches. The inner `Err`
    /// means that bodies are missing, or that there are too many.
    pub(super) fn end(self, c: &Connection, range: SeqRange) -> rusqlite::Result<Result<()>> {
        if !self.is_on {
            return Ok(Ok(()));
        }
        let was = integrity_check::blocks(c, self.stream, range.first / BLOCK, range.last / BLOCK)?;
        if was == self.total {
            return Ok(Ok(()));
        }
        let (stream, is) = (self.stream, self.total.rows);
        let what = format!("{stream}: the mirror holds {is} bodies where {} were written, or others", was.rows);
        Ok(Err(Error::new(Kind::RecordDamaged, what)))
    }

    /// Returns `range` extended to full blocks, because the stored totals are those of blocks. Returns it unchanged
    /// if the mirror has no sums.
    pub(super) fn whole_blocks(&self, range: SeqRange) -> SeqRange {
        if !self.is_on {
            return range;
        }
        let first = range.first / BLOCK * BLOCK;
        let last = (range.last / BLOCK).saturating_add(1).saturating_mul(BLOCK).saturating_sub(1);
        SeqRange { first, last }
    }
}
