//! Decides how long the traces of deleted records are kept.
//!
//! A destination of changes receives a deletion as a tombstone. So a tombstone stays for at least thirty days, and
//! until every destination that this mirror fed within the last ninety days has it. Then it is deleted, and nothing
//! shows any more that the record existed. For each stream, the mirror stores the seq up to which it has forgotten
//! tombstones ([`forgotten`]). A destination that was last fed before that seq is refused, because it would keep
//! records that are gone.
//!
//! A conversation's tombstone stays longer: as long as the mirror holds messages of it, or stores how they were read.
//!
//! If a deleted record comes back, the mirror stores from which seq to which it was gone (`came_back`). A destination
//! that was not fed in between still holds the record, so the change is an update for it, not an insert
//! (`HeldByPlace`).

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::schema::has_table;
use crate::clock;
use crate::streams::{self, Stream};

/// A day in milliseconds.
const DAY: i64 = 86_400_000;
/// For how many days a tombstone is kept at least.
const KEPT: i64 = 30;
/// For how many days after the last delivery to a destination the tombstones that it lacks are kept for it.
const LEFT: i64 = 90;
/// The largest number of tombstones of one stream that a run deletes.
const BATCH: i64 = 10_000;

/// Deletes the tombstones that no destination needs any more at the moment `now`, in milliseconds since 1970. Does
/// nothing while a range of changes is pinned.
pub(super) fn forget(t: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    let is_pinned: bool = t.query_row("SELECT EXISTS (SELECT 1 FROM pin)", [], |r| r.get(0))?;
    if is_pinned {
        return Ok(());
    }
    let before = |days: i64| now.saturating_sub(days * DAY);
    // The last seq that was given more than `KEPT` days ago.
    let old: i64 = t.query_row(
        "SELECT coalesce((SELECT min(seq) - 1 FROM stamp WHERE at >= ?), (SELECT last FROM sequence))",
        [before(KEPT)],
        |r| r.get(0),
    )?;
    let fed_since = clock::text(before(LEFT));
    for stream in streams::ALL {
        let needed: Option<i64> = t
            .prepare_cached(
                "SELECT min(up_to_seq) FROM delivery WHERE at >= ?2 AND id IN (
                     SELECT max(id) FROM delivery WHERE stream = ?1 AND content = 'changes' GROUP BY destination)",
            )?
            .query_row(params![stream.number(), fed_since], |r| r.get(0))?;
        let up_to = needed.map_or(old, |needed| needed.min(old));
        forget_up_to(t, stream, up_to)?;
    }
    Ok(())
}

/// Deletes tombstones of a stream whose seq is at most `up_to`, the oldest first.
fn forget_up_to(t: &Transaction<'_>, stream: Stream, up_to: i64) -> rusqlite::Result<()> {
    let number = stream.number();
    t.prepare_cached("DELETE FROM revived WHERE stream = ? AND revived <= ?")?.execute(params![number, up_to])?;
    let gone: Vec<(String, i64)> = t
        .prepare_cached(
            "SELECT id, seq FROM record AS r INDEXED BY record_tombstones
             WHERE r.stream = ?1 AND r.deleted = 1 AND r.seq <= ?2
                 AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE stream = ?3 AND partition = r.id AND ?4)
                 AND NOT EXISTS (SELECT 1 FROM record AS m INDEXED BY record_parents
                                 WHERE m.stream = ?3 AND m.parent = r.id AND m.deleted = 0 AND ?4)
             ORDER BY r.seq LIMIT ?5",
        )?
        .query_map(params![number, up_to, Stream::Messages.number(), stream == Stream::Conversations, BATCH], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let Some((_, last)) = gone.last() else { return Ok(()) };
    for (id, _) in &gone {
        t.prepare_cached("DELETE FROM record WHERE stream = ? AND id = ? AND deleted = 1")?
            .execute(params![number, id])?;
    }
    t.prepare_cached(
        "INSERT INTO forgotten (stream, up_to) VALUES (?1, ?2) ON CONFLICT (stream) DO UPDATE SET up_to = max(up_to, ?2)",
    )?
    .execute(params![number, last])
    .map(drop)
}

