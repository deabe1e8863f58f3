//! Stores what a walk needs for its closing readings: the questions that it has asked, and the ids that the current
//! closing reading has shown. Both are stored with the window that they belong to, so that a killed reading continues
//! where it was. They are deleted when the walk closes.

use std::collections::HashSet;

use rusqlite::{Transaction, params};
use xxhash_rust::xxh3::xxh3_64;

use super::walk_key::WalkKey;

/// The rows that a question asks for: the page size, and the number of the first row, counted from 0.
pub type RowRange = (u32, u64);

/// What one window adds to the data that its walk stores for closing readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The questions that were asked.
    pub asked: Vec<RowRange>,
    /// Fingerprints of the ids that the current closing reading has shown.
    pub shown: Vec<i64>,
    /// Whether a new closing reading begins with this window. The ids that the previous one showed are then deleted.
    pub begins: bool,
}

/// Returns a 64-bit hash of an id, as a short form of it.
pub fn fingerprint(id: &str) -> i64 {
    i64::from_ne_bytes(xxh3_64(id.as_bytes()).to_ne_bytes())
}

/// Stores what a window adds to its walk's data for closing readings.
pub(super) fn remember(t: &Transaction<'_>, place: &WalkKey, add: &Remembered) -> rusqlite::Result<()> {
    if add.begins {
        forget_shown(t, place)?;
    }
    let (lane, stream, list) = (place.lane.name(), place.stream.number(), &place.partition);
    let mut ask = t.prepare_cached("INSERT OR IGNORE INTO asked VALUES (?, ?, ?, ?, ?)")?;
    for (size, row) in &add.asked {
        ask.execute(params![lane, stream, list, size, i64::try_from(*row).unwrap_or(i64::MAX)])?;
    }
    let mut show = t.prepare_cached("INSERT OR IGNORE INTO shown VALUES (?, ?, ?, ?)")?;
    for id in &add.shown {
        show.execute(params![lane, stream, list, id])?;
    }
    Ok(())
}

/// Deletes the data for closing readings of a walk that has closed or begins anew.
pub(super) fn forget(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<()> {
    let list = params![place.lane.name(), place.stream.number(), place.partition];
    t.prepare_cached("DELETE FROM asked WHERE lane = ? AND stream = ? AND partition = ?")?.execute(list)?;
    forget_shown(t, place)
}

fn forget_shown(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM shown WHERE lane = ? AND stream = ? AND partition = ?")?
        .execute(params![place.lane.name(), place.stream.number(), place.partition])
        .map(drop)
}

/// Returns the questions that the walk has asked so far.
pub fn asked(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<HashSet<RowRange>> {
    t.prepare_cached("SELECT size, first_row FROM asked WHERE lane = ? AND stream = ? AND partition = ?")?
        .query_map(params![place.lane.name(), place.stream.number(), place.partition], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

/// The ids of a page that are new to the current closing reading, and those that are also new to the round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewIds {
    /// Fingerprints of the ids that the closing reading had not shown before.
    pub fresh: Vec<i64>,
    /// The ids counted in `fresh` that the round has neither seen nor set aside in this list.
    pub unseen: Vec<String>,
}

/// Returns which of `ids` are new to the current closing reading, and which of these are also new to the round that
/// began with run `since`. If `begins` is `true`, the reading begins with this page, so all of the page's ids are new
/// to it. `is_id` returns `false` for the placeholder of a row that has no id. A placeholder may be new to the
/// reading, but never to the round.
pub fn split_new_ids(
    t: &Transaction<'_>,
    place: &WalkKey,
    since: i64,
    (ids, begins): (&[String], bool),
    is_id: impl Fn(&str) -> bool,
) -> rusqlite::Result<NewIds> {
    let (lane, stream, list) = (place.lane.name(), place.stream.number(), &place.partition);
    let mut is_shown = t.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM shown WHERE lane = ? AND stream = ? AND partition = ? AND id_hash = ?)",
    )?;
    let mut is_seen = t.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM record WHERE stream = ?1 AND id = ?2 AND deleted = 0 AND last_run >= ?3)
             OR EXISTS (SELECT 1 FROM set_aside WHERE lane = ?4 AND stream = ?1 AND partition = ?5 AND id = ?2)",
    )?;
    let (mut told, mut here) = (NewIds::default(), HashSet::new());
    for id in ids {
        let hash = fingerprint(id);
        let is_repeated = !here.insert(hash)
            || (!begins && is_shown.query_row(params![lane, stream, list, hash], |r| r.get::<_, bool>(0))?);
        if is_repeated {
            continue;
        }
        told.fresh.push(hash);
        if is_id(id) && !is_seen.query_row(params![stream, id, since, lane, list], |r| r.get::<_, bool>(0))? {
            told.unseen.push(id.clone());
        }
    }
    Ok(told)
}

