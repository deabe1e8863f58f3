//! Finds left-over records: records that their list no longer shows since a setting changed that decides which
//! records the list shows ([`super::settings`]). Such settings are an argument, an operation, or the address of the
//! API. These records are no suspects, because they may exist as before and are only no longer asked for. A person
//! decides whether to delete them. Until then they stay, and each run reports them.
//!
//! A record is left over if no run has seen it since the setting changed, although the list to which it belongs was
//! read completely since, in either lane. No mark in the mirror is needed: a record that is seen again is no longer
//! left over.

use rusqlite::{Connection, named_params};

use super::deletions::live_records as live;
use super::settings::{self, Bearing};
use crate::delete_limit::Most;
use crate::streams::Stream;

/// The left-over records of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOver {
    /// The run since which the stream's lists show the records that they show now, or 0 if no record can be left
    /// over. A record that was last seen before that run is left over, or it belongs to a list that was not read
    /// since.
    pub shown: i64,
    /// The number of left-over records.
    pub count: u64,
    /// The ids of the left-over records: the first 1000 in the order of ids.
    pub ids: Vec<String>,
    /// The settings, as named in a job file, that have changed since the earliest of these records was last seen.
    pub settings: Vec<&'static str>,
}

/// Returns the left-over records of a stream. A changed address or key may still belong to the same account, and then
/// its lists show nearly all records. So if no more records are missing than one run may delete (`most`), such a
/// change leaves no record over, and the missing records are judged like any others.
pub fn of(c: &Connection, stream: Stream, most: Most) -> rusqlite::Result<LeftOver> {
    // An older mirror does not know which settings changed.
    if settings::shown_since(c, stream) == 0 {
        return Ok(LeftOver::default());
    }
    let changes = settings::changes(c, stream, 0)?;
    let last = |of: Bearing| changes.iter().filter(|c| c.setting.bearing() == of).map(|c| c.run).max().unwrap_or(0);
    let (mut shown, whose) = (last(Bearing::Which), last(Bearing::Whose));
    if whose > shown && count(c, stream, whose)?.0 > most.limit_for(live(c, stream)?) {
        shown = whose;
    }
    let (count, last_run) = count(c, stream, shown)?;
    if count == 0 {
        return Ok(LeftOver { shown, ..LeftOver::default() });
    }
    let since = changes.iter().filter(|change| change.run > last_run);
    let decides = since.filter(|c| matches!(c.setting.bearing(), Bearing::Which | Bearing::Whose));
    let settings = decides.map(|change| change.setting.display_name()).collect();
    Ok(LeftOver { shown, count, ids: ids(c, stream, shown, TOLD)?, settings })
}

/// The largest number of ids that [`LeftOver`] lists.
const TOLD: usize = 1000;

/// The SQL for live records that no run has seen since run `:shown`, although their list was read completely since.
const LEFT: &str = "FROM record AS r
     WHERE r.stream = :stream AND r.deleted = 0 AND r.last_run < :shown
         AND (EXISTS (SELECT 1 FROM entry WHERE entry.stream = :stream AND entry.partition = r.parent
                      AND entry.whole = 1 AND entry.run >= :shown)
              OR EXISTS (SELECT 1 FROM reading WHERE reading.stream = :stream AND reading.run >= :shown))";

/// Returns at most `most` ids of the records of a stream that are left over since run `shown`, in the order of ids.
pub fn ids(c: &Connection, stream: Stream, shown: i64, most: usize) -> rusqlite::Result<Vec<String>> {
    c.prepare_cached(&format!("SELECT r.id {LEFT} ORDER BY r.id LIMIT {most}"))?
        .query_map(named_params! { ":stream": stream.number(), ":shown": shown }, |r| r.get(0))?
        .collect()
}

/// Returns the number of records that are left over since run `shown`, and the earliest run in which one of them was
/// last seen.
fn count(c: &Connection, stream: Stream, shown: i64) -> rusqlite::Result<(u64, i64)> {
    c.prepare_cached(&format!("SELECT count(*), coalesce(min(r.last_run), 0) {LEFT}"))?
        .query_row(named_params! { ":stream": stream.number(), ":shown": shown }, |r| Ok((r.get(0)?, r.get(1)?)))
}

