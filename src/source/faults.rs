//! The errors of an answer, each with its kind and the question that it touches.
//!
//! GraphQL says that `errors` is a list of objects whose `path` begins with a response name. Servers write other things,
//! too: whatever stands there is an error, and one whose path begins with no response name of its request touches every
//! question of it.
//!
//! An answer may hold an error for each of a hundred thousand rows. Of those that touch the same question and mean the same,
//! the first is kept; what it costs does not grow with their number.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::envelope::denies;
use super::members::Envelope;
use super::response_names::is_ours;
use super::words::Entry;
use crate::dialect::Dialect;
use crate::error::{Error, Kind};
use crate::policy::{self, Subject};
use crate::source::classify;

/// So many fields that a server does not know are named; a query has fewer.
const FIELDS: usize = 500;

/// An error of an answer.
pub(super) struct Fault {
    /// The response name of the question it touches; `None` where it touches every one.
    pub touches: Option<String>,
    /// It says who may not ask, or not now: beside it, an empty list is no answer.
    pub denies_empty: bool,
    /// Its path begins with a name that another request of this process gave.
    pub is_of_another: bool,
    /// What it is.
    pub error: Error,
}

impl Fault {
    /// Whether another one says the same of the same question.
    fn is_like(&self, other: &Fault) -> bool {
        let of = |f: &Fault| (rank(&f.error.kind), f.is_of_another);
        of(self) == of(other) && self.touches == other.touches
    }
}

/// The errors of an answer, the most telling first.
pub(super) fn faults(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, names: &[String]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    let mut take = |entry: Entry| {
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
        take(Entry::default());
    }
    // The most telling first: an expired token explains a failed resolver, not the other way round.
    faults.sort_by_key(|f| rank(&f.error.kind));
    // One error is told; it names every field that is to go, or each run would find the next one.
    for fault in &mut faults {
        if let Kind::QueryRejected { fields } = &mut fault.error.kind {
            fields.clone_from(&unknown);
        }
    }
    faults
}

/// Returns what a failure speaks of, as far as one explains another: those that speak of a record, or of something behind
/// it in the order, explain nothing.
fn rank(kind: &Kind) -> Subject {
    policy::subject(kind).min(Subject::Record)
}

fn fault(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, entry: &Entry, names: &[String]) -> Fault {
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
    // One row's own failure, whatever general code it carries: an outage does not choose rows.
    let error = match row_of(&entry.path) {
        Some(behind) if path.is_some() && policy::is_general(&error.kind) => {
            let field = behind.iter().rev().find_map(Value::as_str).filter(|name| is_name(name)).map(str::to_owned);
            let at = field.as_deref().map(|f| format!(" (at `{f}`)")).unwrap_or_default();
            Error::new(Kind::FieldFailed { field }, format!("{}{at}", error.detail))
        }
        _ => error,
    };
    // Who is not known, or is over the limit, is so for the whole request, but where others of it are answered.
    let denies_empty = policy::denies_a_request(&error.kind);
    let answers = |name: &str| {
        let others = |data: &HashMap<String, &RawValue>| data.iter().any(|(n, raw)| n != name && raw.get() != "null");
        envelope.data.as_ref().is_some_and(others)
    };
    let whole = denies_empty && (policy::subject(&error.kind) == Subject::Key || !path.is_some_and(answers));
    Fault {
        denies_empty,
        touches: path.filter(|_| !whole).map(str::to_owned),
        is_of_another: path.is_none() && begins.is_some_and(is_ours),
        error,
    }
}

/// Where an error's path leads within one row of a list: what stands behind the row's number. `None` where it leads to no
/// row.
fn row_of(path: &[Value]) -> Option<&[Value]> {
    let row = path.iter().position(Value::is_number)?;
    path.get(row + 1..)
}

/// Whether a text has the form of a GraphQL name, and is no longer than one.
fn is_name(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
