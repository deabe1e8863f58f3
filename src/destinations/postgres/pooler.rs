//! Detects a connection pooler that assigns a server session to each transaction (`PgBouncer` with
//! `pool_mode = transaction` or `statement`, and similar ones). Behind such a pooler, different server sessions serve
//! one session of this program in turn. A setting then stays with a session that another client gets next, and a lock
//! meant for the whole run is held by a stranger. So the detection comes before any setting.
//!
//! Two sessions ask in turn which server process serves them. Without a pooler, each session always has the same
//! process of its own. A pooler gives the second session the process that the first has just returned, or gives the
//! first session another process than before. Which process it gives depends on its other clients at that moment, so
//! the sessions ask several times.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::error::POOLER;
use super::session::Session;
use crate::error::Result;

/// How many times the two sessions ask which process serves them.
const TIMES: u32 = 16;

/// The addresses at which this process has found no such pooler. They are not checked again.
static SERVERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns an error if a pooler that assigns sessions to transactions answers at the address `server`. `another`
/// opens a second session for the test. Returns `Ok` if that fails, because then nothing can be found out.
pub fn refuse(server: &str, session: &Session, another: impl FnOnce() -> Result<Session>) -> Result<()> {
    if SERVERS.lock().unwrap_or_else(PoisonError::into_inner).contains(server) {
        return Ok(());
    }
    let Ok(other) = another() else { return Ok(()) };
    let own = process(session)?;
    for _ in 0..TIMES {
        if process(&other)? == own || process(session)? != own {
            return Err(session.failed(POOLER));
        }
    }
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned());
    Ok(())
}

/// Returns the id of the server process that serves a session at this moment.
fn process(session: &Session) -> Result<String> {
    session.plain("SELECT pg_backend_pid()")
}
