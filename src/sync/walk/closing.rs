//! Closing readings: no record that was in a list from the walk's first request to its last is passed over.
//!
//! The overlap walk misses no row that nobody touched. But a conversation that gets a message while the list is read jumps
//! to the head, past the reading point, and nothing in the answers says so. So a list is read once more, ids alone, many
//! pages a request. What that shows and the mirror lacks is read whole and stored, and what belongs to it is read in the
//! same run. That is repeated until a reading shows no such row that can have been there when the walk began, three times
//! at most.
//!
//! - A closing reading asks no question (page size and first row) that the walk, its second pass, or another reading asked, as
//!   long as others serve as well: a server that keeps answers would confirm itself. Where the server has one page size only,
//!   no question is new: the reading comes a minute later.
//! - A row counts as passed over unless it was made after the walk began: it tells so, or what belongs to it does (a
//!   conversation whose messages fit one page, all of them younger).
//! - Which lists need closing readings, `ending.rs` says.
//! - A record that moved past the reading point in every reading is shown by none, and no answer tells that from one that
//!   is gone. How likely that is, the last reading tells: of the `n` known records it did not show `m` although they exist.
//!   About `3m / (n - m)` may be missing. Under one the list is continuous, and the run tells the number.
//! - The server's own word: its total, told by the first page of the reading, is no more than the records that the reading
//!   shows and those that it does not show any more. Of a list that stood still the same holds for every page's total. Where
//!   the total is more in two readings, the list is incomplete.
//!
//! A closing reading is a pass like any other: each page that it has taken in is committed, with the ids that it showed,
//! and a run that is stopped or killed in it goes on with it. One that is older than an hour begins again: too much has
//! changed since. In boxes it may take a week, for where a box holds a few pages of it, it would never come to its end; what
//! moved meanwhile, it tells as any other does. `reading_again.rs` holds one such reading.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::commit::{Left, Window, land};
use super::driver::Ended;
use super::id_reading::IdReading;
use super::position::Position;
use super::{Walk, moved, reading_again, reasons};
use crate::error::Result;
use crate::mirror::checkpoint::{Checkpoint, Place};
use crate::mirror::reread::{self, Asked, Remembered};
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::Context;
use crate::verdict::{Moved, Verdict};

/// Closing readings of one list at most.
const MOST: u32 = 3;
/// A reading that began so many milliseconds ago is not gone on with,
const OLD: i64 = 3_600_000;
/// and in boxes, of which one may hold a few pages of it, such a one.
const OLD_IN_BOXES: i64 = 7 * 24 * 3_600_000;
/// How long a reading waits that can ask no new question, in milliseconds.
const ONE_SIZE: i64 = 60_000;

/// A list that a walk has read to its end.
pub(super) struct Read<'c> {
    pub context: &'c Context,
    pub stream: Stream,
    /// Its checkpoint when this run began.
    pub from: &'c Checkpoint,
    /// Windows that were stored.
    pub windows: i64,
}

impl Read<'_> {
    pub(super) fn place(&self) -> Place {
        Place { lane: self.context.lane, stream: self.stream, partition: self.from.partition.clone() }
    }

    /// The record whose list it is; `None` for a stream's one list.
    pub(super) fn parent(&self) -> Option<String> {
        Some(self.from.partition.clone()).filter(|partition| !partition.is_empty())
    }

    /// The question for the ids of its first rows.
    pub(super) fn first_page(&self, size: u32) -> Question {
        let parent = self.parent().or_else(|| self.context.source.any_parent(self.stream));
        Question { stream: self.stream, parent, size, start: Start::Row(0), select: Select::Ids, since: None }
    }

    /// Stores a window; the walk goes on as `closing` says.
    pub(super) async fn keep(&mut self, window: Window, closing: &Closing) -> Result<()> {
        let position = Position::closing(closing)?;
        land(self.context, self.stream, self.from, self.windows, window, Left::Open(Some(position))).await?;
        self.windows += 1;
        Ok(())
    }
}

