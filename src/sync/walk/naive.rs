//! Walks without the overlap, for tests that show what the overlap is for: with these walks they must fail. They read
//! page after page, or believe a list on counts alone. No release contains them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::questions::Ask;
use super::reading_strategy::{Move, ReadingStrategy};

/// The state of a walk that believes every answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Naive {
    /// The page size, in rows.
    size: u32,
    /// The number of the next page, from 1.
    page: u32,
    /// Every id that was shown, if the walk is complete once there are as many ids as the total. `None` if the walk
    /// does not count ids.
    ids: Option<BTreeSet<Box<str>>>,
}

impl Naive {
    /// Returns a walk in pages of `size` rows. If `counts`, it is complete once it has seen as many ids as the total.
    pub(super) fn new(size: u32, counts: bool) -> Naive {
        Naive { size, page: 1, ids: counts.then(BTreeSet::new) }
    }
}

impl ReadingStrategy for Naive {
    fn ask(&self, _position: u64) -> Ask {
        Ask::page(self.size, self.page)
    }

    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move {
        let (shown, count) = (&answer.shown, answer.shown.len());
        if let Some(ids) = &mut self.ids {
            ids.extend(shown.rows.iter().map(|row| row.id.clone()));
        }
        answer.evidence.position = answer.asked.row + count;
        let total = shown.total;
        if count > 0 && total.is_none_or(|total| total > answer.evidence.position) && shown.has_next != Some(false) {
            // The size that is served is learnt from page one.
            if self.page == 1 {
                self.size = u32::try_from(count).unwrap_or(self.size);
            }
            self.page += 1;
            return Move::Stay;
        }
        let ids = self.ids.as_ref().map(|ids| ids.len() as u64);
        let differ = ids.zip(total).filter(|(ids, total)| ids != total);
        Move::End(EndReason::Naive(differ.map(|(ids, total)| format!("{ids} ids, and {total} rows"))))
    }

    fn page_size(&self) -> u32 {
        self.size
    }

    fn is_reading(&self) -> bool {
        true
    }

    /// Claims that the list was read in one window, so that no closing reading follows.
    fn is_one_window(&self, _rows: u64) -> bool {
        true
    }
}
