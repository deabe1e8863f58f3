//! Reads one list to its end while people change it, and says what that reading has proven. The walk itself
//! ([`Walk`]) is pure: it takes answers in and gives the next question and a verdict out. It uses no clock, no socket
//! and no database.
//!
//! A page shows consecutive rows at one moment: a *window*. Four conditions together prove that no untouched row was
//! missed:
//!
//! 1. Untouched rows keep their order among themselves.
//! 2. The walk read page one.
//! 3. Every later window shows *anchors*: at least two rows that were read before, with equal bytes, in the order in
//!    which they were read.
//! 4. The last window reaches the end of the list.
//!
//! The reason: every untouched row before an anchor was read already, and the window itself shows every row after it.
//! Neither `hasNextPage` nor a count proves that. A plain walk over a busy list nearly always misses rows.
//!
//! A [`Walk`] has four parts. Each answer goes through all of them, in this order:
//!
//! | part | what it holds | where |
//! |---|---|---|
//! | questions | the page sizes that were asked for | `questions` |
//! | claims | the server's claims about the list, such as its total | `claims` |
//! | strategy | how the list is read, and which question comes next | `strategy`, and one file for each way |
//! | evidence | the rows that were seen, and what went wrong | `evidence`, `anchors`, `sequence` |
//!
//! The ways of reading are `by_page`, `by_offset`, `by_cursor`, `fixed_page_size` and `unpaged`.
//!
//! The strategy judges an answer by the rules of `windows` and `tail_check`. It adds to the evidence, and reports
//! when reading is over. `completeness` then decides the verdict from evidence and claims, and `reasons` puts it into
//! words.
//!
//! [`driver`] asks the questions and stores the pages ([`commit`]). [`second_pass`] proves a list that stood still,
//! and [`closing`] reads a list again that moved. [`isolation`] finds the rows that make a page fail, `gaps` fills the
//! places of rows without an id, and [`disputes`] settles which of two lists a row belongs to.
//!
//! A window that does not join proves nothing. Its rows are stored all the same, because they are true.

mod anchors;
mod answer;
mod by_cursor;
mod by_offset;
mod by_page;
mod claims;
pub mod closing;
mod closing_state;
mod collect;
pub mod commit;
mod completeness;
mod conclude;
pub mod disputes;
pub mod driver;
mod ended;
mod evidence;
mod fixed_page_size;
mod gaps;
mod head_check;
pub mod id_reading;
pub mod isolation;
mod missing_estimate;
#[cfg(debug_assertions)]
mod naive;
mod page_size;
mod position;
mod questions;
mod reach;
mod read_list;
mod reading_again;
mod reading_strategy;
mod reasons;
pub mod second_pass;
mod sequence;
mod shown;
mod strategy;
mod tail_check;
mod take_in;
mod unknown_rows;
mod unpaged;
mod windows;

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::answer::WalkAnswer;
use self::by_cursor::ByCursor;
use self::by_offset::ByOffset;
use self::by_page::ByPage;
use self::claims::Claims;
pub use self::claims::TotalsKnowledge;
pub use self::collect::Collect;
pub use self::ended::Ended;
use self::evidence::Evidence;
use self::fixed_page_size::FixedPageSize;
pub use self::questions::Ask;
use self::questions::WalkQuestions;
use self::reading_strategy::Move;
pub use self::reasons::{hint, page_ignored};
pub use self::shown::Shown;
use self::strategy::Strategy;
use self::unpaged::Unpaged;
pub use crate::sync::walk::reach::{second_pass_questions, windows_for};
use crate::verdict::Verdict;

/// The effect of an answer on the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whether the window did not join the rows read before, or made no progress. The next window then begins
    /// earlier, or the same one is asked for again.
    pub stepped_back: bool,
    /// The verdict, or `None` if the walk goes on.
    pub end: Option<Verdict>,
}

/// A walk over one list, with everything that it knows. It is small, and is stored as the `position` of the list's
/// checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    strategy: Strategy,
    evidence: Evidence,
    claims: Claims,
    questions: WalkQuestions,
}

impl Walk {
    /// Returns a walk by page numbers. It asks for pages of `largest` rows until page one shows which size is served.
    pub fn new(largest: u32) -> Walk {
        Walk {
            strategy: Strategy::ByPage(ByPage::new(largest)),
            evidence: Evidence::default(),
            claims: Claims::default(),
            questions: WalkQuestions::default(),
        }
    }

    /// Returns this walk for a list that takes an offset: the number of rows to skip.
    #[must_use]
    pub fn by_offset(self) -> Walk {
        Walk { strategy: Strategy::ByOffset(ByOffset::new(self.page_size())), ..self }
    }

    /// Returns this walk for a list with cursors.
    #[must_use]
    pub fn by_cursor(self) -> Walk {
        Walk { strategy: Strategy::ByCursor(ByCursor::new(self.page_size())), ..self }
    }

    /// Returns this walk for a list that takes no page argument, so that one answer shows all of it.
    #[must_use]
    pub fn unpaged(self) -> Walk {
        Walk { strategy: Strategy::Unpaged(Unpaged::new(self.page_size(), false)), ..self }
    }

    /// Returns this walk for a list whose page argument is not known, although the server may have one.
    #[must_use]
    pub fn perhaps_unpaged(self) -> Walk {
        Walk { strategy: Strategy::Unpaged(Unpaged::new(self.page_size(), true)), ..self }
    }

    /// Returns this walk with questions to avoid, each a page size and a first row. A walk by page numbers asks one
    /// of them only if no other question gets it further. Other walks ignore them.
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