/// Where the closing readings of a list stand; stored in its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// The server's time when the walk began, in milliseconds since 1970, where it is known.
    pub began: Option<i64>,
    /// The page size that the walk used.
    size: u32,
    /// The server serves one page size only.
    one_size: bool,
    /// Such a reading does not begin before this moment of the server's time, in milliseconds since 1970.
    not_before: Option<i64>,
    /// Readings that came to their end.
    readings: u32,
    /// Records that they found.
    pub found: u64,
    /// The last of them fell short of the server's own word.
    was_short: bool,
    /// Some answer to the walk told more rows than the walk has read.
    was_told_more: bool,
    /// The reading under way.
    pub reading: Option<Reading>,
}

/// A reading under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reading {
    pub walk: Walk,
    /// The server's time when it began, in milliseconds since 1970.
    began: i64,
    /// Different ids that it has shown.
    pub ids: u64,
    /// Records that were unknown and can have been there when the walk began.
    pub passed_over: u64,
    /// What its first page tells of how many there are, and the most that any of its pages tells.
    pub total: Option<u64>,
    pub most: Option<u64>,
    /// It has shown no page yet.
    pub is_first: bool,
    pub end: Option<End>,
}

/// How a reading came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    /// It shows the whole list; this many rows, where they stood still.
    Whole(Option<u64>),
    /// It does not, and why.
    Broken(String),
    /// It met a row that cannot be asked for.
    Unreadable,
}

impl Reading {
    /// What speaks against it: fewer records than rows, or than the server says. `unshown`: so many that the round has seen
    /// it does not show.
    fn is_short(&self, rows: Option<u64>, unshown: u64) -> Option<String> {
        if let Some(rows) = rows.filter(|rows| *rows > self.ids) {
            return Some(reasons::fewer_ids(rows, self.ids));
        }
        // What comes in meanwhile counts in later totals, and moves the rows.
        let total = if rows.is_some() { self.most } else { self.total };
        let total = total.filter(|total| *total > self.ids + unshown)?;
        Some(reasons::fewer_shown(total, self.ids, "record"))
    }
}

impl Closing {
    /// Closing readings of a list that this walk has read; it began at that moment.
    pub(super) fn new(walk: &Walk, began: Option<i64>) -> Closing {
        Closing {
            began,
            size: walk.page_size(),
            one_size: walk.serves_one_size(),
            not_before: None,
            readings: 0,
            found: 0,
            was_short: false,
            was_told_more: walk.was_told_more(),
            reading: None,
        }
    }

    /// The same where nothing is known of the walk but the largest page that it can have asked for.
    pub(super) fn of_unknown_walk(size: u32) -> Closing {
        Closing { size, ..Closing::new(&Walk::new(size), None) }
    }

    /// Goes on with the reading under way, or begins the next one, whose first question is none of `asked`; whether it was
    /// begun just now.
    fn resume(&mut self, list: &Read<'_>, asked: &HashSet<Asked>) -> Result<(Reading, bool)> {
        let now = list.context.source.now();
        let old = if list.context.boxed { OLD_IN_BOXES } else { OLD };
        if let Some(reading) = self.reading.take().filter(|reading| (0..old).contains(&(now - reading.began))) {
            return Ok((reading, false));
        }
        let size = (1..self.size).rev().find(|size| !asked.contains(&(*size, 0))).unwrap_or(1);
        let walk = IdReading::first(list.context, list.stream, size)?;
        let (ids, passed_over, total, most, end) = (0, 0, None, None, None);
        Ok((Reading { walk, began: now, ids, passed_over, total, most, is_first: true, end }, true))
    }
}

