//! Assigns the change sequence: strictly increasing numbers (`seq`), one for each insert, change and deletion. Also
//! stores when they were assigned. Both are stored in the transaction that uses the numbers.

use rusqlite::{OptionalExtension, Transaction, params};

/// For how many milliseconds the seqs of one run share a stamp, which is a row with their time.
const STAMP: i64 = 60_000;

/// The change sequence, as one transaction uses it.
pub struct Seqs {
    /// The run that stores the changes.
    run: i64,
    /// The last seq before this transaction.
    before: i64,
    /// The last seq that was assigned.
    last: i64,
}

impl Seqs {
    /// Reads the last assigned seq. `run` is the run that stores the changes.
    pub fn take(t: &Transaction<'_>, run: i64) -> rusqlite::Result<Seqs> {
        let last = t.prepare_cached("SELECT last FROM sequence")?.query_row([], |r| r.get(0))?;
        Ok(Seqs { run, before: last, last })
    }

    /// Assigns and returns the next seq.
    pub fn give(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Stores the last assigned seq. Adds a stamp if the latest one is of another run or older than a minute.
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

#[cfg(test)]
mod tests {
    use crate::mirror::changes::MirrorView;
    use crate::mirror::store::{Mirror, Writer};
    use crate::record::{Op, Reader as _, SeqRange};
    use crate::streams::{DateForm, Stream};

    use super::*;

    /// Stores contacts with these ids under the next numbers.
    fn store(writer: &mut Writer, run: i64, ids: &[&str]) {
        let stored = writer.transaction(|t| {
            let mut seqs = Seqs::take(t, run)?;
            for id in ids {
                let put = "INSERT INTO body_contacts (seq, id, payload) VALUES (?, ?, '{}')";
                t.execute(put, params![seqs.give(), id])?;
            }
            seqs.give_back(t)
        });
        stored.expect("stored");
    }

    #[tokio::test]
    async fn runs_within_a_minute_and_a_run_of_many_pages_are_told_apart_to_the_seq() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("m.db");
        let mirror = Mirror::open(&path, "a test", DateForm::Iso8601).expect("a mirror");
        let stored = mirror.call(|w| {
            store(w, 1, &["a", "b"]);
            store(w, 1, &[]);
            store(w, 1, &["c"]);
            store(w, 2, &["d", "e"]);
            Ok(())
        });
        stored.await.expect("stored");
        let mut told = Vec::new();
        let reading = MirrorView::begin(&path).expect("a reading");
        let read = reading.changes(Stream::Contacts, SeqRange { first: 1, last: 9 }, 0, &mut |change| {
            assert!(change.op == Op::Insert && change.synced_at.is_some(), "{change:?}");
            told.push((change.seq, change.id.to_owned(), change.run));
            Ok(())
        });
        read.expect("read");
        let all = [(1, "a", 1), (2, "b", 1), (3, "c", 1), (4, "d", 2), (5, "e", 2)];
        assert_eq!(told, all.map(|(seq, id, run)| (seq, id.to_owned(), Some(run))));
    }
}
