//! Reads lists with cursors. A cursor may mark a position in the order of the list, and then no row can slip past it.
//! Or it may be an offset in disguise, and then rows slip past it as past any offset. Nothing in the answers says
//! which, so neighbouring windows must join here, too.
//!
//! How they join depends on the cursors:
//!
//! - Every row has a cursor (Relay): the next question starts behind an earlier row, so that its window shows the
//!   last rows again.
//! - Only the next page has a cursor: neighbours do not overlap. So the walk reads a page, the page behind it, and
//!   then both once more, as with servers of one page size.
//!
//! A total ends such a walk only if one answer holds the whole list, because the position of a window in the list is
//! not known. Otherwise the end takes two things: nothing is behind the last row, and the tail reads the same once
//! more. An empty page shows that nothing is behind. The server's claim that no page follows is enough in two cases:
//! for a trusted first page that is not full, and for pages without row cursors.

use serde::{Deserialize, Serialize};

use super::anchors::{Anchor, MIN_ANCHORS, fingerprint, hex, reads_the_same};
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::evidence::NoProgress;
use super::questions::Ask;
use super::reading_strategy::{Move, ReadingStrategy};
use crate::record::Record;

/// The number of windows that a walk can step back.
const TRAIL: usize = 3;

/// The state of a walk by cursors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByCursor {
    /// The page size, in rows.
    size: u32,
    /// The cursors behind which windows start: the next window's last, before it those of earlier windows to step
    /// back to. Empty at the beginning of the list.
    trail: Vec<Box<str>>,
    /// The cursor behind which the last window started. `None` is the beginning of the list.
    start: Option<Box<str>>,
    /// The cursor of the last row that was read. `None` if there is no such cursor.
    last: Option<Box<str>>,
    /// The page that was read last, if only the next page has a cursor, so that pages do not overlap. Otherwise
    /// `None`.
    before: Option<Before>,
    /// Whether a page that claimed to be the last was followed by another one. From then on such claims are not
    /// believed.
    doubts_last: bool,
    phase: Phase,
}

/// The next thing to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The next window.
    #[default]
    Window,
    /// The page behind the last row, which is empty at the end of the list. `tail` is the fingerprint of the last
    /// window.
    Behind {
        #[serde(with = "hex")]
        tail: u128,
    },
    /// The last window once more, which must read the same. `tail` is its fingerprint.
    Again {
        #[serde(with = "hex")]
        tail: u128,
    },
    /// The page that was read last, once more, where pages do not overlap. Does it still read the same, now that the
    /// page behind it, which is kept here, was read?
    VerifyBefore(Neighbour),
    /// The kept page behind the one that was read last, once more. Does it still read the same, too?
    ConfirmNext(Neighbour),
}

/// The fingerprint of the page that was read last, and the cursor behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Before(#[serde(with = "hex")] u128, Box<str>);

/// The page behind the one that was read last. It is kept until it joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Neighbour {
    rows: Vec<Anchor>,
    behind: Option<Box<str>>,
    more: Option<bool>,
}

impl ByCursor {
    /// Returns a walk that asks for windows of `size` rows.
    pub(super) fn new(size: u32) -> ByCursor {
        let (trail, start, last, before) = (Vec::new(), None, None, None);
        ByCursor { size: size.max(1), trail, start, last, before, doubts_last: false, phase: Phase::Window }
    }

    /// Returns the cursor behind which the next question begins. `None` is the beginning of the list.
    pub(super) fn after(&self) -> Option<&str> {
        let next = self.before.as_ref().map(|Before(_, behind)| &**behind);
        match &self.phase {
            Phase::Window => next.or_else(|| self.trail.last().map(|c| &**c)),
            Phase::Behind { .. } => self.last.as_deref(),
            Phase::Again { .. } | Phase::VerifyBefore(_) => self.start.as_deref(),
            Phase::ConfirmNext(_) => next,
        }
    }

