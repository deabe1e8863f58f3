//! The rows read last, which later windows must show again.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{NEED, TRIES, Walk};
use crate::record::Record;

/// Pages of rows that are remembered as possible anchors.
const REMEMBERED: usize = 3;

/// A row that was read: id, hash, and when among the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor(pub(super) Box<str>, #[serde(with = "hex")] pub(super) u128, pub(super) u64);

impl Anchor {
    /// The row as far as a walk is concerned.
    pub(super) fn record(&self) -> Record {
        Record { range: 0..0, id: self.0.clone(), hash: self.1, volatile: false, repaired: 0 }
    }
}

impl Walk {
    /// Whether a window shows enough rows read before, unchanged, in the order in which they were read; two of them next
    /// to each other: what was read between them it shows as well. (Rows that keep no order, or that leapt there one by
    /// one, seldom look so.)
    pub(super) fn joins(&self, rows: &[Record]) -> bool {
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

    /// A page that shows one record twice was not read at one moment, and is asked for again. One that always does is
    /// read as it is, so that the rest of the list is not lost with it; nothing proves such a walk.
    pub(super) fn doubled(&mut self, rows: &[Record]) -> bool {
        if !duplicates(rows) {
            self.twice = 0;
            return false;
        }
        self.twice += 1;
        let again = self.twice < TRIES;
        if !again {
            self.twice = 0;
            self.spoiled = true;
        }
        again
    }

    /// Rows become possible anchors; returns how many were not among them.
    pub(super) fn remember(&mut self, rows: &[Record]) -> usize {
        let mut known: HashMap<Box<str>, (u128, u64)> = self.tail.drain(..).map(|a| (a.0, (a.1, a.2))).collect();
        let mut news = 0;
        for row in rows {
            let same = known.get(&row.id).is_some_and(|(hash, _)| *hash == row.hash);
            news += usize::from(!known.contains_key(&row.id));
            if !same {
                known.insert(row.id.clone(), (row.hash, self.order));
                self.order += 1;
            }
        }
        let mut tail: Vec<Anchor> = known.into_iter().map(|(id, (hash, order))| Anchor(id, hash, order)).collect();
        tail.sort_unstable_by_key(|a| a.2);
        let keep = REMEMBERED * usize::try_from(self.served()).unwrap_or(100).max(rows.len());
        self.tail = tail.split_off(tail.len().saturating_sub(keep)).into();
        news
    }
}

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
