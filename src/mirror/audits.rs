//! Measures how many records are missed because unchanged lists are skipped. Each round reads a random sample of the
//! skipped lists completely ([`sample`]), and counts the records that should have been found before ([`audited`]).
//!
//! An audit may find a record that the mirror lacked. Then the sign by which that list was taken for unchanged is
//! wrong, and perhaps it is wrong for other lists, too. So every list that the round skipped is *owed* a reading
//! (`owe`) until it is read completely. [`begin_owed`] begins as many of them as the run may spend requests on; later
//! runs read the others.
//!
//! The sample leaves out lists that are owed a reading. Otherwise, a record that such a list lacks would be found a
//! second time, and lists that were read meanwhile would be owed again.

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Transaction, params};

use super::checkpoint::{self, Pass};
use super::walk_key::{Lane, WalkKey};
use crate::streams::Stream;

/// Begins audits of lists that the round skipped, until the round has `most` audits. `round` is the run in which the
/// round began, `run` this run, and `now` the server's time in milliseconds since 1970. Draws the lists in the order
/// of a hash of `seed` and the list's id. The same seed therefore draws the same lists, in whatever order they became
/// known. Returns how many audits were begun.
pub fn sample(
    t: &Transaction<'_>,
    stream: Stream,
    round: i64,
    run: i64,
    seed: u64,
    most: u32,
    now: i64,
) -> rusqlite::Result<u64> {
    let lane = Lane::Incremental;
    let there: u32 = t.query_row(
        "SELECT count(*) FROM checkpoint WHERE lane = ? AND stream = ? AND since_run >= ? AND audited IS NOT NULL",
        params![lane.name(), stream.number(), round],
        |r| r.get(0),
    )?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    t.create_scalar_function("lot", 1, flags, move |call| {
        let id = call.get_raw(0).as_bytes().unwrap_or_default();
        Ok(i64::from_ne_bytes(xxhash_rust::xxh3::xxh3_64_with_seed(id, seed).to_ne_bytes()))
    })?;
    let chosen: Vec<String> = t
        .prepare(
            "SELECT partition FROM entry WHERE stream = ? AND skipped >= ? AND repair IS NULL
             ORDER BY lot(partition), partition LIMIT ?",
        )?
        .query_map(params![stream.number(), round, most.saturating_sub(there)], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut begun = 0;
    for partition in chosen {
        let place = WalkKey { lane, stream, partition };
        begun += u64::from(begin(t, &place, round, run, now, true)?);
    }
    Ok(begun)
}

/// Begins a pass that reads a skipped list completely. `audit` decides whether the pass counts as an audit. Returns
/// `false` if the round has already begun a pass over the list.
fn begin(t: &Transaction<'_>, place: &WalkKey, round: i64, run: i64, now: i64, audit: bool) -> rusqlite::Result<bool> {
    let is_begun =
        checkpoint::start_pass(t, place, run, round, &Pass { known_since: None, audited: audit.then_some((0, 0)) })?;
    if is_begun {
        t.prepare_cached(
            "UPDATE entry SET lane = ?, run = ?, began = ?, whole = 0, skipped = NULL, repair = NULL, search = NULL
             WHERE stream = ? AND partition = ?",
        )?
        .execute(params![place.lane.name(), run, now, place.stream.number(), place.partition])?;
    }
    Ok(is_begun)
}

/// The results of a round's finished audits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audited {
    /// The number of lists that audits read completely.
    pub lists: u64,
    /// The number of audited lists in which an audit found a missed record.
    pub missed: u64,
    /// The number of missed records: the mirror lacked them, or held them as they were before a change.
    pub records: u64,
    /// The number of missed records that the mirror lacked.
    pub lacked: u64,
    /// The number of lists that the round skipped by a sign that an audit has shown to be wrong, and that are still
    /// to be read.
    pub owed: u64,
}

/// Returns the results of the finished audits in the round that began with run `round`.
pub fn audited(t: &Transaction<'_>, stream: Stream, round: i64) -> rusqlite::Result<Audited> {
    t.query_row(
        "SELECT count(*), coalesce(sum(audited > 0), 0), coalesce(sum(audited), 0), coalesce(sum(lacked), 0) FROM checkpoint
         WHERE lane = 'incremental' AND stream = ? AND since_run >= ? AND audited IS NOT NULL AND open = 0",
        params![stream.number(), round],
        |r| Ok(Audited { lists: r.get(0)?, missed: r.get(1)?, records: r.get(2)?, lacked: r.get(3)?, owed: 0 }),
    )
    .and_then(|audited| Ok(Audited { owed: owed(t, stream, round)?, ..audited }))
}

