//! What a run has done so far: counters that the engine adds to and the screen and the summary read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::streams::{self, Stream};

/// One stream's counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Windows committed in this run.
    pub windows: AtomicU64,
    /// Rows in them.
    pub seen: AtomicU64,
    /// Records that the mirror did not have.
    pub new: AtomicU64,
    /// Records whose values changed.
    pub changed: AtomicU64,
    /// Records that are as they were, and are asked for with other fields.
    pub filled: AtomicU64,
    /// Rows of records already seen in the same walk.
    pub repeated: AtomicU64,
    /// Lone surrogates replaced.
    pub repaired: AtomicU64,
    /// Windows that began again earlier.
    pub steps_back: AtomicU64,
    /// The sum of the totals the server gave, for the walks it gave one.
    pub total: AtomicU64,
    /// Walks known and walks at their end.
    pub walks: AtomicU64,
    /// Walks at their end.
    pub closed: AtomicU64,
    /// Lists that are not asked for, because what they belong to is unchanged.
    pub skipped: AtomicU64,
    /// Nothing more to do in this run.
    pub finished: AtomicBool,
}

/// All streams' counters.
#[derive(Debug, Default)]
pub struct Progress {
    counters: [Counters; streams::ALL.len()],
}

impl Progress {
    /// A stream's counters.
    pub fn of(&self, stream: Stream) -> &Counters {
        let at = streams::ALL.iter().position(|s| *s == stream).unwrap_or(0);
        &self.counters[at]
    }
}

/// Adds to a counter, which stops at its largest value.
pub fn add(counter: &AtomicU64, n: u64) {
    let sum = |before: u64| Some(before.saturating_add(n));
    // The closure always gives a value, so this cannot fail.
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}

/// Reads a counter.
pub fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
