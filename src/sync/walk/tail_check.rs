//! Checks whether a walk has reached the end of its list. Two answers show it: the page behind the last window must
//! be empty, and the last window (the tail) must read the same once more.
//!
//! If there are rows behind a window that was short, that window is read once more. If it is still short, the server
//! leaves rows out of it.

use serde::{Deserialize, Serialize};

use super::anchors::{fingerprint, hex};
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::evidence::NoProgress;
use super::questions::Ask;
use crate::record::Record;

/// A check of the end of a list that is under way. It is stored, so that a stopped run goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EndCheck {
    /// Asks for the page behind the last window. Is it empty?
    Behind {
        /// The question for the last window.
        last: Ask,
        /// The fingerprint of the last window.
        #[serde(with = "hex")]
        tail: u128,
        /// Whether the last window had fewer rows than were asked for.
        is_short: bool,
    },
    /// Rows were found behind a short window. Asks for the window again. Is it still short?
    Short {
        /// The question for the short window.
        last: Ask,
    },
    /// Asks for the last window again. Does it still read the same?
    Again {
        /// The question for the last window.
        last: Ask,
        /// The fingerprint of the last window.
        #[serde(with = "hex")]
        tail: u128,
    },
}

/// What an answer means for the check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EndCheckStep {
    /// The check goes on with this question.
    GoesOn(EndCheck),
    /// Reading is over, for this reason.
    End(EndReason),
    /// There are rows behind the last window, so the walk goes on.
    MoreBehind,
    /// The last window reads differently now: the walk has stepped back.
    TailChanged,
}

impl EndCheck {
    /// Returns a check that begins with the page behind the window that answered `last` with these rows.
    pub(super) fn behind(last: Ask, rows: &[Record]) -> EndCheck {
        EndCheck::Behind { last, tail: fingerprint(rows), is_short: (rows.len() as u64) < u64::from(last.size) }
    }

    /// Returns the question to ask next.
    pub(super) fn ask(&self) -> Ask {
        match self {
            EndCheck::Behind { last, .. } => Ask { row: last.end(), ..*last },
            EndCheck::Short { last } | EndCheck::Again { last, .. } => *last,
        }
    }

    /// Takes in the answer to the question that `ask` returned.
    pub(super) fn judge(self, answer: &mut WalkAnswer<'_>) -> EndCheckStep {
        match self {
            EndCheck::Behind { last, tail, is_short } => behind(last, tail, is_short, answer),
            EndCheck::Short { last } => {
                let rows = answer.shown.len();
                if rows > 0 && rows < u64::from(last.size) {
                    answer.evidence.short_at.get_or_insert(last.row + rows);
                }
                answer.evidence.fail(NoProgress::NoJoin);
                EndCheckStep::MoreBehind
            }
            EndCheck::Again { tail, .. } if fingerprint(answer.shown.rows) == tail => {
                EndCheckStep::End(EndReason::Reached)
            }
            EndCheck::Again { last, .. } => {
                answer.evidence.step_back(NoProgress::NoJoin, last, None);
                EndCheckStep::TailChanged
            }
        }
    }
}

fn behind(last: Ask, tail: u128, is_short: bool, answer: &mut WalkAnswer<'_>) -> EndCheckStep {
    let shown = &answer.shown;
    if shown.len() == 0 && shown.total == Some(answer.evidence.position) {
        return EndCheckStep::End(EndReason::Reached); // it says so here, too: it counts the list
    }
    // A page number past the end may show the last page again. If the last page is also the first, it looks the same
    // when the server ignores the page argument. Only `hasNextPage: false` tells the two apart.
    let is_last_again = fingerprint(shown.rows) == tail && (last.row > 0 || shown.has_next == Some(false));
    if shown.len() == 0 || is_last_again {
        return EndCheckStep::GoesOn(EndCheck::Again { last, tail });
    }
    // Rows stand behind the end that a total claimed: it counts something else, or rows came in meanwhile.
    answer.claims.hear_rows_up_to(last.end() + shown.len());
    if is_short {
        return EndCheckStep::GoesOn(EndCheck::Short { last });
    }
    answer.evidence.fail(NoProgress::NoJoin);
    EndCheckStep::MoreBehind
}
