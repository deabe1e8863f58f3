//! A server that serves one page size only, whatever it is asked for: neighbours do not overlap, so each page is read
//! once more after the one behind it, and that one once more after it. When both read the same, bytes and order, nothing
//! crossed the boundary meanwhile, but for three changes before it that cancel in turn within the four questions; nothing
//! in the answers would show those.

use super::anchors::{Anchor, print};
use super::{Ask, Fault, Known, Paging, Phase, Shown, Walk, len, page_ignored};
use crate::record::Record;
use crate::verdict::Verdict;

impl Walk {
    /// Nothing known where something known must be, as if pages were counted in another size: find out, once a walk.
    pub(super) fn probes(&mut self) -> bool {
        if self.fixed.is_some() || self.known == Known::Obeyed || self.paging != Paging::Pages {
            return false;
        }
        self.known = Known::Obeyed;
        self.phase = Phase::Probe;
        true
    }

    pub(super) fn probe(&mut self, asked: Ask, shown: &Shown<'_>) -> Option<Verdict> {
        if len(shown) > u64::from(asked.size) {
            self.page_by_page(self.size);
            return None;
        }
        let asked = self.reach(self.position);
        self.fail(Fault::NoJoin, asked, None)
    }

    /// From here on neighbours do not overlap: each page is read once more after the one behind it.
    pub(super) fn page_by_page(&mut self, size: u32) {
        self.fixed = Some(size.max(1));
        self.current = None;
    }

    /// One size only: the page behind `page` counts when `page` still reads the same.
    pub(super) fn verify(
        &mut self,
        page: u32,
        next: &[Anchor],
        total: Option<u64>,
        shown: &Shown<'_>,
    ) -> Option<Verdict> {
        let asked = Ask::page(self.served(), page);
        let again_the_first = page > 1 && next.first().is_some_and(|n| self.first.as_ref() == Some(&n.0));
        let again_this =
            !next.is_empty() && next.len() == shown.rows.len() && next.iter().zip(shown.rows).all(|(n, r)| n.0 == r.id);
        // The same bytes, and as many rows in all as when the page behind was read: two changes may cancel in the bytes.
        let same = self.current == Some((page, print(shown.rows))) && shown.total == total;
        // The last page again, in answer to a number past the end; where it is the first page, too, only the server's own
        // word tells that from a page argument that is ignored.
        let paged = page > 1 || shown.has_next == Some(false);
        if same && again_this && paged && total.is_none_or(|t| t == self.position) {
            return Some(Verdict::Continuous);
        }
        if again_the_first || again_this {
            self.ignored += 1;
            self.failures += 1;
            return (self.ignored >= 3).then(page_ignored);
        }
        if !same {
            // Something crossed the boundary. The page as it is now may itself join what was read.
            self.current = None;
            if page > 1 && !self.joins(shown.rows) {
                return self.fail(Fault::NoJoin, asked, None);
            }
            self.failures += 1;
            self.fault = Some(Fault::NoJoin);
            if page == 1 {
                return self.page_one(asked, shown);
            }
            return self.take(asked, shown);
        }
        // Two changes may cancel (a delete and a move before this page): the page behind is read again as well.
        self.phase = Phase::Confirm { page, next: next.to_vec(), total };
        None
    }

    /// Both neighbours read the same twice, in turn.
    pub(super) fn confirm(
        &mut self,
        page: u32,
        next: &[Anchor],
        total: Option<u64>,
        shown: &Shown<'_>,
    ) -> Option<Verdict> {
        let same = shown.total == total
            && next.len() == shown.rows.len()
            && next.iter().zip(shown.rows).all(|(n, r)| n.0 == r.id && n.1 == r.hash);
        if !same {
            self.failures += 1;
            self.fault = Some(Fault::NoJoin);
            return None;
        }
        self.adjoin(page, next, total, shown.has_next)
    }

    /// The page behind `page` is joined.
    fn adjoin(&mut self, page: u32, next: &[Anchor], total: Option<u64>, has_next: Option<bool>) -> Option<Verdict> {
        let size = self.served();
        if next.is_empty() {
            return match total {
                Some(t) if t != self.position => self.fail(Fault::Vanished, Ask::page(size, page), total),
                _ => Some(Verdict::Continuous), // an empty page behind, and the tail read again the same
            };
        }
        let rows: Vec<Record> = next.iter().map(Anchor::record).collect();
        self.take(
            Ask::page(size, page + 1),
            &Shown { rows: &rows, nameless: 0, total, has_next, cursors: &[], next_cursor: None },
        )
    }
}
