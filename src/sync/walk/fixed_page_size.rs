//! Reads a list whose server serves one page size only, whatever it is asked for, or whose pages are too small to
//! overlap.
//!
//! Neighbouring pages do not overlap here. So the walk reads a page, the page behind it, and then both once more. If
//! both read the same, bytes and order, nothing crossed the boundary meanwhile. One exception remains: three changes
//! before the boundary that cancel each other within the four questions. Nothing in the answers shows those.

use serde::{Deserialize, Serialize};

use super::anchors::{Anchor, fingerprint, hex, reads_the_same};
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::evidence::NoProgress;
use super::questions::Ask;
use super::reading_strategy::{Move, OneSize, ReadingStrategy};
use super::shown::Shown;
use super::tail_check::{EndCheck, EndCheckStep};
use super::windows::{Behind, JoinedWindow, WindowRelation};
use crate::record::Record;

/// The state of a walk in pages of one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FixedPageSize {
    /// The page size, in rows.
    size: u32,
    /// Whether the server serves no other size. Otherwise the pages are only too small to overlap.
    is_only_size: bool,
    phase: Phase,
}

/// The next thing to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The page that holds the last row read. It must itself join the rows read before.
    #[default]
    Join,
    /// The page behind the one that was joined last.
    Next(Last),
    /// The page that was joined last, once more. Does it still read the same, now that the page behind it was read?
    Verify(Last, Neighbour),
    /// The page behind it, once more. Does it still read the same, too?
    Confirm(Last, Neighbour),
    /// The page behind page one. Page one had this number of rows, and a total of the same number.
    BehindPageOne(Last, u32),
    /// The next question of a check whether this is the end of the list.
    Check(Last, EndCheck),
}

/// The page that was joined last: its number, from 1, and its fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    number: u32,
    #[serde(with = "hex")]
    print: u128,
}

/// The page behind the one that was joined last. It is kept until it joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Neighbour {
    rows: Vec<Anchor>,
    total: Option<u64>,
}

impl FixedPageSize {
    /// Begins to read in pages of one size, for the reason `why`. Returns the new strategy and what happens next.
    /// `answer` is the answer that showed the reason.
    pub(super) fn begin(why: &OneSize, answer: &mut WalkAnswer<'_>) -> (FixedPageSize, Move) {
        let fixed = |size: u32, is_only_size| FixedPageSize { size: size.max(1), is_only_size, phase: Phase::Join };
        match *why {
            OneSize::Only(size) => (fixed(size, true), Move::Stay),
            OneSize::Small(size) => (fixed(size, false), Move::Stay),
            OneSize::PageOne => {
                let mut fixed = fixed(u32::try_from(answer.shown.len()).unwrap_or(u32::MAX), true);
                answer.asked.size = fixed.size;
                let next = fixed.take_page_one(answer);
                (fixed, next)
            }
        }
    }

    /// Returns whether the server serves no other page size.
    pub(super) fn is_only_size(&self) -> bool {
        self.is_only_size
    }

    /// Takes in a page that must itself join the rows read before, because its neighbour is not remembered.
    fn join(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if answer.asked.row == 0 {
            return self.page_one(answer);
        }
        if self.is_larger(answer) {
            return Move::Stay;
        }
        match answer.compare(self.size) {
            WindowRelation::Joins => self.take(answer),
            stands => answer.refuse(stands),
        }
    }

    /// Returns whether the answer has more rows than the page size. If so, its number of rows becomes the page size.
    fn is_larger(&mut self, answer: &WalkAnswer<'_>) -> bool {
        let count = answer.shown.len();
        let is_larger = count > u64::from(self.size);
        if is_larger {
            self.size = u32::try_from(count).unwrap_or(u32::MAX);
        }
        is_larger
    }

    fn page_one(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        answer.refuse_page_one().unwrap_or_else(|| self.take_page_one(answer))
    }

    fn take_page_one(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if self.is_larger(answer) {
            answer.asked.size = self.size;
        }
        answer.evidence.anchors.start_with(answer.shown.rows);
        self.take(answer)
    }

    /// Reads a page that joins. If the page is refused, the phase stays as it is.
    fn take(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        let taken = answer.take_adjoining();
        let last = Last { number: answer.asked.number(), print: fingerprint(answer.shown.rows) };
        self.phase = match taken {
            JoinedWindow::Refused => return Move::Stay,
            JoinedWindow::More | JoinedWindow::Short | JoinedWindow::TooSmall => Phase::Next(last),
            JoinedWindow::PerhapsLast(check) => Phase::Check(last, check),
            JoinedWindow::PerhapsWhole { rows } => Phase::BehindPageOne(last, rows),
            JoinedWindow::End(end) => return Move::End(end),
        };
        Move::Stay
    }

    /// Keeps the page behind `last`, the page that was joined last, until both were read again.
    fn next(&mut self, last: Last, answer: &mut WalkAnswer<'_>) -> Move {
        if answer.evidence.is_doubled(answer.shown.rows) {
            answer.evidence.fail(NoProgress::Duplicates);
            self.phase = Phase::Next(last);
        } else if !self.is_larger(answer) {
            let rows = answer.shown.rows.iter().map(Anchor::of).collect();
            self.phase = Phase::Verify(last, Neighbour { rows, total: answer.shown.total });
        }
        Move::Stay
    }

