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

use super::closing_state::{Closing, ClosingReading, ReadingEnd};
use super::commit::{ReadWindow, WalkState, land};
use super::ended::Ended;
use super::id_reading::IdReading;
use super::read_list::ReadList;
use super::{missing_estimate, reading_again, reasons};
use crate::error::Result;
use crate::mirror::reread::{self, Remembered, RowRange};
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
        let (reading, is_new) = resume(&mut closing, &list, &known)?;
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

/// Returns the reading under way, or begins the next one with a first question that is not among `asked`. The
/// `bool` says whether the reading is new.
fn resume(closing: &mut Closing, list: &ReadList<'_>, asked: &HashSet<RowRange>) -> Result<(ClosingReading, bool)> {
    let now = list.context.source.now();
    let old = if list.context.boxed { OLD_IN_BOXES } else { OLD };
    if let Some(reading) = closing.reading.take().filter(|reading| (0..old).contains(&(now - reading.began))) {
        return Ok((reading, false));
    }
    let size = (1..closing.size).rev().find(|size| !asked.contains(&(*size, 0))).unwrap_or(1);
    let walk = IdReading::first(list.context, list.stream, size)?;
    let (ids, passed_over, total, most, end) = (0, 0, None, None, None);
    Ok((ClosingReading { walk, began: now, ids, passed_over, total, most, is_first: true, end }, true))
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
