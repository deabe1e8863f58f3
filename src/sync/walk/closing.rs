//! Closing readings: no record that was in a list from the walk's first request to its last is passed over.
//!
//! The overlap walk misses no row that nobody touched. But a conversation that gets a message while the list is read jumps
//! to the head, past the reading point, and nothing in the answers says so. So a list is read once more, ids alone, many
//! pages a request. What that shows and the mirror lacks is read whole and stored, and what belongs to it is read in the
//! same run. That is repeated until a reading shows no such row that can have been there when the walk began, three times
//! at most.
//!
//! - A closing reading asks no question (page size and first row) that the walk asked in this process, as long as others
//!   serve as well: a server that keeps answers would confirm itself.
//! - A row counts as passed over unless it was made after the walk began: it tells so, or what belongs to it does (a
//!   conversation whose messages fit one page, all of them younger).
//! - A list that was read whole in one window needs none, nor does one that stood still as far as the windows show and is
//!   read a second time by [`super::second_pass`], nor a list of messages whose moments only fall, or only rise.
//! - A record that moved past the reading point in every reading is shown by none, and no answer tells that from one that
//!   is gone. It takes as many moves in phase with the readings as there were readings.
//! - The server's own word: its total, told by the first page of the reading, is no more than the records that the reading
//!   shows and those that it does not show any more. Where it is more in two readings, the list is incomplete.
//!
//! Nothing of a reading is kept across a kill but what it stored: the next run reads the list's last window again, and then
//! its closing readings.

use std::collections::HashSet;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::commit::{Left, Window, land};
use super::driver::Ended;
use super::id_reading::{IdReading, Next};
use super::isolate;
use crate::error::Result;
use crate::mirror::checkpoint::{Checkpoint, Place};
use crate::mirror::readings;
use crate::quantity::counted;
use crate::record;
use crate::set_aside::is_no_id;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::{self, Kind as Holds, Stream};
use crate::sync::parents::{self, Checked};
use crate::sync::{Context, unchanged};
use crate::verdict::Verdict;

/// Closing readings of one list at most.
const MOST: u32 = 3;

/// A list that a walk has read to its end.
pub(super) struct Read<'c> {
    pub context: &'c Context,
    pub stream: Stream,
    /// Its checkpoint when this run began.
    pub from: &'c Checkpoint,
    /// Windows that were stored.
    pub windows: i64,
    /// Where the walk stands in the mirror until it is closed.
    pub stands: Option<String>,
    /// The page size that it used.
    pub size: u32,
    /// The questions that it asked.
    pub asked: HashSet<(u32, u64)>,
    /// The server's time when it began; `None` where an earlier process began it.
    pub began: Option<i64>,
}

/// What one reading showed.
#[derive(Default)]
struct Shown {
    /// The ids, as fingerprints.
    ids: HashSet<u64>,
    /// Of those, rows that the round had seen before.
    known: u64,
    /// Rows that were unknown and can have been there when the walk began.
    passed_over: u64,
    /// Rows that were unknown.
    unknown: u64,
    /// What its first page tells of how many there are.
    total: Option<u64>,
    is_first: bool,
    /// Its rows, where they stood still while it went on.
    rows: Option<u64>,
}

impl Shown {
    /// What speaks against it: fewer records than rows, or than the server says. `unshown`: so many that the round has seen
    /// it does not show.
    fn is_short(&self, unshown: u64) -> Option<String> {
        let ids = self.ids.len() as u64;
        if let Some(rows) = self.rows.filter(|rows| *rows > ids) {
            return Some(format!(
                "{} have {} between them: does one stand there twice, or do ids differ in their type alone?",
                counted(rows, "row"),
                counted(ids, "id")
            ));
        }
        let total = self.total.filter(|total| *total > ids + unshown)?;
        Some(format!("the server says {} and shows {ids}", counted(total, "record")))
    }
}

