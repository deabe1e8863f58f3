//! What a server says of a list beside showing it, held against what it showed. A claim never proves that a reading is
//! complete; but no reading is complete against the server's own word.
//!
//! - *More follows.* The last answer that had rows says so although it was not full, or the empty answer behind it does.
//!   Servers that only mean "this page is full" say it of full pages alone, and the empty page behind takes it back.
//! - *There are so many.* A list with cursors that came as one page has fewer rows than its total. Where a walk took more
//!   than one answer and some total told more rows than it read, rows may have gone meanwhile: [`super::closing`] reads the
//!   list again and holds the total against it.
//! - *So many here.* A total that never tells more rows than were shown so far may count the rows of the page, or the rows
//!   so far: it is a total of the list once an answer told more than it showed, or nothing was behind as long a list.
//!
//! Each of these was read again by the time a walk ends (the tail, or the empty first page), and stands.
//!
//! Two servers can send the same bytes, one that tells the truth and one that does not: what no answer contradicts, no
//! client can see.

use serde::{Deserialize, Serialize};

use super::answer::Shown;
use super::questions::Ask;
use super::reasons;

/// What the server said last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The last answer with rows: whether another page follows.
    more: Option<bool>,
    /// How many rows there are, as it says.
    total: Option<u64>,
    /// It had as many rows as were asked for, or more.
    is_full: bool,
    /// The empty answer behind it: whether another page follows.
    behind: Option<bool>,
    /// The largest total that was told with rows.
    most: Option<u64>,
    /// A total was found to count something else than the list, for example the rows of a page: no total is believed.
    is_no_total: bool,
    /// The rows that came at once where no total said that there are more; all of them are trusted to be a whole list.
    whole: Whole,
}

/// What is known of a stream's totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whole {
    /// A list of so many rows, which came as one page and told as many, was found to have nothing behind it.
    UpTo(u64),
    /// Some total told more rows than had been shown: it counts the list.
    Told,
    /// Nothing.
    #[default]
    Unknown,
}

impl Whole {
    /// Whether a list that came as one page of so many rows, and told as many, is known to be whole.
    fn covers(self, rows: u64) -> bool {
        match self {
            Whole::Told => true,
            Whole::UpTo(most) => rows <= most,
            Whole::Unknown => false,
        }
    }

    /// What is known with this, too.
    #[must_use]
    pub fn with(self, other: Whole) -> Whole {
        match (self, other) {
            (Whole::Told, _) | (_, Whole::Told) => Whole::Told,
            (Whole::UpTo(a), Whole::UpTo(b)) => Whole::UpTo(a.max(b)),
            (Whole::Unknown, known) | (known, Whole::Unknown) => known,
        }
    }
}

impl Claims {
    /// Takes in what an answer says. `asked` is what it answers.
    pub(super) fn hear(&mut self, asked: Ask, shown: &Shown<'_>) {
        let rows = shown.len();
        if rows > 0 {
            (self.more, self.total, self.behind) = (shown.has_next, shown.total, None);
            self.most = self.most.max(shown.total);
            self.is_full = rows >= u64::from(asked.size);
            if shown.total.is_some_and(|total| total > asked.row + rows) {
                self.whole = Whole::Told;
            }
        } else {
            self.behind = shown.has_next;
        }
    }

    /// Returns the total of an answer that shows the rows from `asked.row` on, if totals are believed. A total that is less
    /// than the rows that there are counts something else.
    pub(super) fn believed_total(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<u64> {
        self.is_no_total |= shown.total.is_some_and(|total| total < asked.row + shown.len());
        shown.total.filter(|_| !self.is_no_total)
    }

    /// The total counts something else than the list.
    pub(super) fn disbelieve_total(&mut self) {
        self.is_no_total = true;
    }

    /// Takes in rows that were shown behind the end that the total told.
    pub(super) fn hear_rows_up_to(&mut self, end: u64) {
        self.is_no_total |= self.total.is_some_and(|total| total < end);
    }

    /// What the claims contradict of a list that is read to its end, in a few words; `None` where nothing.
    pub(super) fn contradict(&self) -> Option<String> {
        if self.behind == Some(true) {
            Some(reasons::MORE_BEHIND.into())
        } else if self.more == Some(true) && !self.is_full {
            Some(reasons::MORE_THAN_LAST.into())
        } else {
            None
        }
    }

    /// The same of a list with cursors, of which so many rows were read; `at_once`: in one page.
    pub(super) fn contradict_cursors(&self, rows: u64, at_once: bool) -> Option<String> {
        if self.more == Some(true) && self.behind.is_none() {
            return Some(reasons::no_cursor(rows));
        }
        let total = self.total.filter(|total| *total > rows && at_once)?;
        Some(reasons::fewer_shown(total, rows, "row"))
    }

    /// Whether some answer told more rows than so many. Rows may have gone meanwhile: reading the list again tells.
    pub(super) fn tell_more_than(&self, rows: u64) -> bool {
        self.most.is_some_and(|most| most > rows) && !self.is_no_total
    }

    /// Whether a list that came as one page of so many rows, and told as many, is known to be whole.
    pub(super) fn trusts(&self, rows: u64) -> bool {
        self.whole.covers(rows)
    }

    /// Nothing is behind a list that came as one page of so many rows, and told as many.
    pub(super) fn found_whole(&mut self, rows: u64) {
        self.whole = self.whole.with(Whole::UpTo(rows));
    }

    pub(super) fn whole(&self) -> Whole {
        self.whole
    }

    pub(super) fn know(&mut self, whole: Whole) {
        self.whole = self.whole.with(whole);
    }
}
