//! Defines everything that can go wrong, as one closed set of kinds. The code that detects a failure chooses its kind
//! once (`source::envelope` does so for an HTTP answer). What a kind leads to is decided in [`crate::policy`] and
//! nowhere else.
//!
//! The detail of an error is text for the operator. It never contains a secret, a token or the body of an answer.
//! Code that builds an error quotes names and numbers through [`quote`]. It quotes only what `source::wording` lets
//! through of a server's message.

use std::fmt;
use std::time::Duration;

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A flag, an environment variable or a job file is wrong.
    Usage,
    /// Another run holds the mirror or the output folder.
    Locked,
    /// `INVALID_CLIENT` (documented): the client id or secret is wrong.
    InvalidClient,
    /// `UNAUTHORIZED` (documented): the token is missing or invalid.
    Unauthorized,
    /// `TOKEN_EXPIRED` (documented): the token has expired, and a new one is needed.
    TokenExpired,
    /// `INSUFFICIENT_SCOPES` (documented): the key lacks a permission.
    InsufficientScopes {
        /// The scope to enable, from `extensions.requiredScope`. `None` if the server does not name it.
        required: Option<String>,
    },
    /// The request limit is exceeded: 429 (documented), as an HTTP status or as a code in a body.
    RateLimited,
    /// The server reports that it failed (5xx, or a code with that meaning).
    ServerFault,
    /// No answer came: the host name was not resolved, the server was not reached, or the connection was cut.
    Network,
    /// No answer came in time.
    TimedOut,
    /// The answer is not complete JSON.
    Garbled,
    /// The answer has data as well as errors, or lacks the list that was asked for.
    PartialData,
    /// The server could not return one field of one row.
    FieldFailed {
        /// The last name in the error's path after the row's number, or `None` if the path names no field.
        field: Option<String>,
    },
    /// The server reports a failure by a code or a message whose meaning is not known.
    UnknownFailure,
    /// The server refuses the query itself, because it does not know what the query asks for.
    QueryRejected {
        /// The fields that the server does not know: `x` from `Cannot query field "x"`, for every such
        /// error of the answer.
        fields: Vec<String>,
    },
    /// Something answers at this URL, but not a GraphQL API.
    WrongEndpoint,
    /// The answer is a redirect, which is never followed, because it would take the credentials along.
    Redirected,
    /// This system does not trust the server's certificate.
    Untrusted,
    /// A firewall, a proxy or a login page refuses this machine (HTTP 401, 403, 407, 451). No GraphQL answer came.
    TurnedAway {
        /// Whether the status was 401, so that the token may be the reason.
        is_unauthorized: bool,
    },
    /// Something in front of the API answers for now: no GraphQL answer came, although this URL has given one before.
    Fronted {
        /// Whether the status was 401, so that the token may be the reason.
        is_unauthorized: bool,
    },
    /// The answer is larger than the job allows.
    TooLarge,
    /// There is no mirror at the path that a command should read.
    MirrorMissing,
    /// The mirror cannot be opened or written.
    MirrorUnwritable,
    /// There is no writable folder for temporary files, which SQLite needs to sort a delivery.
    NoTemporaryFiles,
    /// Another program keeps the mirror open for writing.
    MirrorBusy,
    /// The disk under the mirror is full.
    MirrorFull,
    /// The mirror is damaged.
    MirrorCorrupt,
    /// Records in the mirror are damaged. They are marked to be read again.
    RecordDamaged,
    /// The mirror was written by a newer version of this program.
    MirrorNewer,
    /// A checkpoint would have moved by anything but one window forward.
    CheckpointRefused,
    /// The server ignores which parent record's list is asked for, and its rows do not name their parent.
    ParentIgnored,
    /// The server shows the rows of another parent record's list, however often the list is asked for.
    OfAnother {
        /// The id of the record that the rows name as their parent.
        named: String,
    },
    /// A list contradicts what the server states about it elsewhere.
    Contradicted,
    /// More records would be deleted than the job allows, or a list was found empty although the mirror has records
    /// of it.
    DeletesRefused,
    /// A destination cannot be written.
    DestinationUnwritable,
    /// The disk of a destination is full.
    DestinationFull,
    /// A remote destination cannot be reached, or its server is failing. The failure may be temporary.
    DestinationUnreachable,
    /// The data at a destination is not what this job delivers there.
    DestinationRefused,
    /// The destination and this mirror do not belong together, for one of three reasons:
    ///
    /// - Another mirror feeds the destination.
    /// - The destination has changes that this mirror never delivered.
    /// - The destination lacks records or deletions that this mirror has dropped.
    DestinationOfAnother,
    /// The data at a destination differs from what was delivered.
    Verification,
    /// Standard output could not be written to its end.
    OutputCut,
    /// The command has made all requests that it may make ([`crate::source::rate_limit::Budget::capped`]).
    Spent,
    /// The run was asked to stop.
    Stopped,
    /// A defect of this program.
    Internal,
}