    /// Takes in the second reading of `last`, the page that was joined last. `next`, the page behind it, counts only
    /// if `last` still reads the same.
    fn verify(&mut self, last: Last, next: Neighbour, answer: &mut WalkAnswer<'_>) -> Move {
        let shown = &answer.shown;
        let again_the_first = last.number > 1 && answer.evidence.anchors.begins_kept(&next.rows);
        let again_this = next.shows_the_ids_of(shown.rows);
        // The total must also be the one that the page behind claimed, because two changes may cancel each other in
        // the bytes.
        let same = last.print == fingerprint(shown.rows) && shown.total == next.total;
        // A number past the end may be answered with the last page again. If the last page is also page one, it looks
        // the same when the server ignores the page argument. Only `hasNextPage: false` tells the two apart.
        let paged = last.number > 1 || shown.has_next == Some(false);
        if same && again_this && paged && next.total.is_none_or(|total| total == answer.evidence.position) {
            return Move::End(EndReason::Reached);
        }
        if again_the_first || again_this {
            self.phase = Phase::Next(last);
            answer.evidence.failures += 1;
            return if answer.evidence.is_ignored_again() { Move::End(EndReason::PageIgnored) } else { Move::Stay };
        }
        if same {
            // Two changes may cancel each other (a delete and a move before this page), so the page behind is read
            // again as well.
            self.phase = Phase::Confirm(last, next);
            return Move::Stay;
        }
        // Something crossed the boundary. The page as it is now may itself join what was read.
        if last.number > 1 && !answer.evidence.anchors.join(shown.rows) {
            return answer.refuse(WindowRelation::Apart);
        }
        answer.evidence.fail(NoProgress::NoJoin);
        if last.number == 1 { self.page_one(answer) } else { self.take(answer) }
    }

    /// Takes in the second reading of `next`, the page behind `last`. It joins if both pages read the same twice.
    fn confirm(&mut self, last: Last, next: &Neighbour, answer: &mut WalkAnswer<'_>) -> Move {
        self.phase = Phase::Next(last);
        if answer.shown.total != next.total || !reads_the_same(&next.rows, answer.shown.rows) {
            answer.evidence.fail(NoProgress::NoJoin);
            return Move::Stay;
        }
        if next.rows.is_empty() {
            if next.total.is_none_or(|total| total == answer.evidence.position) {
                return Move::End(EndReason::Reached); // an empty page behind, and the tail read again the same
            }
            self.phase = Phase::Join;
            answer.evidence.step_back(NoProgress::Vanished, Ask::page(self.size, last.number), next.total);
            return Move::Stay;
        }
        // Rows without an id were counted when they were shown.
        let rows: Vec<Record> = next.rows.iter().map(Anchor::record).collect();
        let has_next = answer.shown.has_next;
        self.take(&mut WalkAnswer {
            asked: Ask::page(self.size, last.number + 1),
            shown: Shown { rows: &rows, nameless: 0, total: next.total, has_next, cursors: &[], next_cursor: None },
            evidence: answer.evidence,
            claims: answer.claims,
        })
    }

    fn behind_page_one(&mut self, last: Last, rows: u32, answer: &mut WalkAnswer<'_>) -> Move {
        self.phase = Phase::Next(last);
        match answer.behind_page_one(rows) {
            Behind::Nothing => Move::End(EndReason::Reached),
            Behind::Rows { .. } => Move::Stay,
        }
    }

    fn checked(&mut self, last: Last, check: EndCheck, answer: &mut WalkAnswer<'_>) -> Move {
        self.phase = match check.judge(answer) {
            EndCheckStep::GoesOn(check) => Phase::Check(last, check),
            EndCheckStep::End(end) => return Move::End(end),
            EndCheckStep::MoreBehind => Phase::Next(last),
            EndCheckStep::TailChanged => Phase::Join,
        };
        Move::Stay
    }
}

impl Neighbour {
    /// Returns whether this page has rows, and these have the same ids as `rows`, in the same order.
    fn shows_the_ids_of(&self, rows: &[Record]) -> bool {
        !self.rows.is_empty()
            && self.rows.len() == rows.len()
            && self.rows.iter().zip(rows).all(|(anchor, row)| anchor.0 == row.id)
    }
}

impl ReadingStrategy for FixedPageSize {
    fn ask(&self, position: u64) -> Ask {
        match &self.phase {
            Phase::Join => Ask::page_with(position.saturating_sub(1), self.size),
            Phase::Verify(last, _) => Ask::page(self.size, last.number),
            Phase::Next(last) | Phase::Confirm(last, _) | Phase::BehindPageOne(last, _) => {
                Ask::page(self.size, last.number + 1)
            }
            Phase::Check(_, check) => check.ask(),
        }
    }

    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        answer.drop_untrusted_total();
        match std::mem::take(&mut self.phase) {
            Phase::Join => {
                answer.evidence.fault = None;
                self.join(answer)
            }
            Phase::Next(last) => {
                answer.evidence.fault = None;
                self.next(last, answer)
            }
            Phase::Verify(last, next) => self.verify(last, next, answer),
            Phase::Confirm(last, next) => self.confirm(last, &next, answer),
            Phase::BehindPageOne(last, rows) => self.behind_page_one(last, rows, answer),
            Phase::Check(last, check) => self.checked(last, check, answer),
        }
    }

    fn page_size(&self) -> u32 {
        self.size
    }

    fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Join | Phase::Next(_) | Phase::BehindPageOne(..))
    }
}
