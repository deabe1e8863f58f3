//! The change sequence: strictly increasing numbers (`seq`), one for each insert, change and deletion, and the times
//! at which they were given. Both are stored in the transaction that uses them.

use rusqlite::{OptionalExtension, Transaction, params};

/// Milliseconds within which the seqs of one run share a stamp.
const STAMP: i64 = 60_000;

/// The sequence, borrowed by one transaction.
pub struct Seqs {
    run: i64,
    before: i64,
    last: i64,
}

impl Seqs {
    /// Reads how far the sequence has come. `run` is the run that stores the changes.
    pub fn take(t: &Transaction<'_>, run: i64) -> rusqlite::Result<Seqs> {
        let last = t.prepare_cached("SELECT last FROM sequence")?.query_row([], |r| r.get(0))?;
        Ok(Seqs { run, before: last, last })
    }

    /// Returns the next number.
    pub fn give(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Stores how far the sequence has come, and a stamp if the last one is of another run or older than a minute.
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
