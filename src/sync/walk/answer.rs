//! One answer to a walk, with what it may add to: the evidence and the claims.

use super::claims::Claims;
use super::evidence::Evidence;
use super::questions::Ask;
use crate::record::Record;

/// What the answer showed.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    /// Its rows.
    pub rows: &'r [Record],
    /// Rows without an id.
    pub nameless: u32,
    /// How many rows the list has, as the server says.
    pub total: Option<u64>,
    /// Whether another page follows, as the server says.
    pub has_next: Option<bool>,
    /// The cursor of each row, where rows have one.
    pub cursors: &'r [Box<str>],
    /// The cursor of the next page, where the answer names one.
    pub next_cursor: Option<&'r str>,
}

impl Shown<'_> {
    /// How many rows it has, with an id or without.
    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64 + u64::from(self.nameless)
    }
}

/// An answer, and what it adds to.
pub(super) struct Answer<'a> {
    /// The question that it answers.
    pub(super) asked: Ask,
    /// What it shows.
    pub(super) shown: Shown<'a>,
    /// What the walk has seen so far.
    pub(super) evidence: &'a mut Evidence,
    /// What the server has said so far, this answer included.
    pub(super) claims: &'a mut Claims,
}