    fn window(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        let (rows, evidence) = (answer.shown.rows, &mut *answer.evidence);
        evidence.fault = None;
        if self.before.is_some() {
            if evidence.is_doubled(rows) {
                evidence.fail(NoProgress::Duplicates);
                return Move::Stay;
            }
            self.phase = Phase::VerifyBefore(Neighbour {
                rows: rows.iter().map(Anchor::of).collect(),
                behind: answer.shown.next_cursor.map(Into::into),
                more: answer.shown.has_next,
            });
            return Move::Stay;
        }
        if self.trail.is_empty() {
            return self.first_page(answer);
        }
        if answer.shown.len() == 0 {
            return self.step_back(NoProgress::Vanished, answer);
        }
        if evidence.is_doubled(rows) {
            return self.step_back(NoProgress::Duplicates, answer);
        }
        if evidence.anchors.begins(rows) {
            if evidence.is_ignored_again() {
                return Move::End(EndReason::CursorIgnored);
            }
            return self.step_back(NoProgress::NoJoin, answer);
        }
        if !evidence.anchors.join(rows) {
            return self.step_back(NoProgress::NoJoin, answer);
        }
        self.start = self.trail.last().cloned();
        let news = evidence.anchors.remember(rows, self.size);
        self.read(news, answer)
    }

    /// Takes in the answer to the question for the beginning of the list.
    fn first_page(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        let (shown, count, evidence) = (&answer.shown, answer.shown.len(), &mut *answer.evidence);
        *self = ByCursor { doubts_last: self.doubts_last, ..ByCursor::new(self.size) };
        if count == 0 {
            evidence.empty += 1;
            return match (evidence.empty, shown.total) {
                (1, _) => Move::Stay,
                (_, Some(told)) if told > 0 => Move::End(EndReason::NoneShown { told }),
                _ => self.end(),
            };
        }
        if evidence.is_doubled(shown.rows) {
            return self.step_back(NoProgress::Duplicates, answer);
        }
        let behind = shown.cursors.last().cloned().or_else(|| shown.next_cursor.map(Into::into));
        // A total, or `hasNextPage`, may be about the page alone until some answer has shown that it is about the
        // list.
        let is_sure = behind.is_none() || answer.claims.trusts(count);
        if shown.total == Some(count) && shown.has_next != Some(true) && is_sure {
            evidence.position = count;
            return self.end();
        }
        evidence.anchors.start_with(shown.rows);
        evidence.position = 0;
        let news = evidence.anchors.remember(shown.rows, self.size);
        if (shown.has_next == Some(false) && !self.doubts_last) || behind.is_none() {
            evidence.position = count;
            // The page says that it is the last. If it is full or its claims are not trusted, its cursor is tried all
            // the same.
            let tail = fingerprint(shown.rows);
            self.last = behind.filter(|_| count >= u64::from(self.size) || !is_sure);
            self.phase = if self.last.is_some() { Phase::Behind { tail } } else { Phase::Again { tail } };
            return Move::Stay;
        }
        if shown.cursors.len() == shown.rows.len() && shown.rows.len() > MIN_ANCHORS {
            return self.read(news, answer);
        }
        evidence.position = count;
        self.before = shown.next_cursor.map(|next| Before(fingerprint(shown.rows), next.into()));
        Move::Stay
    }

    /// Takes in a window that joins, of whose rows `news` were not known. Steps back if one of the rows has no
    /// cursor.
    fn read(&mut self, news: usize, answer: &mut WalkAnswer<'_>) -> Move {
        let shown = &answer.shown;
        answer.evidence.position += news as u64;
        if answer.evidence.position > answer.evidence.farthest {
            answer.evidence.note_heeded();
        }
        answer.evidence.note_progress();
        if shown.cursors.len() != shown.rows.len() {
            return self.step_back(NoProgress::NoJoin, answer);
        }
        self.last = shown.cursors.last().cloned();
        // The next window starts behind the row before the last anchors, so that it begins with them.
        if let Some(back) = shown.cursors.len().checked_sub(MIN_ANCHORS + 1) {
            self.trail.push(shown.cursors[back].clone());
            let most = self.trail.len().saturating_sub(TRAIL);
            self.trail.drain(..most);
        }
        let is_said_last = shown.has_next == Some(false) && !self.doubts_last;
        let quiet = shown.has_next != Some(true) && (news == 0 || shown.len() < u64::from(self.size));
        if is_said_last || quiet {
            self.phase = Phase::Behind { tail: fingerprint(shown.rows) };
        }
        Move::Stay
    }

    /// Notes that a window did not join, because of `fault`. The next window begins earlier, unless this one showed a
    /// record twice: then the same window is asked for again.
    fn step_back(&mut self, fault: NoProgress, answer: &mut WalkAnswer<'_>) -> Move {
        answer.evidence.fail(fault);
        self.before = None;
        if fault != NoProgress::Duplicates {
            self.trail.pop();
        }
        Move::Stay
    }

