//! Starts a session: connects, refuses a connection pooler, and makes the settings.

use super::address::Address;
use super::pooler;
use super::session::Session;
use crate::error::Result;

/// The statements that every session begins with. They ensure that no limit of the role ends the session early, that
/// commits are durable, that a dead peer is noticed, that no statement waits forever for a locked table, and that a
/// policy that would hide rows is an error.
const BEGIN: &str = "SET statement_timeout = 0; SET row_security = off; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '60s';
    SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6;
    SET client_min_messages = 'error';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')";

/// A setting with which the server ends the statement of a client that is gone. Servers before PostgreSQL 14 and some
/// systems do not have it.
const NOTICE_DEATH: &str = "SET client_connection_check_interval = '10s'";

/// Starts a session. `application` is the name that the server's list of sessions shows.
pub fn start(address: &Address, application: &str) -> Result<Session> {
    let session = Session::connect(address, application)?;
    let config = address.config();
    let server = format!("{:?} {:?}", config.get_hosts(), config.get_ports());
    pooler::refuse(&server, &session, || Session::connect(address, application))?;
    session.run(BEGIN)?;
    let _ = session.run(NOTICE_DEATH);
    Ok(session)
}
