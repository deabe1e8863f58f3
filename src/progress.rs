//! Counts what a run has done so far. The engine adds to the counters; the screen and the summary read them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::streams::{self, Stream};

/// The counters of one stream.
#[derive(Debug, Default)]
pub struct Counters {
    /// Windows committed in this run.
    pub windows: AtomicU64,
    /// Rows in these windows.
    pub seen: AtomicU64,
    /// Records that the mirror did not have.
    pub new: AtomicU64,
    /// Records whose values changed.
    pub changed: AtomicU64,
    /// Records whose common fields are equal but whose selected fields differ.
    pub filled: AtomicU64,
    /// Rows of records that the same walk has already shown.
    pub repeated: AtomicU64,
    /// Lone surrogates that were replaced.
    pub repaired: AtomicU64,
    /// Windows that did not join what was read before, or that show rows for a closing reading.
    pub steps_back: AtomicU64,
    /// The sum of the first totals that the server gave, over the walks for which it gave one.
    pub total: AtomicU64,
    /// Walks that are known: at work, waiting, or at their end.
    pub walks: AtomicU64,
    /// Walks at their end.
    pub closed: AtomicU64,
    /// Lists that were not asked for, because the record to which they belong is unchanged.
    pub skipped: AtomicU64,
    /// Whether this run has nothing more to do for the stream.
    pub finished: AtomicBool,
}

/// The counters of all streams.
#[derive(Debug, Default)]
pub struct Progress {
    counters: [Counters; streams::ALL.len()],
}

impl Progress {
    /// Returns a stream's counters.
    pub fn of(&self, stream: Stream) -> &Counters {
        let at = streams::ALL.iter().position(|s| *s == stream).unwrap_or(0);
        &self.counters[at]
    }
}

/// Adds to a counter, without going above its largest value.
pub fn add(counter: &AtomicU64, n: u64) {
    let sum = |before: u64| Some(before.saturating_add(n));
    // The closure always returns a value, so this cannot fail.
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}

/// Reads a counter.
pub fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
