//! Handles orphans: records whose parent is gone, which means messages of a deleted conversation. They may have been
//! deleted with it. Or they may have moved: if the conversation was merged into another one, its messages are in the
//! other one's list, with the ids that they had. So an orphan is a suspect until one of these happens:
//!
//! - A list shows it. It belongs to that list from then on ([`super::records`]).
//! - The program asks the server for it by its id, and the server answers that it does not exist.
//! - Every other list was read completely after the orphan's parent was found gone, and none shows the orphan.
//!
//! The last case counts only passes that begin after the run that found the parent gone (`closed`). A list that was
//! read *in* that run was read before the parent was found gone, and the record may have moved after the list was
//! read. [`begin_search`] begins the passes in this order:
//!
//! 1. lists of conversations with the same contact;
//! 2. lists that this round has read, because they changed;
//! 3. all other lists, beginning with the one that was read the longest ago.
//!
//! Lists for which a run has no requests left are read in the next run.
//!
//! A parent record may also go before its list was read to the end ([`note_unread`]). Then the mirror does not know
//! what was in that list. If its contents have moved, the list that shows them now may have been read before they
//! arrived. The same search finds them, and each run reports the search until every list was read ([`unread`]). The
//! run is not incomplete because of it: most such parents were deleted, and on a busy account there are always some.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::checkpoint::{self, Pass};
use super::parents::PARENT_ID_SQL;
use super::schema::has_table;
use super::store::Writer;
use super::suspects::{JudgedStream, Parent, Suspect};
use super::walk_key::{Lane, WalkKey};
use crate::error::Result;
use crate::streams::Stream;

/// The SQL condition that record `r` of stream `?1` is an orphan: it is live and a suspect, and its parent in stream
/// `?2` is not live.
const IS_ORPHAN: &str = "r.stream = ?1 AND r.suspect_run IS NOT NULL AND r.deleted = 0 AND r.parent IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM record AS p WHERE p.stream = ?2 AND p.id = r.parent AND p.deleted = 0)";

/// Turns the live records of stream `child` that belong to `parent` into orphans. Returns their number.
pub(super) fn mark_orphans(t: &Transaction<'_>, child: Stream, parent: &str, run: i64) -> rusqlite::Result<u64> {
    t.prepare_cached(
        "UPDATE record INDEXED BY record_parents SET suspect_run = ?, suspect_since = ?
         WHERE stream = ? AND parent = ? AND deleted = 0",
    )?
    .execute(params![run, crate::clock::now(), child.number(), parent])
    .map(|n| n as u64)
}

