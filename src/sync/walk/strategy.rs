//! Reads a list in one of several ways. Each strategy is a state machine with its own phases.
//!
//! ```text
//! ByPage ───┐ the server serves one page size only,
//! ByOffset ─┴─ or pages are too small to overlap ──▶ FixedPageSize
//! ByCursor      Unpaged      (these stay what they are)
//! ```
//!
//! [`super::reading_strategy`] says what each of them decides.
//!
//! A strategy is stored with its walk, and so is its phase: a run that was killed in a check goes on with it. That is
//! sound because it does not matter how long ago the pages were read that a check compares.

use serde::{Deserialize, Serialize};

use super::by_cursor::ByCursor;
use super::by_offset::ByOffset;
use super::by_page::ByPage;
use super::fixed_page_size::FixedPageSize;
#[cfg(debug_assertions)]
use super::naive::Naive;
use super::reading_strategy::ReadingStrategy;
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