/// Records that a page of a list has shown `lacked` records that the mirror lacked. If the page belongs to an audit,
/// marks every list that the round skipped as owed a reading. This happens in the page's transaction, so that a run
/// that is killed now does not forget it.
pub(super) fn owe(t: &Transaction<'_>, place: &WalkKey, lacked: u64) -> rusqlite::Result<()> {
    // This look-up comes first because nearly every page of a first reading has such records, and the update reads
    // all entries.
    let is_audit = |t: &Transaction<'_>| {
        t.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM checkpoint
                 WHERE lane = ? AND stream = ? AND partition = ? AND audited IS NOT NULL)",
        )?
        .query_row(params![place.lane.name(), place.stream.number(), place.partition], |r| r.get(0))
    };
    if lacked == 0 || !is_audit(t)? {
        return Ok(());
    }
    t.execute(
        "UPDATE entry SET repair = skipped WHERE stream = ?1 AND repair IS NULL
             AND skipped = (SELECT max(skipped) FROM entry WHERE stream = ?1)",
        [place.stream.number()],
    )
    .map(drop)
}

/// Returns how many of the lists that a round skipped are owed a reading, or 0 if the mirror is too old to know.
pub fn owed(c: &Connection, stream: Stream, round: i64) -> rusqlite::Result<u64> {
    let Ok(mut ask) =
        c.prepare_cached("SELECT count(*) FROM entry WHERE stream = ? AND skipped >= ? AND repair IS NOT NULL")
    else {
        return Ok(0);
    };
    ask.query_row(params![stream.number(), round], |r| r.get(0))
}

