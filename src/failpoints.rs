//! Marks points between two steps of a delivery at which a test can end the process. `QPIEN_TEST_DIE_AT` is the
//! number of the point, counted from 0, at which the process aborts. At the point whose number is in
//! `QPIEN_TEST_PANIC_AT`, the process panics with a message that quotes data.
//!
//! Only a debug build reads the two variables; in a release build the points do nothing.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

static DIE_AT: LazyLock<Option<u64>> = LazyLock::new(|| told("QPIEN_TEST_DIE_AT"));
static PANIC_AT: LazyLock<Option<u64>> = LazyLock::new(|| told("QPIEN_TEST_PANIC_AT"));
static PASSED: AtomicU64 = AtomicU64::new(0);

#[allow(clippy::missing_panics_doc)] // in a test, on purpose
/// Marks a point before or after a step. A test may end the process here as if it were killed, without an answer or a
/// clean-up.
pub fn point() {
    if DIE_AT.is_none() && PANIC_AT.is_none() {
        return;
    }
    let passed = Some(PASSED.fetch_add(1, Ordering::Relaxed));
    if *DIE_AT == passed {
        std::process::abort();
    }
    if *PANIC_AT == passed {
        let data = String::from("somebody's data");
        panic!("a test: {data}");
    }
}

fn told(name: &str) -> Option<u64> {
    if cfg!(debug_assertions) { std::env::var(name).ok().and_then(|n| n.parse().ok()) } else { None }
}
