//! Compares a record that the mirror holds with a row of a page that shows the record again.

use std::borrow::Cow;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::landing::Landing;
use super::ledger;
use super::volatile_in_place::InPlace;
use crate::mirror::compare;
use crate::record::Record;
use crate::streams::Stream;

/// How a stored record compares with the row of a page that shows it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LedgerMatch {
    /// The hashes are equal.
    Same,
    /// The hashes differ, but the JSON is equal apart from the values that are volatile now.
    Alike,
    /// The two were read with different selected fields, and every member that both have is equal.
    Filled,
    /// Only undocumented values of the record have changed.
    ChangedBeside,
    /// Values of the record have changed.
    Changed,
}

/// The row of a record in the ledger.
pub(super) struct LedgerRow {
    pub hash: [u8; 16],
    pub seq: i64,
    pub last_run: i64,
    pub deleted: bool,
    /// Whether the record is a suspect, or its list was not known so far.
    pub unsettled: bool,
    /// The parent in whose list the mirror holds the record, if it is another one than the parent whose list is read
    /// now.
    pub elsewhere: Option<String>,
    /// The [`InPlace`] mark of the record, or 0 if the record was never written in place.
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

    /// Compares the stored record with the row `record` of a page. `selected_in` is the last run in which the
    /// stream's selected fields changed.
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
        let (before, after) = (settled(&stored), settled(landing.payload(record)?));
        // The fields may change within a run, so a record of that very run may have been read with the old ones.
        let other_fields = selected_in.is_some_and(|run| self.last_run <= run);
        Ok(if before == after {
            LedgerMatch::Alike
        } else if other_fields && compare::fills(&before, &after, &landing.nested) {
            LedgerMatch::Filled
        } else if landing.partitions.is_some() && !landing.collected.paths.is_empty() {
            let documented = |text: &str| landing.collected.without_volatile(text).unwrap_or_else(|| text.to_owned());
            if documented(&before) == documented(&after) { LedgerMatch::ChangedBeside } else { LedgerMatch::Changed }
        } else {
            LedgerMatch::Changed
        })
    }

    /// Deletes the record's body. Returns the `seq` under which the record was first inserted.
    pub(super) fn give_up_body(&self, t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<i64> {
        t.prepare_cached(&format!("DELETE FROM body_{stream} WHERE seq = ? RETURNING coalesce(first_seq, seq)"))?
            .query_row([self.seq], |r| r.get(0))
            .optional()
            .map(|first| first.unwrap_or(self.seq))
    }

    /// Records that the run saw the record, which keeps its `seq`. If its JSON differs (`met` is not `Same`, or it
    /// has volatile values), overwrites the stored JSON.
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

    /// Overwrites the stored JSON of the record under the `seq` that the record has. Raises the record's [`InPlace`]
    /// mark if destinations now lack more of it than before.
    fn write_in_place(&self, t: &Transaction<'_>, landing: &Landing, record: &Record) -> rusqlite::Result<()> {
        let (stream, now) = (landing.place.stream, landing.payload(record)?);
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
