//! Remembers when a stream's one list was last read, and from which moment on it may be asked for changes only. A
//! reading of changes only (a *tail*) shows nothing about the other records, so only a reading of the complete list
//! leads to deletions.
//!
//! The remembered moment advances when a reading closes complete, and it does not go back unless a wrong clock had
//! put it in the future. An incomplete reading leaves it unchanged, so that the next tail asks for everything that
//! changed meanwhile. A complete reading is due in these cases:
//!
//! - the last complete reading is older than `full_every`;
//! - the list is asked for in another way than before;
//! - the list holds suspects;
//! - a deletion of its records was refused, for example because the list came out empty and the program did not
//!   accept this as true.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::checkpoint::{self, Checkpoint, Pass};
use super::settings;
use super::walk_key::WalkKey;
use crate::clock::is_ahead;
use crate::streams::Stream;

/// By how many milliseconds a tail starts earlier than the lookback requires, because clocks may differ.
const CLOCKS: i64 = 3_600_000;

/// The streams whose one list may be asked for changes only, and the limits for doing so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedSince {
    /// The streams, each with a fingerprint of how its list is asked for.
    pub streams: Vec<(Stream, i64)>,
    /// How far before the last reading a tail starts, in milliseconds.
    pub lookback: i64,
    /// The age, in milliseconds, at which the last complete reading is too old for another tail. 0 if every reading
    /// must be complete.
    pub full_every: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
}

impl ChangedSince {
    /// Returns the moment from which a stream's list is to be asked for changes, in milliseconds since 1970. Returns
    /// `None` if the list must be read completely.
    pub fn since(&self, t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<Option<i64>> {
        let Some((_, query)) = self.streams.iter().find(|(s, _)| *s == stream) else { return Ok(None) };
        let known: Option<(i64, i64)> = t
            .prepare_cached("SELECT began, whole FROM reading WHERE stream = ? AND query = ?")?
            .query_row(params![stream.number(), query], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        // A wrong clock dated a reading in the future. Such a date does not show what has changed since the reading.
        let fresh = |whole: &i64| self.now.saturating_sub(*whole) < self.full_every && !is_ahead(*whole, self.now);
        let known = known.filter(|(began, whole)| fresh(whole) && !is_ahead(*began, self.now));
        let Some((began, _)) = known else { return Ok(None) };
        let unsettled: bool = t
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM record INDEXED BY record_suspects
                     WHERE stream = ?1 AND suspect_run IS NOT NULL)
                 OR EXISTS (SELECT 1 FROM refusal WHERE stream = ?1)",
            )?
            .query_row([stream.number()], |r| r.get(0))?;
        Ok((!unsettled).then(|| began.min(self.now).saturating_sub(self.lookback).saturating_sub(CLOCKS)))
    }
}

/// Forgets the readings of a stream's one list, so that the next reading is complete.
pub(super) fn forget(t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM reading WHERE stream = ?")?.execute([stream.number()]).map(drop)
}

