//! Remembers the rows that were read last. A later window joins the walk only if it shows some of them again.
//!
//! Only three pages of rows are remembered, so that memory does not grow with the list. With fewer anchors a walk may
//! step back once more, but it never accepts a window that it should refuse.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::record::Record;

/// How many anchors it takes to join a window.
pub(super) const MIN_ANCHORS: usize = 2;
/// How many pages of rows are remembered as possible anchors.
const REMEMBERED: usize = 3;

/// A row that was read: its id, the hash of its content, and its number in the order of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor(pub(super) Box<str>, #[serde(with = "hex")] pub(super) u128, pub(super) u64);

impl Anchor {
    /// Returns an anchor for a row of a page that is not joined yet. Its number is not known, and is 0.
    pub(super) fn of(row: &Record) -> Anchor {
        Anchor(row.id.clone(), row.hash, 0)
    }

    /// Returns the anchor as a record. The record has only an id and a hash, because a walk looks at nothing else.
    pub(super) fn record(&self) -> Record {
        Record { range: 0..0, id: self.0.clone(), hash: self.1, volatile: false, repaired: 0 }
    }

    /// Returns whether `row` has the same id and the same content as this anchor.
    fn is(&self, row: &Record) -> bool {
        self.0 == row.id && self.1 == row.hash
    }
}

/// The rows that were read last, and the extent of page one among all rows that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchors {
    /// The rows that were read last, in the order of reading.
    tail: VecDeque<Anchor>,
    /// The number of rows that were read, which is also the number of the next row.
    read: u64,
    /// The id of the list's first row, as page one showed it last.
    first: Option<Box<str>>,
    /// The number of the first row behind page one: rows with a smaller number belong to page one.
    front: u64,
}

impl Anchors {
    /// Returns the number of the first row behind page one.
    pub(super) fn front(&self) -> u64 {
        self.front
    }

    /// Starts again with page one. Rows that were read before no longer serve as anchors.
    pub(super) fn start_with(&mut self, page_one: &[Record]) {
        self.tail.clear();
        self.front = self.read + page_one.len() as u64;
        self.first = page_one.first().map(|row| row.id.clone());
    }

    /// Returns whether no row was ever read.
    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }

    /// Returns whether page one ever showed a row.
    pub(super) fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// Returns whether these rows begin with the list's first row, as page one showed it last.
    pub(super) fn begins(&self, rows: &[Record]) -> bool {
        self.first.as_deref() == rows.first().map(|row| &*row.id)
    }

    /// Returns whether these rows, which were kept as anchors, begin with the list's first row, as page one showed it
    /// last.
    pub(super) fn begins_kept(&self, rows: &[Anchor]) -> bool {
        rows.first().is_some_and(|row| self.first.as_ref() == Some(&row.0))
    }

    /// Returns how many of these rows belong to page one.
    pub(super) fn of_page_one(&self, rows: &[Record]) -> u64 {
        let front: HashSet<&str> = self.tail.iter().filter(|a| a.2 < self.front).map(|a| &*a.0).collect();
        rows.iter().filter(|row| front.contains(&*row.id)).count() as u64
    }

    /// Returns whether any of these rows is remembered.
    pub(super) fn knows_any(&self, rows: &[Record]) -> bool {
        rows.iter().any(|row| self.tail.iter().any(|anchor| anchor.0 == row.id))
    }

    /// Returns whether a window with these rows joins: it shows at least [`MIN_ANCHORS`] remembered rows, unchanged,
    /// in the order in which they were read.
    ///
    /// At least two of them must also be neighbours: the window shows every remembered row that was read between
    /// them. Rows that keep no order, or that moved into the window one by one, seldom look like that.
    pub(super) fn join(&self, rows: &[Record]) -> bool {
        let known: HashMap<&str, (u128, u64)> = self.tail.iter().map(|a| (&*a.0, (a.1, a.2))).collect();
        let marks: Vec<u64> = rows
            .iter()
            .filter_map(|r| known.get(&*r.id).filter(|(hash, _)| *hash == r.hash).map(|(_, order)| *order))
            .collect();
        if marks.len() < MIN_ANCHORS || !marks.is_sorted() {
            return false;
        }
        let shown: HashSet<&str> = rows.iter().map(|r| &*r.id).collect();
        let absent: BTreeSet<u64> = self.tail.iter().filter(|a| !shown.contains(&*a.0)).map(|a| a.2).collect();
        marks.windows(2).any(|pair| absent.range(pair[0]..pair[1]).next().is_none())
    }

    /// Returns whether the last `again` rows that were read are the first of `rows`, unchanged. Returns `None` if
    /// fewer than `again` rows are remembered.
    pub(super) fn end_with(&self, again: usize, rows: &[Record]) -> Option<bool> {
        let before = self.tail.iter().skip(self.tail.len().checked_sub(again)?);
        Some(before.zip(rows).all(|(anchor, row)| anchor.is(row)))
    }

    /// Remembers the rows of a window, which was asked for in pages of `size` rows. Returns how many of them were not
    /// remembered before.
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

/// Returns whether `rows` are the rows in `kept`, unchanged and in the same order.
pub(super) fn reads_the_same(kept: &[Anchor], rows: &[Record]) -> bool {
    kept.len() == rows.len() && kept.iter().zip(rows).all(|(anchor, row)| anchor.is(row))
}

/// Returns whether these rows show a record twice.
pub(super) fn duplicates(rows: &[Record]) -> bool {
    let mut seen = HashSet::with_capacity(rows.len());
    !rows.iter().all(|r| seen.insert(&*r.id))
}

/// Returns a fingerprint of a page: ids and hashes of its rows, in order.
pub(super) fn fingerprint(rows: &[Record]) -> u128 {
    let mut all = Vec::with_capacity(rows.len() * 40);
    for row in rows {
        all.extend_from_slice(row.id.as_bytes());
        all.extend_from_slice(&row.hash.to_be_bytes());
    }
    xxh3_128(&all)
}

/// Stores hashes as hexadecimal strings, because not every JSON reader keeps numbers of 128 bits.
pub(super) mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(hash: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("{hash:x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        u128::from_str_radix(&String::deserialize(d)?, 16).map_err(D::Error::custom)
    }
}
