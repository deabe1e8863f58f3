//! Remembers deletions that were refused and are not settled yet. The records are still in the mirror, and the
//! reading that did not show them is complete. Without this memory, the stream would be delivered as proven, with
//! records that are probably gone.
//!
//! A refusal is settled when none of its records is a suspect any more, because each was deleted or was shown again.
//! A refusal because the list came out empty is settled when a complete reading has shown the list's contents.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, named_params, params};

use super::parents;
use super::schema::has_table;
use super::store::Writer;
use crate::error::Result;
use crate::quantity::counted;
use crate::streams::Stream;

/// A refusal to delete records of a stream that is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    /// The latest run that refused the deletion.
    pub run: i64,
    /// The number of records that the deletion would have deleted.
    pub records: u64,
    /// The number of live records that the stream had at that time.
    pub live: u64,
    /// Whether the deletion was refused because the stream's list came out empty although the mirror holds records of
    /// it.
    pub emptied: bool,
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unsettled { run, live, .. } = self;
        let records = counted(self.records, "record");
        if self.emptied {
            write!(f, "the list came out empty in run {run}, and the mirror holds {records}")?;
        } else {
            write!(f, "{records} of {live} are probably gone, and run {run} refused to delete them")?;
        }
        f.write_str(": `run JOB --allow-deletes` deletes them, a reading that shows them again keeps them")
    }
}

/// Returns the stream's unsettled refusal, or `None` if there is none.
pub fn unsettled(c: &Connection, stream: Stream) -> rusqlite::Result<Option<Unsettled>> {
    if !has_table(c, "refusal")? {
        return Ok(None);
    }
    c.prepare_cached("SELECT run, records, live, emptied FROM refusal WHERE stream = ?")?
        .query_row([stream.number()], |r| {
            Ok(Unsettled { run: r.get(0)?, records: r.get(1)?, live: r.get(2)?, emptied: r.get(3)? })
        })
        .optional()
}

/// Stores a refusal. Also makes suspects of the records in `named` that are none yet: a reading had shown them, but
/// the server has answered since that they do not exist.
pub fn remember(writer: &mut Writer, stream: Stream, refused: &Unsettled, named: &[String]) -> Result<()> {
    let now = crate::clock::now();
    writer.transaction(|t| {
        let mut mark = t.prepare_cached(
            "UPDATE record SET suspect_run = ?, suspect_since = ?
             WHERE stream = ? AND id = ? AND deleted = 0 AND suspect_run IS NULL",
        )?;
        for id in named {
            mark.execute(params![refused.run, now, stream.number(), id])?;
        }
        t.execute(
            "INSERT OR REPLACE INTO refusal (stream, run, records, live, emptied) VALUES (?, ?, ?, ?, ?)",
            params![stream.number(), refused.run, refused.records, refused.live, refused.emptied],
        )
        .map(drop)
    })
}

/// Deletes a stream's refusal if it is settled. It is not settled in these cases:
///
/// - A suspect of the refusing run or an earlier one is left. Orphans do not count, because their deletion was never
///   refused ([`crate::sync::deletions::orphans`]).
/// - The list came out empty, and no later run has read it completely.
///
/// So a stream that was not read since keeps its refusal.
pub fn settle(writer: &mut Writer, stream: Stream) -> Result<()> {
    writer.transaction(|t| {
        t.execute(
            "DELETE FROM refusal WHERE stream = :stream
                 AND NOT EXISTS (SELECT 1 FROM record INDEXED BY record_suspects
                                 WHERE stream = :stream AND suspect_run IS NOT NULL AND suspect_run <= refusal.run
                                     AND NOT EXISTS (SELECT 1 FROM record AS p WHERE p.stream = :parent
                                                         AND p.id = record.parent AND p.deleted = 1))
                 AND (emptied = 0 OR EXISTS (
                     SELECT 1 FROM checkpoint WHERE stream = :stream AND open = 0 AND since_run > refusal.run
                         AND at_known = 0 AND (verdict IN ('proven', 'continuous') OR set_aside = 1)
                         AND (partition = '' OR seen > 0)))",
            named_params! { ":stream": stream.number(), ":parent": parents::parent_number(stream) },
        )
        .map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::store::Mirror;
    use crate::streams::DateForm;

    const STREAM: Stream = Stream::Contacts;

    fn sql(writer: &mut Writer, sql: &str) {
        writer.transaction(|t| t.execute_batch(sql)).expect(sql);
    }

    fn stands(writer: &mut Writer) -> bool {
        settle(writer, STREAM).expect("settled or not");
        writer.transaction(|t| unsettled(t, STREAM)).expect("read").is_some()
    }

    #[tokio::test]
    async fn a_refusal_stands_until_each_record_is_gone_or_shown_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&dir.path().join("m.db"), "a test", DateForm::Iso8601).expect("a mirror");
        let tested = mirror.call(|w| {
            assert!(!stands(w));
            sql(
                w,
                "INSERT INTO record (stream, id, hash, seq, first_run, last_run, suspect_run) VALUES
                     (1, 'a', x'', 1, 1, 1, 3), (1, 'b', x'', 2, 1, 1, NULL), (1, 'c', x'', 3, 1, 1, 9)",
            );
            let refused = Unsettled { run: 5, records: 2, live: 3, emptied: false };
            remember(w, STREAM, &refused, &["b".to_owned(), "c".to_owned()])?;
            assert_eq!(w.transaction(|t| unsettled(t, STREAM))?, Some(refused));
            assert!(stands(w), "both are under suspicion");
            sql(w, "UPDATE record SET suspect_run = NULL WHERE id = 'a'");
            assert!(stands(w), "one is left, which was told gone");
            sql(w, "UPDATE record SET suspect_run = NULL, deleted = 1 WHERE id = 'b'");
            assert!(!stands(w), "what came under suspicion later was not refused");
            Ok(())
        });
        tested.await.expect("the test");
    }

    #[tokio::test]
    async fn a_list_that_came_out_empty_is_settled_by_a_whole_reading_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&dir.path().join("m.db"), "a test", DateForm::Iso8601).expect("a mirror");
        let tested = mirror.call(|w| {
            remember(w, STREAM, &Unsettled { run: 5, records: 9, live: 9, emptied: true }, &[])?;
            let walk = |values: &str| {
                format!(
                    "INSERT INTO checkpoint (lane, stream, partition, pass, windows, open, since_run, verdict, at_known, seen)
                     VALUES {values}"
                )
            };
            sql(w, &walk("('incremental', 1, '', 1, 1, 0, 5, 'incomplete', 0, 0)"));
            assert!(stands(w), "the reading that was not believed");
            sql(w, &walk("('backfill', 1, '', 1, 1, 0, 6, 'continuous', 1, 0)"));
            assert!(stands(w), "nothing has changed: that is no word of the whole list");
            sql(w, &walk("('incremental', 1, 'p', 1, 1, 0, 6, 'proven', 0, 0)"));
            assert!(stands(w), "one list of many is empty");
            sql(w, &walk("('incremental', 1, 'q', 1, 1, 0, 6, 'proven', 0, 3)"));
            assert!(!stands(w));
            Ok(())
        });
        tested.await.expect("the test");
    }
}
