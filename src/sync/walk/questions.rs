//! The questions of a walk: the rows that it asks for, and the page sizes that it has asked for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A question for some rows of a list. In a list with cursors, [`super::Walk::after`] belongs to the question, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The page size, in rows.
    pub size: u32,
    /// The number of the first row, from 0. It is a multiple of the size unless the list takes offsets.
    pub row: u64,
}

impl Ask {
    /// Returns the question for page `number`, counted from 1, in pages of `size` rows.
    pub(super) fn page(size: u32, number: u32) -> Ask {
        Ask { size, row: u64::from(size) * u64::from(number - 1) }
    }

    /// Returns the question for the page of `size` rows that holds row `row`, counted from 0.
    pub(super) fn page_with(row: u64, size: u32) -> Ask {
        let full_pages_before = row / u64::from(size);
        Ask::page(size, u32::try_from(full_pages_before.saturating_add(1)).unwrap_or(u32::MAX))
    }

    /// Returns the number of the first row behind the rows that are asked for.
    pub(super) fn end(self) -> u64 {
        self.row + u64::from(self.size)
    }

    /// Returns the number of the page that is asked for, counted from 1.
    pub(super) fn number(self) -> u32 {
        u32::try_from((self.row / u64::from(self.size)).saturating_add(1)).unwrap_or(u32::MAX)
    }
}

/// The questions that a walk has asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WalkQuestions {
    /// The page sizes that were used. A second pass uses another one. (The mirror remembers which rows were asked for
    /// in which size: [`crate::mirror::reread`].)
    pub(super) sizes: BTreeSet<u32>,
}

impl WalkQuestions {
    /// Adds the page size of a question.
    pub(super) fn note(&mut self, ask: Ask) {
        self.sizes.insert(ask.size);
    }
}
