//! Reads the errors of an answer, each with its kind and the question that it touches.
//!
//! GraphQL says that `errors` is a list of objects whose `path` begins with a response name. Servers also write other
//! things there. Everything that stands there is an error. If its path begins with no response name of the request,
//! it touches every question.
//!
//! An answer may hold an error for each of a hundred thousand rows. Of the errors that touch the same question and
//! mean the same, only the first is kept, so that the cost does not grow with their number.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::envelope::denies;
use super::envelope_members::Envelope;
use super::error_words::ErrorEntry;
use super::response_names::is_ours;
use crate::dialect::Dialect;
use crate::error::{Error, Kind};
use crate::policy::{self, Subject};
use crate::source::classify;

/// The most unknown fields that an error names. A query has fewer.
const FIELDS: usize = 500;

/// An error of an answer.
pub(super) struct AnswerError {
    /// The response name of the question that it touches, or `None` if it touches every question.
    pub touches: Option<String>,
    /// Whether it denies the whole request, so that an empty list beside it is no answer.
    pub denies_empty: bool,
    /// Whether its path begins with a name that this process gave to another request.
    pub is_of_another: bool,
    /// The error itself.
    pub error: Error,
}

impl AnswerError {
    /// Returns whether two errors say the same about the same question.
    fn is_like(&self, other: &AnswerError) -> bool {
        let of = |f: &AnswerError| (rank(&f.error.kind), f.is_of_another);
        of(self) == of(other) && self.touches == other.touches
    }
}

/// Returns the errors of an answer, those that explain others first.
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
    // Only one error is told. It names every unknown field, or each run would find the next one.
    for fault in &mut faults {
        if let Kind::QueryRejected { fields } = &mut fault.error.kind {
            fields.clone_from(&unknown);
        }
    }
    faults
}

/// Returns what a failure is about, as far as it explains others. All subjects from [`Subject::Record`] on are equal,
/// because they explain nothing.
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

/// Returns the steps of an error's path behind the row's number, or `None` if the path leads to no row.
fn row_of(path: &[Value]) -> Option<&[Value]> {
    let row = path.iter().position(Value::is_number)?;
    path.get(row + 1..)
}

/// Returns whether a text has the form and the length of a GraphQL name.
fn is_name(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
