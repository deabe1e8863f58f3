//! A fingerprint of the order of a list's ids. Two passes that show the same ids in the same order have equal
//! fingerprints.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::anchors::hex;

/// A fingerprint of a list's ids in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct Sequence {
    #[serde(with = "hex")]
    print: u128,
    /// The number of ids that were added.
    pub(super) rows: u64,
}

impl Sequence {
    /// Adds the id of the next row.
    pub(super) fn push(&mut self, id: &str) {
        let mut bytes = self.print.to_be_bytes().to_vec();
        bytes.extend_from_slice(id.as_bytes());
        self.print = xxh3_128(&bytes);
        self.rows += 1;
    }
}
