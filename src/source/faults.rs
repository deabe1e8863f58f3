//! The errors of an answer, each with its kind and the question that it touches.
//!
//! GraphQL says that `errors` is a list of objects whose `path` begins with a response name. Servers write other things,
//! too: whatever stands there is an error, and one whose path begins with no response name of its request touches every
//! question of it.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::dialect::Dialect;
use super::envelope::{Envelope, denies};
use super::failure::{self, Words};
use super::response_names::is_ours;
use crate::error::{Error, Kind};

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

/// An entry of `errors`. GraphQL says that it is an object whose `path` is a list; other forms are read as far as they go.
#[derive(Default)]
struct Entry {
    path: Vec<Value>,
    extensions: Option<Words>,
    words: Words,
}

impl Entry {
    fn read(value: &Value) -> Entry {
        let words = |value: &Value| serde_json::from_value::<Words>(value.clone()).ok();
        match value {
            Value::Object(members) => Entry {
                path: members.get("path").and_then(Value::as_array).cloned().unwrap_or_default(),
                extensions: members.get("extensions").and_then(words),
                words: words(value).unwrap_or_default(),
            },
            Value::String(message) => {
                Entry { words: Words { message: Some(message.clone()), ..Words::default() }, ..Entry::default() }
            }
            _ => Entry::default(),
        }
    }
}

/// The errors of an answer, the most telling first. Whatever stands under `errors` is an error, but for `null`, `false`
/// and what is empty.
pub(super) fn faults(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, names: &[String]) -> Vec<Fault> {
    let mut entries: Vec<Entry> = match envelope.errors.map(|raw| serde_json::from_str(raw.get())) {
        None | Some(Ok(Value::Null | Value::Bool(false))) => Vec::new(),
        Some(Ok(Value::Array(list))) => list.iter().map(Entry::read).collect(),
        Some(Ok(Value::String(text))) if text.is_empty() => Vec::new(),
        Some(Ok(Value::Object(members))) if members.is_empty() => Vec::new(),
        Some(Ok(other)) => vec![Entry::read(&other)],
        // JSON that no value holds (a number of a thousand digits) is an error all the same.
        Some(Err(_)) => vec![Entry::default()],
    };
    if let Some(error) = envelope.error.filter(|raw| !is_nothing(raw.get())) {
        entries.push(Entry::read(&serde_json::from_str(error.get()).unwrap_or_default()));
    }
    if envelope.success.is_some_and(|raw| denies(raw.get())) {
        entries.push(Entry::default());
    }
    let mut faults: Vec<Fault> = entries.iter().map(|e| fault(dialect, status, envelope, e, names)).collect();
    // The most telling first: an expired token explains a failed resolver, not the other way round.
    faults.sort_by_key(|f| match f.error.kind {
        Kind::InvalidClient => 0,
        Kind::TokenExpired | Kind::Unauthorized => 1,
        Kind::InsufficientScopes { .. } => 2,
        Kind::RateLimited { .. } => 3,
        Kind::QueryRejected { .. } => 4,
        _ => 5,
    });
    // One error is told; it names every field that is to go, or each run would find the next one.
    let unknown: Vec<String> = faults.iter().flat_map(|f| unknown_fields(&f.error)).cloned().collect();
    for fault in &mut faults {
        if let Kind::QueryRejected { fields } = &mut fault.error.kind {
            fields.clone_from(&unknown);
        }
    }
    faults
}

fn unknown_fields(error: &Error) -> &[String] {
    match &error.kind {
        Kind::QueryRejected { fields } => fields,
        _ => &[],
    }
}

fn fault(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, entry: &Entry, names: &[String]) -> Fault {
    let words = entry.words.with(entry.extensions.as_ref());
    let begins = entry.path.first().and_then(Value::as_str);
    let path = begins.filter(|begins| names.iter().any(|name| name == begins));
    let error = failure::by_words(dialect, &words, status).unwrap_or_else(|| {
        let said = |kind| failure::saying(kind, &words);
        if begins.is_some() && envelope.data.as_ref().is_some_and(|d| d.values().any(|v| v.get() != "null")) {
            said(Kind::PartialData)
        } else if matches!(status, 401 | 403 | 408 | 413 | 425 | 429 | 500..) {
            let error = said(Kind::UnknownFailure);
            Error { limits: error.limits.clone(), ..failure::by_status(status, error) }
        } else {
            said(Kind::UnknownFailure)
        }
    });
    // One row's own failure, whatever general code it carries: an outage does not choose rows.
    let error = match row_of(&entry.path) {
        Some(behind) if path.is_some() && is_general(&error.kind) => {
            let field = behind.iter().rev().find_map(Value::as_str).filter(|name| is_name(name)).map(str::to_owned);
            let at = field.as_deref().map(|f| format!(" (at `{f}`)")).unwrap_or_default();
            Error::new(Kind::FieldFailed { field }, format!("{}{at}", error.detail))
        }
        _ => error,
    };
    // Who is not known, or is over the limit, is so for the whole request, but where others of it are answered.
    let denies_empty =
        matches!(error.kind, Kind::TokenExpired | Kind::Unauthorized | Kind::InvalidClient | Kind::RateLimited { .. });
    let answers = |name: &str| {
        let others = |data: &HashMap<String, &RawValue>| data.iter().any(|(n, raw)| n != name && raw.get() != "null");
        envelope.data.as_ref().is_some_and(others)
    };
    let whole = denies_empty && (error.kind == Kind::InvalidClient || !path.is_some_and(answers));
    Fault {
        denies_empty,
        touches: path.filter(|_| !whole).map(str::to_owned),
        is_of_another: path.is_none() && begins.is_some_and(is_ours),
        error,
    }
}

/// Whether the JSON text of an error says that there is none.
pub(super) fn is_nothing(raw: &str) -> bool {
    matches!(raw, "null" | "false" | "[]" | "{}" | "\"\"")
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

/// Kinds that say no more than that something failed.
fn is_general(kind: &Kind) -> bool {
    matches!(kind, Kind::ServerFault | Kind::PartialData | Kind::UnknownFailure)
}