/// Reads the list again until nothing shows up that was passed over, and closes its walk.
pub(super) async fn close(mut list: Read<'_>) -> Result<Ended> {
    let (mut found, mut short) = (0, 0);
    let mut verdict = Verdict::Incomplete("records keep moving while the list is read".into());
    for round in 0..MOST {
        let walk = IdReading::walk(list.context, list.stream, list.size.saturating_sub(1 + round).max(1))?;
        let (shown, ended, asked) = match reading(&mut list, walk).await? {
            Outcome::Read(shown, ended, asked) => (shown, ended, asked),
            Outcome::Stopped => return Ok(Ended::Stopped),
        };
        list.asked.extend(asked);
        found += shown.unknown;
        // The walk came to its end: what keeps a reading from its own is that the list moves.
        if let Verdict::Incomplete(why) = ended {
            tracing::info!(stream = %list.stream, why, "a closing reading came to no end");
            continue;
        }
        let unshown = unshown(&list, &shown).await?;
        if let Some(why) = shown.is_short(unshown) {
            short += 1;
            verdict = Verdict::Incomplete(why);
            if short > 1 {
                break;
            }
            continue;
        }
        short = 0;
        verdict = Verdict::Incomplete("records keep moving while the list is read".into());
        if shown.passed_over == 0 {
            verdict = Verdict::Continuous;
            break;
        }
    }
    tell(&list, found);
    land(list.context, list.stream, list.from, list.windows, Window::default(), Left::Closed(verdict.clone())).await?;
    Ok(Ended::Closed(verdict))
}

/// What came of a reading.
enum Outcome {
    /// What it showed, what it is worth, and what it asked.
    Read(Shown, Verdict, HashSet<(u32, u64)>),
    /// A stop was asked for.
    Stopped,
}

