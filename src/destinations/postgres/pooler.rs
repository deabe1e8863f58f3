//! Tells a server from a pooler that hands out transactions (`PgBouncer` with `pool_mode = transaction` or `statement`, and
//! others of its kind). There a session of ours is many of the server's, each lent for a moment: what is set stays with
//! whoever gets it next, and a lock that is to last as long as a run is held by a stranger. So it is found out before
//! anything is set.
//!
//! Two sessions of ours ask in turn which process serves them. A server has a process for each, and always the same; a
//! pooler gives the second one the process that the first has just given back, or the first another one than before. Which
//! of its processes it lends depends on what others do at that moment, so they ask some times.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::session::Session;
use crate::error::Result;

/// What is said of such a pooler.
pub const TOLD: &str = "a pooler that hands out transactions stands in front of the server (PgBouncer's pool_mode = transaction, \
    or its kind), and a run needs a session of its own for its lock: give the server's own address, or a port of the pooler that \
    hands out sessions";

/// SQLSTATEs of a statement that was prepared in another session than it is called in, or twice in one: no server of one's own
/// says so.
pub const OF_ANOTHER_SESSION: [&str; 2] = ["26000", "42P05"];

/// So often they ask.
const TIMES: u32 = 16;

/// Places that were found to be servers: looked at once in a process.
static SERVERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Refuses a place where transactions are handed out; `server` is its address. Where no second session is to be had, nothing
/// can be told.
pub fn refuse(server: &str, session: &Session, another: impl FnOnce() -> Result<Session>) -> Result<()> {
    if SERVERS.lock().unwrap_or_else(PoisonError::into_inner).contains(server) {
        return Ok(());
    }
    let Ok(other) = another() else { return Ok(()) };
    let own = process(session)?;
    for _ in 0..TIMES {
        if process(&other)? == own || process(session)? != own {
            return Err(session.failed(TOLD));
        }
    }
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned());
    Ok(())
}

/// The server's process that serves a session now.
fn process(session: &Session) -> Result<String> {
    session.plain("SELECT pg_backend_pid()")
}
