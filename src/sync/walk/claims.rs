//! Compares what a server says of a list with what it shows. A claim never proves that a reading is complete, but no
//! reading is complete against the server's own word.
//!
//! - *More follows.* The last answer with rows says so although it was not full, or the empty answer behind it does.
//!   Some servers only mean "this page is full". They say it of full pages alone, and the empty page behind takes it
//!   back.
//! - *The total is larger.* A list with cursors that came as one page has fewer rows than its total. Where a walk
//!   took more than one answer, rows may have gone meanwhile: [`super::closing`] reads the list again and compares it
//!   with the total.
//! - *The total counts something else.* A total that never exceeds the rows shown so far may count the rows of the
//!   page, or the rows so far. It counts the list once an answer claims more rows than it showed, or once nothing was
//!   found behind a list of at least that length.
//!
//! By the time a walk ends it has asked again about each of these claims (the tail, or the empty first page), and the
//! claim stood.
//!
//! Two servers can send the same bytes, one honest and one not. What no answer contradicts, no client can see.

use serde::{Deserialize, Serialize};

use super::answer::Shown;
use super::questions::Ask;
use super::reasons;

/// The last claims of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Whether another page follows, as the last answer with rows says.
    more: Option<bool>,
    /// The total, as the last answer with rows says.
    total: Option<u64>,
    /// Whether the last answer with rows had as many rows as were asked for, or more.
    is_full: bool,
    /// Whether another page follows, as the empty answer behind it says.
    behind: Option<bool>,
    /// The largest total of any answer with rows.
    most: Option<u64>,
    /// Whether a total was found to count something else than the list, for example the rows of a page. Then no total
    /// is believed.
    is_no_total: bool,
    /// What is known of this stream's totals.
    whole: TotalsKnowledge,
}

/// What is known of a stream's totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TotalsKnowledge {
    /// A list of this many rows came as one page with an equal total, and nothing was found behind it.
    UpTo(u64),
    /// Some total exceeded the rows shown so far, so totals count the list.
    Told,
    /// Nothing is known.
    #[default]
    Unknown,
}

impl TotalsKnowledge {
    /// Returns whether a list is known to be whole that came as one page of `rows` rows with an equal total.
    fn covers(self, rows: u64) -> bool {
        match self {
            TotalsKnowledge::Told => true,
            TotalsKnowledge::UpTo(most) => rows <= most,
            TotalsKnowledge::Unknown => false,
        }
    }

    /// Combines two pieces of knowledge.
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
    /// Takes in the claims of an answer to the question `asked`.
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

    /// Returns the total of an answer that shows the rows from `asked.row` on, if totals are believed. A total
    /// smaller than the number of rows shown up to here counts something else, and from then on no total is believed.
    pub(super) fn believed_total(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<u64> {
        self.is_no_total |= shown.total.is_some_and(|total| total < asked.row + shown.len());
        shown.total.filter(|_| !self.is_no_total)
    }

    /// Notes that the total counts something else than the list.
    pub(super) fn disbelieve_total(&mut self) {
        self.is_no_total = true;
    }

    /// Notes that rows were shown up to `end`. If that is behind the end that the total claimed, no total is believed
    /// any more.
    pub(super) fn hear_rows_up_to(&mut self, end: u64) {
        self.is_no_total |= self.total.is_some_and(|total| total < end);
    }

    /// Returns, in a few words, which claim contradicts that the list was read to its end, or `None`.
    pub(super) fn contradict(&self) -> Option<String> {
        if self.behind == Some(true) {
            Some(reasons::MORE_BEHIND.into())
        } else if self.more == Some(true) && !self.is_full {
            Some(reasons::MORE_THAN_LAST.into())
        } else {
            None
        }
    }

    /// The same for a list with cursors of which `rows` rows were read. `at_once` says that they came in one page.
    pub(super) fn contradict_cursors(&self, rows: u64, at_once: bool) -> Option<String> {
        if self.more == Some(true) && self.behind.is_none() {
            return Some(reasons::no_cursor(rows));
        }
        let total = self.total.filter(|total| *total > rows && at_once)?;
        Some(reasons::fewer_shown(total, rows, "row"))
    }

    /// Returns whether some answer claimed more than `rows` rows. Rows may have gone meanwhile; reading the list
    /// again tells.
    pub(super) fn tell_more_than(&self, rows: u64) -> bool {
        self.most.is_some_and(|most| most > rows) && !self.is_no_total
    }

    /// Returns whether a list is known to be whole that came as one page of `rows` rows with an equal total.
    pub(super) fn trusts(&self, rows: u64) -> bool {
        self.whole.covers(rows)
    }

    /// Notes that nothing stands behind a list that came as one page of `rows` rows with an equal total.
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