async fn reading(list: &mut Read<'_>, walk: super::Walk) -> Result<Outcome> {
    let parent = Some(list.from.partition.clone()).filter(|partition| !partition.is_empty());
    let walk = walk.avoiding(Arc::new(list.asked.clone()));
    let mut reading = IdReading::new(list.context, list.stream, parent, walk);
    let mut shown = Shown { is_first: true, ..Shown::default() };
    loop {
        match reading.next().await {
            Ok(Next::Page(next)) => take(list, &mut shown, next.0, &next.1).await?,
            Ok(Next::End(verdict)) => {
                let walk = reading.into_walk();
                shown.rows = walk.stood_still().then(|| walk.rows());
                return Ok(Outcome::Read(shown, verdict, walk.questions()));
            }
            Ok(Next::Stopped) => return Ok(Outcome::Stopped),
            // Of a list with a row that cannot be asked for, not even for its id, no ids can be read: it lacks that row anyway.
            Err(error) if isolate::is_of_a_row(&error) => {
                shown.total = None;
                return Ok(Outcome::Read(shown, Verdict::Continuous, HashSet::new()));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Stores what a page shows and the round has not seen.
async fn take(list: &mut Read<'_>, shown: &mut Shown, question: Question, page: &Page) -> Result<()> {
    if std::mem::take(&mut shown.is_first) {
        shown.total = page.total;
    }
    let fresh = page.records.rows.iter().filter(|row| shown.ids.insert(xxh3_64(row.id.as_bytes())));
    // A row whose id cannot be read counts as one, and is nobody's.
    let fresh: Vec<String> = fresh.filter(|row| !is_no_id(&row.id)).map(|row| row.id.to_string()).collect();
    let place = Place { lane: list.context.lane, stream: list.stream, partition: list.from.partition.clone() };
    let (since, asked) = (list.from.since_run, fresh.clone());
    let unknown = list.context.mirror.call(move |w| w.transaction(|t| readings::unseen(t, &place, since, &asked)));
    let unknown: HashSet<String> = unknown.await?.into_iter().collect();
    shown.known += (fresh.len() - unknown.len()) as u64;
    if unknown.is_empty() {
        return Ok(());
    }
    shown.unknown += unknown.len() as u64;
    let question = Question { select: Select::Whole, ..question };
    let whole = match list.context.source.ask(question.clone()).await {
        Ok(page) => page,
        Err(error) => {
            let first = if let Start::Row(row) = question.start { row } else { 0 };
            isolate::page(list.context, &question, first, error).await?
        }
    };
    let Checked::Page(whole) = parents::checked(list.context, &question, whole).await? else {
        shown.passed_over += unknown.len() as u64;
        return Ok(());
    };
    let is_new = |id: &&String| {
        let row = whole.records.rows.iter().find(|row| *row.id == ***id);
        row.is_some_and(|row| is_younger(list, &whole, row))
    };
    let old: Vec<String> = unknown.iter().filter(|id| !is_new(id)).cloned().collect();
    shown.passed_over += old_lists(list, old).await?;
    let moments = unchanged::made(list.context, list.stream, list.from, &whole);
    let window = Window { page: Page { nameless: 0, ..whole }, stepped_back: true, moments };
    land(list.context, list.stream, list.from, list.windows, window, Left::Open(list.stands.clone())).await?;
    list.windows += 1;
    Ok(())
}

/// Whether a row tells that it was made after the walk began.
fn is_younger(list: &Read<'_>, page: &Page, row: &record::Record) -> bool {
    let column = list.stream.columns().iter().find(|column| column.kind == Holds::Timestamp);
    let Some((began, column)) = list.began.zip(column) else { return false };
    let text = std::str::from_utf8(page.records.payload(row)).unwrap_or_default();
    record::moment(text, &[column.name], list.context.source.dialect().date).is_some_and(|made| made >= began)
}

/// How many of these records were there when the walk began, by what belongs to them: the oldest message of a conversation
/// is as old as itself. One whose list is longer than a page is old, and so is one of which nothing tells.
async fn old_lists(list: &Read<'_>, ids: Vec<String>) -> Result<u64> {
    let context = list.context;
    let children = streams::ALL.into_iter().filter(|s| s.definition().parent == Some(list.stream));
    let child = children.into_iter().find(|s| context.source.is_partitioned(*s));
    let (Some(child), Some(began), false) = (child, list.began, ids.is_empty()) else { return Ok(ids.len() as u64) };
    let Some(column) = child.columns().iter().find(|column| column.kind == Holds::Timestamp) else {
        return Ok(ids.len() as u64);
    };
    let question = |id: &String| Question {
        stream: child,
        parent: Some(id.clone()),
        size: context.page_size,
        start: Start::Row(0),
        select: Select::Whole,
        since: None,
    };
    let pages = context.source.ask_all_briefly(ids.iter().map(question).collect()).await;
    let date = context.source.dialect().date;
    let is_young = |page: &Page| {
        let rows = &page.records.rows;
        let is_whole = page.total.map_or(page.has_next == Some(false), |total| total == rows.len() as u64);
        let made = |row| {
            let text = std::str::from_utf8(page.records.payload(row)).unwrap_or_default();
            record::moment(text, &[column.name], date)
        };
        is_whole && !rows.is_empty() && rows.iter().all(|row| made(row).is_some_and(|made| made >= began))
    };
    Ok(pages.iter().filter(|page| !page.as_ref().is_ok_and(is_young)).count() as u64)
}

/// How many records the round has seen of the list that a reading did not show.
async fn unshown(list: &Read<'_>, shown: &Shown) -> Result<u64> {
    let place = Place { lane: list.context.lane, stream: list.stream, partition: list.from.partition.clone() };
    let since = list.from.since_run;
    let seen = list.context.mirror.call(move |w| w.transaction(|t| readings::seen(t, &place, since))).await?;
    Ok(seen.saturating_sub(shown.known + shown.unknown))
}

/// Says in the summary what the closing readings found.
fn tell(list: &Read<'_>, found: u64) {
    if found > 0 {
        tracing::info!(stream = %list.stream, found, "closing readings found records that the walk had passed over");
        if list.from.partition.is_empty() {
            let found = counted(found, "record");
            list.context
                .note(format!("{}: reading the list again found {found} that had moved meanwhile", list.stream));
        }
    }
}
