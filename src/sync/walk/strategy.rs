//! The ways of reading a list, as a state machine. Each strategy has its own state and its own phases.
//!
//! ```text
//! ByPage ───┐ the server serves one page size only,
//! ByOffset ─┴─ or pages are too small to overlap ──▶ FixedPageSize
//! ByCursor      Unpaged      (these stay what they are)
//! ```
//!
//! A strategy decides which question comes next and what an answer means for it. It adds what it sees to the evidence, and
//! says when reading is over; what the walk is worth then, [`super::verdict`] decides.
//!
//! A strategy is stored with its walk, its phase too: a run that was killed in a check goes on with it. It does not matter
//! how long ago the pages were read that a check compares.

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::by_cursor::ByCursor;
use super::by_offset::ByOffset;
use super::by_page::ByPage;
use super::fixed_page_size::FixedPageSize;
#[cfg(debug_assertions)]
use super::naive::Naive;
use super::questions::Ask;
use super::unpaged::Unpaged;
use super::verdict::End;

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Strategy {
    /// Pages by number, which overlap where their sizes are chosen well.
    ByPage(ByPage),
    /// Any row can be the first: windows overlap by a few rows.
    ByOffset(ByOffset),
    /// Each window begins behind a cursor.
    ByCursor(ByCursor),
    /// Pages of one size only, which adjoin: each is read once more after the one behind it.
    FixedPageSize(FixedPageSize),
    /// One question reads all of the list.
    Unpaged(Unpaged),
    /// A walk of a test that must fail.
    #[cfg(debug_assertions)]
    Naive(Naive),
}

/// What an answer means for the strategy that asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// It goes on; its phase says how.
    Stay,
    /// The list is read in pages of one size from here on, unless this answer ends the walk.
    Become(FixedPageSize, Option<End>),
    /// Reading is over.
    End(End),
}

/// What every strategy can do.
pub(super) trait Way {
    /// Returns the next question of a walk that has joined the rows before `position`.
    fn ask(&self, position: u64) -> Ask;

    /// Takes in the answer to it.
    fn judge(&mut self, answer: &mut Answer<'_>) -> Move;

    /// Returns the rows of a page, as far as the walk knows what is served.
    fn page_size(&self) -> u32;

    /// Whether the next question asks for a window, and does not check one that was read.
    fn is_reading(&self) -> bool;

    /// Returns the question that follows a whole window that ends at `position`. Returns `None` where that cannot be told
    /// before the window is read.
    fn foretell(&self, position: u64) -> Option<Ask> {
        let _ = position;
        None
    }

    /// Whether the list was read whole in one window, if it has so many rows.
    fn is_one_window(&self, rows: u64) -> bool {
        rows <= u64::from(self.page_size())
    }

    /// Asks for pages of `size` rows from here on. Returns `false` where no size is asked for, or only one is served.
    fn lower(&mut self, size: u32) -> bool {
        let _ = size;
        false
    }
}

impl Strategy {
    pub(super) fn way(&self) -> &dyn Way {
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

    pub(super) fn way_mut(&mut self) -> &mut dyn Way {
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

    /// Whether windows overlap, so that the order of all rows is known.
    pub(super) fn overlaps(&self) -> bool {
        matches!(self, Strategy::ByPage(_) | Strategy::ByOffset(_))
    }
}
