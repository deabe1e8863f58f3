//! Detects a pooler that hands out transactions (`PgBouncer` with `pool_mode = transaction` or `statement`, and
//! others of its kind). Behind it one session of this program is served by many of the server's, each lent for a
//! moment. A setting stays with the session that another client gets next, and a lock meant for the whole run is held
//! by a stranger. So the detection comes before any setting.
//!
//! Two sessions ask in turn which server process serves them. A server has one process for each session, always the
//! same. A pooler gives the second session the process that the first has just returned, or it gives the first
//! session another process than before. Which process it lends depends on its other clients at that moment, so the
//! sessions ask several times.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::session::Session;
use crate::error::Result;

/// The message about such a pooler.
pub const TOLD: &str = "a pooler that hands out transactions stands in front of the server (PgBouncer's pool_mode = transaction, \
    or its kind), and a run needs a session of its own for its lock: give the server's own address, or a port of the pooler that \
    hands out sessions";

/// The SQLSTATEs of a prepared statement that the session does not know, or prepares twice. A server that is used
/// directly never reports them.
pub const OF_ANOTHER_SESSION: [&str; 2] = ["26000", "42P05"];

/// How often the sessions ask.
const TIMES: u32 = 16;

/// The addresses that were found to be servers in this process. They are not checked again.
static SERVERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns an error if a pooler that hands out transactions answers at `server`, an address. Returns `Ok` if a second
/// session cannot be opened, because nothing can be found out then.
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

/// Returns the server process that serves a session now.
fn process(session: &Session) -> Result<String> {
    session.plain("SELECT pg_backend_pid()")
}
