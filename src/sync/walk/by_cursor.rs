//! Lists with cursors. A cursor may be a place in the order of the list (then nothing can slip past it) or an offset in
//! disguise (then everything can), and nothing in the answers says which: so neighbours must join here, too.
//!
//! Where every row has a cursor of its own (Relay), the next question starts behind an earlier row, so that its window
//! shows the last rows again. Where only the next page has one, neighbours do not overlap: each page is read once more
//! after the one behind it, and that one once more after it, as with servers of one page size.
//!
//! No total can end such a walk by itself (where a window lies in the list is not known), unless one answer holds the
//! whole list. Otherwise the end is an empty page behind the last row, or a page that says that it is the last and is not
//! full, and the tail read once more, the same.

use serde::{Deserialize, Serialize};

use super::anchors::{Anchor, print};
use super::{Fault, NEED, Phase, Shown, Walk, len};
use crate::quantity::counted;
use crate::record::Record;
use crate::verdict::Verdict;

/// How many windows a walk can step back.
const TRAIL: usize = 3;

/// Where a walk by cursors stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursors {
    /// Starts of windows, the next one last, the others to come back to; none is the beginning of the list.
    trail: Vec<Box<str>>,
    /// The start of the window that was read last.
    start: Option<Box<str>>,
    /// Behind the last row that was read.
    last: Option<Box<str>>,
    /// Where neighbours do not overlap: the fingerprint of the page read last, and the cursor behind it.
    before: Option<(u128, Box<str>)>,
}

/// What is being made sure of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    /// Is there nothing behind the last row? The fingerprint is the tail's.
    Behind(u128),
    /// Does the tail still read the same?
    Again(u128),
    /// Neighbours that do not overlap: does the page before still read the same?
    Before(Neighbour),
    /// ... and the one behind it?
    Next(Neighbour),
}

/// A page behind the one read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Neighbour {
    rows: Vec<Anchor>,
    behind: Option<Box<str>>,
    more: Option<bool>,
}

impl Cursors {
    /// Whether all rows that were read came as the list's first page.
    pub(super) fn is_one_page(&self) -> bool {
        self.start.is_none() && self.before.is_none() && self.trail.len() <= 1
    }
}

impl Walk {
    /// The cursor to ask behind; none is the beginning of the list (or a list without cursors).
    pub fn after(&self) -> Option<&str> {
        let cursors = self.cursors.as_ref()?;
        let before = cursors.before.as_ref().map(|(_, behind)| &**behind);
        match &self.phase {
            Phase::Cursor(Check::Behind(_)) => cursors.last.as_deref(),
            Phase::Cursor(Check::Again(_) | Check::Before(_)) => cursors.start.as_deref(),
            Phase::Cursor(Check::Next(_)) => before,
            _ => before.or_else(|| cursors.trail.last().map(|c| &**c)),
        }
    }

    pub(super) fn cursor_window(&mut self, shown: &Shown<'_>) -> Option<Verdict> {
        self.fault = None;
        let mut cursors = self.cursors.take().unwrap_or_default();
        let end = self.cursor_page(&mut cursors, shown);
        self.cursors = Some(cursors);
        end
    }

    pub(super) fn cursor_check(&mut self, check: Check, shown: &Shown<'_>) -> Option<Verdict> {
        let mut cursors = self.cursors.take().unwrap_or_default();
        let end = self.checked(&mut cursors, check, shown);
        self.cursors = Some(cursors);
        end
    }

    fn cursor_page(&mut self, cursors: &mut Cursors, shown: &Shown<'_>) -> Option<Verdict> {
        let rows = shown.rows;
        if cursors.before.is_some() {
            self.phase = Phase::Cursor(Check::Before(Neighbour {
                rows: rows.iter().map(|r| Anchor(r.id.clone(), r.hash, 0)).collect(),
                behind: shown.next_cursor.map(Into::into),
                more: shown.has_next,
            }));
            return None;
        }
        if cursors.trail.is_empty() {
            return self.cursor_first(cursors, shown);
        }
        if len(shown) == 0 {
            return self.cursor_back(cursors, Fault::Vanished);
        }
        if self.doubled(rows) {
            return self.cursor_back(cursors, Fault::Duplicates);
        }
        if self.first.as_deref() == rows.first().map(|r| &*r.id) {
            return self.cursor_ignored().or_else(|| self.cursor_back(cursors, Fault::NoJoin));
        }
        if !self.joins(rows) {
            return self.cursor_back(cursors, Fault::NoJoin);
        }
        cursors.start = cursors.trail.last().cloned();
        let news = self.remember(rows);
        self.cursor_read(cursors, shown, news)
    }

