//! Holds the rules for windows whose position in the list is known: by page, by offset, or in pages of one size.
//!
//! A page shows consecutive rows at one moment. Each rule exists because of a kind of server:
//!
//! - *An empty window joins nothing.* The walk steps back. (Bulk deletes; a server that serves nothing past some
//!   row.)
//! - *A window that begins with page one's first row, or shows page one's rows, is page one again.* (The server
//!   ignores the page argument.)
//! - *A window that does not show known rows, unchanged and in their order, does not join.* The walk steps back.
//!   (Rows moved; the order is not stable.)
//! - *A window that is shorter than asked for is no end.* If its total says that more rows follow, or the page behind
//!   it shows some, it is asked for again. If it stays short, nothing proves the walk. (The server filters rows after
//!   counting them.)
//! - *The end is offset + rows = total in one answer.* A total that never exceeded the rows shown may count the page,
//!   so the page behind is asked for. Without a total, the page behind must be empty, and the tail must read the same
//!   once more ([`super::tail_check`]).

use super::anchors::MIN_ANCHORS;
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::evidence::{NoProgress, TRIES};
use super::reading_strategy::Move;
use super::tail_check::EndCheck;

/// How a window behind page one relates to the rows that were read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowRelation {
    /// The window shows rows that were read before, unchanged and in their order.
    Joins,
    /// The window shows no row.
    Empty,
    /// The window shows a record twice.
    Doubled,
    /// The window shows page one again.
    PageOne,
    /// The window shows rows that were read before, but not enough of them unchanged and in their order.
    Apart,
    /// The window shows none of the rows that are remembered.
    Unknown,
}

/// What follows from a window that joins the rows read before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JoinedWindow {
    /// The window is not used. The walk asks for it again.
    Refused,
    /// The window is read, and more rows follow.
    More,
    /// The window is read. It is shorter than asked for, although the total says that more rows follow.
    Short,
    /// The window is read. Pages of so few rows cannot both overlap and show new rows, so the strategy must change.
    TooSmall,
    /// The window is read, and may be the last one. This check finds out.
    PerhapsLast(EndCheck),
    /// The window is page one, and may be the whole list: its total equals its own number of rows.
    PerhapsWhole {
        /// The number of rows on page one.
        rows: u32,
    },
    /// Reading is over, for this reason.
    End(EndReason),
}

/// What the server shows behind a page one whose total equals its own number of rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// There are no rows behind page one, so page one is the whole list.
    Nothing,
    /// There are rows behind page one. The list is read from the beginning again.
    Rows {
        /// The page size that is served, in rows, if the total counts the rows of a page. `None` if the rows may have
        /// come in meanwhile.
        served: Option<u32>,
    },
}

