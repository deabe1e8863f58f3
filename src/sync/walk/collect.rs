//! Double collect: from the theory of atomic snapshots. When two passes over a list, one after the other, show the same
//! ids in the same order, the list stood exactly so between them: the verdict is `proven`.
//!
//! The first pass is the walk itself, as long as nothing moved under it. The second asks for ids alone, in pages of a size
//! that the first never used: a cached answer, or an order that hangs on the question, then reads differently. Every total
//! must equal the rows, and no id may stand twice (the mirror counts that). A server that offers no second size proves
//! nothing, and neither does a list that moved: both stay `continuous`.

use super::Walk;
use super::anchors::NEED;
use super::answer::Shown;
use super::questions::Ask;
use super::sequence::Sequence;

/// The second pass.
#[derive(Debug, PartialEq, Eq)]
pub struct Collect {
    size: u32,
    /// Rows read so far.
    position: u64,
    want: Sequence,
    got: Sequence,
    #[cfg(test)]
    blind: bool,
}

impl Collect {
    /// A second pass over what a walk has read to its end. Returns `None` if it could prove nothing.
    pub fn after(walk: &Walk) -> Option<Collect> {
        let position = walk.evidence.position;
        let want = walk.evidence.sequence.clone().filter(|seq| seq.rows > 0 && seq.rows == position)?;
        let (used, largest) = (&walk.questions.sizes, walk.page_size());
        let least = (largest / 2).max(u32::try_from(NEED).ok()?);
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

    /// How many rows there must be, each another record.
    pub fn rows(&self) -> u64 {
        self.want.rows
    }

    /// For the test of the tests: looks at counts alone.
    #[cfg(test)]
    pub fn forget_ids(&mut self) {
        self.blind = true;
    }

    /// The next questions, at most `n`; one page behind the last rows where no total says that they are the last.
    pub fn asks(&self, n: usize) -> Vec<Ask> {
        let size = u64::from(self.size);
        let first = self.position.div_ceil(size);
        let last = (self.want.rows.div_ceil(size)).max(first + 1);
        (first..last).take(n.max(1)).map(|page| Ask { size: self.size, row: page * size }).collect()
    }

    /// Takes in the answer to the next question: whether the passes are the same, once that is known.
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