    /// The beginning of the list.
    fn cursor_first(&mut self, cursors: &mut Cursors, shown: &Shown<'_>) -> Option<Verdict> {
        let (rows, count) = (shown.rows, len(shown));
        *cursors = Cursors::default();
        if count == 0 {
            self.empty += 1;
            return match (self.empty, shown.total) {
                (1, _) => None,
                (_, Some(n)) if n > 0 => {
                    Some(Verdict::Incomplete(format!("the server says {} and shows none", counted(n, "row"))))
                }
                _ => Some(Verdict::Continuous),
            };
        }
        if self.doubled(rows) {
            return self.cursor_back(cursors, Fault::Duplicates);
        }
        if shown.total == Some(count) && shown.has_next != Some(true) {
            self.position = count;
            return Some(Verdict::Continuous);
        }
        self.tail.clear();
        self.first = rows.first().map(|r| r.id.clone());
        self.position = 0;
        let news = self.remember(rows);
        if shown.has_next == Some(false) || (shown.cursors.is_empty() && shown.next_cursor.is_none()) {
            self.position = count;
            // A full page that says that it is the last, and tells where to go on, is taken at that.
            let behind = shown.cursors.last().cloned().or_else(|| shown.next_cursor.map(Into::into));
            let is_full = count >= u64::from(self.size);
            cursors.last = behind.filter(|_| is_full);
            let check = if cursors.last.is_some() { Check::Behind } else { Check::Again };
            self.phase = Phase::Cursor(check(print(rows)));
            return None;
        }
        if shown.cursors.len() == rows.len() && rows.len() > NEED {
            return self.cursor_read(cursors, shown, news);
        }
        self.position = count;
        cursors.before = shown.next_cursor.map(|next| (print(rows), next.into()));
        None
    }

    /// A window that is joined, every row of it with a cursor.
    fn cursor_read(&mut self, cursors: &mut Cursors, shown: &Shown<'_>, news: usize) -> Option<Verdict> {
        self.position += news as u64;
        if self.position > self.farthest {
            self.farthest = self.position;
            self.failures = 0;
            self.ignored = 0;
        } else {
            self.failures += 1;
        }
        if shown.cursors.len() != shown.rows.len() {
            return self.cursor_back(cursors, Fault::NoJoin);
        }
        cursors.last = shown.cursors.last().cloned();
        // Behind the row before the last anchors, so that the next window begins with them.
        if let Some(back) = shown.cursors.len().checked_sub(NEED + 1) {
            cursors.trail.push(shown.cursors[back].clone());
            let most = cursors.trail.len().saturating_sub(TRAIL);
            cursors.trail.drain(..most);
        }
        let quiet = shown.has_next.is_none() && (news == 0 || len(shown) < u64::from(self.size));
        if shown.has_next == Some(false) || quiet {
            self.phase = Phase::Cursor(Check::Behind(print(shown.rows)));
        }
        None
    }

    /// The window did not join: the next one begins earlier.
    fn cursor_back(&mut self, cursors: &mut Cursors, fault: Fault) -> Option<Verdict> {
        self.fault = Some(fault);
        self.failures += 1;
        cursors.before = None;
        if fault != Fault::Duplicates {
            cursors.trail.pop();
        }
        None
    }

    fn cursor_ignored(&mut self) -> Option<Verdict> {
        self.ignored += 1;
        (self.ignored >= 3).then(|| Verdict::Incomplete("the server ignores the cursor".into()))
    }

    fn checked(&mut self, cursors: &mut Cursors, check: Check, shown: &Shown<'_>) -> Option<Verdict> {
        match check {
            Check::Behind(tail) if len(shown) == 0 => self.phase = Phase::Cursor(Check::Again(tail)),
            Check::Again(tail) if print(shown.rows) == tail => return Some(Verdict::Continuous),
            Check::Before(next) => return self.cursor_before(cursors, next, shown),
            Check::Next(next) if next.shows(shown.rows) => return self.cursor_next(cursors, &next),
            // Something moved meanwhile: the window is read again, or the next one.
            Check::Behind(_) | Check::Again(_) | Check::Next(_) => {
                self.failures += 1;
                self.fault = Some(Fault::NoJoin);
            }
        }
        None
    }

    /// Neighbours that do not overlap: the page before, read again after the one behind it.
    fn cursor_before(&mut self, cursors: &mut Cursors, next: Neighbour, shown: &Shown<'_>) -> Option<Verdict> {
        let now = print(shown.rows);
        if cursors.before.as_ref().is_some_and(|(before, _)| *before == now) {
            self.phase = Phase::Cursor(Check::Next(next));
            return None;
        }
        // Something crossed the boundary. The page as it is now may itself join what was read.
        if cursors.start.is_none() {
            self.failures += 1;
            return self.cursor_first(cursors, shown);
        }
        if !self.joins(shown.rows) {
            cursors.trail.clear();
            return self.cursor_back(cursors, Fault::NoJoin);
        }
        self.remember(shown.rows);
        self.failures += 1;
        self.fault = Some(Fault::NoJoin);
        cursors.before = shown.next_cursor.map(|behind| (now, behind.into()));
        None
    }

    /// Both neighbours read the same twice, in turn: the page behind is joined.
    fn cursor_next(&mut self, cursors: &mut Cursors, next: &Neighbour) -> Option<Verdict> {
        let rows: Vec<Record> = next.rows.iter().map(Anchor::record).collect();
        if self.remember(&rows) > 0 {
            self.ignored = 0;
            self.failures = 0;
        } else if !rows.is_empty()
            && let Some(ignored) = self.cursor_ignored()
        {
            return Some(ignored);
        }
        self.position += rows.len() as u64;
        self.farthest = self.farthest.max(self.position);
        let behind = next.behind.clone().filter(|_| !rows.is_empty() && next.more != Some(false));
        let Some(behind) = behind else {
            return Some(Verdict::Continuous);
        };
        cursors.start = cursors.before.take().map(|(_, start)| start);
        cursors.before = Some((print(&rows), behind));
        None
    }
}

impl Neighbour {
    fn shows(&self, rows: &[Record]) -> bool {
        self.rows.len() == rows.len() && self.rows.iter().zip(rows).all(|(a, r)| a.0 == r.id && a.1 == r.hash)
    }
}
