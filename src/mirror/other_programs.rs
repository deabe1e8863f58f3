//! Waits for other programs that have the mirror open for writing: an editor that saves, `VACUUM`, a backup tool.
//!
//! SQLite lets one program write at a time. A transaction of this program takes the right to write when it begins,
//! and waits at that point, so none of its work is lost. If a transaction read first and wrote later, it would fail
//! at once, whatever the timeout, when another program had written in between. Readers never wait, and no program
//! waits for them.

use std::time::Duration;

use rusqlite::Connection;

/// The time between two tries. The first few waits are shorter ([`SHORTER`]), because most programs write for
/// milliseconds.
const BETWEEN: Duration = Duration::from_millis(50);
/// The waits before the first tries, in milliseconds.
const SHORTER: [u64; 6] = [1, 2, 4, 8, 15, 20];

/// The longest total wait. It is long because a `VACUUM` of a large mirror takes minutes.
const LONGEST: Duration = Duration::from_secs(600);

/// The time after which a wait is reported to the operator.
const TOLD: Duration = Duration::from_secs(3);

/// Makes a connection wait while another program writes to the mirror, instead of failing at once.
pub fn wait_for(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait))
}

/// Waits before another try to get the right to write. `tries` is the number of earlier waits. Returns whether to try
/// again.
fn wait(tries: i32) -> bool {
    if let Some(shorter) = usize::try_from(tries).ok().and_then(|tries| SHORTER.get(tries)) {
        std::thread::sleep(Duration::from_millis(*shorter));
        return true;
    }
    let waited = BETWEEN * tries.unsigned_abs();
    if waited >= LONGEST {
        return false;
    }
    if waited == TOLD {
        let left = LONGEST.saturating_sub(TOLD).as_secs();
        tracing::warn!("a program has the mirror open for writing: this run waits for it, {left} s more at most");
    }
    std::thread::sleep(BETWEEN);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_an_end() {
        let last = i32::try_from(LONGEST.as_millis() / BETWEEN.as_millis()).expect("a number of tries");
        assert!(!wait(last) && wait(last - 1) && wait(0));
    }
}