/// Turns records of stream `child` into orphans if their parent, of stream `stream`, is a tombstone and they are no
/// suspects yet. An older version of this program leaves such records if it is killed between the two steps.
pub fn leave_the_rest(writer: &mut Writer, run: i64, stream: Stream, child: Stream) -> Result<()> {
    writer.transaction(|t| {
        let parents: Vec<String> = t
            .prepare(
                "SELECT r.id FROM record AS r INDEXED BY record_tombstones WHERE r.stream = ?1 AND r.deleted = 1
                     AND EXISTS (SELECT 1 FROM record AS m INDEXED BY record_parents WHERE m.stream = ?2
                                 AND m.parent = r.id AND m.deleted = 0 AND m.suspect_run IS NULL)",
            )?
            .query_map(params![stream.number(), child.number()], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for parent in parents {
            mark_orphans(t, child, &parent, run)?;
        }
        Ok(())
    })
}

/// Returns at most `most` orphans of `of.stream`, whose parents are in stream `parent`, the oldest suspicion first.
/// `behind` is the last orphan of the previous call, or `None` for the first call.
pub fn orphans(
    writer: &mut Writer,
    of: JudgedStream,
    parent: Stream,
    behind: Option<&Suspect>,
    most: usize,
) -> Result<Vec<Suspect>> {
    let (run, id) = behind.map_or((-1, ""), |s| (s.suspect_run, s.id.as_str()));
    writer.transaction(|t| {
        let searched = searched(t, of.stream, parent)?;
        t.prepare_cached(&format!(
            "SELECT r.id, r.suspect_run FROM record AS r INDEXED BY record_suspects
             WHERE {IS_ORPHAN} AND (r.suspect_run, r.id) > (?3, ?4) ORDER BY r.suspect_run, r.id LIMIT ?5"
        ))?
        .query_map(params![of.stream.number(), parent.number(), run, id, most], |r| {
            let suspect_run = r.get(1)?;
            let parent = Parent::Gone { is_searched: suspect_run <= searched };
            Ok(Suspect { id: r.get(0)?, suspect_run, proven: false, empty: false, parent })
        })?
        .collect()
    })
}

/// Returns the newest run up to which the search is finished: every list was searched for what became orphans in that
/// run or earlier.
fn searched(t: &Transaction<'_>, child: Stream, parent: Stream) -> rusqlite::Result<i64> {
    t.prepare_cached(
        "SELECT min(coalesce(e.searched, 0)) FROM record AS p
         LEFT JOIN entry AS e ON e.stream = ?1 AND e.partition = p.id
         WHERE p.stream = ?2 AND p.deleted = 0",
    )?
    .query_row(params![child.number(), parent.number()], |r| r.get::<_, Option<i64>>(0))
    .map(|run| run.unwrap_or(i64::MAX))
}

/// Marks the lists of records that share a contact with the records `ids` of stream `parent`, which are about to be
/// deleted. [`begin_search`] searches the marked lists first.
pub fn mark_related_lists(writer: &mut Writer, run: i64, parent: Stream, child: Stream, ids: &[String]) -> Result<()> {
    let Some(column) = parent.reference_column() else { return Ok(()) };
    let ids = serde_json::json!(ids).to_string();
    writer.transaction(|t| {
        t.execute(
            &format!(
                "UPDATE entry SET related = ?3 WHERE stream = ?4 AND partition IN (
                     SELECT b.id FROM body_{parent} AS b WHERE CAST({PARENT_ID_SQL} AS TEXT) IN (
                         SELECT CAST({PARENT_ID_SQL} AS TEXT) FROM body_{parent} AS b WHERE b.id IN (SELECT value FROM json_each(?2))
                             AND {PARENT_ID_SQL} IS NOT NULL))"
            ),
            params![format!("$.{column}"), ids, run, child.number()],
        )
        .map(drop)
    })
}

/// Stores which of the records `ids` of stream `parent` are deleted before their list in stream `child` was read to
/// the end. Leaves out a record whose list is empty as far as is known: the record shows no last message, and the
/// mirror holds nothing of its list.
pub fn note_unread(writer: &mut Writer, run: i64, parent: Stream, child: Stream, ids: &[String]) -> Result<()> {
    let ids = serde_json::json!(ids).to_string();
    writer.transaction(|t| {
        t.execute(
            &format!(
                "INSERT OR REPLACE INTO unread (stream, id, run)
                 SELECT ?1, r.id, ?2 FROM record AS r JOIN entry AS e ON e.stream = ?1 AND e.partition = r.id
                 WHERE r.stream = ?3 AND r.deleted = 0 AND r.id IN (SELECT value FROM json_each(?4))
                     AND (EXISTS (SELECT 1 FROM checkpoint AS c WHERE c.stream = ?1 AND c.partition = r.id
                                      AND (c.open = 1 OR c.verdict = 'incomplete'))
                          OR NOT EXISTS (SELECT 1 FROM checkpoint AS c WHERE c.stream = ?1 AND c.partition = r.id))
                     AND NOT (EXISTS (SELECT 1 FROM body_{parent} AS b
                                      WHERE b.seq = r.seq AND json_type(b.payload, '$.lastMessage') = 'null')
                              AND NOT EXISTS (SELECT 1 FROM record AS m INDEXED BY record_parents
                                              WHERE m.stream = ?1 AND m.parent = r.id AND m.deleted = 0))"
            ),
            params![child.number(), run, parent.number(), ids],
        )
        .map(drop)
    })
}

/// The largest number of records deleted with unread lists for which every other list is searched. If there are more,
/// they were most likely deleted with their contents, and only the lists of conversations with the same contacts are
/// read.
const FEW: u64 = 3;

