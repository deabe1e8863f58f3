//! Windows that overlap: the usual walk.

use std::collections::HashSet;

use super::anchors::{Anchor, print};
use super::{Ask, Fault, Known, NEED, Paging, Phase, Shown, TRIES, Walk, len, page_ignored};
use crate::quantity::counted;
use crate::record::Record;
use crate::verdict::Verdict;

impl Walk {
    pub(super) fn window(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<Verdict> {
        self.fault = None;
        let rows = shown.rows;
        if let Some(count) = self.alone {
            return self.behind_alone(count, shown);
        }
        if asked.row == 0 {
            return self.page_one(asked, shown);
        }
        let count = len(shown);
        if count > u64::from(asked.size) && self.paging != Paging::Offset {
            self.page_by_page(u32::try_from(count).unwrap_or(u32::MAX));
            return None;
        }
        if let (Some(_), Some((page, _))) = (self.fixed, self.current) {
            let next = rows.iter().map(|r| Anchor(r.id.clone(), r.hash, 0)).collect();
            self.phase = Phase::Verify { page, next, total: shown.total };
            return None;
        }
        if count == 0 {
            return if self.probes() { None } else { self.fail(Fault::Vanished, asked, shown.total) };
        }
        if self.doubled(rows) {
            return self.fail(Fault::Duplicates, asked, None);
        }
        let again = self.first.as_deref() == rows.first().map(|r| &*r.id) || self.is_front(asked, rows);
        if again && !self.is_plain() {
            self.ignored += 1;
            if self.ignored >= 3 {
                return Some(page_ignored());
            }
            return self.fail(Fault::NoJoin, asked, None);
        }
        if !self.is_plain() && !self.joins(rows) {
            let unknown = !rows.iter().any(|r| self.tail.iter().any(|a| a.0 == r.id));
            if unknown && self.probes() {
                return None;
            }
            return self.fail(Fault::NoJoin, asked, None);
        }
        self.take(asked, shown)
    }

    /// What is behind a first page that told as many rows as it had.
    fn behind_alone(&mut self, count: u32, shown: &Shown<'_>) -> Option<Verdict> {
        self.alone = None;
        if len(shown) == 0 || self.first.as_deref() == shown.rows.first().map(|r| &*r.id) {
            self.claims.found_whole(count.into());
            return Some(Verdict::Continuous);
        }
        // Pages of so many rows are served, and the total counted them, unless rows came in meanwhile.
        if self.failures > 0 || shown.total.is_none_or(|total| total < u64::from(count) + len(shown)) {
            self.no_total = true;
            self.size = count.max(1);
        }
        self.position = 0;
        self.failures += 1;
        None
    }

    pub(super) fn page_one(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<Verdict> {
        let (count, total) = (len(shown), shown.total);
        if count == 0 {
            self.empty += 1;
            if self.empty < 2 {
                return None;
            }
            return match total {
                Some(n) if n > 0 => {
                    Some(Verdict::Incomplete(format!("the server says {} and shows none", counted(n, "row"))))
                }
                _ if self.first.is_none() => Some(Verdict::Continuous),
                _ => self.fail(Fault::Vanished, asked, None),
            };
        }
        if self.doubled(shown.rows) {
            return self.fail(Fault::Duplicates, asked, None);
        }
        if count > u64::from(asked.size) {
            let served = u32::try_from(count).unwrap_or(u32::MAX);
            match self.paging {
                Paging::Offset => self.size = served,
                _ => self.page_by_page(served),
            }
        } else if self.known == Known::Nothing
            && count < u64::from(asked.size)
            && (total != Some(count) || shown.has_next == Some(true))
        {
            // A clamp, or a list shorter than a page: ask again at what is served.
            self.known = self.known.max(Known::PageOne);
            self.size = u32::try_from(count).unwrap_or(self.size);
            return None;
        }
        self.known = self.known.max(Known::PageOne);
        self.tail.clear();
        self.front = self.order + shown.rows.len() as u64;
        self.first = shown.rows.first().map(|r| r.id.clone());
        self.take(asked, shown)
    }

    /// A joined window: its rows are read, and it may be the end.
    pub(super) fn take(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<Verdict> {
        let asked = Ask { size: self.fixed.unwrap_or(asked.size), ..asked };
        if self.is_short(asked, shown) && self.short_at.is_none() && self.shorts + 1 < TRIES {
            self.shorts += 1;
            self.failures += 1;
            self.fault = Some(Fault::Short);
            return None;
        }
        if self.shorts > 0 && self.is_short(asked, shown) {
            self.short_at.get_or_insert(asked.row + len(shown));
        }
        self.shorts = 0;
        self.extend(asked, shown);
        let news = self.remember(shown.rows);
        let count = len(shown);
        if news == 0 && asked.row + count > self.farthest && asked.row > 0 && !self.is_plain() {
            // Rows beyond all that were read, and none of them new: an answer to another question (a cache, a repeated page), or
            // as many rows were inserted meanwhile. Once is asked again; twice is taken; more is no paging at all.
            self.ignored += 1;
            match self.ignored {
                1 => {
                    self.fault = Some(Fault::NoJoin);
                    self.failures += 1;
                    return None;
                }
                2 => {}
                _ if self.short_at.is_some() => return Some(Verdict::Incomplete(self.reason())),
                _ => return Some(page_ignored()),
            }
        } else if asked.row > 0 {
            self.ignored = 0;
        }
        self.position = asked.row + count;
        self.current = self.fixed.map(|_| (asked.number(), print(shown.rows)));
        // A total that the same answer contradicts is none.
        let total = shown.total.filter(|t| !(*t == self.position && shown.has_next == Some(true)));
        if total == Some(self.position) && !self.is_plain() {
            // The total may count no more than this page, or the rows so far: is anything behind it?
            if count == u64::from(asked.size) && !self.claims.trusts(u64::MAX) {
                self.phase = Phase::Behind(asked, print(shown.rows));
                return None;
            }
            if asked.row == 0 && !self.claims.trusts(count) {
                self.alone = u32::try_from(count).ok();
                return None;
            }
        }
        if total == Some(self.position) {
            return Some(Verdict::Continuous);
        }
        if self.is_plain() && shown.has_next == Some(false) {
            return Some(Verdict::Continuous);
        }
        if self.position > self.farthest {
            self.farthest = self.position;
            self.failures = 0;
        } else {
            self.failures += 1;
        }
        if self.is_tiny() && count == u64::from(asked.size) && total.is_some() {
            self.page_by_page(self.size);
        } else if count < u64::from(asked.size) || self.is_tiny() {
            if total.is_none() {
                self.phase = Phase::Behind(asked, print(shown.rows));
            } else {
                self.fault = Some(Fault::Short);
                self.short_at.get_or_insert(self.position);
            }
        } else if self.fixed.is_none() && !self.is_plain() && self.reach(self.position).end() <= self.position {
            // Small sizes only: no page begins in what was read and ends beyond it.
            self.page_by_page(self.size);
        }
        None
    }

    /// A window that shows fewer rows than were asked for although its own total, or without one its own word of more, says
    /// that more follow.
    fn is_short(&self, asked: Ask, shown: &Shown<'_>) -> bool {
        let count = len(shown);
        let is_told =
            shown.total.is_none() && self.known > Known::Nothing && asked.row > 0 && shown.has_next == Some(true);
        let more = is_told || shown.total.is_some_and(|total| total != asked.row + count);
        more && count < u64::from(asked.size) && !self.is_plain()
    }

    /// A window that shows page one again, as it is now: of its rows many more than there are that overlap.
    fn is_front(&self, asked: Ask, rows: &[Record]) -> bool {
        let front: HashSet<&str> = self.tail.iter().filter(|a| a.2 < self.front).map(|a| &*a.0).collect();
        let again = rows.iter().filter(|row| front.contains(&*row.id)).count() as u64;
        let overlap = u64::from(self.served()).saturating_sub(asked.row);
        again > overlap + rows.len() as u64 / 2
    }

    /// Pages too small to hold two anchors and anything new.
    fn is_tiny(&self) -> bool {
        self.fixed.is_none() && usize::try_from(self.size).is_ok_and(|size| size <= NEED)
    }

    pub(super) fn behind(&mut self, asked: Ask, tail: u128, shown: &Shown<'_>) -> Option<Verdict> {
        // A page number past the end may show the last page again (see `verify` on when that can be told).
        let again = print(shown.rows) == tail && (asked.row > 0 || shown.has_next == Some(false));
        if len(shown) == 0 && shown.total == Some(self.position) {
            return Some(Verdict::Continuous); // it says so here, too: it counts the list
        }
        if len(shown) == 0 || again {
            self.phase = Phase::Again(asked, tail);
            return None;
        }
        // Rows behind the end that a total told: it is none, unless rows came in meanwhile.
        self.no_total |= self.claims.total.is_some_and(|total| total < asked.end() + len(shown));

        self.failures += 1;
        self.fault = Some(Fault::NoJoin);
        if self.is_tiny() {
            self.page_by_page(self.size);
        }
        None
    }

    pub(super) fn again(&mut self, asked: Ask, tail: u128, shown: &Shown<'_>) -> Option<Verdict> {
        if print(shown.rows) == tail {
            return Some(Verdict::Continuous);
        }
        self.current = None;
        self.fail(Fault::NoJoin, asked, None)
    }

    pub(super) fn fail(&mut self, fault: Fault, asked: Ask, total: Option<u64>) -> Option<Verdict> {
        self.fault = Some(fault);
        self.failures += 1;
        self.current = None;
        self.sequence = None;
        if fault != Fault::Duplicates {
            let back = asked.row.saturating_sub(u64::from(asked.size / 2));
            self.position = total.map_or(back, |t| back.min(t));
        }
        None
    }
}
