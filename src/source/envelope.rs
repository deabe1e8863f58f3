//! A GraphQL answer becomes typed results here, at the door. The body is judged before the HTTP status (documented:
//! failures usually arrive as 200), and nobody matches strings later.
//!
//! What is read, in this order: is it JSON; are there `errors` (each becomes a kind; one with a path touches only its
//! question); does the payload say `success: false`; is the list where the dialect says. Partial data with errors is
//! never accepted as whole. Only when a body decides nothing does the status speak.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::dialect::{Dialect, Meaning};
use super::failure::{self, Words};
use super::page::Page;
use super::query::{self, Question};
use super::repair;
use super::shape::{Found, Shape, Want};
use crate::error::{Error, Kind, Result, quote};
use crate::number;
use crate::record::{Record, Records};
use crate::streams::PerStream;
use crate::volatile::Volatile;

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// A token as the server gave it.
pub struct Granted {
    /// The token.
    pub access_token: String,
    /// Its life in seconds, when given.
    pub expires_in: Option<f64>,
}

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow, default)]
    data: Option<HashMap<String, &'b RawValue>>,
    #[serde(borrow, default)]
    errors: Option<&'b RawValue>,
    #[serde(flatten)]
    words: Words,
}

/// Judges the answer to `questions`: one result each. `rules` say what stays out of the records' hashes.
pub fn pages(
    dialect: &Dialect,
    rules: &PerStream<Volatile>,
    questions: &[Question],
    mut answer: Answer,
) -> Vec<Result<Page>> {
    let repaired = repair::lone_surrogates(&mut answer.body);
    let body = Bytes::from(answer.body);
    let Ok(text) = std::str::from_utf8(&body) else {
        return every(questions, &failure::unreadable(answer.status, &body));
    };
    let envelope = match open(dialect, answer.status, text) {
        Ok(envelope) => envelope,
        Err(e) => return every(questions, &e),
    };
    let faults = match faults(dialect, answer.status, &envelope) {
        Ok(faults) => faults,
        Err(e) => return every(questions, &e),
    };
    let data = envelope.data.unwrap_or_default();
    let one = |(i, q): (usize, &Question)| {
        let name = query::answer_name(dialect, q, i, questions.len())?;
        if let Some(error) = faults.iter().find(|f| f.touches.as_deref().is_none_or(|t| t == name)) {
            return Err(error.error.clone());
        }
        let part = dialect.stream(q.stream)?;
        let payload = data.get(&name).copied();
        let found = payload_of(dialect, &query::list_shape(&part.list), payload, &part.operation)?;
        let Some(items) = &found.items else {
            return Err(Error::new(
                Kind::PartialData,
                format!("the answer of `{}` has no list at `{}`", part.operation, part.list.items),
            ));
        };
        Ok(page(&dialect.id, &rules[q.stream], &body, items, &found, &repaired))
    };
    questions.iter().enumerate().map(one).collect()
}

/// Judges the answer to the token mutation.
pub fn token(dialect: &Dialect, mut answer: Answer) -> Result<Granted> {
    repair::lone_surrogates(&mut answer.body);
    let text =
        std::str::from_utf8(&answer.body).map_err(|_| of_token(failure::unreadable(answer.status, &answer.body)))?;
    let envelope = open(dialect, answer.status, text).map_err(of_token)?;
    if let Some(fault) = faults(dialect, answer.status, &envelope)?.into_iter().next() {
        return Err(of_token(fault.error));
    }
    let operation = &dialect.token.operation;
    let data = envelope.data.unwrap_or_default();
    let payload = data.get(operation).copied();
    let found = payload_of(dialect, &query::token_shape(dialect), payload, operation).map_err(of_token)?;
    let access_token = found.text(Want::AccessToken).filter(|t| !t.is_empty()).ok_or_else(|| {
        Error::new(
            Kind::PartialData,
            format!("the answer of `{operation}` has no token at `{}`", dialect.token.access_token),
        )
    })?;
    Ok(Granted { access_token, expires_in: found.number(Want::ExpiresIn) })
}

/// A refused pair is a refused pair, whichever of the two words the server uses for it.
fn of_token(error: Error) -> Error {
    match error.kind {
        Kind::Unauthorized | Kind::TokenExpired | Kind::InsufficientScopes { .. } => {
            Error::new(Kind::InvalidClient, error.detail)
        }
        _ => error,
    }
}

fn every(questions: &[Question], error: &Error) -> Vec<Result<Page>> {
    questions.iter().map(|_| Err(error.clone())).collect()
}

/// The JSON envelope, or what it means that there is none.
fn open<'b>(dialect: &Dialect, status: u16, text: &'b str) -> Result<Envelope<'b>> {
    // A byte order mark is no part of JSON, and some servers send one.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let envelope: Envelope = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(_) => return Err(failure::unreadable(status, text.as_bytes())),
    };
    if envelope.data.is_none() && envelope.errors.is_none_or(|e| e.get() == "[]" || e.get() == "null") {
        // Neither data nor errors: a gateway's JSON, or a payload that stands at the top.
        return Err(failure::by_words(dialect, &envelope.words, status).unwrap_or_else(|| nothing_in_it(status, text)));
    }
    Ok(envelope)
}