impl Kind {
    /// Returns what happened, in fixed words that quote no server.
    pub fn words(&self) -> &'static str {
        match self {
            Kind::Usage => "a setting is wrong",
            Kind::Locked => "another run is at work",
            Kind::InvalidClient => "the server does not accept the key",
            Kind::Unauthorized => "the server does not accept the token",
            Kind::TokenExpired => "the token has expired",
            Kind::InsufficientScopes { .. } => "the key lacks a scope",
            Kind::RateLimited => "the limit is exceeded",
            Kind::ServerFault => "the server is failing",
            Kind::Network => "no answer came",
            Kind::TimedOut => "no answer came in time",
            Kind::Garbled => "the answer is not readable",
            Kind::PartialData => "the answer is incomplete",
            Kind::FieldFailed { .. } => "the server fails to give a field",
            Kind::ParentIgnored => "the server ignores which list it is asked for",
            Kind::Contradicted => "the server contradicts itself",
            Kind::OfAnother { .. } => "the server shows the rows of another list",
            Kind::UnknownFailure => "the server names a failure that is not known",
            Kind::QueryRejected { .. } => "the server refuses the query",
            Kind::WrongEndpoint => "something else answers there",
            Kind::Redirected => "the server sends us elsewhere",
            Kind::Untrusted => "the server's certificate is not trusted",
            Kind::TurnedAway { .. } => "something in front of the API refuses",
            Kind::Fronted { .. } => "something in front of the API answers",
            Kind::TooLarge => "the answer is too large",
            Kind::MirrorMissing => "there is no mirror",
            Kind::MirrorUnwritable => "the mirror cannot be written",
            Kind::NoTemporaryFiles => "there is no place for temporary files",
            Kind::MirrorBusy => "a program has the mirror open for writing",
            Kind::MirrorFull => "the disk is full",
            Kind::MirrorCorrupt => "the mirror is damaged",
            Kind::RecordDamaged => "a record in the mirror is damaged",
            Kind::MirrorNewer => "the mirror is newer than this program",
            Kind::CheckpointRefused => "a checkpoint was refused",
            Kind::DeletesRefused => "deletions were refused",
            Kind::DestinationUnwritable => "the destination cannot be written",
            Kind::DestinationFull => "the destination's disk is full",
            Kind::DestinationUnreachable => "the destination cannot be reached",
            Kind::DestinationRefused => "the destination holds something else",
            Kind::DestinationOfAnother => "another mirror feeds the destination",
            Kind::Verification => "the destination differs",
            Kind::OutputCut => "standard output was cut",
            Kind::Spent => "the requests are spent",
            Kind::Stopped => "a stop was asked for",
            Kind::Internal => "a defect of this program",
        }
    }
}

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
        Error { kind, detail: escaped(detail.into()), limits: Vec::new(), is_addressed: false, wait: None }
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

impl std::error::Error for Error {}

/// Returns the rustls error among an error's causes, at any depth, or `None` if there is none. A connection that
/// rustls has refused is refused again on every further attempt.
pub fn tls_fault<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref() {
            return Some(fault);
        }
        // An I/O error does not list the error that it wraps among its sources.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
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

/// Returns `text` as one line of plain characters. All other characters become `\u{..}` ([`is_plain`]).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

/// Does the same as [`escape`] for a `String`, without a copy if it is plain already.
pub fn escaped(text: String) -> String {
    if text.chars().all(is_plain) { text } else { escape(&text) }
}

/// The longest quotation, in displayed characters.
const QUOTE: usize = 200;

/// Returns text from outside (an id, a name, a message) in a form that is safe to show: on one line, and cut if it is
/// long. Every character that would steer a terminal, end a line, turn the direction of writing or be invisible
/// becomes `\u{..}`.
///
/// All text from outside passes through this function on its way to a screen, a log or a report.
pub fn quote(text: &str) -> String {
    let mut out = String::new();
    let mut shown = 0;
    for c in text.chars() {
        if shown >= QUOTE {
            out.push('…');
            break;
        }
        if is_plain(c) {
            out.push(c);
            shown += 1;
        } else {
            let escape = c.escape_unicode();
            shown += escape.len();
            out.extend(escape);
        }
    }
    out
}

/// Returns whether a character is visible (or a space) and has no other effect. The others are control characters,
/// format characters (directions, joiners, tags), separators of lines and paragraphs, fillers without a shape,
/// variation selectors, and private and unassigned ranges.
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_short_line_of_characters_that_show_themselves() {
        assert_eq!(quote("a\r\nb\u{1b}[31m"), "a\\u{d}\\u{a}b\\u{1b}[31m");
        assert_eq!(quote(&"x".repeat(500)).chars().count(), QUOTE + 1);
        assert!(quote(&"\u{1b}".repeat(500)).chars().count() < QUOTE + 10);
        for c in "\u{0}\u{7}\u{8}\u{9}\u{7f}\u{85}\u{9b}\u{9d}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fff9}\u{e0001}\u{e007f}\u{fe0f}\u{3164}\u{e000}\u{10ffff}".chars() {
            assert_eq!(quote(&c.to_string()), format!("\\u{{{:x}}}", u32::from(c)));
        }
        for text in ["id-7", "Öz Şahin", "山田", "\u{e9}", "e\u{301}", "नमस्ते", "🙂", "a b", "«x»", "\u{fffd}"]
        {
            assert_eq!(quote(text), text);
        }
    }

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
