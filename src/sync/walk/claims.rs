//! Compares the server's claims about a list, such as its total, with the rows that it shows. A claim never proves
//! that a reading is complete. But a reading that the server's claims contradict is not complete.
//!
//! - *More follows.* The last answer with rows claims that another page follows although it was not full, or the
//!   empty answer behind it does. Some servers only mean "this page is full". They claim it of full pages alone, and
//!   the empty page behind takes it back.
//! - *The total is larger.* A list with cursors that came as one page has fewer rows than its total. Where a walk
//!   took more than one answer, rows may have gone meanwhile: [`super::closing`] reads the list again and compares it
//!   with the total.
//! - *The total counts something else.* A total that never exceeds the rows shown so far may count the rows of the
//!   page, or the rows so far. It counts the list once an answer claims more rows than it showed, or once nothing was
//!   found behind a list of at least that length.
//!
//! Before a walk ends, it has asked again about each of these claims (for the last window, or for the empty first
//! page), and the server has repeated the claim.
//!
//! Two servers can send the same bytes, one honest and one not. What no answer contradicts, no client can see.

use serde::{Deserialize, Serialize};

use super::questions::Ask;
use super::reasons;
use super::shown::Shown;

/// The server's latest claims about a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Whether another page follows, as the last answer with rows claims. `None` if it claims nothing.
    more: Option<bool>,
    /// The total that the last answer with rows claims. `None` if it claims none.
    total: Option<u64>,
    /// Whether the last answer with rows had as many rows as were asked for, or more.
    is_full: bool,
    /// Whether another page follows, as the empty answer behind the last rows claims. `None` if there was no such
    /// answer, or if it claims nothing.
    behind: Option<bool>,
    /// The largest total that any answer with rows claims. `None` if none did.
    most: Option<u64>,
    /// Whether a total was found to count something else than the list, for example the rows of a page. From then on
    /// no total is believed.
    is_no_total: bool,
    /// Whether this stream's totals count its whole lists.
    whole: TotalsKnowledge,
}

/// Whether the totals of a stream count the rows of the whole list. Some servers count the rows of the page instead,
/// or the rows shown so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TotalsKnowledge {
    /// Totals count the whole list if it has at most this many rows. A list of this length came as one page with an
    /// equal total, and nothing was found behind it.
    UpTo(u64),
    /// Totals always count the whole list, because some total exceeded the rows shown so far.
    Told,
    /// Nothing has shown yet what totals count.
    #[default]
    Unknown,
}

impl TotalsKnowledge {
    /// Returns whether a list that came as one page of `rows` rows, with an equal total, is known to be complete.
    fn covers(self, rows: u64) -> bool {
        match self {
            TotalsKnowledge::Told => true,
            TotalsKnowledge::UpTo(most) => rows <= most,
            TotalsKnowledge::Unknown => false,
        }
    }

    /// Merges what two readings have shown about a stream's totals. `Told` wins. Of two `UpTo`, the larger number
    /// counts. `Unknown` adds nothing.
    #[must_use]
    pub fn with(self, other: TotalsKnowledge) -> TotalsKnowledge {
        match (self, other) {
            (TotalsKnowledge::Told, _) | (_, TotalsKnowledge::Told) => TotalsKnowledge::Told,
            (TotalsKnowledge::UpTo(a), TotalsKnowledge::UpTo(b)) => TotalsKnowledge::UpTo(a.max(b)),
            (TotalsKnowledge::Unknown, known) | (known, TotalsKnowledge::Unknown) => known,
        }
    }
}

impl Claims {
    /// Records the claims of `shown`, the answer to the question `asked`.
    pub(super) fn record_answer(&mut self, asked: Ask, shown: &Shown<'_>) {
        let rows = shown.len();
        if rows > 0 {
            (self.more, self.total, self.behind) = (shown.has_next, shown.total, None);
            self.most = self.most.max(shown.total);
            self.is_full = rows >= u64::from(asked.size);
            if shown.total.is_some_and(|total| total > asked.row + rows) {
                self.whole = TotalsKnowledge::Told;
            }
        } else {
            self.behind = shown.has_next;
        }
    }

    /// Returns the total in `shown`, the answer to the question `asked`, or `None` if it claims none or totals are
    /// not believed. A total smaller than the number of rows up to the end of this answer counts something else. From
    /// then on no total is believed.
    pub(super) fn believed_total(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<u64> {
        self.is_no_total |= shown.total.is_some_and(|total| total < asked.row + shown.len());
        shown.total.filter(|_| !self.is_no_total)
    }

    /// Records that totals count something else than the list. No total is believed any more.
    pub(super) fn disbelieve_total(&mut self) {
        self.is_no_total = true;
    }

    /// Records that rows were shown up to row `end`. If the last total claimed an earlier end, no total is believed
    /// any more.
    pub(super) fn hear_rows_up_to(&mut self, end: u64) {
        self.is_no_total |= self.total.is_some_and(|total| total < end);
    }

    /// Returns which claim of the server contradicts that the list was read to its end, in a few words. Returns
    /// `None` if none does.
    pub(super) fn contradict(&self) -> Option<String> {
        if self.behind == Some(true) {
            Some(reasons::MORE_BEHIND.into())
        } else if self.more == Some(true) && !self.is_full {
            Some(reasons::MORE_THAN_LAST.into())
        } else {
            None
        }
    }

    /// Returns why the server's claims contradict that a list with cursors was read to its end after `rows` rows.
    /// Returns `None` if they do not. There are two reasons: the server claims that another page follows and gives no
    /// cursor for it, or its total is larger than `rows`. The total counts only if `at_once`, that is, if all rows
    /// came in one page.
    pub(super) fn contradict_cursors(&self, rows: u64, at_once: bool) -> Option<String> {
        if self.more == Some(true) && self.behind.is_none() {
            return Some(reasons::no_cursor(rows));
        }
        let total = self.total.filter(|total| *total > rows && at_once)?;
        Some(reasons::fewer_shown(total, rows, "row"))
    }

    /// Returns whether some answer claimed a total of more than `rows` rows. That alone does not make a walk
    /// incomplete, because rows may have been deleted meanwhile. The list is read again to find out.
    pub(super) fn tell_more_than(&self, rows: u64) -> bool {
        self.most.is_some_and(|most| most > rows) && !self.is_no_total
    }

    /// Returns whether a list that came as one page of `rows` rows, with an equal total, is known to be complete.
    pub(super) fn trusts(&self, rows: u64) -> bool {
        self.whole.covers(rows)
    }

    /// Records that the server showed nothing behind a list that came as one page of `rows` rows with an equal total.
    pub(super) fn found_whole(&mut self, rows: u64) {
        self.whole = self.whole.with(TotalsKnowledge::UpTo(rows));
    }

    pub(super) fn whole(&self) -> TotalsKnowledge {
        self.whole
    }

    pub(super) fn know(&mut self, whole: TotalsKnowledge) {
        self.whole = self.whole.with(whole);
    }
}
