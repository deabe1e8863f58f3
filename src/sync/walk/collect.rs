//! Compares two passes over a list (a double collect, from the theory of atomic snapshots). If two successive passes
//! show the same ids in the same order, then between the two passes the list held exactly these records in this
//! order, and the verdict is `proven`.
//!
//! The first pass is the walk itself, if nothing moved under it. The second pass asks for ids alone, in a page size
//! that the first never used, because a cached answer, or an order that depends on the question, then reads
//! differently. Every total must equal the number of rows, and no id may appear twice (the mirror counts the ids). If
//! a server offers no second size, or if the list moved, nothing is proven and the list stays `continuous`.

use super::Walk;
use super::anchors::MIN_ANCHORS;
use super::questions::Ask;
use super::sequence::Sequence;
use super::shown::Shown;

/// The state of the second pass over a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Collect {
    size: u32,
    /// The number of rows that the second pass has read so far.
    position: u64,
    want: Sequence,
    got: Sequence,
    #[cfg(test)]
    blind: bool,
}

impl Collect {
    /// Returns a second pass over the list that `walk` has read to its end, or `None` if it could prove nothing.
    pub fn after(walk: &Walk) -> Option<Collect> {
        let position = walk.evidence.position;
        let want = walk.evidence.sequence.clone().filter(|seq| seq.rows > 0 && seq.rows == position)?;
        let (used, largest) = (&walk.questions.sizes, walk.page_size());
        let least = (largest / 2).max(u32::try_from(MIN_ANCHORS).ok()?);
        let fresh = (least..largest).rev().find(|size| !used.contains(size));
        let size = fresh.filter(|_| walk.strategy.overlaps())?;
        Some(Collect {
            size,
            position: 0,
            want,
            got: Sequence::default(),
            #[cfg(test)]
            blind: false,
        })
    }

    /// Returns the number of rows that the first pass read. The list is proven only if it has as many distinct
    /// records.
    pub fn rows(&self) -> u64 {
        self.want.rows
    }

    /// Makes the second pass compare counts only. A test uses that to show why the ids are compared.
    #[cfg(test)]
    pub fn forget_ids(&mut self) {
        self.blind = true;
    }

    /// Returns the next questions of the second pass, at most `n`. Once all rows were read without a total, the
    /// question is for the page behind them.
    pub fn asks(&self, n: usize) -> Vec<Ask> {
        let size = u64::from(self.size);
        let first = self.position.div_ceil(size);
        let last = (self.want.rows.div_ceil(size)).max(first + 1);
        (first..last).take(n.max(1)).map(|page| Ask { size: self.size, row: page * size }).collect()
    }

    /// Takes in the answer to the next question. Returns whether the two passes are the same, or `None` as long as
    /// that is open.
    pub fn judge(&mut self, shown: &Shown<'_>) -> Option<bool> {
        let left = self.want.rows - self.position;
        let expected = left.min(self.size.into());
        if shown.nameless > 0 || shown.rows.len() as u64 != expected || shown.total.is_some_and(|t| t != self.want.rows)
        {
            return Some(false);
        }
        shown.rows.iter().for_each(|r| self.got.push(&r.id));
        self.position += expected;
        if self.position < self.want.rows {
            return None;
        }
        let ended = left == 0 || shown.total.is_some();
        #[cfg(test)]
        if self.blind {
            return Some(true);
        }
        if self.got == self.want { ended.then_some(true) } else { Some(false) }
    }
}
