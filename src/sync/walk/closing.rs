//! Reads a list again after its walk, so that no record is missing that was in the list from the walk's first request
//! to its last.
//!
//! The overlap walk misses no row that nobody touched. But a conversation that gets a message while the list is read
//! jumps to the head, past the reading point, and nothing in the answers says so. So the list is read once more, for
//! ids alone, many pages a request. Rows that this reading shows and the mirror lacks are read in full and stored;
//! their own lists (messages) are read in the same run. This repeats until a reading shows no such row that can have
//! existed when the walk began, three times at most.
//!
//! - *Fresh questions.* A closing reading avoids every question (page size and first row) that the walk, its second
//!   pass or another reading asked, as long as other questions get it as far. A server that caches answers would only
//!   repeat an old one. If the server has one page size only, no question is fresh, and the reading comes a minute
//!   later.
//! - *Passed over.* A row counts as passed over unless it was created after the walk began. Its own creation time
//!   shows that, or its own list does: a conversation whose messages fit one page, all of them younger than the
//!   walk's beginning.
//! - *Which lists.* `conclude.rs` decides which lists need closing readings.
//! - *What may still be missing.* A record that moved past the reading point in every reading is shown by none, and
//!   no answer distinguishes it from a record that is gone. The last reading shows how likely that is: of `n` known
//!   records it did not show `m` although they exist. About `3m / (n - m)` records may be missing. If that is less
//!   than one, the list is `continuous`, and the run reports the number.
//! - *The server's total.* The total on the reading's first page must not exceed the records that the reading shows
//!   plus the known records that it does not show any more. If the list stood still, the same holds for the total of
//!   every page. If the total is larger in two readings in a row, the list is `incomplete`.
//!
//! A closing reading is a pass like any other. Each of its pages is committed, with the ids that it showed, and a run
//! that is stopped or killed goes on with it. A reading older than an hour begins again, because too much has changed
//! since. In runs with a time box or a limit of requests it may take a week, because each such run may hold only a
//! few pages of it: with an hour, it would never come to its end. It reports what moved meanwhile as any other
//! reading does. `reading_again.rs` carries out one closing reading.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::commit::{ReadWindow, WalkState, land};
use super::driver::Ended;
use super::id_reading::IdReading;
use super::position::Position;
use super::{Walk, missing_estimate, reading_again, reasons};
use crate::error::Result;
use crate::mirror::checkpoint::Checkpoint;
use crate::mirror::reread::{self, Remembered, RowRange};
use crate::mirror::walk_key::WalkKey;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::Context;
use crate::verdict::{Moved, Verdict};

/// The largest number of closing readings of one list.
const MOST: u32 = 3;
/// The age at which an unfinished closing reading is begun again, in milliseconds: an hour.
const OLD: i64 = 3_600_000;
/// The age at which an unfinished closing reading is begun again in a run with a time box or a limit of requests, in
/// milliseconds: a week. One such run may hold only a few pages.
const OLD_IN_BOXES: i64 = 7 * 24 * 3_600_000;
/// How long a closing reading waits, in milliseconds, if the server serves one page size only. Such a reading repeats
/// the questions of the walk, and a server that caches answers should have forgotten them by then.
const ONE_SIZE: i64 = 60_000;

/// A list that a walk has read to its end.
pub(super) struct ReadList<'c> {
    pub context: &'c Context,
    pub stream: Stream,
    /// The checkpoint of the list as it was when this run began to read it.
    pub from: &'c Checkpoint,
    /// The number of windows that this pass over the list has stored.
    pub windows: i64,
}

impl ReadList<'_> {
    pub(super) fn place(&self) -> WalkKey {
        WalkKey { lane: self.context.lane, stream: self.stream, partition: self.from.partition.clone() }
    }

    /// Returns the id of the parent record that the list belongs to, or `None` for the only list of a stream.
    pub(super) fn parent(&self) -> Option<String> {
        Some(self.from.partition.clone()).filter(|partition| !partition.is_empty())
    }

    /// Returns the question for the ids of the list's first `size` rows.
    pub(super) fn first_page(&self, size: u32) -> Question {
        let parent = self.parent().or_else(|| self.context.source.any_parent(self.stream));
        Question { stream: self.stream, parent, size, start: Start::Row(0), select: Select::Ids, since: None }
    }

    /// Stores a window, and in the same transaction `closing` as the walk's position.
    pub(super) async fn keep(&mut self, window: ReadWindow, closing: &Closing) -> Result<()> {
        let position = Position::closing(closing)?;
        land(self.context, self.stream, self.from, self.windows, window, WalkState::Open(Some(position))).await?;
        self.windows += 1;
        Ok(())
    }
}

/// The state of a list's closing readings, stored in the list's checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// The server's time when the walk began, in milliseconds since 1970, if it is known.
    pub began: Option<i64>,
    /// The page size that the walk used, in rows.
    size: u32,
    /// Whether the server serves one page size only.
    one_size: bool,
    /// The earliest moment at which the next reading may begin if the server serves one page size only, by the
    /// server's time in milliseconds since 1970. `None` if no reading waits.
    not_before: Option<i64>,
    /// The number of closing readings that came to their end.
    readings: u32,
    /// The number of records that the closing readings showed and the round had not seen before.
    pub found: u64,
    /// Whether the last closing reading showed too few records: fewer than its rows, or than the server's total.
    was_short: bool,
    /// Whether some answer to the walk claimed a larger total than the number of rows that it read.
    was_told_more: bool,
    /// The closing reading under way. `None` between two readings.
    pub reading: Option<ClosingReading>,
}

