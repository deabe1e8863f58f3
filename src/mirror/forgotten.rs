//! Deletes old rows at the end of each run, so that the mirror does not grow with every night:
//!
//! - reports of runs that are older than a year;
//! - log rows of deliveries that are older than a year, except the latest for each stream, destination and content;
//! - how the messages of a conversation were read, if that conversation has been gone for thirty days and none of its
//!   messages is left;
//! - tombstones that every destination has received ([`tombstones`]).
//!
//! One run deletes only a limited number of rows of each kind.

use rusqlite::{Transaction, params};

use super::tombstones;
use crate::clock;
use crate::streams::Stream;

/// For how many days reports and log rows are kept.
const A_YEAR: i64 = 366;
/// For how many days the mirror remembers how the list of a deleted conversation was read.
const LONG_GONE: i64 = 30;
/// The largest number of deleted conversations whose readings one run forgets.
const BATCH: usize = 10_000;

/// Deletes the rows that are old at the moment `now`, in milliseconds since 1970.
pub(super) fn forget(t: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    let before = |days: i64| clock::text(now.saturating_sub(days * 86_400_000));
    let year = before(A_YEAR);
    t.execute("UPDATE run SET report = NULL WHERE report IS NOT NULL AND started_at < ?", [&year])?;
    t.execute(
        "DELETE FROM delivery WHERE at < ? AND id NOT IN (SELECT max(id) FROM delivery GROUP BY destination, stream, content)",
        [&year],
    )?;
    let last: i64 =
        t.query_row("SELECT coalesce(max(id), 0) FROM run WHERE started_at < ?", [before(LONG_GONE)], |r| r.get(0))?;
    let (parent, child) = (Stream::Conversations.number(), Stream::Messages.number());
    let gone: Vec<String> = t
        .prepare_cached(
            "SELECT id FROM record AS c WHERE stream = ?1 AND deleted = 1 AND last_run <= ?3
                 AND EXISTS (SELECT 1 FROM checkpoint WHERE stream = ?2 AND partition = c.id AND open = 0)
                 AND NOT EXISTS (SELECT 1 FROM record AS m INDEXED BY record_parents
                                 WHERE m.stream = ?2 AND m.parent = c.id AND m.deleted = 0)
             LIMIT ?4",
        )?
        .query_map(params![parent, child, last, BATCH], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in &gone {
        for table in ["checkpoint", "entry", "asked", "shown"] {
            t.prepare_cached(&format!("DELETE FROM {table} WHERE stream = ? AND partition = ?"))?
                .execute(params![child, id])?;
        }
    }
    tombstones::forget(t, now)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    const DAY: i64 = 86_400_000;

    /// Makes a mirror with a run every hundred days, each with a report and a delivery.
    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        super::super::upgrade::apply(&mut c, std::path::Path::new("m.db")).expect("a mirror");
        for run in 1..=6 {
            let at = clock::text(run * 100 * DAY);
            c.execute("INSERT INTO run (job, lane, started_at, report) VALUES ('j', 'backfill', ?, '{}')", [&at])
                .expect("a run");
            for place in ["fed", "also fed"] {
                c.execute(
                    "INSERT INTO delivery (run, destination, stream, content, up_to_seq, records, at)
                     VALUES (?1, ?2, 1, 'changes', ?1, 1, ?3)",
                    params![run, place, at],
                )
                .expect("a delivery");
            }
        }
        c.execute("INSERT INTO delivery (run, destination, stream, content, up_to_seq, records, at) VALUES (1, 'left', 1, 'changes', 1, 1, ?)", [clock::text(100 * DAY)])
            .expect("a delivery");
        c
    }

    fn record(c: &Connection, (stream, id, parent): (u8, &str, Option<&str>), last_run: i64, deleted: bool) {
        c.execute(
            "INSERT INTO record (stream, id, parent, hash, seq, first_run, last_run, deleted) VALUES (?, ?, ?, x'', 1, 1, ?, ?)",
            params![stream, id, parent, last_run, deleted],
        )
        .expect("a record");
    }

    fn forget_at(c: &mut Connection, day: i64) {
        let t = c.transaction().expect("begun");
        forget(&t, day * DAY).expect("forgotten");
        t.commit().expect("committed");
    }

    fn numbers(c: &Connection, sql: &str) -> Vec<i64> {
        let mut ask = c.prepare(sql).expect(sql);
        ask.query_map([], |r| r.get(0)).expect(sql).collect::<rusqlite::Result<_>>().expect(sql)
    }

    #[test]
    fn reports_and_deliveries_are_kept_for_a_year_and_the_latest_of_each_place_for_ever() {
        let mut c = mirror();
        forget_at(&mut c, 600);
        assert_eq!(numbers(&c, "SELECT id FROM run WHERE report IS NOT NULL"), [3, 4, 5, 6]);
        assert_eq!(numbers(&c, "SELECT up_to_seq FROM delivery WHERE destination = 'fed'"), [3, 4, 5, 6]);
        forget_at(&mut c, 10_000);
        assert_eq!(numbers(&c, "SELECT count(*) FROM run"), [6], "a run is named by its records");
        assert_eq!(numbers(&c, "SELECT count(report) FROM run"), [0]);
        assert_eq!(numbers(&c, "SELECT up_to_seq FROM delivery ORDER BY destination"), [6, 6, 1]);
    }

    #[test]
    fn a_checkpoint_goes_with_a_conversation_that_is_long_gone_with_all_its_messages() {
        let mut c = mirror();
        for (id, last_run, deleted) in [("gone", 4, true), ("lately", 6, true), ("there", 4, false), ("kept", 4, true)]
        {
            record(&c, (3, id, None), last_run, deleted);
            record(&c, (4, &format!("m-{id}"), Some(id)), last_run, id != "kept" && deleted);
            c.execute(
                "INSERT INTO checkpoint (lane, stream, partition, pass, since_run, open) VALUES ('backfill', 4, ?, 1, 1, 0)",
                [id],
            )
            .expect("a checkpoint");
        }
        forget_at(&mut c, 602);
        let left = |c: &Connection| {
            let mut ask = c.prepare("SELECT partition FROM checkpoint ORDER BY partition").expect("SQL");
            let all = ask.query_map([], |r| r.get::<_, String>(0)).expect("rows").collect::<rusqlite::Result<Vec<_>>>();
            all.expect("names")
        };
        assert_eq!(left(&c), ["kept", "lately", "there"]);
        c.execute("DELETE FROM checkpoint WHERE partition = 'there'", []).expect_err("its conversation is there");
        forget_at(&mut c, 640);
        assert_eq!(left(&c), ["kept", "there"]);
    }
}