/// Returns those of the given records that were no suspects when the setting changed, in run `shown`. A record that
/// was already a suspect had disappeared from the list as it was asked for before the change, so it may be gone, or
/// merged into another record.
pub fn unsuspected(c: &Connection, stream: Stream, ids: &[String], shown: i64) -> rusqlite::Result<Vec<String>> {
    let mut of =
        c.prepare_cached("SELECT suspect_run IS NULL OR suspect_run >= ? FROM record WHERE stream = ? AND id = ?")?;
    let mut all = Vec::new();
    for id in ids {
        if of.query_row((shown, stream.number(), id), |r| r.get(0))? {
            all.push(id.clone());
        }
    }
    Ok(all)
}

/// Returns the ids of the live records of stream `child` whose parents are the records `ids`.
pub fn children(c: &Connection, child: Stream, ids: &[String]) -> rusqlite::Result<Vec<String>> {
    let mut of = c.prepare_cached(
        "SELECT id FROM record INDEXED BY record_parents WHERE stream = ? AND parent = ? AND deleted = 0",
    )?;
    let mut all = Vec::new();
    for id in ids {
        for child in of.query_map((child.number(), id), |r| r.get(0))? {
            all.push(child?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use rusqlite::Transaction;

    use super::super::settings::{AskedWith, Setting, remember};
    use super::*;

    const STREAM: Stream = Stream::Contacts;

    /// Makes a mirror of thirty contacts: run 1 has seen all of them, run 3 twenty of them.
    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        super::super::upgrade::apply(&mut c, std::path::Path::new("m.db")).expect("a mirror");
        for n in 0..30 {
            let sql = "INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, ?, x'00', ?, 1, ?)";
            c.execute(sql, rusqlite::params![format!("c{n:02}"), n + 1, if n < 10 { 1 } else { 3 }]).expect("a record");
        }
        c
    }

    fn change(c: &mut Connection, setting: Setting, value: i64, run: i64) {
        let t: Transaction<'_> = c.transaction().expect("begun");
        let asked = AskedWith { stream: STREAM, settings: vec![(setting, value)] };
        remember(&t, &asked, run).expect("remembered");
        t.commit().expect("committed");
    }

    fn read_whole(c: &Connection, run: i64) {
        c.execute("INSERT OR REPLACE INTO reading (stream, query, began, whole, run) VALUES (1, 0, 0, 0, ?)", [run])
            .expect("a reading");
    }

    fn left(c: &Connection, most: u64) -> (i64, u64, Vec<&'static str>) {
        let left = of(c, STREAM, Most::Number(most)).expect("counted");
        assert_eq!(left.ids.len() as u64, left.count);
        (left.shown, left.count, left.settings)
    }

    #[test]
    fn what_was_not_seen_since_is_left_over_once_its_list_was_read_whole() {
        let mut c = mirror();
        change(&mut c, Setting::Arguments, 1, 1);
        assert_eq!(left(&c, 0), (0, 0, vec![]), "nothing has changed");
        change(&mut c, Setting::Arguments, 2, 3);
        read_whole(&c, 1);
        assert_eq!(left(&c, 0), (3, 0, vec![]), "not read since");
        read_whole(&c, 3);
        assert_eq!(left(&c, 1000), (3, 10, vec!["`list.arguments`"]), "however few");
        // A later change of a setting that does not decide which records are shown is not named.
        change(&mut c, Setting::Fields, 1, 1);
        change(&mut c, Setting::Fields, 2, 4);
        assert_eq!(left(&c, 0), (3, 10, vec!["`list.arguments`"]));
        c.execute("UPDATE record SET last_run = 5 WHERE id < 'c04'", []).expect("seen again");
        c.execute("UPDATE record SET deleted = 1 WHERE id = 'c04'", []).expect("gone");
        assert_eq!(left(&c, 0).1, 5);
    }

    #[test]
    fn at_another_address_few_are_judged_as_in_any_night_and_many_are_left_over() {
        let mut c = mirror();
        change(&mut c, Setting::Endpoint, 1, 1);
        change(&mut c, Setting::Endpoint, 2, 3);
        read_whole(&c, 3);
        assert_eq!(left(&c, 0), (0, 0, vec![]), "ten may always go");
        c.execute("UPDATE record SET last_run = 1 WHERE id = 'c10'", []).expect("one more");
        assert_eq!(left(&c, 0), (3, 11, vec!["the address (`endpoint`)"]));
        assert_eq!(left(&c, 11), (0, 0, vec![]));
        // Records that were left over before the address changed stay so, however many may be deleted.
        change(&mut c, Setting::Arguments, 1, 1);
        change(&mut c, Setting::Arguments, 2, 2);
        assert_eq!(left(&c, 11), (2, 11, vec!["the address (`endpoint`)", "`list.arguments`"]));
    }
}