/// Forgets the records deleted with unread lists ([`note_unread`]) for which every list was searched. If more than
/// `FEW` are left, also forgets those that were deleted before run `run`: nothing searches every list for them, and
/// their own runs have reported them. Returns whether to search every list for the rest.
pub fn settle_unread(t: &Transaction<'_>, child: Stream, parent: Stream, run: i64) -> rusqlite::Result<bool> {
    let count = count_unread(t, child)?;
    if count > 0 {
        let searched = searched(t, child, parent)?;
        let settled = if count > FEW { searched.max(run - 1) } else { searched };
        t.execute("DELETE FROM unread WHERE stream = ? AND run <= ?", params![child.number(), settled])?;
    }
    count_unread(t, child).map(|left| (1..=FEW).contains(&left))
}

fn count_unread(c: &Connection, child: Stream) -> rusqlite::Result<u64> {
    c.query_row("SELECT count(*) FROM unread WHERE stream = ?", [child.number()], |r| r.get(0))
}

/// Returns the number of records that were deleted before their list in stream `child` was read to the end, and the
/// number of lists that must still be read completely in search of their contents. Returns `None` if there are no
/// such records.
pub fn unread(c: &Connection, child: Stream) -> rusqlite::Result<Option<(u64, u64)>> {
    let Some(parent) = child.definition().parent.filter(|_| has_table(c, "unread").unwrap_or(false)) else {
        return Ok(None);
    };
    let (gone, newest): (u64, Option<i64>) = c
        .prepare_cached("SELECT count(*), max(run) FROM unread WHERE stream = ?")?
        .query_row([child.number()], |r| Ok((r.get(0)?, r.get(1)?)))?;
    newest.map(|newest| Ok((gone, lists_behind(c, child, parent, newest)?))).transpose()
}

/// Returns the number of lists that were not yet searched for the contents of records that were found gone in run
/// `newest`.
fn lists_behind(c: &Connection, child: Stream, parent: Stream, newest: i64) -> rusqlite::Result<u64> {
    c.query_row(
        "SELECT count(*) FROM record AS p LEFT JOIN entry AS e ON e.stream = ?1 AND e.partition = p.id
         WHERE p.stream = ?2 AND p.deleted = 0 AND coalesce(e.searched, 0) < ?3",
        params![child.number(), parent.number(), newest],
        |r| r.get(0),
    )
}

/// Describes which lists a search for orphans may begin, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// The lane of the round.
    pub lane: Lane,
    /// The stream of the orphans.
    pub child: Stream,
    /// The stream of the orphans' parents.
    pub parent: Stream,
    /// The run in which the round began.
    pub round: i64,
    /// The current run.
    pub run: i64,
    /// The number of pages that the run may still ask for.
    pub questions: u64,
    /// The number of rows on a page.
    pub page_size: u32,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
}

