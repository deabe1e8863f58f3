//! The cause of an error, as the system or a library reported it. It holds codes and no text, so no secret, no value
//! and no body of an answer can be in it, whatever a library writes into its messages.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What an error was caused by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The operating system refused a call.
    System {
        /// The class of the refusal, such as "permission denied".
        kind: io::ErrorKind,
        /// The system's own number for it (`errno`), or `None` if a library reported it.
        code: Option<i32>,
    },
    /// SQLite refused a statement, with this extended result code.
    Sqlite(i32),
    /// A PostgreSQL server refused a statement, with this SQLSTATE.
    Postgres(Box<str>),
    /// TLS failed: the certificate, or what the other side sent.
    Tls,
    /// JSON could not be read or written at this place, counted from 1.
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
}

impl Cause {
    /// Returns the cause of a library's error: the innermost error in its chain of causes that is of a known type.
    /// Returns `None` if there is none.
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Cause> {
        chain(error).filter_map(known).last()
    }
}

/// Returns what is known of one error of a chain.
fn known(error: &(dyn StdError + 'static)) -> Option<Cause> {
    if error.is::<rustls::Error>() {
        return Some(Cause::Tls);
    }
    if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
        return error.sqlite_error().map(|error| Cause::Sqlite(error.extended_code));
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        return Some(Cause::Json { line: error.line(), column: error.column() });
    }
    let system = error.downcast_ref::<io::Error>()?;
    Some(Cause::System { kind: system.kind(), code: system.raw_os_error() })
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::System { kind, code: Some(code) } => write!(f, "{kind} (system error {code})"),
            Cause::System { kind, code: None } => write!(f, "{kind}"),
            Cause::Sqlite(code) => write!(f, "SQLite result code {code}"),
            Cause::Postgres(state) => write!(f, "SQLSTATE {state}"),
            Cause::Tls => f.write_str("TLS"),
            Cause::Json { line, column } => write!(f, "JSON at line {line}, column {column}"),
        }
    }
}

impl StdError for Cause {}

/// Returns an error and its causes, outermost first.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause_of(*error))
}

/// Returns what directly caused an error.
fn cause_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    // An I/O error does not list the error that it wraps among its sources.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Returns the rustls error among an error's causes, at any depth, or `None` if there is none. A connection that
/// rustls has refused is refused again on every further attempt.
pub fn tls_fault<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    chain(error).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error of a library that hides its cause behind a message.
    #[derive(Debug)]
    struct Outer(Box<dyn StdError + Send + Sync>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the body was: SECRET")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn the_innermost_known_cause_is_kept_and_no_text() {
        let full = || io::Error::from_raw_os_error(28);
        for error in [
            Outer(full().into()),
            Outer(Outer(full().into()).into()),
            Outer(io::Error::other(Outer(full().into())).into()),
            Outer(io::Error::other(full()).into()),
        ] {
            let cause = Cause::of(&error).expect("a cause");
            assert_eq!(cause, Cause::System { kind: io::ErrorKind::StorageFull, code: Some(28) });
            assert_eq!(cause.to_string(), "no storage space (system error 28)");
        }
        assert_eq!(Cause::of(&Outer(fmt::Error.into())), None);
        let json = serde_json::from_str::<u8>("\n\"SECRET\"").expect_err("no number");
        let cause = Cause::of(&json).expect("a cause");
        assert_eq!(cause.to_string(), "JSON at line 2, column 8");
        let tls = Outer(io::Error::other(rustls::Error::DecryptError).into());
        assert_eq!(Cause::of(&tls), Some(Cause::Tls));
        assert_eq!(tls_fault(&tls), Some(&rustls::Error::DecryptError));
    }
}
