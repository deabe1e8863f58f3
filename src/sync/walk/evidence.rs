//! Holds what a walk has seen of its list. Every strategy adds to it, and [`super::completeness`] decides from it.
//!
//! The evidence is small, and is stored as part of the checkpoint's position, so that a killed run goes on with it.

use serde::{Deserialize, Serialize};

use super::anchors::{Anchors, duplicates};
use super::questions::Ask;
use super::sequence::Sequence;
use crate::record::Record;

/// How often a page is asked for that shows a record twice, or fewer rows than it should.
pub(super) const TRIES: u32 = 3;
/// The number of answers that repeat known rows (page one again, or no new row) after which a walk concludes that the
/// server ignores which page is asked for.
const IGNORED: u32 = 3;

/// Why an answer made no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum NoProgress {
    /// The window did not join the rows read before.
    NoJoin,
    /// The window was empty where rows must be.
    Vanished,
    /// The window was shorter than asked for, although the total says that more rows follow.
    Short,
    /// The window showed a record twice.
    Duplicates,
    /// The list takes no page argument, and one answer does not show all of it.
    Unpaged,
    /// The list takes no page argument, and each answer shows other rows than the answer before.
    Restless,
}

/// What a walk has seen of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// The number of rows read without a gap from the first row on: rows `0..position`.
    pub(super) position: u64,
    /// The largest value that `position` has had. After a step back, `position` is smaller.
    pub(super) farthest: u64,
    /// The rows that were read last, which later windows must show again.
    pub(super) anchors: Anchors,
    /// The number of answers to the question for page one that showed no row.
    pub(super) empty: u32,
    /// The number of successive answers without progress.
    pub(super) failures: u32,
    /// The number of successive answers that seemed to answer another question, because they repeated known rows.
    pub(super) ignored: u32,
    /// The number of windows that should reach beyond all rows read, but showed page one again.
    #[serde(default)]
    pub(super) again: u32,
    /// The number of windows that showed rows other than those of page one, but did not join the rows read before.
    #[serde(default)]
    pub(super) apart: u32,
    /// The number of rows without an id.
    pub(super) nameless: u32,
    /// Why the last window made no progress. `None` if it made some.
    pub(super) fault: Option<NoProgress>,
    /// The number of successive pages that showed a record twice.
    pub(super) twice: u32,
    /// Whether a page was read although it showed a record twice each time it was asked for.
    pub(super) spoiled: bool,
    /// The row at which the first short window ends: a window that joined, but stayed shorter than asked for although
    /// the server says that more rows follow. The rows that it left out may be anywhere later, so nothing proves such
    /// a walk. `None` if no window stayed short.
    pub(super) short_at: Option<u64>,
    /// How often in a row the current window was asked for again because it was shorter than asked for.
    pub(super) shorts: u32,
    /// A fingerprint of the ids read so far, in their order. `None` once a row has moved.
    pub(super) sequence: Option<Sequence>,
}

impl Default for Evidence {
    fn default() -> Evidence {
        Evidence {
            position: 0,
            farthest: 0,
            anchors: Anchors::default(),
            empty: 0,
            failures: 0,
            ignored: 0,
            again: 0,
            apart: 0,
            nameless: 0,
            fault: None,
            twice: 0,
            spoiled: false,
            short_at: None,
            shorts: 0,
            sequence: Some(Sequence::default()),
        }
    }
}

impl Evidence {
    /// Returns whether the walk has taken in no row.
    pub(super) fn is_empty(&self) -> bool {
        self.anchors.is_empty() && self.position == 0
    }

    /// Returns whether every row that a window showed again was at its old position.
    pub(super) fn stood_still(&self) -> bool {
        self.sequence.as_ref().is_some_and(|sequence| sequence.rows == self.position)
    }

    /// Notes an answer that made no progress, and why.
    pub(super) fn fail(&mut self, fault: NoProgress) {
        self.fault = Some(fault);
        self.failures += 1;
    }

    /// Notes that the window `asked` did not join, because of `fault`. The next window begins half a page earlier,
    /// and not behind row `total`. After [`NoProgress::Duplicates`] the same page is asked for again.
    pub(super) fn step_back(&mut self, fault: NoProgress, asked: Ask, total: Option<u64>) {
        self.fail(fault);
        self.sequence = None;
        if fault != NoProgress::Duplicates {
            let back = asked.row.saturating_sub(u64::from(asked.size / 2));
            self.position = total.map_or(back, |total| back.min(total));
        }
    }

    /// Updates `farthest` after a window. A window that did not get farther counts as a failure.
    pub(super) fn note_progress(&mut self) {
        if self.position > self.farthest {
            self.farthest = self.position;
            self.failures = 0;
        } else {
            self.failures += 1;
        }
    }

    /// Notes an answer that seems to belong to another question. Returns how many such answers came in a row.
    pub(super) fn note_ignored(&mut self) -> u32 {
        self.ignored += 1;
        self.ignored
    }

    /// Notes an answer that seems to belong to another question. Returns whether so many came in a row that the
    /// server counts as ignoring which page is asked for.
    pub(super) fn is_ignored_again(&mut self) -> bool {
        self.note_ignored() >= IGNORED
    }

    /// Returns whether pages behind page one were read. If so, the server obeys the page argument.
    pub(super) fn has_pages(&self) -> bool {
        self.farthest > self.anchors.front()
    }

    /// Returns whether the server has shown so many other pages than page one that it must obey the page argument.
    pub(super) fn has_other_pages(&self) -> bool {
        self.apart >= IGNORED
    }

    /// Returns whether several pages were read, and behind them the server shows page one again.
    pub(super) fn begins_again(&self) -> bool {
        self.has_pages() && self.again >= IGNORED
    }

    /// Notes an answer to the question that was asked. The count of ignored questions begins again at 0.
    pub(super) fn note_heeded(&mut self) {
        self.ignored = 0;
    }

    /// Returns whether to ask again for the page with these rows, because it shows a record twice: it was not read at
    /// one moment. A page that does so every time is read as it is, so that the rest of the list is not lost with it.
    /// Nothing proves such a walk.
    pub(super) fn is_doubled(&mut self, rows: &[Record]) -> bool {
        if !duplicates(rows) {
            self.twice = 0;
            return false;
        }
        self.twice += 1;
        let again = self.twice < TRIES;
        if !again {
            self.twice = 0;
            self.spoiled = true;
        }
        again
    }

    /// Adds the new rows of a window that begins at row `row` to the sequence. Drops the sequence if a row that the
    /// window shows again is not at its old position, or if `nameless`, the number of rows without an id, is not 0.
    pub(super) fn extend_sequence(&mut self, row: u64, rows: &[Record], nameless: u32) {
        if row == 0 {
            self.sequence = Some(Sequence::default());
        }
        let again = if row == 0 { Some(0) } else { self.position.checked_sub(row) };
        let again = again.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= rows.len() && nameless == 0);
        let again = again.filter(|n| self.anchors.end_with(*n, rows) == Some(true));
        match (again, self.sequence.as_mut()) {
            (Some(again), Some(sequence)) => rows[again..].iter().for_each(|row| sequence.push(&row.id)),
            _ => self.sequence = None,
        }
    }
}
