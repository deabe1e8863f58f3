//! Walks without the overlap, for tests that show what the overlap is for: with these walks they must fail. They read
//! page after page, or believe a list on counts alone. No release contains them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Walk;
use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::questions::Ask;
use super::strategy::{Move, ReadingStrategy, Strategy};

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

impl Walk {
    /// Returns a walk that reads page after page without overlap, for the test that shows what the overlap is for.
    #[must_use]
    pub fn without_overlap(self) -> Walk {
        self.naive(None)
    }

    /// Returns a walk without overlap that is complete when it has seen as many ids as the total, for the test that
    /// shows what counts are worth.
    #[must_use]
    pub fn on_counts_alone(self) -> Walk {
        self.naive(Some(BTreeSet::new()))
    }

    /// Returns a naive walk if the test that runs this process asks for one in an environment variable, and otherwise
    /// this walk.
    #[must_use]
    pub(super) fn or_naive(self) -> Walk {
        let wants = |name: &str| std::env::var_os(name).is_some();
        match self.strategy {
            Strategy::Naive(_) => self,
            _ if wants("QPIEN_TEST_COUNTS_ALONE") => self.on_counts_alone(),
            _ if wants("QPIEN_TEST_PLAIN_WALK") => self.without_overlap(),
            _ => self,
        }
    }

    fn naive(self, ids: Option<BTreeSet<Box<str>>>) -> Walk {
        let naive = Naive { size: self.page_size(), page: 1, ids };
        Walk { strategy: Strategy::Naive(naive), ..self }
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
