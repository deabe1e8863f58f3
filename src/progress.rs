//! Counts what a run has done so far. The code that reads lists adds to the counters; the screen and the summary read
//! them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::streams::{self, Stream};

/// The counters of one stream in this run.
#[derive(Debug, Default)]
pub struct Counters {
    /// The number of windows (pages) that were stored.
    pub windows: AtomicU64,
    /// The number of rows in these windows.
    pub seen: AtomicU64,
    /// The number of records that the mirror did not have.
    pub new: AtomicU64,
    /// The number of records whose values changed.
    pub changed: AtomicU64,
    /// The number of records whose selected fields differ from before, while the fields selected both times are
    /// unchanged.
    pub filled: AtomicU64,
    /// The number of rows whose record the same walk had already shown.
    pub repeated: AtomicU64,
    /// The number of characters in the rows that could not be read and were replaced by U+FFFD.
    pub repaired: AtomicU64,
    /// The number of windows that did not overlap with what was read before, or that store rows found by a closing
    /// reading.
    pub steps_back: AtomicU64,
    /// The sum of the first totals that the server stated, over the walks for which it stated one.
    pub total: AtomicU64,
    /// The number of known walks: under way, waiting, or finished.
    pub walks: AtomicU64,
    /// The number of finished walks.
    pub closed: AtomicU64,
    /// The number of lists that were not asked for, because the record to which they belong is unchanged.
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

/// Adds `n` to a counter, which stops at the largest value.
pub fn add(counter: &AtomicU64, n: u64) {
    let sum = |before: u64| Some(before.saturating_add(n));
    // The closure always returns a value, so this cannot fail.
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}

/// Returns a counter's value.
pub fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
