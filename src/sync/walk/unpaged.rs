//! Lists that are asked for at once: no argument pages them, or none that anybody knows.
//!
//! A list that only seems unpaged gives its first page, and twice the same. Where the server shows no schema and tells
//! neither a total nor an end, as many rows as a usual page has prove nothing.

use serde::{Deserialize, Serialize};

use super::anchors::{duplicates, hex, print};
use super::answer::Answer;
use super::evidence::Fault;
use super::questions::Ask;
use super::strategy::{Move, Way};
use super::verdict::End;

/// A walk over a list that takes no page argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unpaged {
    /// Rows to ask for, where a size is asked for.
    size: u32,
    /// Nobody knows an argument that pages it; there may be one.
    is_assumed: bool,
    phase: Phase,
}

/// What is asked next: the list, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// For the first time.
    #[default]
    First,
    /// Again: it must read the same. The fingerprint is that of the answer before.
    Again {
        #[serde(with = "hex")]
        print: u128,
    },
}

impl Unpaged {
    /// A walk over a list that takes no page argument; `is_assumed`: that anybody knows.
    pub(super) fn new(size: u32, is_assumed: bool) -> Unpaged {
        Unpaged { size: size.max(1), is_assumed, phase: Phase::First }
    }
}

/// As many rows as servers give when nobody says how many.
fn is_a_usual_page(rows: u64) -> bool {
    rows > 0 && (rows.is_multiple_of(5) || (rows >= 8 && rows.is_power_of_two()))
}

impl Way for Unpaged {
    fn ask(&self, _position: u64) -> Ask {
        Ask::page(self.size, 1)
    }

    /// The total says that the list is whole, or it is read twice, the same.
    fn judge(&mut self, answer: &mut Answer<'_>) -> Move {
        let (shown, rows) = (&answer.shown, answer.shown.len());
        let now = Phase::Again { print: print(shown.rows) };
        let before = std::mem::replace(&mut self.phase, now);
        let told = shown.total.map(|total| total == rows);
        let is_whole = told.unwrap_or(before == self.phase) && shown.has_next != Some(true) && !duplicates(shown.rows);
        if is_whole && told.is_none() && self.is_assumed && is_a_usual_page(rows) {
            return Move::End(End::UsualPage { rows });
        }
        if is_whole {
            return Move::End(End::Reached);
        }
        answer.evidence.farthest = rows;
        if before != Phase::First {
            let is_told = told == Some(false) || shown.has_next == Some(true) || duplicates(shown.rows);
            answer.evidence.fail(if is_told { Fault::Unpaged } else { Fault::Restless });
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