    fn behind(&mut self, tail: u128, answer: &mut WalkAnswer<'_>) -> Move {
        if answer.shown.len() == 0 {
            if self.is_one_page() {
                answer.claims.found_whole(answer.evidence.position);
            }
            self.phase = Phase::Again { tail };
        } else {
            self.doubts_last = true;
            answer.evidence.fail(NoProgress::NoJoin);
        }
        Move::Stay
    }

    fn again(&self, tail: u128, answer: &mut WalkAnswer<'_>) -> Move {
        if fingerprint(answer.shown.rows) == tail {
            return self.end();
        }
        answer.evidence.fail(NoProgress::NoJoin);
        Move::Stay
    }

    /// Takes in the second reading of the page that was read last, where pages do not overlap. `next` is the page
    /// behind it, which was read in between.
    fn verify_before(&mut self, next: Neighbour, answer: &mut WalkAnswer<'_>) -> Move {
        let rows = answer.shown.rows;
        let now = fingerprint(rows);
        if self.before.as_ref().is_some_and(|Before(before, _)| *before == now) {
            self.phase = Phase::ConfirmNext(next);
            return Move::Stay;
        }
        // Something crossed the boundary. The page as it is now may itself join what was read.
        if self.start.is_none() {
            answer.evidence.failures += 1;
            return self.first_page(answer);
        }
        if !answer.evidence.anchors.join(rows) {
            self.trail.clear();
            return self.step_back(NoProgress::NoJoin, answer);
        }
        answer.evidence.anchors.remember(rows, self.size);
        answer.evidence.fail(NoProgress::NoJoin);
        self.before = answer.shown.next_cursor.map(|behind| Before(now, behind.into()));
        Move::Stay
    }

    /// Takes in the second reading of `next`, the page behind the one that was read last. `next` joins if it reads
    /// the same twice. [`ByCursor::verify_before`] has seen that the page before it does.
    fn confirm_next(&mut self, next: &Neighbour, answer: &mut WalkAnswer<'_>) -> Move {
        let evidence = &mut *answer.evidence;
        if !reads_the_same(&next.rows, answer.shown.rows) {
            evidence.fail(NoProgress::NoJoin);
            return Move::Stay;
        }
        let rows: Vec<Record> = next.rows.iter().map(Anchor::record).collect();
        if evidence.anchors.remember(&rows, self.size) > 0 {
            evidence.note_heeded();
            evidence.failures = 0;
        } else if !rows.is_empty() && evidence.is_ignored_again() {
            return Move::End(EndReason::CursorIgnored);
        }
        evidence.position += rows.len() as u64;
        evidence.farthest = evidence.farthest.max(evidence.position);
        let is_said_last = next.more == Some(false) && !self.doubts_last;
        let behind = next.behind.clone().filter(|_| !rows.is_empty() && !is_said_last);
        let Some(behind) = behind else {
            return self.end();
        };
        self.start = self.before.take().map(|Before(_, start)| start);
        self.before = Some(Before(fingerprint(&rows), behind));
        Move::Stay
    }

    /// Returns whether all rows that were read came as the list's first page.
    fn is_one_page(&self) -> bool {
        self.start.is_none() && self.before.is_none() && self.trail.len() <= 1
    }

    fn end(&self) -> Move {
        Move::End(EndReason::LastCursor { is_one_page: self.is_one_page() })
    }
}

impl ReadingStrategy for ByCursor {
    fn ask(&self, _position: u64) -> Ask {
        Ask { size: self.size, row: 0 }
    }

    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        match std::mem::take(&mut self.phase) {
            Phase::Window => self.window(answer),
            Phase::Behind { tail } => self.behind(tail, answer),
            Phase::Again { tail } => self.again(tail, answer),
            Phase::VerifyBefore(next) => self.verify_before(next, answer),
            Phase::ConfirmNext(next) => self.confirm_next(&next, answer),
        }
    }

    fn page_size(&self) -> u32 {
        self.size
    }

    fn is_reading(&self) -> bool {
        self.phase == Phase::Window
    }

    /// Ignores the number of rows, because neither a window's position in the list nor the served page size is known.
    fn is_one_window(&self, _rows: u64) -> bool {
        self.is_one_page()
    }

    fn lower(&mut self, size: u32) -> bool {
        let is_lower = size < self.size && size as usize > MIN_ANCHORS;
        if is_lower {
            self.size = size;
            self.phase = Phase::Window;
        }
        is_lower
    }
}
