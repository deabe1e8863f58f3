//! The rows read last. A later window joins the walk only if it shows some of them again.
//!
//! Only three pages of rows are remembered. Fewer anchors can make a walk step back once more, but never accept what it
//! should not, and memory does not grow with the list.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::record::Record;

/// Anchors that join a window.
pub(super) const NEED: usize = 2;
/// Pages of rows that are remembered as possible anchors.
const REMEMBERED: usize = 3;

/// A row that was read: its id, its hash, and its number in the order of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor(pub(super) Box<str>, #[serde(with = "hex")] pub(super) u128, pub(super) u64);

impl Anchor {
    /// Keeps a row of a page that is not joined yet.
    pub(super) fn of(row: &Record) -> Anchor {
        Anchor(row.id.clone(), row.hash, 0)
    }

    /// Returns the row, as far as a walk is concerned.
    pub(super) fn record(&self) -> Record {
        Record { range: 0..0, id: self.0.clone(), hash: self.1, volatile: false, repaired: 0 }
    }

    /// Whether `row` is this one, with the same content.
    fn is(&self, row: &Record) -> bool {
        self.0 == row.id && self.1 == row.hash
    }
}

/// The rows read last, and where page one was among all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchors {
    /// The rows read last, in the order of reading.
    tail: VecDeque<Anchor>,
    /// Rows that were read: the number of the next one.
    read: u64,
    /// The id of the list's first row.
    first: Option<Box<str>>,
    /// Rows with a smaller number belong to page one.
    front: u64,
}

impl Anchors {
    /// Where page one ends.
    pub(super) fn front(&self) -> u64 {
        self.front
    }

    /// Starts again with page one: what was read before it anchors nothing.
    pub(super) fn start_with(&mut self, page_one: &[Record]) {
        self.tail.clear();
        self.front = self.read + page_one.len() as u64;
        self.first = page_one.first().map(|row| row.id.clone());
    }

    /// Whether no row was ever read.
    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }

    /// Whether page one ever showed a row.
    pub(super) fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// Whether a window begins with the list's first row.
    pub(super) fn begins(&self, rows: &[Record]) -> bool {
        self.first.as_deref() == rows.first().map(|row| &*row.id)
    }

    /// Whether a kept window begins with the list's first row.
    pub(super) fn begins_kept(&self, rows: &[Anchor]) -> bool {
        rows.first().is_some_and(|row| self.first.as_ref() == Some(&row.0))
    }

    /// How many of these rows belong to page one.
    pub(super) fn of_page_one(&self, rows: &[Record]) -> u64 {
        let front: HashSet<&str> = self.tail.iter().filter(|a| a.2 < self.front).map(|a| &*a.0).collect();
        rows.iter().filter(|row| front.contains(&*row.id)).count() as u64
    }

    /// Whether any of these rows was read lately.
    pub(super) fn knows_any(&self, rows: &[Record]) -> bool {
        rows.iter().any(|row| self.tail.iter().any(|anchor| anchor.0 == row.id))
    }

    /// Whether a window shows enough rows read before, unchanged, in the order in which they were read. Two of them must
    /// stand next to each other: what was read between them the window shows as well. (Rows that keep no order, or that
    /// leapt there one by one, seldom look so.)
    pub(super) fn join(&self, rows: &[Record]) -> bool {
        let known: HashMap<&str, (u128, u64)> = self.tail.iter().map(|a| (&*a.0, (a.1, a.2))).collect();
        let marks: Vec<u64> = rows
            .iter()
            .filter_map(|r| known.get(&*r.id).filter(|(hash, _)| *hash == r.hash).map(|(_, order)| *order))
            .collect();
        if marks.len() < NEED || !marks.is_sorted() {
            return false;
        }
        let shown: HashSet<&str> = rows.iter().map(|r| &*r.id).collect();
        let absent: BTreeSet<u64> = self.tail.iter().filter(|a| !shown.contains(&*a.0)).map(|a| a.2).collect();
        marks.windows(2).any(|pair| absent.range(pair[0]..pair[1]).next().is_none())
    }

    /// Whether the last `again` rows that were read are the first of these, unchanged. `None` if fewer are remembered.
    pub(super) fn end_with(&self, again: usize, rows: &[Record]) -> Option<bool> {
        let before = self.tail.iter().skip(self.tail.len().checked_sub(again)?);
        Some(before.zip(rows).all(|(anchor, row)| anchor.is(row)))
    }

    /// Remembers rows of a window, which was asked for in pages of `size` rows. Returns how many it did not know.
    pub(super) fn remember(&mut self, rows: &[Record], size: u32) -> usize {
        let mut known: HashMap<Box<str>, (u128, u64)> = self.tail.drain(..).map(|a| (a.0, (a.1, a.2))).collect();
        let mut news = 0;
        for row in rows {
            let same = known.get(&row.id).is_some_and(|(hash, _)| *hash == row.hash);
            news += usize::from(!known.contains_key(&row.id));
            if !same {
                known.insert(row.id.clone(), (row.hash, self.read));
                self.read += 1;
            }
        }
        let mut tail: Vec<Anchor> = known.into_iter().map(|(id, (hash, order))| Anchor(id, hash, order)).collect();
        tail.sort_unstable_by_key(|a| a.2);
        let keep = REMEMBERED * usize::try_from(size).unwrap_or(100).max(rows.len());
        self.tail = tail.split_off(tail.len().saturating_sub(keep)).into();
        news
    }
}

/// Whether a page shows the rows that were kept of it, unchanged.
pub(super) fn reads_the_same(kept: &[Anchor], rows: &[Record]) -> bool {
    kept.len() == rows.len() && kept.iter().zip(rows).all(|(anchor, row)| anchor.is(row))
}

/// Whether a page shows a record twice.
pub(super) fn duplicates(rows: &[Record]) -> bool {
    let mut seen = HashSet::with_capacity(rows.len());
    !rows.iter().all(|r| seen.insert(&*r.id))
}

/// A fingerprint of a page: ids and bytes, in order.
pub(super) fn print(rows: &[Record]) -> u128 {
    let mut all = Vec::with_capacity(rows.len() * 40);
    for row in rows {
        all.extend_from_slice(row.id.as_bytes());
        all.extend_from_slice(&row.hash.to_be_bytes());
    }
    xxh3_128(&all)
}

/// Hashes as hexadecimal text: JSON numbers do not hold 128 bits everywhere.
pub(super) mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(hash: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("{hash:x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        u128::from_str_radix(&String::deserialize(d)?, 16).map_err(D::Error::custom)
    }
}
