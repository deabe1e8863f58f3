//! What a walk over a moving list has proven. Pure: answers in, the next question and a verdict out; no clock, no
//! socket, no database.
//!
//! A page shows consecutive rows at one moment: a *window*. If untouched rows keep their order among themselves, page
//! one was read, every later window shows rows read before and unchanged since (*anchors*: at least two, their bytes
//! equal, in the order in which they were read), and the last window reaches the end, then no untouched row was missed:
//! up to an anchor everything untouched was read already, and after it the window itself shows everything. Neither
//! `hasNextPage` nor a count proves that; a plain walk over a busy list misses rows nearly always.
//!
//! A [`Walk`] has four parts. Each answer goes through all of them, in this order:
//!
//! | part | what it holds | where |
//! |---|---|---|
//! | questions | what was asked | `questions` |
//! | claims | what the server says of the list | `claims` |
//! | strategy | how the list is read, and which question comes next | `strategy`, and one file each: `by_page`, `by_offset`, `by_cursor`, `fixed_page_size`, `unpaged` |
//! | evidence | what was seen | `evidence`, `anchors`, `sequence` |
//!
//! The strategy judges an answer by the rules of `windows` and `end_check`, adds to the evidence, and says when reading is
//! over. `verdict` then decides from evidence and claims what the walk is worth, in the words of `reasons`.
//!
//! [`driver`] asks and stores ([`commit`]); [`second_pass`] proves a list that stood still, [`closing`] reads one again that
//! moved; [`isolate`] finds rows that make a page fail, [`disputes`] settles which of two lists has a row.
//!
//! Rows of a window that does not join are true all the same and are stored; they prove nothing.

mod anchors;
mod answer;
mod by_cursor;
mod by_offset;
mod by_page;
pub mod changed_since;
mod claims;
pub mod closing;
mod collect;
pub mod commit;
pub mod disputes;
pub mod driver;
pub mod early_stop;
mod end_check;
mod ending;
mod evidence;
mod fixed_page_size;
mod head;
pub mod id_reading;
pub mod isolate;
mod moved;
#[cfg(debug_assertions)]
mod naive;
mod page_size;
mod position;
mod questions;
mod reach;
mod reading_again;
mod reasons;
pub mod second_pass;
mod sequence;
mod strategy;
mod take_in;
mod unknown_rows;
mod unpaged;
mod verdict;
mod windows;

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::answer::Answer;
pub use self::answer::Shown;
use self::by_cursor::ByCursor;
use self::by_offset::ByOffset;
use self::by_page::ByPage;
use self::claims::Claims;
pub use self::claims::Whole;
pub use self::collect::Collect;
use self::evidence::Evidence;
pub use self::questions::Ask;
use self::questions::Questions;
pub use self::reasons::{hint, page_ignored};
use self::strategy::{Move, Strategy};
use self::unpaged::Unpaged;
pub use crate::sync::walk::reach::{again_of, windows_of};
use crate::verdict::Verdict;

/// What an answer meant for the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The window did not join, or made no progress: the next one begins earlier or again.
    pub stepped_back: bool,
    /// The walk is over.
    pub end: Option<Verdict>,
}

/// A walk: everything it knows, small, and stored as its checkpoint's `position`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    strategy: Strategy,
    evidence: Evidence,
    claims: Claims,
    questions: Questions,
}

impl Walk {
    /// A walk over a list that takes page numbers, in pages of `largest` rows until it learns what is served.
    pub fn new(largest: u32) -> Walk {
        Walk {
            strategy: Strategy::ByPage(ByPage::new(largest)),
            evidence: Evidence::default(),
            claims: Claims::default(),
            questions: Questions::default(),
        }
    }

    /// The walk over a list that takes the number of rows to leave out.
    #[must_use]
    pub fn by_offset(self) -> Walk {
        Walk { strategy: Strategy::ByOffset(ByOffset::new(self.page_size())), ..self }
    }

    /// The walk over a list with cursors.
    #[must_use]
    pub fn by_cursor(self) -> Walk {
        Walk { strategy: Strategy::ByCursor(ByCursor::new(self.page_size())), ..self }
    }

    /// The walk over a list that takes no page argument.
    #[must_use]
    pub fn unpaged(self) -> Walk {
        Walk { strategy: Strategy::Unpaged(Unpaged::new(self.page_size(), false)), ..self }
    }

    /// The walk over a list that takes no page argument that anybody knows.
    #[must_use]
    pub fn perhaps_unpaged(self) -> Walk {
        Walk { strategy: Strategy::Unpaged(Unpaged::new(self.page_size(), true)), ..self }
    }