/// Returns whether a list is owed a reading because an audit showed that it was wrongly skipped.
pub(super) fn is_owed(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<bool> {
    t.prepare_cached("SELECT EXISTS (SELECT 1 FROM entry WHERE stream = ? AND partition = ? AND repair IS NOT NULL)")?
        .query_row(params![place.stream.number(), place.partition], |r| r.get(0))
}

/// Begins passes over lists that are owed a reading, in the order in which they were last read. Begins as many passes
/// as will probably take `questions` pages of `page_size` rows, and at least one. The estimate for a list is one page
/// for each `page_size / 2` rows. `round` is the run in which the round began, `run` this run, and `now` the server's
/// time in milliseconds since 1970. Returns how many passes were begun.
pub fn begin_owed(
    t: &Transaction<'_>,
    stream: Stream,
    (round, run): (i64, i64),
    (questions, page_size): (u64, u32),
    now: i64,
) -> rusqlite::Result<u64> {
    let chosen: Vec<(String, u64)> = t
        .prepare(
            "SELECT partition, (SELECT count(*) FROM record INDEXED BY record_parents
                                WHERE record.stream = ?1 AND parent = partition AND deleted = 0)
             FROM entry WHERE stream = ?1 AND repair IS NOT NULL AND skipped >= ?2 ORDER BY read_at, partition LIMIT ?3",
        )?
        .query_map(params![stream.number(), round, questions.max(1)], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let (mut begun, mut left) = (0, questions);
    for (partition, rows) in chosen {
        let pages = rows / u64::from((page_size / 2).max(1)) + 1;
        if begun > 0 && pages > left {
            break;
        }
        left = left.saturating_sub(pages);
        let place = WalkKey { lane: Lane::Incremental, stream, partition };
        begun += u64::from(begin(t, &place, round, run, now, false)?);
    }
    Ok(begun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::partitions::skipped;

    fn mirror(lists: i64) -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        crate::mirror::upgrade::apply(&mut c, std::path::Path::new("m")).expect("schema");
        for n in 0..lists {
            c.execute(
                "INSERT INTO entry (stream, partition, entry_seq, selection, lane, run, began, whole, skipped)
                 VALUES (4, ?, ?, 1, 'backfill', 1, 0, 1, 2)",
                params![format!("c{n:02}"), n + 1],
            )
            .expect("a list");
        }
        c
    }

    /// Closes an audit that has found `found` records, of which the mirror lacked `lacked`.
    fn find(t: &Transaction<'_>, found: u64, lacked: u64) {
        let sql = "SELECT min(partition) FROM checkpoint WHERE audited IS NOT NULL AND open = 1";
        let partition = t.query_row(sql, [], |r| r.get(0)).expect("an audit");
        let place = WalkKey { lane: Lane::Incremental, stream: Stream::Messages, partition };
        let verdict = Some(crate::verdict::Verdict::Continuous);
        let advance = checkpoint::Advance { pass: 1, verdict, found, lacked, ..checkpoint::Advance::default() };
        checkpoint::advance(t, &place, &advance).expect("an audit's end");
        owe(t, &place, lacked).expect("owed");
    }

    fn begin_some(t: &Transaction<'_>, questions: u64) -> u64 {
        begin_owed(t, Stream::Messages, (2, 2), (questions, 100), 0).expect("begun")
    }

    #[test]
    fn what_only_changed_owes_nothing_and_what_was_lacking_every_list_that_was_skipped() {
        let mut c = mirror(50);
        let t = c.transaction().expect("transaction");
        assert_eq!(sample(&t, Stream::Messages, 2, 2, 7, 10, 0).expect("drawn"), 10);
        let owed_now = |t: &Transaction<'_>| owed(t, Stream::Messages, 2).expect("counted");
        find(&t, 3, 0);
        assert_eq!(owed_now(&t), 0);
        find(&t, 3, 1);
        assert_eq!((owed_now(&t), owed_now(&t)), (40, 40));
        assert_eq!((begin_some(&t, 15), begin_some(&t, 0)), (15, 1));
        assert_eq!((owed_now(&t), skipped(&t, Stream::Messages, 2).expect("left").lists), (24, 24));
        assert_eq!(sample(&t, Stream::Messages, 2, 3, 7, 30, 0).expect("drawn"), 0, "what is owed is no sample");
        assert_eq!((begin_some(&t, 1000), begin_some(&t, 1000), owed_now(&t)), (24, 0, 0));
    }

    #[test]
    fn what_an_audit_finds_lacking_is_owed_with_the_page_that_shows_it() {
        let mut c = mirror(50);
        let t = c.transaction().expect("transaction");
        assert_eq!(sample(&t, Stream::Messages, 2, 2, 7, 10, 0).expect("drawn"), 10);
        let of = |partition: String| WalkKey { lane: Lane::Incremental, stream: Stream::Messages, partition };
        let owed_after = |partition: &str| {
            owe(&t, &of(partition.to_owned()), 1).expect("owed");
            owed(&t, Stream::Messages, 2).expect("counted")
        };
        let no_audit: String =
            t.query_row("SELECT min(partition) FROM entry WHERE skipped = 2", [], |r| r.get(0)).expect("a list");
        assert_eq!(owed_after(&no_audit), 0);
        let audit: String = t
            .query_row("SELECT min(partition) FROM checkpoint WHERE audited IS NOT NULL", [], |r| r.get(0))
            .expect("an audit");
        assert_eq!(owed_after(&audit), 40);
    }

    #[test]
    fn long_lists_take_more_of_the_questions() {
        let mut c = mirror(4);
        let t = c.transaction().expect("transaction");
        for n in 0..300 {
            t.execute(
                "INSERT INTO record (stream, id, parent, hash, seq, first_run, last_run) VALUES (4, ?, 'c01', x'00', ?, 1, 1)",
                params![format!("m{n}"), n + 1],
            )
            .expect("a message");
        }
        t.execute("UPDATE entry SET repair = 2", []).expect("owed");
        assert_eq!((begin_some(&t, 3), begin_some(&t, 3), begin_some(&t, 3)), (1, 1, 2));
    }

    #[test]
    fn a_sample_is_the_seeds_and_is_drawn_once_a_round() {
        let mut c = mirror(50);
        let t = c.transaction().expect("transaction");
        let drawn = |c: &Connection| -> Vec<String> {
            let mut ask = c.prepare("SELECT partition FROM checkpoint WHERE audited = 0 ORDER BY 1").expect("SQL");
            ask.query_map([], |r| r.get(0)).expect("rows").collect::<rusqlite::Result<_>>().expect("rows")
        };
        assert_eq!(sample(&t, Stream::Messages, 2, 2, 7, 10, 0).expect("drawn"), 10);
        let first = drawn(&t);
        assert_eq!((first.len(), skipped(&t, Stream::Messages, 2).expect("left").lists), (10, 40));
        assert_eq!(
            sample(&t, Stream::Messages, 2, 3, 7, 10, 0).expect("drawn"),
            0,
            "by a run that goes on with the round"
        );
        assert_eq!(drawn(&t), first);
    }
}
