//! The change sequence: strictly increasing numbers, one for each insert, change and deletion, and when they were given.
//! Both are stored in the transaction that uses them.

use rusqlite::{OptionalExtension, Transaction, params};

/// Milliseconds within which seqs of one run share a stamp.
const STAMP: i64 = 60_000;

/// The sequence, as long as a transaction uses it.
pub struct Seqs {
    run: i64,
    before: i64,
    last: i64,
}

impl Seqs {
    /// The sequence as it stands, for what `run` stores.
    pub fn take(t: &Transaction<'_>, run: i64) -> rusqlite::Result<Seqs> {
        let last = t.prepare_cached("SELECT last FROM sequence")?.query_row([], |r| r.get(0))?;
        Ok(Seqs { run, before: last, last })
    }

    /// The next number.
    pub fn give(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Stores how far it has come.
    pub fn give_back(self, t: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.last == self.before {
            return Ok(());
        }
        t.prepare_cached("UPDATE sequence SET last = ?")?.execute([self.last])?;
        let now = crate::clock::milliseconds();
        let latest: Option<(i64, i64)> = t
            .prepare_cached("SELECT run, at FROM stamp ORDER BY seq DESC LIMIT 1")?
            .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        if latest.is_none_or(|(run, at)| run != self.run || now < at || now - at >= STAMP) {
            t.prepare_cached("INSERT INTO stamp (seq, run, at) VALUES (?, ?, ?)")?.execute(params![
                self.before + 1,
                self.run,
                now
            ])?;
        }
        Ok(())
    }
}
