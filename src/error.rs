//! What can go wrong, as one closed set of kinds. A kind is chosen once, where the fault is met (an HTTP
//! answer becomes one in `source::envelope`); what it leads to is decided in [`crate::policy`] and nowhere else.
//!
//! The detail of an error is text for the operator. It never holds a secret, a token or a body: whoever
//! builds an error quotes names, numbers and the server's own one-line message, cut and cleaned by [`quote`].

use std::fmt;
use std::time::Duration;

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A flag, a variable or a job file is wrong.
    Usage,
    /// Another run holds the mirror or the output folder.
    Locked,
    /// `INVALID_CLIENT` (documented): the client id or secret is wrong.
    InvalidClient,
    /// `UNAUTHORIZED` (documented): the token is missing or invalid.
    Unauthorized,
    /// `TOKEN_EXPIRED` (documented): generate a new one.
    TokenExpired,
    /// `INSUFFICIENT_SCOPES` (documented): the key lacks a permission; the scope where the server names it.
    InsufficientScopes {
        /// The scope to enable, from `extensions.requiredScope`.
        required: Option<String>,
    },
    /// 429 (documented), as an HTTP status or as a code in a body; how long the server asked to wait.
    RateLimited {
        /// From `X-RateLimit-Reset` or `Retry-After`.
        wait: Option<Duration>,
    },
    /// The server says that it failed (5xx, or a code that means so).
    ServerFault,
    /// No answer: not resolved, not connected, cut.
    Network,
    /// No answer in time.
    TimedOut,
    /// An answer that is not whole JSON.
    Garbled,
    /// An answer with data and errors, or without the list that was asked for.
    PartialData,
    /// The server failed to give one field of one row; the field, where it says which.
    FieldFailed {
        /// The last name in the error's path behind the row's number.
        field: Option<String>,
    },
    /// A failure whose code or message nobody has told us the meaning of.
    UnknownFailure,
    /// The server refuses the query itself; the fields it does not know, where it says so.
    QueryRejected {
        /// `Cannot query field "x"`: x, for every such error of the answer.
        fields: Vec<String>,
    },
    /// What answers at this address is not a GraphQL API.
    WrongEndpoint,
    /// A redirect, which is never followed with credentials.
    Redirected,
    /// The server's certificate is not one that this system trusts.
    Untrusted,
    /// A body above the cap.
    TooLarge,
    /// There is no mirror where one is to be read.
    MirrorMissing,
    /// The mirror cannot be opened or written.
    MirrorUnwritable,
    /// There is no folder for temporary files, which sorting a delivery needs.
    NoTemporaryFiles,
    /// The disk under the mirror is full.
    MirrorFull,
    /// The mirror is damaged.
    MirrorCorrupt,
    /// The mirror was made by a newer version.
    MirrorNewer,
    /// A checkpoint was to move other than one window forward.
    CheckpointRefused,
    /// The server ignores which record's list it is asked for, and its rows do not say whose they are.
    ParentIgnored,
    /// More records would be deleted than may be, or a list came out empty.
    DeletesRefused,
    /// A destination cannot be written.
    DestinationUnwritable,
    /// A destination elsewhere cannot be reached, or its server is failing: it may pass by itself.
    DestinationUnreachable,
    /// What lies at a destination is not what this job delivers there.
    DestinationRefused,
    /// What lies at a destination is not what was delivered.
    Verification,
    /// The requests that a command may make are made ([`crate::source::budget::Budget::capped`]).
    Spent,
    /// A stop was asked for.
    Stopped,
    /// A defect of this program.
    Internal,
}

/// A failure: its kind and one line that says what was wrong and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind, which decides everything that follows.
    pub kind: Kind,
    /// One line for the operator.
    pub detail: String,
}

/// The result of anything that can fail in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` that says `detail`.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Error { kind, detail: detail.into() }
    }

    /// A wrong flag, variable or job file.
    pub fn usage(detail: impl Into<String>) -> Self {
        Error::new(Kind::Usage, detail)
    }

    /// The same error with the place in front.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.detail = format!("{place}: {}", self.detail);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {}

/// What rustls says in an error, however deep it lies: what it refuses once it refuses again.
pub fn tls_fault<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref() {
            return Some(fault);
        }
        // An I/O error leaves what it wraps out of its sources.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The longest quotation of a server's own words, in characters.
const QUOTE: usize = 200;

/// A server's one-line message made fit for a log: control characters gone, cut at 200 characters.
pub fn quote(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTE).collect();
    if text.chars().nth(QUOTE).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_short_line() {
        assert_eq!(quote("a\r\nb\u{1b}[31m"), "a  b [31m");
        assert_eq!(quote(&"x".repeat(500)).chars().count(), QUOTE + 1);
    }
}
