//! Turns an error of the server into a message that quotes no data.
//!
//! PostgreSQL quotes data: a row in the DETAIL of a violated constraint, a value in the message about an unreadable
//! value, anything in an error that a trigger raises. So DETAIL, HINT and CONTEXT are never shown. A message is shown
//! only for classes of errors whose messages name objects and no values. The server's own log has the rest.

use std::error::Error as _;
use std::fmt::Write as _;

use crate::error::{Kind, quote, tls_fault};

/// The SQLSTATE classes whose messages name connections, objects, rights, limits and constraints, but no values.
const SHOWN: [&str; 16] =
    ["08", "0A", "23", "25", "28", "2B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "F0"];

/// The SQLSTATEs, or their beginnings, of a server that is unavailable for the moment: a lost connection, a server
/// that starts or stops, no free connection.
const PASSING: [&str; 6] = ["08", "57P01", "57P02", "57P03", "57P05", "53300"];

/// The error message about a pooler that assigns sessions to transactions (`pooler.rs`).
pub const POOLER: &str = "a pooler that hands out transactions stands in front of the server (PgBouncer's pool_mode = transaction, \
    or its kind), and a run needs a session of its own for its lock: give the server's own address, or a port of the pooler that \
    hands out sessions";

/// The SQLSTATEs for a prepared statement that is unknown to the session, or that already exists in it. Without a
/// pooler, they never occur.
const OF_ANOTHER_SESSION: [&str; 2] = ["26000", "42P05"];

/// Classifies an error: `DestinationUnreachable` if a later attempt may succeed (the server cannot be reached or is
/// not ready), `DestinationUnwritable` otherwise.
pub fn kind(error: &tokio_postgres::Error) -> Kind {
    let passes = match error.as_db_error() {
        Some(db) => may_pass(db.code().code()),
        None => error.is_closed() || (is_of_the_wire(error) && tls_fault(error).is_none()),
    };
    if passes { Kind::DestinationUnreachable } else { Kind::DestinationUnwritable }
}

fn may_pass(code: &str) -> bool {
    PASSING.iter().any(|state| code.starts_with(state))
}

fn is_of_the_wire(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Returns the error as one line for the operator, without data.
pub fn told(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else {
        let (mut all, mut cause) = (error.to_string(), error.source());
        while let Some(inner) = cause {
            let _ = write!(all, ": {inner}");
            cause = inner.source();
        }
        return quote(&all);
    };
    worded(db.code().code(), db.message(), is_raised(db.routine(), db.where_()))
}

/// Returns whether the message comes from a function in the database, such as a trigger. Such a message may quote
/// anything, whatever its SQLSTATE. `routine` and `context` are the error's fields of these names.
fn is_raised(routine: Option<&str>, context: Option<&str>) -> bool {
    routine == Some("exec_stmt_raise") || context.is_some_and(|context| context.contains("PL/"))
}

fn worded(code: &str, message: &str, is_raised: bool) -> String {
    if !is_raised && OF_ANOTHER_SESSION.contains(&code) {
        format!("{POOLER} (SQLSTATE {code})")
    } else if !is_raised && SHOWN.iter().any(|class| code.starts_with(class)) {
        format!("{} (SQLSTATE {code})", quote(message))
    } else {
        format!("SQLSTATE {code}; what the server says of it may quote a record, and stands in the server's log alone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_starts_or_is_full_is_waited_for_and_a_wrong_password_is_not() {
        for (code, passes) in [("57P03", true), ("08006", true), ("53300", true), ("28P01", false), ("3D000", false)] {
            assert_eq!(may_pass(code), passes, "{code}");
        }
    }

    #[test]
    fn a_message_that_can_quote_a_value_is_not_repeated() {
        assert_eq!(
            worded("42501", "permission denied for table x", false),
            "permission denied for table x (SQLSTATE 42501)"
        );
        for code in ["22P02", "22021", "P0001", "XX000", "44000", "21000"] {
            let told = worded(code, "a value: secret", false);
            assert!(told.contains(code) && !told.contains("secret"), "{told}");
            // A trigger may raise any SQLSTATE.
            let raised = worded("23514", "the row of Anna: secret", is_raised(Some("exec_stmt_raise"), None));
            assert!(raised.contains("23514") && !raised.contains("secret"), "{raised}");
            assert!(
                is_raised(None, Some("PL/pgSQL function f() line 3 at RAISE"))
                    && !is_raised(Some("ri_ReportViolation"), None)
            );
        }
    }
}
