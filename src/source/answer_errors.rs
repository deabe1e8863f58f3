//! Reads the errors in the server's answer to a request. Decides for each what kind of error it is and which question
//! of the request it concerns.
//!
//! GraphQL says that `errors` is a list of objects whose `path` begins with a response name. Servers also put other
//! values into `errors`. Every value there counts as an error. If its path begins with no response name of the
//! request, the error concerns every question.
//!
//! An answer may hold a hundred thousand errors, one for each row. Of the errors of one kind that concern the same
//! question, only the first is kept, so that the cost does not grow with their number.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::envelope_members::{Envelope, denies};
use super::error_words::ErrorEntry;
use super::response_names::is_ours;
use crate::dialect::Dialect;
use crate::error::{Error, Kind};
use crate::policy::{self, Subject};
use crate::source::classify;

/// The most unknown fields that an error lists. No query has that many.
const FIELDS: usize = 500;

/// An error that the server's answer reports.
pub(super) struct AnswerError {
    /// The response name of the question that the error concerns, or `None` if the error concerns every question.
    pub touches: Option<String>,
    /// Whether the error denies the request as a whole, such as a refused key. An empty list in the same answer is
    /// then no result.
    pub denies_empty: bool,
    /// Whether the error's path begins with a response name that this process gave to a question of another request.
    pub is_of_another: bool,
    /// The error: its kind, and the server's words as far as they may be shown.
    pub error: Error,
}

impl AnswerError {
    /// Returns whether both errors concern the same question and rank equally, so that only one of them need be kept.
    fn is_like(&self, other: &AnswerError) -> bool {
        let of = |f: &AnswerError| (rank(&f.error.kind), f.is_of_another);
        of(self) == of(other) && self.touches == other.touches
    }
}

/// Returns the errors in the answer to a request whose response names are `names`. An error that explains others
/// comes before them: an expired token before a field that failed. `status` is the HTTP status.
pub(super) fn faults(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, names: &[String]) -> Vec<AnswerError> {
    let mut faults: Vec<AnswerError> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    let mut take = |entry: ErrorEntry| {
        let fault = fault(dialect, status, envelope, &entry, names);
        if let Kind::QueryRejected { fields } = &fault.error.kind {
            for field in fields {
                if unknown.len() < FIELDS && !unknown.contains(field) {
                    unknown.push(field.clone());
                }
            }
        }
        if !faults.iter().any(|before| before.is_like(&fault)) {
            faults.push(fault);
        }
    };
    envelope.each_error(&mut take);
    if envelope.success.is_some_and(|raw| denies(raw.get())) {
        take(ErrorEntry::default());
    }
    // An expired token explains a failed resolver, and not the other way round.
    faults.sort_by_key(|f| rank(&f.error.kind));
    // Only one error is reported. It names every unknown field. Otherwise each run would find only the next one.
    for fault in &mut faults {
        if let Kind::QueryRejected { fields } = &mut fault.error.kind {
            fields.clone_from(&unknown);
        }
    }
    faults
}

/// Returns what a failure is about, as the key by which errors are sorted: the lower, the more other errors it
/// explains. All subjects from [`Subject::Record`] on rank equally, because they explain nothing.
fn rank(kind: &Kind) -> Subject {
    policy::subject(kind).min(Subject::Record)
}

fn fault(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, entry: &ErrorEntry, names: &[String]) -> AnswerError {
    let words = &entry.words;
    let begins = entry.path.first().and_then(Value::as_str);
    let path = begins.filter(|begins| names.iter().any(|name| name == begins));
    let error = classify::by_words(dialect, words, status).unwrap_or_else(|| {
        let said = |kind| classify::saying(kind, words);
        if begins.is_some() && envelope.data.as_ref().is_some_and(|d| d.values().any(|v| v.get() != "null")) {
            said(Kind::PartialData)
        } else if matches!(status, 401 | 403 | 408 | 413 | 425 | 429 | 500..) {
            let error = said(Kind::UnknownFailure);
            Error { limits: error.limits.clone(), ..classify::by_status(status, error) }
        } else {
            said(Kind::UnknownFailure)
        }
    });
    // This failure is one row's own, whatever general code it carries, because an outage does not choose rows.
    let error = match row_of(&entry.path) {
        Some(behind) if path.is_some() && policy::is_general(&error.kind) => {
            let field = behind.iter().rev().find_map(Value::as_str).filter(|name| is_name(name)).map(str::to_owned);
            let at = field.as_deref().map(|f| format!(" (at `{f}`)")).unwrap_or_default();
            Error::new(Kind::FieldFailed { field }, format!("{}{at}", error.detail))
        }
        _ => error,
    };
    // A caller that is unknown or over the limit is so for the whole request, unless other questions of it are
    // answered. A refused key is refused for all of it.
    let denies_empty = policy::denies_a_request(&error.kind);
    let answers = |name: &str| {
        let others = |data: &HashMap<String, &RawValue>| data.iter().any(|(n, raw)| n != name && raw.get() != "null");
        envelope.data.as_ref().is_some_and(others)
    };
    let whole = denies_empty && (policy::subject(&error.kind) == Subject::Key || !path.is_some_and(answers));
    AnswerError {
        denies_empty,
        touches: path.filter(|_| !whole).map(str::to_owned),
        is_of_another: path.is_none() && begins.is_some_and(is_ours),
        error,
    }
}

/// Returns the steps of an error's path after the row's number, or `None` if the path contains no row number.
fn row_of(path: &[Value]) -> Option<&[Value]> {
    let row = path.iter().position(Value::is_number)?;
    path.get(row + 1..)
}

/// Returns whether `text` may be a GraphQL name: at most 64 bytes, all of them ASCII letters, digits or `_`.
fn is_name(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