/// Returns the records of a list that the round which began with run `since` has seen, but the current closing
/// reading has not shown. Lists the ids of the first `most` of them.
pub fn not_shown_again(
    t: &Transaction<'_>,
    place: &WalkKey,
    since: i64,
    most: usize,
) -> rusqlite::Result<NotShownAgain> {
    let (lane, stream, list) = (place.lane.name(), place.stream.number(), &place.partition);
    let mut is_shown = t.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM shown WHERE lane = ? AND stream = ? AND partition = ? AND id_hash = ?)",
    )?;
    let mut seen = t.prepare_cached(if list.is_empty() {
        "SELECT id FROM record WHERE stream = ?1 AND deleted = 0 AND last_run >= ?2 AND ?3 = ''"
    } else {
        "SELECT id FROM record INDEXED BY record_parents
         WHERE stream = ?1 AND deleted = 0 AND last_run >= ?2 AND parent = ?3"
    })?;
    let mut rows = seen.query(params![stream, since, list])?;
    let mut unshown = NotShownAgain::default();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        unshown.of += 1;
        if !is_shown.query_row(params![lane, stream, list, fingerprint(&id)], |r| r.get::<_, bool>(0))? {
            unshown.count += 1;
            if unshown.ids.len() < most {
                unshown.ids.push(id);
            }
        }
    }
    Ok(unshown)
}

/// Records of a list that a closing reading did not show although the round has seen them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotShownAgain {
    /// The number of records that the closing reading did not show.
    pub count: u64,
    /// The number of records of the list that the round has seen.
    pub of: u64,
    /// The ids of the first of these records. There may be fewer than `count`.
    pub ids: Vec<String>,
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::checkpoint::{self, Advance};
    use super::super::walk_key::Lane;
    use super::*;
    use crate::streams::Stream;
    use crate::verdict::Verdict;

    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        super::super::upgrade::apply(&mut c, std::path::Path::new("m")).expect("schema");
        for (n, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let sql = "INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, ?, x'00', ?, 1, ?)";
            c.execute(sql, params![id, n + 1, if id == "d" { 1 } else { 2 }]).expect("a record");
        }
        c
    }

    fn place() -> WalkKey {
        WalkKey { lane: Lane::Backfill, stream: Stream::Contacts, partition: String::new() }
    }

    fn ids(of: &[&str]) -> Vec<String> {
        of.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_reading_knows_what_it_has_shown_and_what_the_round_has_not_seen() {
        let mut c = mirror();
        let t = c.transaction().expect("transaction");
        let tell =
            |of: &[&str]| super::split_new_ids(&t, &place(), 2, (&ids(of), false), |id| id != "?").expect("told");
        let first = tell(&["a", "d", "x", "a", "?"]);
        assert_eq!((first.fresh.len(), first.unseen), (4, ids(&["d", "x"])));
        remember(&t, &place(), &Remembered { shown: first.fresh, asked: vec![(99, 0), (99, 0)], begins: true })
            .expect("kept");
        assert_eq!(tell(&["a", "b"]).fresh, [fingerprint("b")]);
        assert_eq!(asked(&t, &place()).expect("asked"), HashSet::from([(99, 0)]));
        let anew = super::split_new_ids(&t, &place(), 2, (&ids(&["a", "b"]), true), |_| true).expect("told");
        assert_eq!(anew.fresh.len(), 2, "the next reading begins with these");
        let left = not_shown_again(&t, &place(), 2, 1).expect("unshown");
        assert_eq!((left.count, left.of, left.ids), (2, 3, ids(&["b"])));
        remember(&t, &place(), &Remembered { begins: true, ..Remembered::default() }).expect("kept");
        assert_eq!(tell(&["a"]).fresh, [fingerprint("a")], "the next reading has shown nothing yet");
        assert_eq!(asked(&t, &place()).expect("asked").len(), 1, "questions stay");
    }

    #[test]
    fn a_walk_that_is_closed_or_begun_anew_remembers_nothing() {
        let mut c = mirror();
        let t = c.transaction().expect("transaction");
        let add = Remembered { asked: vec![(100, 0)], shown: vec![1], begins: false };
        let kept = |t: &Transaction<'_>| -> i64 {
            t.query_row("SELECT (SELECT count(*) FROM asked) + (SELECT count(*) FROM shown)", [], |r| r.get(0))
                .expect("a count")
        };
        for end in [true, false] {
            checkpoint::start(&t, &place(), 1, i64::MAX).expect("begun");
            remember(&t, &place(), &add).expect("kept");
            assert_eq!(kept(&t), 2);
            if end {
                let verdict = Some(Verdict::Continuous);
                checkpoint::advance(&t, &place(), &Advance { pass: 1, verdict, ..Advance::default() }).expect("closed");
            } else {
                checkpoint::start(&t, &place(), 2, i64::MAX).expect("begun anew");
            }
            assert_eq!(kept(&t), 0, "{end}");
        }
    }
}