/// Neither data nor errors: said so by a GraphQL API, or no word of either.
fn nothing_in_it(status: u16, text: &str) -> Error {
    let members: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    if members.contains_key("data") || members.contains_key("errors") {
        failure::by_status(status, "the answer is JSON but has neither data nor errors")
    } else {
        failure::no_graphql(status)
    }
}

/// An error and the question it touches (none: every one).
struct Fault {
    touches: Option<String>,
    error: Error,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    path: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    extensions: Option<Words>,
    #[serde(flatten)]
    words: Words,
}

fn faults(dialect: &Dialect, status: u16, envelope: &Envelope<'_>) -> Result<Vec<Fault>> {
    let Some(raw) = envelope.errors else {
        return Ok(Vec::new());
    };
    let entries: Option<Vec<Entry>> =
        serde_json::from_str(raw.get()).map_err(|_| Error::new(Kind::Garbled, "`errors` is not a list of errors"))?;
    let mut faults: Vec<Fault> =
        entries.unwrap_or_default().iter().map(|e| fault(dialect, status, envelope, e)).collect();
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
    Ok(faults)
}

fn unknown_fields(error: &Error) -> &[String] {
    match &error.kind {
        Kind::QueryRejected { fields } => fields,
        _ => &[],
    }
}

fn fault(dialect: &Dialect, status: u16, envelope: &Envelope<'_>, entry: &Entry) -> Fault {
    let words = entry.words.with(entry.extensions.as_ref());
    let path = entry.path.as_ref().and_then(|p| p.first()).and_then(|p| p.as_str());
    let error = failure::by_words(dialect, &words, status).unwrap_or_else(|| {
        let said = format!("the server says: {}", quote(words.message.as_deref().unwrap_or("(no message)")));
        if path.is_some() && envelope.data.as_ref().is_some_and(|d| d.values().any(|v| v.get() != "null")) {
            Error::new(Kind::PartialData, said)
        } else if matches!(status, 401 | 403 | 408 | 413 | 425 | 429 | 500..) {
            failure::by_status(status, &said)
        } else {
            Error::new(Kind::UnknownFailure, said)
        }
    });
    // Who is not known, not allowed or over the limit is so for the whole request.
    let whole =
        matches!(error.kind, Kind::TokenExpired | Kind::Unauthorized | Kind::InvalidClient | Kind::RateLimited { .. });
    Fault { touches: path.filter(|_| !whole).map(str::to_owned), error }
}

/// Reads a payload by its shape and lets it speak for itself: `success: false` is a failure without any `errors`.
fn payload_of<'b>(
    dialect: &Dialect,
    shape: &Shape,
    payload: Option<&'b RawValue>,
    operation: &str,
) -> Result<Found<'b>> {
    let mut found = Found::default();
    if let Some(raw) = payload {
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        shape
            .reader(&mut found)
            .deserialize(&mut reader)
            .map_err(|_| Error::new(Kind::Garbled, format!("the answer of `{operation}` is not readable")))?;
    }
    let failed = found.get(Want::Success) == Some("false");
    if failed || (found.items.is_none() && found.get(Want::AccessToken).is_none()) {
        let words = Words { code: found.text(Want::Code), message: found.text(Want::Message), ..Words::default() };
        if let Some(error) = failure::by_words(dialect, &words, 200) {
            return Err(error.at(operation));
        }
        if failed {
            let code = words.code.as_deref().unwrap_or("none");
            let message = quote(words.message.as_deref().unwrap_or("(no message)"));
            return Err(Error::new(
                Kind::UnknownFailure,
                format!("{operation}: success is false, code {}, the server says: {message}", quote(code)),
            ));
        }
    }
    Ok(found)
}

fn page(
    id_field: &str,
    rule: &Volatile,
    body: &Bytes,
    items: &[&RawValue],
    found: &Found<'_>,
    repaired: &[usize],
) -> Page {
    let base = body.as_ptr() as usize;
    let mut rows = Vec::with_capacity(items.len());
    let mut nameless = 0;
    for item in items {
        let text = item.get();
        let start = text.as_ptr() as usize - base;
        match Record::read(id_field, text, start, rule) {
            Some(mut row) => {
                row.repaired = within(repaired, &row.range);
                rows.push(row);
            }
            None => nameless += 1,
        }
    }
    Page {
        records: Records { body: body.clone(), rows },
        nameless,
        total: found.text(Want::Total).as_deref().and_then(number::count),
        has_next: match found.get(Want::HasNext) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        },
        cursors: found.row_cursors(),
        next_cursor: found.text(Want::NextCursor),
        hold: None,
    }
}

fn within(offsets: &[usize], range: &Range<usize>) -> u32 {
    let from = offsets.partition_point(|o| *o < range.start);
    let to = offsets.partition_point(|o| *o < range.end);
    u32::try_from(to - from).unwrap_or(u32::MAX)
}

impl From<Meaning> for Kind {
    fn from(meaning: Meaning) -> Kind {
        match meaning {
            Meaning::Unauthorized => Kind::Unauthorized,
            Meaning::InvalidClient => Kind::InvalidClient,
            Meaning::TokenExpired => Kind::TokenExpired,
            Meaning::InsufficientScopes => Kind::InsufficientScopes { required: None },
            Meaning::RateLimited => Kind::RateLimited { wait: None },
            Meaning::ServerFault => Kind::ServerFault,
            Meaning::Rejected => Kind::QueryRejected { fields: Vec::new() },
        }
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
