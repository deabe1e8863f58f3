//! The contents of one answer to a walk: its rows, and the server's claims about the list.

use crate::record::Record;

/// The contents of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    /// The rows with a readable id.
    pub rows: &'r [Record],
    /// The number of rows without an id.
    pub nameless: u32,
    /// The server's claim of how many rows the list has.
    pub total: Option<u64>,
    /// The server's claim of whether another page follows.
    pub has_next: Option<bool>,
    /// The cursor of each row. Empty if rows have no cursors.
    pub cursors: &'r [Box<str>],
    /// The cursor of the next page, if the answer names one.
    pub next_cursor: Option<&'r str>,
}

impl Shown<'_> {
    /// Returns the number of rows in the answer, with an id or without.
    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64 + u64::from(self.nameless)
    }
}
