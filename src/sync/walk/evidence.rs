//! What a walk has seen. Every strategy adds to it; [`super::verdict`] decides from it.
//!
//! It is small, and stored as part of the checkpoint's position: a killed run goes on with the same evidence.

use serde::{Deserialize, Serialize};

use super::anchors::{Anchors, duplicates};
use super::questions::Ask;
use super::sequence::Sequence;
use crate::record::Record;

/// How often a page is asked for that shows a record twice, or fewer rows than it should.
pub(super) const TRIES: u32 = 3;
/// Answers to another question (page one again, or nothing new) after which the server ignores which page is asked for.
const IGNORED: u32 = 3;

/// Why an answer made no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fault {
    /// The window did not join what was read.
    NoJoin,
    /// The window was empty where rows must be.
    Vanished,
    /// The window was shorter than asked for, and the total says that more rows follow.
    Short,
    /// The window showed a record twice.
    Duplicates,
    /// The list does not come whole, and nothing pages it.
    Unpaged,
    /// The list comes at once, and another one each time.
    Restless,
}

/// What a walk has seen of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// Rows `0..position` are joined.
    pub(super) position: u64,
    /// The farthest position so far. A walk that steps back is behind it.
    pub(super) farthest: u64,
    /// The rows read last.
    pub(super) anchors: Anchors,
    /// Answers to the first question that showed no row.
    pub(super) empty: u32,
    /// Answers in a row without progress.
    pub(super) failures: u32,
    /// How often in a row an answer seemed to be one to another question.
    pub(super) ignored: u32,
    /// Windows behind all that was read that showed page one again.
    #[serde(default)]
    pub(super) again: u32,
    /// Windows that were neither page one nor joined what was read.
    #[serde(default)]
    pub(super) apart: u32,
    /// Rows without an id.
    pub(super) nameless: u32,
    /// What is wrong with the last window.
    pub(super) fault: Option<Fault>,
    /// How often in a row a page showed a record twice.
    pub(super) twice: u32,
    /// A page that showed a record twice was read all the same.
    pub(super) spoiled: bool,
    /// The end of the first joined window that was shorter than asked for although the total says that more rows follow,
    /// however often it was asked for. What it left out may stand anywhere later: nothing proves such a walk.
    pub(super) short_at: Option<u64>,
    /// How often in a row such a window was asked for again.
    pub(super) shorts: u32,
    /// The ids read so far in their order, as long as nothing moved.
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
    /// Whether no row was taken in.
    pub(super) fn is_empty(&self) -> bool {
        self.anchors.is_empty() && self.position == 0
    }

    /// Whether what windows showed again stood where it stood.
    pub(super) fn stood_still(&self) -> bool {
        self.sequence.as_ref().is_some_and(|sequence| sequence.rows == self.position)
    }

    /// Notes an answer that made no progress.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.failures += 1;
    }

    /// Notes a window that did not join: the next one begins half a page earlier, at `total` at the latest. A page that
    /// shows a record twice is asked for where it was.
    pub(super) fn step_back(&mut self, fault: Fault, asked: Ask, total: Option<u64>) {
        self.fail(fault);
        self.sequence = None;
        if fault != Fault::Duplicates {
            let back = asked.row.saturating_sub(u64::from(asked.size / 2));
            self.position = total.map_or(back, |total| back.min(total));
        }
    }

    /// Notes whether the position is farther than ever.
    pub(super) fn note_progress(&mut self) {
        if self.position > self.farthest {
            self.farthest = self.position;
            self.failures = 0;
        } else {
            self.failures += 1;
        }
    }

    /// Notes an answer that seems to be one to another question. Returns how many came in a row.
    pub(super) fn note_ignored(&mut self) -> u32 {
        self.ignored += 1;
        self.ignored
    }

    /// Notes such an answer, too. Returns whether the server ignores which page is asked for.
    pub(super) fn is_ignored_again(&mut self) -> bool {
        self.note_ignored() >= IGNORED
    }

    /// Whether pages behind page one were read: then the server heeds which page is asked for.
    pub(super) fn has_pages(&self) -> bool {
        self.farthest > self.anchors.front()
    }

    /// Whether so many windows were other pages that the server does heed which one is asked for.
    pub(super) fn has_other_pages(&self) -> bool {
        self.apart >= IGNORED
    }

    /// Whether pages were read, and behind them the server shows page one again.
    pub(super) fn begins_again(&self) -> bool {
        self.has_pages() && self.again >= IGNORED
    }

    /// Notes an answer to the question that was asked.
    pub(super) fn note_heeded(&mut self) {
        self.ignored = 0;
    }

    /// Whether a page is asked for again because it shows one record twice: it was not read at one moment. A page that
    /// always does is read as it is, so that the rest of the list is not lost with it; nothing proves such a walk.
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

    /// Adds the new rows of a window that overlaps what was read to the sequence. Drops the sequence if a row that the
    /// window shows again does not stand where it stood, or if a row has no id.
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
