//! Places between two steps of a delivery where a test lets the process die: in a debug build `QPIEN_TEST_DIE_AT` says at
//! which one, counted from 0; at that of `QPIEN_TEST_PANIC_AT` it panics, quoting data. Elsewhere they are nothing.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

static DIE_AT: LazyLock<Option<u64>> = LazyLock::new(|| told("QPIEN_TEST_DIE_AT"));
static PANIC_AT: LazyLock<Option<u64>> = LazyLock::new(|| told("QPIEN_TEST_PANIC_AT"));
static PASSED: AtomicU64 = AtomicU64::new(0);

#[allow(clippy::missing_panics_doc)] // in a test, on purpose
/// A step is done, or about to be: the process may die here as if it were killed, without an answer or a clean-up.
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
