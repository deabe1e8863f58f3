//! Defines what can go wrong: an error of one closed set of kinds ([`Kind`]), with a detail and its [`Cause`]. The code
//! that detects a failure chooses its kind once (`source::envelope` does so for an HTTP answer). What a kind leads to is
//! decided in [`crate::policy`] and nowhere else.
//!
//! The detail of an error is text for the operator. It never contains a secret, a token or the body of an answer.
//! Code that builds an error quotes names and numbers through [`quote()`]. It quotes only what `source::wording` lets
//! through of a server's message.

mod cause;
mod kind;
mod quote;

use std::fmt;
use std::time::Duration;

pub use self::cause::{Cause, tls_fault};
pub use self::kind::Kind;
pub use self::quote::{escape, escaped, is_plain, quote};

/// A failure: its kind, and what was wrong and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The kind, which decides how the program reacts ([`crate::policy`]).
    pub kind: Kind,
    /// What was wrong and where, for the operator. One line, except for lines that [`Error::above`] adds.
    pub detail: String,
    /// The numbers in a server's message about the size of a page; empty for any other failure. They are kept
    /// separately because `detail` quotes only what may be shown of a server's words.
    pub limits: Vec<u32>,
    /// Whether the server states which question of a request failed. The other questions, and their number, are then
    /// not the reason.
    pub is_addressed: bool,
    /// How long the server asked to wait before the next request, or `None` if it did not.
    pub wait: Option<Wait>,
    /// What the system or a library reported, for those who look for the reason. `None` if this program found the
    /// failure itself, or if the report is of no known type.
    pub cause: Option<Box<Cause>>,
}

/// Describes how long a server asks to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The time to wait.
    pub time: Duration,
    /// Whether the wait comes from the header `X-RateLimit-Reset` (documented), and not from `Retry-After`.
    pub is_reset: bool,
}

/// The result of anything that can fail in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Creates an error. `detail` becomes one line of plain characters, whatever it quotes ([`escape`]).
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = escaped(detail.into());
        Error { kind, detail, limits: Vec::new(), is_addressed: false, wait: None, cause: None }
    }

    /// Keeps what caused this error, as far as the type of the library's error is known.
    #[must_use]
    pub fn caused_by(self, error: &(dyn std::error::Error + 'static)) -> Self {
        Error { cause: Cause::of(error).map(Box::new), ..self }
    }

    /// Keeps the cause of this error.
    #[must_use]
    pub fn with_cause(self, cause: Cause) -> Self {
        Error { cause: Some(Box::new(cause)), ..self }
    }

    /// Adds lines below the detail. Each becomes one line of plain characters.
    #[must_use]
    pub fn above(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines {
            self.detail.push_str(BELOW);
            self.detail.push_str(&escaped(line));
        }
        self
    }

    /// Creates an error about a wrong flag, environment variable or job file.
    pub fn usage(detail: impl Into<String>) -> Self {
        Error::new(Kind::Usage, detail)
    }

    /// Puts the name of the part that failed in front of the detail: `place: detail`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.detail = format!("{}: {}", escape(&place.to_string()), self.detail);
        self
    }

    /// Returns the detail as a reason why something is not complete. If it quotes the server, the words of the kind
    /// come before the quotation, so that a reason is left after [`in_our_words`] has removed the server's words.
    pub fn reason(&self) -> String {
        match self.detail.split_once(SAID) {
            Some((before, said)) => format!("{before}{}: {SAID}{said}", self.kind.words()),
            None => self.detail.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The separator that [`Error::above`] puts before each line below a detail.
pub const BELOW: &str = "\n    ";

/// The words that introduce a server's own words in a detail. They never introduce this program's.
pub const SAID: &str = "the server says: ";

/// Returns a detail, or a reason made from one, without the server's words, for texts that other people read.
pub fn in_our_words(detail: &str) -> String {
    let Some((ours, _)) = detail.split_once(SAID) else { return detail.to_owned() };
    let ours = ours.trim_end_matches([' ', ':', ',', '(']);
    if ours.is_empty() { "the server refuses it".to_owned() } else { ours.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_read_no_server_words() {
        let error = Error::new(Kind::PartialData, format!("{SAID}no row 7 (X) (3 attempts in 2 s)"));
        assert_eq!(error.reason(), "the answer is incomplete: the server says: no row 7 (X) (3 attempts in 2 s)");
        assert_eq!(in_our_words(&error.reason()), "the answer is incomplete");
        assert_eq!(in_our_words(&error.at("conversation 7").reason()), "conversation 7: the answer is incomplete");
        assert_eq!(in_our_words("the server says: x"), "the server refuses it");
        assert_eq!(in_our_words("a page is short at row 7"), "a page is short at row 7");
    }
}
