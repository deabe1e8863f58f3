//! What can go wrong, as one closed set of kinds. A kind is chosen once, where the fault is met (an HTTP
//! answer becomes one in `source::envelope`); what it leads to is decided in [`crate::policy`] and nowhere else.
//!
//! The detail of an error is text for the operator. It never holds a secret, a token or a body: whoever
//! builds an error quotes names and numbers through [`quote`], and of a server's message only what `source::wording`
//! lets through.

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
    /// 429 (documented), as an HTTP status or as a code in a body.
    RateLimited,
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
    /// No GraphQL answer, but one that refuses this machine (HTTP 401, 403, 407, 451): a firewall, a proxy, a login page.
    TurnedAway {
        /// HTTP 401: the token may be what is refused.
        is_unauthorized: bool,
    },
    /// No GraphQL answer, at an address that has given one before: something in front of the API answers for now.
    Fronted {
        /// HTTP 401: the token may be what is refused.
        is_unauthorized: bool,
    },
    /// A body above the cap.
    TooLarge,
    /// There is no mirror where one is to be read.
    MirrorMissing,
    /// The mirror cannot be opened or written.
    MirrorUnwritable,
    /// There is no folder for temporary files, which sorting a delivery needs.
    NoTemporaryFiles,
    /// Another program has the mirror open for writing, and does not let go of it.
    MirrorBusy,
    /// The disk under the mirror is full.
    MirrorFull,
    /// The mirror is damaged.
    MirrorCorrupt,
    /// Records in the mirror are damaged, and marked to be read again.
    RecordDamaged,
    /// The mirror was made by a newer version.
    MirrorNewer,
    /// A checkpoint was to move other than one window forward.
    CheckpointRefused,
    /// The server ignores which record's list it is asked for, and its rows do not say whose they are.
    ParentIgnored,
    /// A list shows the rows of another one, however often it is asked for.
    OfAnother {
        /// The record whose list it is, by its rows.
        named: String,
    },
    /// A list shows other than what the server says of it elsewhere.
    Contradicted,
    /// More records would be deleted than may be, or a list came out empty.
    DeletesRefused,
    /// A destination cannot be written.
    DestinationUnwritable,
    /// The disk of a destination is full.
    DestinationFull,
    /// A destination elsewhere cannot be reached, or its server is failing: it may pass by itself.
    DestinationUnreachable,
    /// What lies at a destination is not what this job delivers there.
    DestinationRefused,
    /// Another mirror feeds the destination, or it has what this one never delivered, or lacks what it has dropped.
    DestinationOfAnother,
    /// What lies at a destination is not what was delivered.
    Verification,
    /// Standard output could not be written to its end.
    OutputCut,
    /// The requests that a command may make are made ([`crate::source::budget::Budget::capped`]).
    Spent,
    /// A stop was asked for.
    Stopped,
    /// A defect of this program.
    Internal,
}

impl Kind {
    /// Returns what happened, in our words alone.
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

/// A failure: its kind and one line that says what was wrong and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind, which decides everything that follows.
    pub kind: Kind,
    /// One line for the operator.
    pub detail: String,
    /// Of a server's refusal that speaks of a page's size: the numbers in it. What is learnt from them is not read from
    /// `detail`, which holds of a server's words only what may be told.
    pub limits: Vec<u32>,
    /// The server says of which question of a request it is: it is no matter of the others, nor of how many there are.
    pub is_addressed: bool,
    /// How long the server asked to wait before the next request.
    pub wait: Option<Wait>,
}

/// How long a server asks to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// So long.
    pub time: Duration,
    /// `X-RateLimit-Reset` says so (documented), and not `Retry-After` alone.
    pub is_reset: bool,
}

/// The result of anything that can fail in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` that says `detail`. Whatever the detail quotes, it is one line of plain characters ([`escape`]).
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Error { kind, detail: escaped(detail.into()), limits: Vec::new(), is_addressed: false, wait: None }
    }

    /// The same error with lines of its own below the detail, each of them one line of plain characters.
    #[must_use]
    pub fn above(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines {
            self.detail.push_str(BELOW);
            self.detail.push_str(&escaped(line));
        }
        self
    }

    /// A wrong flag, variable or job file.
    pub fn usage(detail: impl Into<String>) -> Self {
        Error::new(Kind::Usage, detail)
    }

    /// The same error with the place in front.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.detail = format!("{}: {}", escape(&place.to_string()), self.detail);
        self
    }

    /// Returns the detail as the reason why something is not complete. Before a server's words stand those of the kind, so
    /// that [`in_our_words`] leaves a reason.
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

/// What begins a line below a detail.
pub const BELOW: &str = "\n    ";

/// What stands before a server's own words, and never before ours.
pub const SAID: &str = "the server says: ";

/// Returns a detail, or a reason made of one, without a server's words: what others read holds none of them.
pub fn in_our_words(detail: &str) -> String {
    let Some((ours, _)) = detail.split_once(SAID) else { return detail.to_owned() };
    let ours = ours.trim_end_matches([' ', ':', ',', '(']);
    if ours.is_empty() { "the server refuses it".to_owned() } else { ours.to_owned() }
}

/// Returns a text as one line of plain characters: the others are written as `\u{..}` ([`is_plain`]).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

/// The same of a text that is given away, which stays as it is where it is plain.
pub fn escaped(text: String) -> String {
    if text.chars().all(is_plain) { text } else { escape(&text) }
}

/// The longest quotation, in characters as they are shown.
const QUOTE: usize = 200;

/// Returns a text of somebody else's, an id, a name, a message, as it may be shown: on one line, every character that would
/// steer a terminal, end a line, turn the direction of writing or be invisible written as `\u{..}`, and cut where it is long.
///
/// Every such text goes through here on its way to a screen, a log or a report.
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

/// Returns whether a character shows itself and does nothing else. Those that do not are the control characters, the format
/// characters (directions, joiners, tags), the separators of lines and paragraphs, fillers without a shape, variation
/// selectors, private and unassigned ranges.
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