/// Reads the list again until nothing shows up that was passed over, and closes its walk. `asked`: questions that nobody
/// has stored.
pub(super) async fn close(mut list: Read<'_>, mut closing: Closing, asked: Vec<Asked>) -> Result<Ended> {
    let mut unstored = Remembered { asked, ..Remembered::default() };
    let mut verdict = Verdict::Incomplete(reasons::KEEP_MOVING.into());
    let mut moved = Moved::default();
    while closing.readings < MOST {
        let place = list.place();
        let mut known = list.context.mirror.call(move |w| w.transaction(|t| reread::asked(t, &place))).await?;
        known.extend(unstored.asked.iter().copied());
        let (reading, is_new) = closing.resume(&list, &known)?;
        unstored.begins |= is_new;
        if is_new && closing.one_size && !wait(&mut list, &mut closing).await? {
            return Ok(Ended::Stopped);
        }
        let unstored = std::mem::take(&mut unstored);
        let ended = reading_again::read(&mut list, &mut closing, reading, (known, unstored)).await?;
        let Some((mut reading, end)) = ended else {
            return Ok(Ended::Stopped);
        };
        closing.readings += 1;
        let rows = match end {
            End::Whole(rows) => rows,
            // Nothing is held against it: the list lacks that row, and says so.
            End::Unreadable if reading.passed_over == 0 => {
                verdict = Verdict::Continuous;
                break;
            }
            End::Unreadable => continue,
            // The walk came to its end: what keeps a reading from its own is that the list moves.
            End::Broken(why) => {
                tracing::info!(stream = %list.stream, why, "a closing reading came to no end");
                continue;
            }
        };
        if closing.was_told_more && reading.most.is_none() {
            // A server may tell it with its first answer alone.
            let total = list.context.source.ask(list.first_page(list.context.page_size)).await?.total;
            (reading.total, reading.most) = (total, total);
        }
        let unshown = moved::unshown(&list).await?;
        if let Some(why) = reading.is_short(rows, unshown.count) {
            verdict = Verdict::Incomplete(why);
            if std::mem::replace(&mut closing.was_short, true) {
                break;
            }
            continue;
        }
        closing.was_short = false;
        verdict = Verdict::Incomplete(reasons::KEEP_MOVING.into());
        if reading.passed_over == 0 {
            moved.may_miss = moved::may_miss(&list, unshown).await?;
            if moved.may_miss < 1.0 {
                verdict = Verdict::Continuous;
                break;
            }
        }
    }
    moved.found = closing.found;
    tracing::debug!(stream = %list.stream, found = moved.found, may_miss = moved.may_miss, "closing readings are over");
    let window = Window { moved, ..Window::default() };
    land(list.context, list.stream, list.from, list.windows, window, Left::Closed(verdict.clone())).await?;
    Ok(Ended::Closed(verdict))
}

/// Waits until a server that keeps answers has perhaps forgotten those of the reading before; false when a stop came first.
/// From when on the reading may begin is stored: a run that is stopped meanwhile does not wait anew.
async fn wait(list: &mut Read<'_>, closing: &mut Closing) -> Result<bool> {
    let now = list.context.source.now();
    if closing.not_before.is_none() {
        closing.not_before = Some(now.saturating_add(ONE_SIZE));
        list.keep(Window::default(), closing).await?;
    }
    let from = closing.not_before.unwrap_or(now);
    let left = Duration::from_millis(u64::try_from(from.saturating_sub(now).min(ONE_SIZE)).unwrap_or(0));
    tracing::info!(stream = %list.stream, seconds = left.as_secs(), "one page size only: the closing reading comes later");
    let why =
        format!("{}: the server serves one page size only, so the list is read again a minute later", list.stream);
    let _told = list.context.source.waits().begin("closing", why, left);
    let is_waited = tokio::select! {
        biased;
        () = list.context.stop.asked() => false,
        () = tokio::time::sleep(left) => true,
    };
    if is_waited {
        closing.not_before = None;
    }
    Ok(is_waited)
}
