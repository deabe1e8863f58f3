//! Reads lists that take an offset: the number of rows to skip. Any row can be the first, so each window begins two
//! rows before the end of what was read.
//!
//! The rules are those of [`super::windows`]. If the windows are too small to overlap, [`super::fixed_page_size`] reads the
//! list.

use serde::{Deserialize, Serialize};

use super::anchors::MIN_ANCHORS;
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::questions::Ask;
use super::reading_strategy::{Move, OneSize, ReadingStrategy};
use super::tail_check::{EndCheck, EndCheckStep};
use super::windows::{Behind, JoinedWindow, WindowRelation};

/// The state of a walk by offsets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByOffset {
    /// The page size, in rows.
    size: u32,
    /// Whether page one has shown which size is served.
    is_size_known: bool,
    phase: Phase,
}

/// The next thing to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The window that begins with the rows read last.
    #[default]
    Window,
    /// The rows behind page one. Page one had `rows` rows, and a total of the same number.
    BehindPageOne { rows: u32 },
    /// The next question of a check whether this is the end of the list.
    Check(EndCheck),
}

impl ByOffset {
    /// Returns a walk that asks for windows of `largest` rows until page one shows which size is served.
    pub(super) fn new(largest: u32) -> ByOffset {
        ByOffset { size: largest.max(1), is_size_known: false, phase: Phase::Window }
    }

    fn window(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        answer.evidence.fault = None;
        if answer.asked.row == 0 {
            return self.page_one(answer);
        }
        match answer.compare(self.size) {
            WindowRelation::Joins => self.take(answer),
            stands => answer.refuse(stands),
        }
    }

    fn page_one(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if let Some(refused) = answer.refuse_page_one() {
            return refused;
        }
        let (count, asked) = (answer.shown.len(), u64::from(answer.asked.size));
        let was_size_known = std::mem::replace(&mut self.is_size_known, true);
        let is_whole = answer.shown.total == Some(count) && answer.shown.has_next != Some(true);
        if count > asked {
            self.size = u32::try_from(count).unwrap_or(u32::MAX);
        } else if !was_size_known && count < asked && !is_whole {
            // The server clamps the size, or the list is shorter than a page. Page one is asked for again in this
            // size.
            self.size = u32::try_from(count).unwrap_or(self.size);
            return Move::Stay;
        }
        answer.evidence.anchors.start_with(answer.shown.rows);
        self.take(answer)
    }

    fn take(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        match answer.take_overlapping(self.size) {
            JoinedWindow::Refused | JoinedWindow::Short | JoinedWindow::More => {}
            JoinedWindow::TooSmall => return self.become_fixed(),
            JoinedWindow::PerhapsLast(check) => self.phase = Phase::Check(check),
            JoinedWindow::PerhapsWhole { rows } => self.phase = Phase::BehindPageOne { rows },
            JoinedWindow::End(end) => return Move::End(end),
        }
        Move::Stay
    }

    fn behind_page_one(&mut self, rows: u32, answer: &mut WalkAnswer<'_>) -> Move {
        match answer.behind_page_one(rows) {
            Behind::Nothing => return Move::End(EndReason::Reached),
            Behind::Rows { served } => self.size = served.unwrap_or(self.size),
        }
        Move::Stay
    }

    fn checked(&mut self, check: EndCheck, answer: &mut WalkAnswer<'_>) -> Move {
        match check.judge(answer) {
            EndCheckStep::GoesOn(check) => self.phase = Phase::Check(check),
            EndCheckStep::End(end) => return Move::End(end),
            EndCheckStep::MoreBehind if self.size as usize <= MIN_ANCHORS => return self.become_fixed(),
            EndCheckStep::MoreBehind | EndCheckStep::TailChanged => {}
        }
        Move::Stay
    }

    fn become_fixed(&self) -> Move {
        Move::OneSize(OneSize::Small(self.size))
    }

    /// Returns the question for the window that begins with the last anchors before row `position`.
    fn reach(&self, position: u64) -> Ask {
        Ask { size: self.size, row: position.saturating_sub(MIN_ANCHORS as u64) }
    }
}

impl ReadingStrategy for ByOffset {
    fn ask(&self, position: u64) -> Ask {
        match &self.phase {
            Phase::Window => self.reach(position),
            Phase::BehindPageOne { rows } => Ask { size: self.size, row: (*rows).into() },
            Phase::Check(check) => check.ask(),
        }
    }

    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if self.is_size_known {
            answer.drop_untrusted_total();
        }
        match std::mem::take(&mut self.phase) {
            Phase::Window => self.window(answer),
            Phase::BehindPageOne { rows } => self.behind_page_one(rows, answer),
            Phase::Check(check) => self.checked(check, answer),
        }
    }

    fn page_size(&self) -> u32 {
        self.size
    }

    fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Window | Phase::BehindPageOne { .. })
    }

    fn foretell(&self, position: u64) -> Option<Ask> {
        (self.phase == Phase::Window).then(|| self.reach(position))
    }

    fn lower(&mut self, size: u32) -> bool {
        let is_lower = size < self.size && size as usize > MIN_ANCHORS;
        if is_lower {
            self.size = size;
            if !self.is_reading() {
                self.phase = Phase::Window;
            }
        }
        is_lower
    }
}
