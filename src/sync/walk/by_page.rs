//! Reads lists by page numbers, which is the usual walk.
//!
//! Pages of one size adjoin, and adjoining pages prove nothing. So each question takes a size of its own, between
//! half the largest size and the largest. The walk chooses the page that begins before the end of what was read and
//! ends farthest ([`crate::sync::walk::reach`]).
//!
//! The walk learns the served size from page one, because servers clamp without saying so. A server may also serve
//! one size whatever it is asked for, and count its pages in that size. Two signs show that:
//!
//! - a page has more rows than were asked for;
//! - a window shows no known row where known rows must stand. Then one further question finds out.
//!
//! [`super::fixed_page_size`] reads such a list, and also a list whose pages are too small to overlap.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::anchors::MIN_ANCHORS;
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::evidence::NoProgress;
use super::questions::Ask;
use super::reading_strategy::{Move, OneSize, ReadingStrategy};
use super::tail_check::{EndCheck, EndCheckStep};
use super::windows::{Behind, JoinedWindow, WindowRelation};
use crate::sync::walk::reach::{reach, reach_anew};

/// The state of a walk by page numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByPage {
    /// The largest page size in use, in rows.
    size: u32,
    sizes: Sizes,
    phase: Phase,
    /// Questions (page size and first row) to avoid where others get as far, because a server that caches answers
    /// would only repeat old ones.
    #[serde(skip)]
    avoids: Arc<HashSet<(u32, u64)>>,
}

/// What is known of the sizes that the server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Sizes {
    /// Nothing is known.
    Unknown,
    /// The size of page one is known.
    PageOne,
    /// The walk has also asked whether the server obeys the size argument at all.
    Probed,
}

/// The next thing to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The window that overlaps the rows read before and ends farthest. At the beginning, page one.
    #[default]
    Window,
    /// The rows behind page one. Page one had `rows` rows, and a total of the same number.
    BehindPageOne { rows: u32 },
    /// Page one in a smaller size, to see whether the server obeys the size argument at all.
    Probe,
    /// The next question of a check whether this is the end of the list.
    Check(EndCheck),
}

impl ByPage {
    /// Returns a walk that asks for pages of `largest` rows until page one shows which size is served.
    pub(super) fn new(largest: u32) -> ByPage {
        ByPage { size: largest.max(1), sizes: Sizes::Unknown, phase: Phase::Window, avoids: Arc::default() }
    }

    /// Sets questions (page size and first row) that the walk asks only if no other question gets it further.
    pub(super) fn avoid(&mut self, asked: Arc<HashSet<(u32, u64)>>) {
        self.avoids = asked;
    }

    /// Returns the question for the page that shows the last anchors before row `position` again and ends farthest.
    fn reach(&self, position: u64) -> Ask {
        if self.avoids.is_empty() { reach(position, self.size) } else { reach_anew(position, self.size, &self.avoids) }
    }

    fn window(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        answer.evidence.fault = None;
        if answer.asked.row == 0 {
            return self.page_one(answer);
        }
        let count = answer.shown.len();
        if count > u64::from(answer.asked.size) {
            return Move::OneSize(OneSize::Only(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        match answer.compare(self.size) {
            WindowRelation::Joins => self.take(answer),
            WindowRelation::Empty | WindowRelation::Unknown if self.sizes != Sizes::Probed => {
                self.sizes = Sizes::Probed;
                self.phase = Phase::Probe;
                Move::Stay
            }
            stands => answer.refuse(stands),
        }
    }

    fn page_one(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if let Some(refused) = answer.refuse_page_one() {
            return refused;
        }
        let (count, asked) = (answer.shown.len(), u64::from(answer.asked.size));
        if count > asked {
            return Move::OneSize(OneSize::PageOne);
        }
        let is_whole = answer.shown.total == Some(count) && answer.shown.has_next != Some(true);
        if self.sizes == Sizes::Unknown {
            self.sizes = Sizes::PageOne;
            if count < asked && !is_whole {
                // The server clamps the size, or the list is shorter than a page. Page one is asked for again in this
                // size.
                self.size = u32::try_from(count).unwrap_or(self.size);
                return Move::Stay;
            }
        }
        answer.evidence.anchors.start_with(answer.shown.rows);
        self.take(answer)
    }

    fn take(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        match answer.take_overlapping(self.size) {
            JoinedWindow::TooSmall => return self.become_fixed(),
            // No page begins in what was read and ends beyond it.
            JoinedWindow::More if self.reach(answer.evidence.position).end() <= answer.evidence.position => {
                return self.become_fixed();
            }
            JoinedWindow::Refused | JoinedWindow::Short | JoinedWindow::More => {}
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

    /// Takes in the answer to [`Phase::Probe`], which asked for a page of one row less. If the answer has more rows
    /// than that, the server serves one size only.
    fn probed(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if answer.shown.len() > u64::from(answer.asked.size) {
            return Move::OneSize(OneSize::Only(self.size));
        }
        answer.evidence.step_back(NoProgress::NoJoin, self.reach(answer.evidence.position), None);
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
}

impl ReadingStrategy for ByPage {
    fn ask(&self, position: u64) -> Ask {
        match &self.phase {
            Phase::Window if position == 0 => Ask::page(self.size, 1),
            Phase::Window => self.reach(position),
            Phase::BehindPageOne { rows } => Ask::page((*rows).max(1), 2),
            Phase::Probe => Ask::page((self.size - 1).max(1), 1),
            Phase::Check(check) => check.ask(),
        }
    }

    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        if self.sizes != Sizes::Unknown {
            answer.drop_untrusted_total();
        }
        match std::mem::take(&mut self.phase) {
            Phase::Window => self.window(answer),
            Phase::BehindPageOne { rows } => self.behind_page_one(rows, answer),
            Phase::Probe => self.probed(answer),
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