    /// Returns the cursor behind which the next question begins. `None` means the beginning of the list, or a list
    /// without cursors.
    pub fn after(&self) -> Option<&str> {
        self.strategy.by_cursor().and_then(ByCursor::after)
    }

    /// Returns the number of the first row that the question `asked` asks for, counted from 0. In a list with cursors
    /// that is the number of rows read so far.
    pub fn first_of(&self, asked: Ask) -> u64 {
        if self.strategy.by_cursor().is_some() { self.evidence.position } else { asked.row }
    }

    /// Returns the next question, and those that will follow if every answer is a full window that joins: at most `n`
    /// questions, and no further one once row `total` is reached. If `total` is `None`, or no row was read yet,
    /// returns only the next question. The caller asks them together, and drops the answers whose questions turn out
    /// not to be next.
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

    /// Takes in `shown`, the answer to the question that [`Walk::ask`] returns.
    pub fn judge(&mut self, shown: &Shown<'_>) -> Step {
        let asked = self.ask();
        self.questions.note(asked);
        self.claims.record_answer(asked, shown);
        self.evidence.nameless += shown.nameless;
        let (evidence, claims) = (&mut self.evidence, &mut self.claims);
        let mut answer = WalkAnswer { asked, shown: *shown, evidence, claims };
        let mut next = self.strategy.way_mut().judge(&mut answer);
        if let Move::OneSize(why) = next {
            let (fixed, then) = FixedPageSize::begin(&why, &mut answer);
            (self.strategy, next) = (Strategy::FixedPageSize(fixed), then);
        }
        let end = match next {
            Move::Stay | Move::OneSize(_) => None,
            Move::End(end) => Some(end),
        };
        let stepped_back = self.evidence.fault.is_some() && end.is_none() && self.strategy.way().is_reading();
        Step { stepped_back, end: completeness::decide(end, &self.evidence, &self.claims) }
    }

    /// Asks for pages of at most `size` rows from here on. Returns `false` and changes nothing if the walk asks for
    /// no size, if the server serves only one size, or if `size` is not smaller than the size in use or too small to
    /// overlap.
    pub fn lower(&mut self, size: u32) -> bool {
        self.strategy.way_mut().lower(size)
    }

    /// Returns the page size that is served, if it is smaller than `asked` and several windows have shown it.
    pub fn clamped(&self, asked: u32) -> Option<u32> {
        let (size, evidence) = (self.page_size(), &self.evidence);
        let is_shown = evidence.position > u64::from(size) && evidence.fault.is_none() && evidence.short_at.is_none();
        (is_shown && size < asked && self.strategy.fixed_page_size().is_none()).then_some(size)
    }

    /// Adds what other walks have found out about whether this stream's totals count its whole lists.
    pub fn add_known_totals(&mut self, whole: TotalsKnowledge) {
        self.claims.know(whole);
    }

    /// Returns whether this stream's totals count its whole lists, as far as this walk and others have found out.
    pub fn known_totals(&self) -> TotalsKnowledge {
        self.claims.whole()
    }

    /// Returns whether the walk has taken in no row.
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty()
    }

    /// Returns the number of rows that the walk has read without a gap, from the first row on.
    pub fn rows(&self) -> u64 {
        self.evidence.position
    }

    /// Returns the page size in use, in rows.
    pub fn page_size(&self) -> u32 {
        self.strategy.way().page_size()
    }

    /// Returns whether some answer claimed a larger total than the number of rows that the walk has read. Totals that
    /// were found to count something else do not matter.
    pub fn was_told_more(&self) -> bool {
        // The naive walks of tests believe any total, so that they fail as the tests expect.
        #[cfg(debug_assertions)]
        if let Strategy::Naive(_) = self.strategy {
            return false;
        }
        self.claims.tell_more_than(self.evidence.position)
    }

    /// Returns whether the server serves pages of one size only, whatever size is asked for.
    pub fn serves_one_size(&self) -> bool {
        self.strategy.fixed_page_size().is_some_and(FixedPageSize::is_only_size)
    }

    /// Returns whether every row that a window showed again was at its old position. Then nothing has moved, as far
    /// as the windows show.
    pub fn stood_still(&self) -> bool {
        self.evidence.stood_still()
    }

    /// Returns whether the walk read the whole list in one window.
    pub fn is_one_window(&self) -> bool {
        self.strategy.way().is_one_window(self.evidence.position)
    }
}

/// Walks without the checks, for tests (`naive`).
#[cfg(debug_assertions)]
impl Walk {
    /// Returns a walk that reads page after page without overlap, for the test that shows what the overlap is for.
    #[must_use]
    pub fn without_overlap(self) -> Walk {
        self.naive(false)
    }

    /// Returns a walk without overlap that is complete when it has seen as many ids as the total, for the test that
    /// shows what counts are worth.
    #[must_use]
    pub fn on_counts_alone(self) -> Walk {
        self.naive(true)
    }

    /// Returns a naive walk if the test that runs this process asks for one in an environment variable, and otherwise
    /// this walk.
    #[must_use]
    pub(super) fn or_naive(self) -> Walk {
        let wants = |name: &str| std::env::var_os(name).is_some();
        match self.strategy {
            Strategy::Naive(_) => self,
            _ if wants("QPIEN_TEST_COUNTS_ALONE") => self.on_counts_alone(),
            _ if wants("QPIEN_TEST_PLAIN_WALK") => self.without_overlap(),
            _ => self,
        }
    }

    fn naive(self, counts: bool) -> Walk {
        Walk { strategy: Strategy::Naive(naive::Naive::new(self.page_size(), counts)), ..self }
    }
}

#[cfg(test)]
mod tests;