/// The state of a closing reading under way, stored in the list's checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClosingReading {
    /// The walk of this reading, which asks for ids only.
    pub walk: Walk,
    /// The server's time when this reading began, in milliseconds since 1970.
    began: i64,
    /// The number of distinct ids that this reading has shown.
    pub ids: u64,
    /// The number of records that this reading has shown, that the round had not seen, and that can have existed when
    /// the walk began.
    pub passed_over: u64,
    /// The total that the first page of this reading claims. `None` if it claims none.
    pub total: Option<u64>,
    /// The largest total that any page of this reading claims. `None` if no page claims one.
    pub most: Option<u64>,
    /// Whether this reading has shown no page yet.
    pub is_first: bool,
    /// How this reading ended. `None` while it goes on.
    pub end: Option<ReadingEnd>,
}

/// How a closing reading came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ReadingEnd {
    /// The reading shows the whole list. If the list stood still, the number is that of its rows; otherwise `None`.
    Whole(Option<u64>),
    /// The reading does not show the whole list, for this reason.
    Broken(String),
    /// The reading met a row for which the server returns an error even if only its id is asked for.
    Unreadable,
}

impl ClosingReading {
    /// Returns why the finished reading showed too few records, or `None` if it did not. There are two reasons:
    ///
    /// - It shows fewer distinct ids than rows. `rows` is the number of rows of a list that stood still, and `None`
    ///   for a list that moved.
    /// - The server's total exceeds the records that it shows plus `unshown`, the number of records that the round
    ///   has seen and this reading does not show.
    fn is_short(&self, rows: Option<u64>, unshown: u64) -> Option<String> {
        if let Some(rows) = rows.filter(|rows| *rows > self.ids) {
            return Some(reasons::fewer_ids(rows, self.ids));
        }
        // If the list moved, only the first page's total counts: later totals count what came in meanwhile.
        let total = if rows.is_some() { self.most } else { self.total };
        let total = total.filter(|total| *total > self.ids + unshown)?;
        Some(reasons::fewer_shown(total, self.ids, "record"))
    }
}

impl Closing {
    /// Returns the state before the first closing reading of a list that `walk` has read. `began` is the server's
    /// time when the walk began, in milliseconds since 1970, or `None` if it is not known.
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

    /// Returns the state before the first closing reading of a list whose walk was not kept. `size` is the largest
    /// page size that the walk can have asked for, in rows.
    pub(super) fn of_unknown_walk(size: u32) -> Closing {
        Closing { size, ..Closing::new(&Walk::new(size), None) }
    }

    /// Returns the reading under way, or begins the next one with a first question that is not among `asked`. The
    /// `bool` says whether the reading is new.
    fn resume(&mut self, list: &ReadList<'_>, asked: &HashSet<RowRange>) -> Result<(ClosingReading, bool)> {
        let now = list.context.source.now();
        let old = if list.context.boxed { OLD_IN_BOXES } else { OLD };
        if let Some(reading) = self.reading.take().filter(|reading| (0..old).contains(&(now - reading.began))) {
            return Ok((reading, false));
        }
        let size = (1..self.size).rev().find(|size| !asked.contains(&(*size, 0))).unwrap_or(1);
        let walk = IdReading::first(list.context, list.stream, size)?;
        let (ids, passed_over, total, most, end) = (0, 0, None, None, None);
        Ok((ClosingReading { walk, began: now, ids, passed_over, total, most, is_first: true, end }, true))
    }
}

/// Reads the list again until a reading shows no record that was passed over, and closes the walk of the list.
/// `asked` are questions that were asked but are not stored in the mirror yet.
pub(super) async fn close(mut list: ReadList<'_>, mut closing: Closing, asked: Vec<RowRange>) -> Result<Ended> {
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
            ReadingEnd::Whole(rows) => rows,
            // The list lacks that row and is reported for it. Nothing else speaks against the list.
            ReadingEnd::Unreadable if reading.passed_over == 0 => {
                verdict = Verdict::Continuous;
                break;
            }
            ReadingEnd::Unreadable => continue,
            // The walk itself came to its end. A reading does not when the list moves too much under it.
            ReadingEnd::Broken(why) => {
                tracing::info!(stream = %list.stream, why, "a closing reading came to no end");
                continue;
            }
        };
        if closing.was_told_more && reading.most.is_none() {
            // No page of the reading claimed a total. A server may claim one only on a first page of the usual size.
            let total = list.context.source.ask(list.first_page(list.context.page_size)).await?.total;
            (reading.total, reading.most) = (total, total);
        }
        let unshown = missing_estimate::unshown(&list).await?;
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
            moved.may_miss = missing_estimate::may_miss(&list, unshown).await?;
            if moved.may_miss < 1.0 {
                verdict = Verdict::Continuous;
                break;
            }
        }
    }
    moved.found = closing.found;
    tracing::debug!(stream = %list.stream, found = moved.found, may_miss = moved.may_miss, "closing readings are over");
    let window = ReadWindow { moved, ..ReadWindow::default() };
    land(list.context, list.stream, list.from, list.windows, window, WalkState::Closed(verdict.clone())).await?;
    Ok(Ended::Closed(verdict))
}

/// Waits until a server that caches answers has probably forgotten those of the last reading. Returns `false` if a
/// stop came first. The moment at which the reading may begin is stored, so that a run that is stopped meanwhile does
/// not wait again.
async fn wait(list: &mut ReadList<'_>, closing: &mut Closing) -> Result<bool> {
    let now = list.context.source.now();
    if closing.not_before.is_none() {
        closing.not_before = Some(now.saturating_add(ONE_SIZE));
        list.keep(ReadWindow::default(), closing).await?;
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
