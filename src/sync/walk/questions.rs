//! The questions of a walk: which rows it asks for, and which it has asked for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Which rows to ask for. A list with cursors is asked by [`super::Walk::after`], too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Rows a page.
    pub size: u32,
    /// The first row, from 0; a multiple of the size unless the list takes offsets.
    pub row: u64,
}

impl Ask {
    /// A page by its number, from 1.
    pub(super) fn page(size: u32, number: u32) -> Ask {
        Ask { size, row: u64::from(size) * u64::from(number - 1) }
    }

    /// The page of `size` rows that holds this row.
    pub(super) fn page_with(row: u64, size: u32) -> Ask {
        let full_pages_before = row / u64::from(size);
        Ask::page(size, u32::try_from(full_pages_before.saturating_add(1)).unwrap_or(u32::MAX))
    }

    /// The row behind the last one that it asks for.
    pub(super) fn end(self) -> u64 {
        self.row + u64::from(self.size)
    }

    /// The number of its page, from 1.
    pub(super) fn number(self) -> u32 {
        u32::try_from((self.row / u64::from(self.size)).saturating_add(1)).unwrap_or(u32::MAX)
    }
}

/// The questions that a walk has asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Questions {
    /// The page sizes. A second pass uses another one. (Which rows were asked for in which size, the mirror remembers:
    /// [`crate::mirror::reread`].)
    pub(super) sizes: BTreeSet<u32>,
}

impl Questions {
    /// Notes a question.
    pub(super) fn note(&mut self, ask: Ask) {
        self.sizes.insert(ask.size);
    }
}