impl WalkAnswer<'_> {
    /// Removes the total from the answer if it is not believed.
    pub(super) fn drop_untrusted_total(&mut self) {
        self.shown.total = self.claims.believed_total(self.asked, &self.shown);
    }

    /// Compares a window behind page one with the rows that were read before. `size` is the page size in rows.
    pub(super) fn compare(&mut self, size: u32) -> WindowRelation {
        let rows = self.shown.rows;
        if self.shown.len() == 0 {
            WindowRelation::Empty
        } else if self.evidence.is_doubled(rows) {
            WindowRelation::Doubled
        } else if self.evidence.anchors.begins(rows) || self.is_front(size) {
            WindowRelation::PageOne
        } else if self.evidence.anchors.join(rows) {
            WindowRelation::Joins
        } else if self.evidence.anchors.knows_any(rows) {
            WindowRelation::Apart
        } else {
            WindowRelation::Unknown
        }
    }

    /// Returns whether the window shows page one again as it is now: many more rows of page one than overlap anyway.
    fn is_front(&self, size: u32) -> bool {
        let overlap = u64::from(size).saturating_sub(self.asked.row);
        self.evidence.anchors.of_page_one(self.shown.rows) > overlap + self.shown.rows.len() as u64 / 2
    }

    /// Handles a window that does not join, for the reason `stands`: steps back, or ends the walk if the server
    /// ignores the page argument.
    pub(super) fn refuse(&mut self, stands: WindowRelation) -> Move {
        match stands {
            WindowRelation::Empty => self.evidence.step_back(NoProgress::Vanished, self.asked, self.shown.total),
            WindowRelation::Doubled => self.evidence.step_back(NoProgress::Duplicates, self.asked, None),
            WindowRelation::PageOne if self.evidence.is_ignored_again() => return Move::End(EndReason::PageIgnored),
            WindowRelation::PageOne if self.asked.row + u64::from(self.asked.size) > self.evidence.farthest => {
                self.evidence.again += 1;
                self.evidence.step_back(NoProgress::NoJoin, self.asked, None);
            }
            _ => {
                self.evidence.apart += u32::from(matches!(stands, WindowRelation::Apart | WindowRelation::Unknown));
                self.evidence.step_back(NoProgress::NoJoin, self.asked, None);
            }
        }
        Move::Stay
    }

    /// Handles a page one that cannot be read, because it is empty or shows a record twice. Returns `None` if it can
    /// be read.
    pub(super) fn refuse_page_one(&mut self) -> Option<Move> {
        if self.shown.len() > 0 {
            let doubled = self.evidence.is_doubled(self.shown.rows);
            return doubled.then(|| self.refuse(WindowRelation::Doubled));
        }
        self.evidence.empty += 1;
        Some(match self.shown.total {
            _ if self.evidence.empty < 2 => Move::Stay,
            Some(told) if told > 0 => Move::End(EndReason::NoneShown { told }),
            _ if !self.evidence.anchors.has_first() => Move::End(EndReason::Reached),
            _ => {
                self.evidence.step_back(NoProgress::Vanished, self.asked, None);
                Move::Stay
            }
        })
    }

    /// Reads a window that joins, in a walk whose windows overlap. `size` is the page size in rows.
    pub(super) fn take_overlapping(&mut self, size: u32) -> JoinedWindow {
        if self.is_refused_as_short() {
            return JoinedWindow::Refused;
        }
        self.evidence.extend_sequence(self.asked.row, self.shown.rows, self.shown.nameless);
        let is_too_small = usize::try_from(size).is_ok_and(|size| size <= MIN_ANCHORS);
        self.take(size, is_too_small)
    }

    /// Reads a page that joins, in a walk whose pages adjoin without overlap. Such pages do not show the order of all
    /// rows.
    pub(super) fn take_adjoining(&mut self) -> JoinedWindow {
        if self.is_refused_as_short() {
            return JoinedWindow::Refused;
        }
        self.evidence.sequence = None;
        self.take(self.asked.size, false)
    }

    /// Returns whether to ask for the window again because it is shorter than asked for. A window that stays short is
    /// read.
    fn is_refused_as_short(&mut self) -> bool {
        let is_short = self.is_short();
        if is_short && self.evidence.short_at.is_none() && self.evidence.shorts + 1 < TRIES {
            self.evidence.shorts += 1;
            self.evidence.fail(NoProgress::Short);
            return true;
        }
        if is_short && self.evidence.shorts > 0 {
            self.evidence.short_at.get_or_insert(self.asked.row + self.shown.len());
        }
        self.evidence.shorts = 0;
        false
    }

    /// Returns whether the window shows fewer rows than were asked for although the server says that more follow. Its
    /// own total says so, or, without a total, its own `hasNextPage`.
    fn is_short(&self) -> bool {
        let count = self.shown.len();
        let is_told = self.shown.total.is_none() && self.asked.row > 0 && self.shown.has_next == Some(true);
        let more = is_told || self.shown.total.is_some_and(|total| total != self.asked.row + count);
        more && count < u64::from(self.asked.size)
    }

    fn take(&mut self, size: u32, is_too_small: bool) -> JoinedWindow {
        let news = self.evidence.anchors.remember(self.shown.rows, size);
        let count = self.shown.len();
        let end = self.asked.row + count;
        if news == 0 && end > self.evidence.farthest && self.asked.row > 0 {
            // These rows lie beyond all that were read, and none of them is new. Either this answers another question
            // (a cache, a repeated page), or as many rows were inserted meanwhile. The first time the walk asks
            // again. The second time it takes the window. After that the server does not page at all.
            match self.evidence.note_ignored() {
                1 => {
                    self.evidence.fail(NoProgress::NoJoin);
                    return JoinedWindow::Refused;
                }
                2 => {}
                _ if self.evidence.short_at.is_some() => return JoinedWindow::End(EndReason::GaveUp),
                _ => return JoinedWindow::End(EndReason::PageIgnored),
            }
        } else if self.asked.row > 0 {
            self.evidence.note_heeded();
        }
        self.evidence.position = end;
        // A total is not believed if `hasNextPage` in the same answer contradicts it.
        let total = self.shown.total.filter(|total| !(*total == end && self.shown.has_next == Some(true)));
        if total == Some(end) {
            return self.take_last();
        }
        self.evidence.note_progress();
        let is_full = count >= u64::from(self.asked.size);
        match total {
            None if is_too_small || !is_full => JoinedWindow::PerhapsLast(self.end_check()),
            Some(_) if is_too_small && count == u64::from(self.asked.size) => JoinedWindow::TooSmall,
            Some(_) if is_too_small || !is_full => {
                self.evidence.fault = Some(NoProgress::Short);
                self.evidence.short_at.get_or_insert(end);
                JoinedWindow::Short
            }
            _ => JoinedWindow::More,
        }
    }

    /// Reads a window that ends at the total. The total may count only the rows of this page, or the rows so far, so
    /// the walk may have to ask for the page behind.
    fn take_last(&mut self) -> JoinedWindow {
        let count = self.shown.len();
        let is_behind_known = count < u64::from(self.asked.size) && self.asked.row == 0;
        if !is_behind_known && !self.claims.trusts(u64::MAX) {
            return JoinedWindow::PerhapsLast(self.end_check());
        }
        if self.asked.row == 0 && !self.claims.trusts(count) {
            return JoinedWindow::PerhapsWhole { rows: u32::try_from(count).unwrap_or(u32::MAX) };
        }
        JoinedWindow::End(EndReason::Reached)
    }

    fn end_check(&self) -> EndCheck {
        EndCheck::behind(self.asked, self.shown.rows)
    }

    /// Takes in the answer to the question for the rows behind page one. Page one had `rows` rows, and a total of the
    /// same number.
    pub(super) fn behind_page_one(&mut self, rows: u32) -> Behind {
        self.evidence.fault = None;
        if self.shown.len() == 0 || self.evidence.anchors.begins(self.shown.rows) {
            self.claims.found_whole(rows.into());
            return Behind::Nothing;
        }
        let least = u64::from(rows) + self.shown.len();
        // The server serves pages of this many rows, and its total counted them, unless rows came in meanwhile.
        let counts_the_page = self.evidence.failures > 0 || self.shown.total.is_none_or(|total| total < least);
        if counts_the_page {
            self.claims.disbelieve_total();
        }
        self.evidence.position = 0;
        self.evidence.failures += 1;
        Behind::Rows { served: counts_the_page.then_some(rows.max(1)) }
    }
}
