//! Reads lists in one question, because they take no page argument, or because none is known.
//!
//! A list that only seems unpaged would answer with its first page, and with the same page when asked again. So if
//! the server shows no schema, and claims neither a total nor an end, as many rows as a usual page has prove nothing.

use serde::{Deserialize, Serialize};

use super::anchors::{duplicates, fingerprint, hex};
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::evidence::NoProgress;
use super::questions::Ask;
use super::reading_strategy::{Move, ReadingStrategy};

/// The state of a walk over a list that takes no page argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unpaged {
    /// The number of rows to ask for, where the server takes a size.
    size: u32,
    /// Whether the list is only assumed to be unpaged: no argument is known that pages it, but there may be one.
    is_assumed: bool,
    phase: Phase,
}

/// How often the list was asked for. Every question asks for the whole list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The list was not asked for yet.
    #[default]
    First,
    /// The list was asked for, and must read the same again. `print` is the fingerprint of the last answer.
    Again {
        #[serde(with = "hex")]
        print: u128,
    },
}

impl Unpaged {
    /// Returns a walk over a list that takes no page argument. `size` is the number of rows to ask for, where the
    /// server takes a size. `is_assumed` says that the list may have a page argument that is not known.
    pub(super) fn new(size: u32, is_assumed: bool) -> Unpaged {
        Unpaged { size: size.max(1), is_assumed, phase: Phase::First }
    }
}

/// Returns whether servers often send this many rows by default: a multiple of 5, or a power of two from 8 on.
fn is_a_usual_page(rows: u64) -> bool {
    rows > 0 && (rows.is_multiple_of(5) || (rows >= 8 && rows.is_power_of_two()))
}

impl ReadingStrategy for Unpaged {
    fn ask(&self, _position: u64) -> Ask {
        Ask::page(self.size, 1)
    }

    /// Ends the walk if the total equals the number of rows, or, without a total, if the list reads the same twice.
    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        let (shown, rows) = (&answer.shown, answer.shown.len());
        let now = Phase::Again { print: fingerprint(shown.rows) };
        let before = std::mem::replace(&mut self.phase, now);
        let told = shown.total.map(|total| total == rows);
        let is_whole = told.unwrap_or(before == self.phase) && shown.has_next != Some(true) && !duplicates(shown.rows);
        if is_whole && told.is_none() && self.is_assumed && is_a_usual_page(rows) {
            return Move::End(EndReason::UsualPage { rows });
        }
        if is_whole {
            return Move::End(EndReason::Reached);
        }
        answer.evidence.farthest = rows;
        if before != Phase::First {
            let is_told = told == Some(false) || shown.has_next == Some(true) || duplicates(shown.rows);
            answer.evidence.fail(if is_told { NoProgress::Unpaged } else { NoProgress::Restless });
        }
        Move::Stay
    }

    fn page_size(&self) -> u32 {
        self.size
    }

    fn is_reading(&self) -> bool {
        true
    }

    fn is_one_window(&self, _rows: u64) -> bool {
        true
    }
}