/// Returns the seq up to which tombstones of a stream were deleted, or 0 if none were.
pub fn forgotten(c: &Connection, stream: Stream) -> rusqlite::Result<i64> {
    if !has_table(c, "forgotten")? {
        return Ok(0);
    }
    let found =
        c.query_row("SELECT up_to FROM forgotten WHERE stream = ?", [stream.number()], |r| r.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Records that a deleted record is back under the seq `revived`. Its tombstone had the seq `died`.
pub(super) fn came_back(
    t: &Transaction<'_>,
    stream: Stream,
    id: &str,
    died: i64,
    revived: i64,
) -> rusqlite::Result<()> {
    t.prepare_cached("INSERT OR REPLACE INTO revived (stream, id, died, revived) VALUES (?, ?, ?, ?)")?
        .execute(params![stream.number(), id, died, revived])
        .map(drop)
}

/// Decides which records a destination holds that has received a stream's changes up to a seq.
pub(super) struct HeldByPlace {
    /// The last seq that the destination has received, or 0 if it holds nothing.
    up_to: i64,
    /// The records that were deleted and came back, both after `up_to`. The destination still holds them.
    came_back: HashSet<String>,
}

impl HeldByPlace {
    /// Returns which records a destination holds that has received changes up to the seq `up_to`.
    pub(super) fn of(c: &Connection, stream: Stream, up_to: i64) -> rusqlite::Result<HeldByPlace> {
        if up_to <= 0 || !has_table(c, "revived")? {
            return Ok(HeldByPlace { up_to, came_back: HashSet::new() });
        }
        let came_back = c
            .prepare_cached(
                "SELECT DISTINCT v.id FROM revived AS v JOIN record AS r ON r.stream = v.stream AND r.id = v.id
                 WHERE v.stream = ?1 AND v.died > ?2
                     AND (SELECT min(seq) FROM stamp WHERE run = r.first_run) <= ?2
                     AND NOT EXISTS (SELECT 1 FROM revived AS o WHERE o.stream = v.stream AND o.id = v.id
                                         AND o.died <= ?2 AND o.revived > ?2)",
            )?
            .query_map(params![stream.number(), up_to], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(HeldByPlace { up_to, came_back })
    }

    /// Returns whether the destination holds the record `id`, which was last inserted into the mirror under the seq
    /// `born`.
    pub(super) fn has(&self, id: &str, born: i64) -> bool {
        born <= self.up_to || self.came_back.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream::Conversations;
    const NOW: i64 = 1_000 * DAY;

    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        super::super::upgrade::apply(&mut c, std::path::Path::new("m.db")).expect("a mirror");
        // A run a day up to today, each of which gives ten seqs.
        for day in 1..=100 {
            let at = NOW - (100 - day) * DAY;
            c.execute(
                "INSERT INTO run (id, job, lane, started_at) VALUES (?, 'j', 'backfill', ?)",
                params![day, clock::text(at)],
            )
            .expect("a run");
            c.execute("INSERT INTO stamp VALUES (?, ?, ?)", params![day * 10, day, at]).expect("a stamp");
        }
        c.execute("UPDATE sequence SET last = 1009", []).expect("a sequence");
        c
    }

    fn tombstone(c: &Connection, id: &str, seq: i64) {
        c.execute(
            "INSERT INTO record (stream, id, hash, seq, first_run, last_run, deleted) VALUES (3, ?, x'', ?, 5, 6, 1)",
            params![id, seq],
        )
        .expect("a tombstone");
    }

    fn fed(c: &Connection, place: &str, up_to: i64, days_ago: i64) {
        c.execute(
            "INSERT INTO delivery (run, destination, stream, content, up_to_seq, records, at)
             VALUES (1, ?, 3, 'changes', ?, 1, ?)",
            params![place, up_to, clock::text(NOW - days_ago * DAY)],
        )
        .expect("a delivery");
    }

    fn left(c: &mut Connection) -> (Vec<i64>, i64) {
        let t = c.transaction().expect("begun");
        forget(&t, NOW).expect("forgotten");
        t.commit().expect("committed");
        let mut ask = c.prepare("SELECT seq FROM record WHERE deleted = 1 ORDER BY seq").expect("SQL");
        let seqs = ask.query_map([], |r| r.get(0)).expect("rows").collect::<rusqlite::Result<_>>().expect("seqs");
        (seqs, forgotten(c, STREAM).expect("a seq"))
    }

    #[test]
    fn a_tombstone_goes_after_thirty_days_once_every_place_that_is_fed_has_it() {
        let mut c = mirror();
        for seq in [100, 300, 500, 699, 700, 1000] {
            tombstone(&c, &format!("gone at {seq}"), seq);
        }
        fed(&c, "fed", 1009, 0);
        fed(&c, "behind", 500, 0);
        fed(&c, "behind", 299, 20);
        fed(&c, "left", 7, 91);
        assert_eq!(left(&mut c), (vec![300, 500, 699, 700, 1000], 100));
        fed(&c, "behind", 1000, 0);
        c.execute("INSERT INTO pin VALUES ('fed', 3, 'j', 1, 2, NULL)", []).expect("a pin");
        assert_eq!(left(&mut c).1, 100, "nothing goes while something is being delivered");
        c.execute("DELETE FROM pin", []).expect("no pin");
        assert_eq!(left(&mut c), (vec![700, 1000], 699), "of the last thirty days");
        assert_eq!(left(&mut c), (vec![700, 1000], 699), "again");
    }

    #[test]
    fn a_tombstone_stays_as_long_as_something_of_its_conversation_is_there() {
        let mut c = mirror();
        for (id, seq) in [("with a message", 1), ("with a checkpoint", 2), ("with none", 3)] {
            tombstone(&c, id, seq);
        }
        c.execute(
            "INSERT INTO record (stream, id, parent, hash, seq, first_run, last_run) VALUES (4, 'm', 'with a message', x'', 4, 5, 6)",
            [],
        )
        .expect("a message");
        c.execute(
            "INSERT INTO checkpoint (lane, stream, partition, pass, since_run) VALUES ('backfill', 4, 'with a checkpoint', 1, 1)",
            [],
        )
        .expect("a checkpoint");
        assert_eq!(left(&mut c), (vec![1, 2], 3));
    }

    #[test]
    fn a_place_holds_what_was_there_when_it_was_fed_last_however_often_it_came_back() {
        let mut c = mirror();
        c.execute(
            "INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (3, 'a', x'', 900, 20, 90)",
            [],
        )
        .expect("a record");
        let t = c.transaction().expect("begun");
        came_back(&t, STREAM, "a", 300, 400).expect("noted");
        came_back(&t, STREAM, "a", 600, 700).expect("noted");
        t.commit().expect("committed");
        for (fed, has) in [
            (0, false),
            (150, false),
            (200, true),
            (299, true),
            (300, false),
            (399, false),
            (400, true),
            (599, true),
            (600, false),
            (700, true),
        ] {
            assert_eq!(HeldByPlace::of(&c, STREAM, fed).expect("read").has("a", 700), has, "fed up to {fed}");
            assert!(!HeldByPlace::of(&c, STREAM, fed).expect("read").has("b", 701), "fed up to {fed}");
        }
    }
}
