//! What the server says, as far as it may be repeated.
//!
//! PostgreSQL quotes data: a row in the DETAIL of a broken constraint, a value in the message of one that cannot be read,
//! anything in what a trigger raises. So DETAIL, HINT and CONTEXT are never shown, and the message only of classes of
//! errors whose messages name objects and no values. The server's own log has the rest.

use std::error::Error as _;
use std::fmt::Write as _;

use crate::error::quote;

/// Classes of SQLSTATE whose messages name connections, objects, rights, limits and constraints.
const SHOWN: [&str; 16] =
    ["08", "0A", "23", "25", "28", "2B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "F0"];

/// One line for the operator.
pub fn told(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else {
        let (mut all, mut cause) = (error.to_string(), error.source());
        while let Some(inner) = cause {
            let _ = write!(all, ": {inner}");
            cause = inner.source();
        }
        return quote(&all);
    };
    worded(db.code().code(), db.message())
}

fn worded(code: &str, message: &str) -> String {
    if SHOWN.iter().any(|class| code.starts_with(class)) {
        format!("{} (SQLSTATE {code})", quote(message))
    } else {
        format!("SQLSTATE {code}; what the server says of it may quote a record, and stands in the server's log alone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_can_quote_a_value_is_not_repeated() {
        assert_eq!(worded("42501", "permission denied for table x"), "permission denied for table x (SQLSTATE 42501)");
        for code in ["22P02", "22021", "P0001", "XX000", "44000", "21000"] {
            let told = worded(code, "a value: secret");
            assert!(told.contains(code) && !told.contains("secret"), "{told}");
        }
    }
}
