//! One answer to a walk's question, together with the evidence and the claims that the answer adds to.

use super::claims::Claims;
use super::evidence::Evidence;
use super::questions::Ask;
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

/// An answer, and the parts of the walk that it adds to.
pub(super) struct WalkAnswer<'a> {
    /// The question that was answered.
    pub(super) asked: Ask,
    /// The contents of the answer.
    pub(super) shown: Shown<'a>,
    /// The evidence of the walk so far.
    pub(super) evidence: &'a mut Evidence,
    /// The server's claims so far, including those of this answer.
    pub(super) claims: &'a mut Claims,
}
