//! A record that the mirror holds, and how it compares with the row that shows it again.

use std::borrow::Cow;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::ledger;
use super::records::{Landing, payload};
use super::volatile_in_place::InPlace;
use crate::mirror::compare;
use crate::record::Record;
use crate::streams::Stream;

/// How a stored record compares with the row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LedgerMatch {
    /// The hash is the same.
    Same,
    /// The hash differs, but the texts are equal without the values that are volatile now.
    Alike,
    /// The selected fields differ, and every member that both texts have is equal.
    Filled,
    /// The values differ.
    Changed,
}

/// The ledger's row of a record.
pub(super) struct LedgerRow {
    pub hash: [u8; 16],
    pub seq: i64,
    pub last_run: i64,
    pub deleted: bool,
    /// Whether the record is a suspect, or its partition was not known.
    pub unsettled: bool,
    /// The other parent in whose list the record was seen, if it is not the one that is read now.
    pub elsewhere: Option<String>,
    /// The `InPlace` mark that the record has; 0 if it was never written in place.
    in_place: u8,
}

impl LedgerRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
        Ok(LedgerRow {
            hash: row.get(0)?,
            seq: row.get(1)?,
            last_run: row.get(2)?,
            deleted: row.get(3)?,
            unsettled: row.get(4)?,
            elsewhere: row.get(5)?,
            in_place: row.get(6)?,
        })
    }

    /// Compares the record with the row. `selected_in` is the last run in which the stream's selected fields changed.
    pub(super) fn compare_with(
        &self,
        t: &Transaction<'_>,
        landing: &Landing,
        record: &Record,
        selected_in: Option<i64>,
    ) -> rusqlite::Result<LedgerMatch> {
        if self.hash == record.hash.to_be_bytes() {
            return Ok(LedgerMatch::Same);
        }
        if landing.masked {
            return Ok(LedgerMatch::Changed);
        }
        let stream = landing.place.stream;
        let stored: Option<String> = t
            .prepare_cached(&format!("SELECT payload FROM body_{stream} WHERE seq = ?"))?
            .query_row([self.seq], |r| r.get(0))
            .optional()?;
        let Some(stored) = stored else {
            return Ok(LedgerMatch::Changed);
        };
        let settled = |text| landing.volatile[stream].without_volatile(text).map_or(Cow::Borrowed(text), Cow::Owned);
        let (before, after) = (settled(&stored), settled(payload(landing, record)?));
        // The fields may change within a run, so a record of that very run may have been read with the old ones.
        let other_fields = selected_in.is_some_and(|run| self.last_run <= run);
        Ok(if before == after {
            LedgerMatch::Alike
        } else if other_fields && compare::fills(&before, &after, &landing.nested) {
            LedgerMatch::Filled
        } else {
            LedgerMatch::Changed
        })
    }

    /// Deletes the record's body. Returns the `seq` with which the record was inserted.
    pub(super) fn give_up_body(&self, t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<i64> {
        t.prepare_cached(&format!("DELETE FROM body_{stream} WHERE seq = ? RETURNING coalesce(first_seq, seq)"))?
            .query_row([self.seq], |r| r.get(0))
            .optional()
            .map(|first| first.unwrap_or(self.seq))
    }

    /// Notes that the record was seen, and writes in place what differs.
    pub(super) fn keep(
        &self,
        t: &Transaction<'_>,
        landing: &Landing,
        record: &Record,
        met: LedgerMatch,
    ) -> rusqlite::Result<()> {
        let stream = landing.place.stream;
        let first = self.last_run != landing.run;
        if met != LedgerMatch::Same {
            ledger::seen_with_hash(t, (stream, record), landing.run)?;
        } else if first {
            ledger::seen(t, (stream, record), landing.run)?;
        }
        if met != LedgerMatch::Same || (first && record.volatile) {
            self.write_in_place(t, landing, record)?;
        }
        Ok(())
    }

    /// Writes the row under the `seq` that the record has. Raises the record's mark if destinations now lack more
    /// than before.
    fn write_in_place(&self, t: &Transaction<'_>, landing: &Landing, record: &Record) -> rusqlite::Result<()> {
        let (stream, now) = (landing.place.stream, payload(landing, record)?);
        let rule = &landing.volatile[stream];
        let before: Option<String> = if rule.paths.is_empty() {
            None
        } else {
            t.prepare_cached(&format!("SELECT payload FROM body_{stream} WHERE seq = ?"))?
                .query_row([self.seq], |r| r.get(0))
                .optional()?
        };
        let written = t
            .prepare_cached(&format!("UPDATE body_{stream} SET payload = ?1 WHERE seq = ?2 AND payload <> ?1"))?
            .execute(params![now, self.seq])?;
        let mark = InPlace::of(before.as_deref(), now) as u8;
        if written > 0 && mark > self.in_place {
            t.prepare_cached("UPDATE record SET in_place = ? WHERE stream = ? AND id = ?")?.execute(params![
                mark,
                stream.number(),
                &*record.id
            ])?;
        }
        Ok(())
    }
}
