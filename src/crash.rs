//! Places between two steps of a delivery where a test lets the process die: in a debug build `QPIEN_TEST_DIE_AT` says at
//! which one, counted from 0. Elsewhere they are nothing.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

static DIE_AT: LazyLock<Option<u64>> = LazyLock::new(|| {
    if cfg!(debug_assertions) { std::env::var("QPIEN_TEST_DIE_AT").ok().and_then(|n| n.parse().ok()) } else { None }
});
static PASSED: AtomicU64 = AtomicU64::new(0);

/// A step is done, or about to be: the process may die here as if it were killed, without an answer or a clean-up.
pub fn point() {
    if let Some(at) = *DIE_AT
        && PASSED.fetch_add(1, Ordering::Relaxed) == at
    {
        std::process::abort();
    }
}