/// Begins passes over lists that may show orphans: as many as will probably take `search.questions` pages, and at
/// least one. A list that this round has already read is read again. The list of a record that is itself a suspect
/// waits until the suspicion is settled, because the record is probably gone and asking for its list would fail.
/// Returns how many passes were begun.
pub fn begin_search(t: &Transaction<'_>, search: &Search) -> rusqlite::Result<u64> {
    let (child, parent) = (search.child.number(), search.parent.number());
    let oldest_and_newest = t.query_row(
        &format!(
            "SELECT min(run), max(run) FROM (
                 SELECT r.suspect_run AS run FROM record AS r INDEXED BY record_suspects WHERE {IS_ORPHAN}
                 UNION ALL SELECT run FROM unread WHERE stream = ?1)"
        ),
        params![child, parent],
        |r| Ok((r.get::<_, Option<i64>>(0)?, r.get::<_, Option<i64>>(1)?)),
    )?;
    let (Some(oldest), Some(newest)) = oldest_and_newest else { return Ok(0) };
    let has_orphans: bool = t.query_row(
        &format!("SELECT EXISTS (SELECT 1 FROM record AS r INDEXED BY record_suspects WHERE {IS_ORPHAN})"),
        params![child, parent],
        |r| r.get(0),
    )?;
    let is_wide = has_orphans || count_unread(t, search.child)? <= FEW;
    let lists: Vec<(String, u64)> = t
        .prepare(
            "SELECT p.id, (SELECT count(*) FROM record AS m INDEXED BY record_parents
                           WHERE m.stream = ?1 AND m.parent = p.id AND m.deleted = 0)
             FROM record AS p JOIN entry AS e ON e.stream = ?1 AND e.partition = p.id
             WHERE p.stream = ?2 AND p.deleted = 0 AND p.suspect_run IS NULL AND (?8 OR coalesce(e.related, 0) >= ?5)
                 AND coalesce(e.searched, 0) < ?3 AND coalesce(e.search, 0) < ?4
             ORDER BY coalesce(e.related, 0) >= ?5 DESC, e.run >= ?6 DESC, e.read_at, p.id LIMIT ?7",
        )?
        .query_map(
            params![child, parent, newest, search.run, oldest, search.round, search.questions.max(1), is_wide],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let (mut begun, mut left) = (0, search.questions);
    for (partition, rows) in lists {
        let pages = rows / u64::from((search.page_size / 2).max(1)) + 1;
        if begun > 0 && pages > left {
            break;
        }
        left = left.saturating_sub(pages);
        begin(t, search, &WalkKey { lane: search.lane, stream: search.child, partition })?;
        begun += 1;
    }
    Ok(begun)
}

/// Begins the pass over one list. Keeps the results of an audit of that list in this round.
fn begin(t: &Transaction<'_>, search: &Search, place: &WalkKey) -> rusqlite::Result<()> {
    let at = params![place.lane.name(), place.stream.number(), place.partition, search.round];
    let audited: Option<(i64, i64)> = t
        .prepare_cached(
            "SELECT audited, lacked FROM checkpoint
             WHERE lane = ? AND stream = ? AND partition = ? AND since_run >= ? AND audited IS NOT NULL",
        )?
        .query_row(at, |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    checkpoint::start_pass(t, place, search.run, search.run + 1, &Pass { known_since: None, audited })?;
    t.prepare_cached(
        "UPDATE entry SET lane = ?1, run = ?2, began = ?3, whole = 0, skipped = NULL, repair = NULL, search = ?2
         WHERE stream = ?4 AND partition = ?5",
    )?
    .execute(params![place.lane.name(), search.run, search.now, place.stream.number(), place.partition])
    .map(drop)
}

/// Records that the pass over a list that began in `since_run` has closed. If the pass read the complete list, the
/// list counts as searched. A pass that was begun by a search counts for orphans of its own run, too; any other pass
/// counts only for those of earlier runs.
pub(super) fn closed(t: &Transaction<'_>, place: &WalkKey, since_run: i64) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE entry SET searched = max(coalesce(searched, 0), coalesce(search, run - 1))
         WHERE stream = ?2 AND partition = ?3 AND lane = ?1 AND run = ?4 AND EXISTS (
             SELECT 1 FROM checkpoint AS c WHERE c.lane = ?1 AND c.stream = ?2 AND c.partition = ?3 AND c.at_known = 0
                 AND (c.verdict IN ('proven', 'continuous') OR c.set_aside = 1))",
    )?
    .execute(params![place.lane.name(), place.stream.number(), place.partition, since_run])
    .map(drop)
}

/// Returns the number of orphans in stream `child`, and the number of lists that are still to be searched for them.
pub fn count_remaining(t: &Transaction<'_>, child: Stream, parent: Stream) -> rusqlite::Result<(u64, u64)> {
    let (orphans, newest): (u64, Option<i64>) = t.query_row(
        &format!("SELECT count(*), max(r.suspect_run) FROM record AS r INDEXED BY record_suspects WHERE {IS_ORPHAN}"),
        params![child.number(), parent.number()],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?;
    let Some(newest) = newest else { return Ok((0, 0)) };
    Ok((orphans, lists_behind(t, child, parent, newest)?))
}