/// Records that a pass over a stream's one list, which began in run `since_run`, has closed complete. `query` is a
/// fingerprint of how the list was asked for. `tail` is `true` if the pass asked for changes only. `now` is the
/// server's time, in milliseconds since 1970.
pub fn closed(
    t: &Transaction<'_>,
    stream: Stream,
    query: i64,
    since_run: i64,
    tail: bool,
    now: i64,
) -> rusqlite::Result<()> {
    // The selected fields changed during the pass, so it holds records of both selections.
    if settings::fields_changed_in(t, stream)?.is_some_and(|changed| changed > since_run) {
        return Ok(());
    }
    let started: Option<String> =
        t.query_row("SELECT started_at FROM run WHERE id = ?", [since_run], |r| r.get(0)).optional()?;
    let Some(began) = started.and_then(|text| crate::clock::parsed(&text)) else { return Ok(()) };
    let known: Option<(i64, i64, i64, i64)> = t
        .prepare_cached("SELECT query, began, whole, run FROM reading WHERE stream = ?")?
        .query_row([stream.number()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
        .optional()?
        .filter(|(known, ..)| *known == query);
    // The moment goes back only if a wrong clock had put it in the future.
    let later = |before: i64| if is_ahead(before, now) { began } else { before.max(began) };
    let (began, whole, run) = match known {
        Some((_, before, whole, run)) if tail => (later(before), whole, run),
        Some((_, before, whole, run)) => (later(before), later(whole), run.max(since_run)),
        None if tail => return Ok(()),
        None => (began, began, since_run),
    };
    t.prepare_cached("INSERT OR REPLACE INTO reading (stream, query, began, whole, run) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![stream.number(), query, began, whole, run])?;
    Ok(())
}

/// Returns the checkpoint of a stream's one list, for a walk that is about to go on. If an open tail can no longer be
/// continued, first begins it anew as a complete reading. That is so if the list is now asked for in another way
/// (`query` is the fingerprint of how), or if the tail's moment is in the future.
pub fn checkpoint(
    t: &Transaction<'_>,
    place: &WalkKey,
    query: i64,
    run: i64,
    now: i64,
) -> rusqlite::Result<Option<Checkpoint>> {
    let found = checkpoint::find(t, place)?;
    let open_tail = |c: &Checkpoint| c.known_since.filter(|_| c.verdict.is_none());
    let Some(since) = found.as_ref().and_then(open_tail) else { return Ok(found) };
    let same: bool = t
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM reading WHERE stream = ? AND query = ?)")?
        .query_row(params![place.stream.number(), query], |r| r.get(0))?;
    if same && !is_ahead(since, now) {
        return Ok(found);
    }
    checkpoint::start_pass(t, place, run, i64::MAX, &Pass::default())?;
    checkpoint::find(t, place)
}

#[cfg(test)]
mod tests {
    use super::super::walk_key::Lane;
    use rusqlite::Connection;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const STREAM: Stream = Stream::Contacts;

    fn on<T>(c: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> T {
        let t = c.transaction().expect("begun");
        let done = work(&t).expect("done");
        t.commit().expect("committed");
        done
    }

    /// Makes a mirror whose run `n` began `n` days after 1970.
    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        super::super::upgrade::apply(&mut c, std::path::Path::new("m.db")).expect("a mirror");
        for day in 2..9 {
            let sql = "INSERT INTO run (id, job, lane, started_at) VALUES (?1 - 1, 'j', 'incremental', ?2)";
            c.execute(sql, params![day, format!("1970-01-0{day}T00:00:00Z")]).expect("a run");
        }
        c
    }

    fn close(c: &mut Connection, query: i64, run: i64, tail: bool) {
        on(c, |t| closed(t, STREAM, query, run, tail, 9 * 24 * HOUR));
    }

    /// Returns [`ChangedSince::since`] in days after 1970, asked on that day with a lookback of six hours.
    fn since(c: &mut Connection, query: i64, day: i64) -> Option<i64> {
        let tails = ChangedSince {
            streams: vec![(STREAM, query)],
            lookback: 6 * HOUR,
            full_every: 72 * HOUR,
            now: day * 24 * HOUR,
        };
        let since = on(c, |t| tails.since(t, STREAM));
        since.map(|moment| (moment + 7 * HOUR) / (24 * HOUR))
    }

    #[test]
    fn a_moment_moves_with_complete_readings_and_only_a_whole_one_puts_off_the_next() {
        let mut c = mirror();
        assert_eq!(since(&mut c, 1, 1), None, "never read");
        close(&mut c, 1, 1, true);
        assert_eq!(since(&mut c, 1, 1), None, "changes of what nobody read");
        close(&mut c, 1, 1, false);
        assert_eq!((since(&mut c, 1, 2), since(&mut c, 2, 2)), (Some(1), None), "asked for otherwise");
        close(&mut c, 1, 3, true);
        assert_eq!((since(&mut c, 1, 3), since(&mut c, 1, 4)), (Some(3), None), "three days after the whole one");
        close(&mut c, 1, 2, true);
        assert_eq!(since(&mut c, 1, 3), Some(3), "never back");
        assert_eq!(since(&mut c, 1, 0), None, "a clock that was wrong");
        close(&mut c, 2, 4, false);
        assert_eq!((since(&mut c, 2, 4), since(&mut c, 1, 4)), (Some(4), None));
        // The fields changed in run 6, so a reading that was begun before holds records of both selections.
        let changed = "INSERT INTO setting (stream, name, value, run, changed_in) VALUES (?, 'fields', 1, 6, 6)";
        on(&mut c, |t| t.execute(changed, [STREAM.number()]));
        close(&mut c, 2, 5, false);
        assert_eq!(since(&mut c, 2, 5), Some(4));
        close(&mut c, 2, 6, false);
        assert_eq!(since(&mut c, 2, 6), Some(6));
    }

    #[test]
    fn a_reading_that_is_still_to_come_is_not_believed_and_does_not_stay() {
        let mut c = mirror();
        close(&mut c, 1, 1, false);
        // Run 6 began on the sixth day, by a clock that was three days ahead.
        close(&mut c, 1, 6, true);
        let moments = |c: &Connection| -> (i64, i64) {
            c.query_row("SELECT began, whole FROM reading", [], |r| Ok((r.get(0)?, r.get(1)?))).expect("a reading")
        };
        assert_eq!(moments(&c), (6 * 24 * HOUR, 24 * HOUR));
        assert_eq!(since(&mut c, 1, 3), None, "it says nothing of what changed since the third day");
        on(&mut c, |t| closed(t, STREAM, 1, 3, false, 3 * 24 * HOUR));
        assert_eq!(moments(&c), (3 * 24 * HOUR, 3 * 24 * HOUR));
        assert_eq!(since(&mut c, 1, 4), Some(3));
        let place = WalkKey { lane: Lane::Incremental, stream: STREAM, partition: String::new() };
        let pass = Pass { known_since: Some(6 * 24 * HOUR), audited: None };
        on(&mut c, |t| checkpoint::start_pass(t, &place, 4, 4, &pass));
        let anew = on(&mut c, |t| checkpoint(t, &place, 1, 5, 4 * 24 * HOUR)).expect("a checkpoint");
        assert_eq!((anew.known_since, anew.since_run), (None, 5), "changes since a moment to come are none");
    }

    #[test]
    fn suspects_and_a_list_that_came_out_empty_have_the_list_read_whole() {
        let mut c = mirror();
        close(&mut c, 1, 1, false);
        let suspect = |run: Option<i64>| {
            move |t: &Transaction<'_>| {
                t.execute(
                    "INSERT OR REPLACE INTO record (stream, id, hash, seq, first_run, last_run, suspect_run)
                     VALUES (?, 'a', zeroblob(16), 1, 1, 1, ?)",
                    params![STREAM.number(), run],
                )
            }
        };
        on(&mut c, suspect(Some(1)));
        assert_eq!(since(&mut c, 1, 2), None);
        on(&mut c, suspect(None));
        assert_eq!(since(&mut c, 1, 2), Some(1));
        on(&mut c, |t| t.execute("INSERT INTO refusal VALUES (?, 1, 9, 9, 1)", [STREAM.number()]));
        assert_eq!(since(&mut c, 1, 2), None, "it came out empty");
    }

    #[test]
    fn a_tail_is_gone_on_with_as_it_was_asked_for_or_begins_anew_and_whole() {
        let mut c = mirror();
        close(&mut c, 1, 1, false);
        let place = WalkKey { lane: Lane::Incremental, stream: STREAM, partition: String::new() };
        let pass = Pass { known_since: Some(5), audited: None };
        on(&mut c, |t| checkpoint::start_pass(t, &place, 2, 2, &pass));
        let mut at = |query| on(&mut c, |t| checkpoint(t, &place, query, 3, 9 * 24 * HOUR)).expect("a checkpoint");
        let same = at(1);
        assert_eq!((same.known_since, same.since_run, same.pass), (Some(5), 2, 1));
        let anew = at(2);
        assert_eq!((anew.known_since, anew.since_run, anew.pass), (None, 3, 2));
    }
}
