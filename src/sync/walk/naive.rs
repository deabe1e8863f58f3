//! Walks of tests that must fail: without the overlap, and believed on counts alone. No release takes them.

use std::collections::BTreeSet;

use super::{Paging, Shown, Walk};
use crate::verdict::Verdict;

impl Walk {
    /// A plain walk, for the test that shows what the overlap is for.
    #[must_use]
    pub fn without_overlap(mut self) -> Walk {
        self.paging = Paging::Plain;
        self
    }

    /// A plain walk that is complete when it has seen as many ids as there are rows, for the test that shows what that is
    /// worth.
    #[must_use]
    pub fn on_counts_alone(mut self) -> Walk {
        self.seen.get_or_insert_default();
        self.without_overlap()
    }

    pub(super) fn is_plain(&self) -> bool {
        self.paging == Paging::Plain
    }

    /// Counts the ids that an answer shows.
    pub(super) fn count(&mut self, shown: &Shown<'_>) {
        if let Some(seen) = &mut self.seen {
            seen.extend(shown.rows.iter().map(|row| row.id.clone()));
        }
    }

    /// What a walk on counts alone says at its end.
    pub(super) fn counted(&self, verdict: Verdict, total: Option<u64>) -> Verdict {
        let ids = self.seen.as_ref().map(|seen: &BTreeSet<_>| seen.len() as u64);
        match ids.zip(total) {
            Some((ids, total)) if ids != total => Verdict::Incomplete(format!("{ids} ids, and {total} rows")),
            _ => verdict,
        }
    }
}
