//! Is this the end of the list? Two questions tell: the page behind the last window must be empty, and the tail read once
//! more must be the same. Where rows stand behind a window that was short, it is read once more: if it is still short, rows
//! are left out of it.

use serde::{Deserialize, Serialize};

use super::anchors::{hex, print};
use super::answer::Answer;
use super::evidence::Fault;
use super::questions::Ask;
use super::verdict::End;
use crate::record::Record;

/// A check of the end, under way. It is stored: a run that is stopped in it goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EndCheck {
    /// Is the page behind this window empty?
    Behind {
        /// The question for the last window.
        last: Ask,
        /// The fingerprint of what it showed.
        #[serde(with = "hex")]
        tail: u128,
        /// It had fewer rows than were asked for.
        is_short: bool,
    },
    /// Rows stand behind this window, which was short: is it still?
    Short {
        /// The question for it.
        last: Ask,
    },
    /// Does the last window still read the same?
    Again {
        /// The question for the last window.
        last: Ask,
        /// The fingerprint of what it showed.
        #[serde(with = "hex")]
        tail: u128,
    },
}

/// What an answer means for the check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It goes on with this question.
    GoesOn(EndCheck),
    /// Reading is over.
    End(End),
    /// Rows stand behind the last window: the walk goes on.
    MoreBehind,
    /// The last window reads otherwise: the walk has stepped back.
    TailChanged,
}

impl EndCheck {
    /// A check that begins with the page behind `last`, which showed these rows.
    pub(super) fn behind(last: Ask, rows: &[Record]) -> EndCheck {
        EndCheck::Behind { last, tail: print(rows), is_short: (rows.len() as u64) < u64::from(last.size) }
    }

    /// Returns its question.
    pub(super) fn ask(&self) -> Ask {
        match self {
            EndCheck::Behind { last, .. } => Ask { row: last.end(), ..*last },
            EndCheck::Short { last } | EndCheck::Again { last, .. } => *last,
        }
    }

    /// Takes in the answer to it.
    pub(super) fn judge(self, answer: &mut Answer<'_>) -> Checked {
        match self {
            EndCheck::Behind { last, tail, is_short } => behind(last, tail, is_short, answer),
            EndCheck::Short { last } => {
                let rows = answer.shown.len();
                if rows > 0 && rows < u64::from(last.size) {
                    answer.evidence.short_at.get_or_insert(last.row + rows);
                }
                answer.evidence.fail(Fault::NoJoin);
                Checked::MoreBehind
            }
            EndCheck::Again { tail, .. } if print(answer.shown.rows) == tail => Checked::End(End::Reached),
            EndCheck::Again { last, .. } => {
                answer.evidence.step_back(Fault::NoJoin, last, None);
                Checked::TailChanged
            }
        }
    }
}

fn behind(last: Ask, tail: u128, is_short: bool, answer: &mut Answer<'_>) -> Checked {
    let shown = &answer.shown;
    if shown.len() == 0 && shown.total == Some(answer.evidence.position) {
        return Checked::End(End::Reached); // it says so here, too: it counts the list
    }
    // A page number past the end may show the last page again. Where that is the first page, too, only the server's own word
    // tells it from a page argument that is ignored.
    let is_last_again = print(shown.rows) == tail && (last.row > 0 || shown.has_next == Some(false));
    if shown.len() == 0 || is_last_again {
        return Checked::GoesOn(EndCheck::Again { last, tail });
    }
    // Rows behind the end that a total told: it counts something else, unless rows came in meanwhile.
    answer.claims.hear_rows_up_to(last.end() + shown.len());
    if is_short {
        return Checked::GoesOn(EndCheck::Short { last });
    }
    answer.evidence.fail(Fault::NoJoin);
    Checked::MoreBehind
}
