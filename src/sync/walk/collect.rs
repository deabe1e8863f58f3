//! Double collect: from the theory of atomic snapshots. When two passes over a list, one after the other, show the same
//! ids in the same order, the list stood exactly so between them: the verdict is `proven`.
//!
//! The first pass is the walk itself, as long as nothing moved under it. The second asks for ids alone, in pages of a size
//! that the first never used: a cached answer, or an order that hangs on the question, then reads differently. Every total
//! must equal the rows, and no id may stand twice (the mirror counts that). A server that offers no second size proves
//! nothing, and neither does a list that moved: both stay `continuous`.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::anchors::hex;
use super::{Ask, NEED, Paging, Shown, Walk};
use crate::record::Record;

/// The ids of a list in their order, as a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Sequence {
    #[serde(with = "hex")]
    print: u128,
    /// How many.
    pub rows: u64,
}

impl Sequence {
    fn push(&mut self, id: &str) {
        let mut bytes = self.print.to_be_bytes().to_vec();
        bytes.extend_from_slice(id.as_bytes());
        self.print = xxh3_128(&bytes);
        self.rows += 1;
    }
}

impl Walk {
    /// A joined window adds its new rows, when what it shows again stands where it stood.
    pub(super) fn extend(&mut self, asked: Ask, shown: &Shown<'_>) {
        if asked.row == 0 {
            self.sequence = Some(Sequence::default());
        }
        let again = if asked.row == 0 { Some(0) } else { self.position.checked_sub(asked.row) };
        let again = again.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= shown.rows.len().min(self.tail.len()));
        let whole = self.fixed.is_none() && shown.nameless == 0 && !self.is_plain();
        let Some((again, sequence)) = again.zip(self.sequence.as_mut()).filter(|_| whole) else {
            self.sequence = None;
            return;
        };
        let before = self.tail.iter().skip(self.tail.len() - again);
        if !before.zip(shown.rows).all(|(a, r)| a.0 == r.id && a.1 == r.hash) {
            self.sequence = None;
            return;
        }
        shown.rows[again..].iter().for_each(|r: &Record| sequence.push(&r.id));
    }
}

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
    /// A second pass over what a walk has read to its end; none when nothing could come of it.
    pub fn after(walk: &Walk) -> Option<Collect> {
        let want = walk.sequence.clone().filter(|s| s.rows > 0 && s.rows == walk.position)?;
        let paged = matches!(walk.paging, Paging::Pages | Paging::Offset) && walk.cursors.is_none();
        let least = (walk.size / 2).max(u32::try_from(NEED).ok()?);
        let size = (least..walk.size).rev().find(|size| !walk.sizes.contains(size)).filter(|_| paged)?;
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