    /// The same walk, which asks none of these questions where others serve as well.
    #[must_use]
    pub fn avoiding(mut self, asked: Arc<HashSet<(u32, u64)>>) -> Walk {
        if let Strategy::ByPage(by_page) = &mut self.strategy {
            by_page.avoid(asked);
        }
        self
    }

    /// Returns the next question.
    pub fn ask(&self) -> Ask {
        self.strategy.way().ask(self.evidence.position)
    }

    /// Returns the cursor to ask behind. `None` is the beginning of the list, or a list without cursors.
    pub fn after(&self) -> Option<&str> {
        if let Strategy::ByCursor(by_cursor) = &self.strategy { by_cursor.after() } else { None }
    }

    /// Returns the number of the first row that a question asks for, from 0, as far as the walk knows.
    pub fn first_of(&self, asked: Ask) -> u64 {
        if let Strategy::ByCursor(_) = self.strategy { self.evidence.position } else { asked.row }
    }

    /// Returns the next question and those that follow if every answer is a whole window that joins: at most `n`, and none
    /// past `total`. A caller that asks them together drops those that turn out not to be next.
    pub fn foresee(&self, n: usize, total: Option<u64>) -> Vec<Ask> {
        let mut asks = vec![self.ask()];
        let Some(total) = total.filter(|_| self.evidence.position > 0) else {
            return asks;
        };
        while asks.len() < n {
            let end = asks.last().map_or(0, |ask| ask.end());
            match self.strategy.way().foretell(end) {
                Some(next) if end < total && next.end() > end => asks.push(next),
                _ => break,
            }
        }
        asks
    }

    /// Takes in the answer to [`Walk::ask`].
    pub fn judge(&mut self, shown: &Shown<'_>) -> Step {
        let asked = self.ask();
        self.questions.note(asked);
        self.claims.hear(asked, shown);
        self.evidence.nameless += shown.nameless;
        let (evidence, claims) = (&mut self.evidence, &mut self.claims);
        let end = match self.strategy.way_mut().judge(&mut Answer { asked, shown: *shown, evidence, claims }) {
            Move::Stay => None,
            Move::Become(fixed, end) => {
                self.strategy = Strategy::FixedPageSize(fixed);
                end
            }
            Move::End(end) => Some(end),
        };
        let stepped_back = self.evidence.fault.is_some() && end.is_none() && self.strategy.way().is_reading();
        Step { stepped_back, end: verdict::decide(end, &self.evidence, &self.claims) }
    }

    /// Asks for pages of at most `size` rows from here on. Returns `false` where no size is asked for, or none but the one
    /// that is served.
    pub fn lower(&mut self, size: u32) -> bool {
        self.strategy.way_mut().lower(size)
    }

    /// Returns the page size that is served, when it is less than was asked for and several windows have shown it.
    pub fn clamped(&self, asked: u32) -> Option<u32> {
        let (size, evidence) = (self.page_size(), &self.evidence);
        let is_shown = evidence.position > u64::from(size) && evidence.fault.is_none() && evidence.short_at.is_none();
        (is_shown && size < asked && !matches!(self.strategy, Strategy::FixedPageSize(_))).then_some(size)
    }

    /// Takes in what is known of the totals of this stream.
    pub fn know(&mut self, whole: Whole) {
        self.claims.know(whole);
    }

    /// Returns the same, with what this walk has found out.
    pub fn knows(&self) -> Whole {
        self.claims.whole()
    }

    /// Whether no row was taken in.
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty()
    }

    /// Returns how many rows were joined.
    pub fn rows(&self) -> u64 {
        self.evidence.position
    }

    /// Returns the page size in use.
    pub fn page_size(&self) -> u32 {
        self.strategy.way().page_size()
    }

    /// Whether some answer told more rows than were read.
    pub fn was_told_more(&self) -> bool {
        // The walk of a test that must fail believes what it is to believe.
        #[cfg(debug_assertions)]
        if let Strategy::Naive(_) = self.strategy {
            return false;
        }
        self.claims.tell_more_than(self.evidence.position)
    }

    /// Whether the server serves pages of one size only.
    pub fn serves_one_size(&self) -> bool {
        matches!(&self.strategy, Strategy::FixedPageSize(fixed) if fixed.is_only_size())
    }

    /// Whether what windows showed again stood where it stood: nothing has moved, as far as they show.
    pub fn stood_still(&self) -> bool {
        self.evidence.stood_still()
    }

    /// Whether the list was read whole in one window.
    pub fn is_one_window(&self) -> bool {
        self.strategy.way().is_one_window(self.evidence.position)
    }
}

#[cfg(test)]
mod tests;
