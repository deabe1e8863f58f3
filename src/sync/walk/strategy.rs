//! Reads a list in one of several ways. Each strategy is a state machine with its own phases.
//!
//! ```text
//! ByPage ───┐ the server serves one page size only,
//! ByOffset ─┴─ or pages are too small to overlap ──▶ FixedPageSize
//! ByCursor      Unpaged      (these stay what they are)
//! ```
//!
//! A strategy decides which question comes next and what an answer means for it. It adds what it sees to the
//! evidence, and says when reading is over. [`super::completeness`] then decides what the walk is worth.
//!
//! A strategy is stored with its walk, and so is its phase: a run that was killed in a check goes on with it. That is
//! sound because it does not matter how long ago the pages were read that a check compares.

use serde::{Deserialize, Serialize};

use super::answer::WalkAnswer;
use super::by_cursor::ByCursor;
use super::by_offset::ByOffset;
use super::by_page::ByPage;
use super::completeness::EndReason;
use super::fixed_page_size::FixedPageSize;
#[cfg(debug_assertions)]
use super::naive::Naive;
use super::questions::Ask;
use super::unpaged::Unpaged;

/// The way in which a list is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Strategy {
    /// Pages by number, which overlap because their sizes are chosen so.
    ByPage(ByPage),
    /// Windows that begin at any row, and overlap by a few rows.
    ByOffset(ByOffset),
    /// Windows that begin behind a cursor.
    ByCursor(ByCursor),
    /// Pages of one size, which adjoin. Each is read once more after the page behind it.
    FixedPageSize(FixedPageSize),
    /// One question for the whole list.
    Unpaged(Unpaged),
    /// A walk without overlap or other checks. Tests use it to show which rows such a walk misses.
    #[cfg(debug_assertions)]
    Naive(Naive),
}

/// What happens after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// The strategy goes on with its next question.
    Stay,
    /// From here on the list is read in pages of one size. If this answer also ends the walk, the second value says
    /// why.
    Become(FixedPageSize, Option<EndReason>),
    /// Reading is over, for this reason.
    End(EndReason),
}

/// The operations of every strategy.
pub(super) trait ReadingStrategy {
    /// Returns the next question of a walk that has joined the rows before `position`.
    fn ask(&self, position: u64) -> Ask;

    /// Takes in the answer to the question that `ask` returned, and decides what happens next.
    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move;

    /// Returns the page size in rows, as far as the walk knows what is served.
    fn page_size(&self) -> u32;

    /// Returns whether the next question reads a window. Otherwise it checks a window that was read before.
    fn is_reading(&self) -> bool;

    /// Returns the question that follows if the answer is a full window that ends at row `position`. Returns `None`
    /// if that depends on the content of the window.
    fn foretell(&self, position: u64) -> Option<Ask> {
        let _ = position;
        None
    }

    /// Returns whether a list of `rows` rows was read completely in one window.
    fn is_one_window(&self, rows: u64) -> bool {
        rows <= u64::from(self.page_size())
    }

    /// Asks for pages of `size` rows from here on. Returns `false` and changes nothing if the walk asks for no size,
    /// if only one size is served, or if `size` is not smaller than the size in use or too small to overlap.
    fn lower(&mut self, size: u32) -> bool {
        let _ = size;
        false
    }
}

impl Strategy {
    pub(super) fn way(&self) -> &dyn ReadingStrategy {
        match self {
            Strategy::ByPage(way) => way,
            Strategy::ByOffset(way) => way,
            Strategy::ByCursor(way) => way,
            Strategy::FixedPageSize(way) => way,
            Strategy::Unpaged(way) => way,
            #[cfg(debug_assertions)]
            Strategy::Naive(way) => way,
        }
    }

    pub(super) fn way_mut(&mut self) -> &mut dyn ReadingStrategy {
        match self {
            Strategy::ByPage(way) => way,
            Strategy::ByOffset(way) => way,
            Strategy::ByCursor(way) => way,
            Strategy::FixedPageSize(way) => way,
            Strategy::Unpaged(way) => way,
            #[cfg(debug_assertions)]
            Strategy::Naive(way) => way,
        }
    }

    /// Returns whether neighbouring windows overlap, so that the order of all rows is known.
    pub(super) fn overlaps(&self) -> bool {
        match self {
            Strategy::ByPage(_) | Strategy::ByOffset(_) => true,
            Strategy::ByCursor(_) | Strategy::FixedPageSize(_) | Strategy::Unpaged(_) => false,
            #[cfg(debug_assertions)]
            Strategy::Naive(_) => false,
        }
    }

    /// Returns the state of a walk by cursors, or `None` for any other strategy.
    pub(super) fn by_cursor(&self) -> Option<&ByCursor> {
        match self {
            Strategy::ByCursor(way) => Some(way),
            Strategy::ByPage(_) | Strategy::ByOffset(_) | Strategy::FixedPageSize(_) | Strategy::Unpaged(_) => None,
            #[cfg(debug_assertions)]
            Strategy::Naive(_) => None,
        }
    }

    /// Returns the state of a walk in pages of one size, or `None` for any other strategy.
    pub(super) fn fixed_page_size(&self) -> Option<&FixedPageSize> {
        match self {
            Strategy::FixedPageSize(way) => Some(way),
            Strategy::ByPage(_) | Strategy::ByOffset(_) | Strategy::ByCursor(_) | Strategy::Unpaged(_) => None,
            #[cfg(debug_assertions)]
            Strategy::Naive(_) => None,
        }
    }
}
