//! Turns a GraphQL answer into typed results. The body is judged before the HTTP status, because failures usually
//! arrive with status 200 (documented). No later code matches strings of an answer.
//!
//! The checks are, in this order: Is the body JSON? Does it answer this request ([`super::response_names`])? Does it
//! have `errors` (each becomes a kind of error)? Does the payload say `success: false`? Is the list at the path that
//! the dialect states?
//!
//! An error concerns the one question whose response name its path begins with. If the path begins with anything
//! else, the error concerns every question, so that an error without an address is never dropped. Partial data with
//! errors never counts as complete. The status decides only if the body decides nothing.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::answer_errors::{AnswerError, faults};
use super::envelope_members::{Envelope, denies, each_of};
use super::error_words::ErrorWords;
use super::page::Page;
use super::path_tree::{PathTree, PayloadValues, Want};
use super::query::{self, Question};
use super::response_names::Named;
use crate::dialect::{Dialect, Meaning};
use crate::error::{Error, Kind, Result};
use crate::number;
use crate::policy;
use crate::record::volatile::Volatile;
use crate::record::{Record, Records};
use crate::source::classify;
use crate::source::surrogates;
use crate::streams::PerStream;

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// An access token as the server returned it.
pub struct Granted {
    /// The access token itself.
    pub access_token: String,
    /// The token's lifetime in seconds, or `None` if the server does not state it.
    pub expires_in: Option<f64>,
}

/// The results that an answer holds for the questions of its request.
#[derive(Debug)]
pub struct ReadAnswer {
    /// Whether the answer used the response names of its request.
    pub named: Named,
    /// The result of each question, in the order of the questions.
    pub outcomes: Vec<Result<Page>>,
}

/// Reads the answer to `questions`, whose response names are `names`, and returns a result for each. `rules` say
/// which values do not enter the records' hashes.
pub fn pages(
    dialect: &Dialect,
    rules: &PerStream<Volatile>,
    questions: &[Question],
    names: &[String],
    mut answer: HttpAnswer,
) -> ReadAnswer {
    let repaired = surrogates::mend(&mut answer.body);
    let body = Bytes::from(answer.body);
    let Ok(text) = std::str::from_utf8(&body) else {
        return every(questions, &classify::unreadable(answer.status, &body));
    };
    if !repaired.is_empty() && !are_names_whole(text) {
        return every(questions, &Error::new(Kind::Garbled, "the name of a member of the answer is broken"));
    }
    let envelope = match open(dialect, answer.status, text) {
        Ok(envelope) => envelope,
        Err(e) => return every(questions, &e),
    };
    let faults = faults(dialect, answer.status, &envelope, names);
    let (data, words) = (envelope.data.unwrap_or_default(), envelope.words);
    let came = match query::operations(dialect, questions) {
        Ok(operations) => came_under(&data, &faults, names, &operations),
        Err(e) => return every(questions, &e),
    };
    if let Some(error) = elsewhere(came) {
        // A payload under the operation's own name may itself say why it fails.
        let denied = |q: &Question| {
            let part = dialect.stream(q.stream)?;
            let payload = data.get(&part.operation).copied().filter(|_| came == Named::Operation);
            payload_of(dialect, &query::list_shape(&part.list), payload, &part.operation)?;
            Err(faults.first().filter(|_| came == Named::Operation).map_or(&error, |fault| &fault.error).clone())
        };
        return ReadAnswer { named: came, outcomes: questions.iter().map(denied).collect() };
    }
    let one = |(q, name): (&Question, &String)| {
        if let Some(fault) = faults.iter().find(|f| f.touches.as_deref().is_none_or(|t| t == name)) {
            return Err(Error { is_addressed: fault.touches.is_some(), ..fault.error.clone() });
        }
        let part = dialect.stream(q.stream)?;
        let payload = data.get(name).copied();
        let found = payload_of(dialect, &query::list_shape(&part.list), payload, &part.operation)?;
        let Some(items) = &found.items else {
            // Words at the top of the answer explain why the list is missing.
            return Err(classify::by_words(dialect, &words, answer.status).unwrap_or_else(|| {
                Error::new(
                    Kind::PartialData,
                    format!("the answer of `{}` has no list at `{}`", part.operation, part.list.items),
                )
            }));
        };
        // An empty list beside a denial is no answer: a server does not show its records to a caller that it refuses.
        if let (true, Some(fault)) = (items.is_empty(), faults.iter().find(|fault| fault.denies_empty)) {
            return Err(fault.error.clone());
        }
        Ok(page(&dialect.id, &rules[q.stream], &body, items, &found, &repaired))
    };
    ReadAnswer { named: came, outcomes: questions.iter().zip(names).map(one).collect() }
}

/// Returns whether an answer used the response names of its request. An answer without data belongs to another
/// request if one of its errors names a question of that request.
fn came_under(
    data: &HashMap<String, &RawValue>,
    faults: &[AnswerError],
    names: &[String],
    operations: &[&str],
) -> Named {
    let members: Vec<&str> = data.keys().map(String::as_str).collect();
    match Named::of(&members, names, operations) {
        Named::Nothing if faults.iter().any(|f| f.is_of_another) => Named::Others,
        told => told,
    }
}

/// Returns the error for an answer with wrong response names, or `None` if its names are right.
fn elsewhere(named: Named) -> Option<Error> {
    match named {
        Named::Given | Named::Nothing => None,
        Named::Others => Some(Error::new(
            Kind::Garbled,
            "the answer belongs to another request: it has none of the names that were asked for",
        )),
        // Perhaps the server obeys one alias a request, but not several. This kind is asked again in smaller company.
        Named::Operation => Some(Error::new(
            Kind::PartialData,
            "the answer has the operation's own name, not the one that was asked for",
        )),
    }
}

/// Reads the answer to the token mutation, whose response name is `name`. Returns whether the answer used that name,
/// and the token or the error.
pub fn token(dialect: &Dialect, name: &str, mut answer: HttpAnswer) -> (Named, Result<Granted>) {
    surrogates::mend(&mut answer.body);
    let mut came = Named::Nothing;
    let granted = granted(dialect, name, &answer, &mut came);
    (came, granted)
}

fn granted(dialect: &Dialect, name: &str, answer: &HttpAnswer, came: &mut Named) -> Result<Granted> {
    let text =
        std::str::from_utf8(&answer.body).map_err(|_| of_token(classify::unreadable(answer.status, &answer.body)))?;
    let envelope = open(dialect, answer.status, text).map_err(of_token)?;
    let operation = &dialect.token.operation;
    let names = [name.to_owned()];
    let faults = faults(dialect, answer.status, &envelope, &names);
    let data = envelope.data.unwrap_or_default();
    *came = came_under(&data, &faults, &names, &[operation]);
    if let Some(error) = elsewhere(*came) {
        let own = |fault: AnswerError| of_token(fault.error);
        if *came == Named::Operation {
            let payload = data.get(operation.as_str()).copied();
            payload_of(dialect, &query::token_shape(dialect), payload, operation).map_err(of_token)?;
            return Err(faults.into_iter().next().map_or(error, own));
        }
        return Err(error);
    }
    if let Some(fault) = faults.into_iter().next() {
        return Err(of_token(fault.error));
    }
    let payload = data.get(name).copied();
    let found = payload_of(dialect, &query::token_shape(dialect), payload, operation).map_err(of_token)?;
    let access_token = found.text(Want::AccessToken).filter(|t| !t.is_empty()).ok_or_else(|| {
        Error::new(
            Kind::PartialData,
            format!("the answer of `{operation}` has no token at `{}`", dialect.token.access_token),
        )
    })?;
    Ok(Granted { access_token, expires_in: found.number(Want::ExpiresIn) })
}

/// Returns what an error means if it answers a request for a token: the client id and secret are refused, whichever
/// word the server uses.
fn of_token(error: Error) -> Error {
    Error { kind: policy::of_a_token_request(error.kind), ..error }
}

fn every(questions: &[Question], error: &Error) -> ReadAnswer {
    ReadAnswer { named: Named::Nothing, outcomes: questions.iter().map(|_| Err(error.clone())).collect() }
}

/// Returns whether no name of the answer's top members contains U+FFFD. If one does, it may have been `errors`.
fn are_names_whole(text: &str) -> bool {
    let members: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    !members.keys().any(|name| name.contains(char::REPLACEMENT_CHARACTER))
}

/// Reads the top members of an answer. `status` is the HTTP status. If the answer is not a GraphQL answer, `Err`
/// holds the error that it means.
pub(super) fn open<'b>(dialect: &Dialect, status: u16, text: &'b str) -> Result<Envelope<'b>> {
    let Some(envelope) = Envelope::read(text) else {
        return Err(classify::unreadable(status, text.as_bytes()));
    };
    if envelope.data.is_some() || envelope.has_errors() {
        return Ok(envelope);
    }
    // There are neither data nor errors: this is a gateway's JSON, or a payload that is not wrapped in `data`.
    let words = &envelope.words;
    Err(if envelope.is_graphql {
        classify::by_words(dialect, words, status)
            .unwrap_or_else(|| classify::by_status(status, "the answer is JSON but has neither data nor errors"))
    } else {
        classify::outside_graphql(dialect, words, status).unwrap_or_else(|| classify::no_graphql(status))
    })
}

/// Returns whether the value of a payload's `success` member means yes, such as `true` or `"ok"`. `raw` is its JSON.
fn affirms(raw: &str) -> bool {
    matches!(raw.trim_matches('"').to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "ok" | "success")
}

/// Reads the payload of one operation. `shape` says where its parts are. Fails if the payload reports a failure
/// itself: `success: false` is a failure, even without `errors`.
fn payload_of<'b>(
    dialect: &Dialect,
    shape: &PathTree,
    payload: Option<&'b RawValue>,
    operation: &str,
) -> Result<PayloadValues<'b>> {
    let mut found = PayloadValues::default();
    if let Some(raw) = payload {
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        shape
            .reader(&mut found)
            .deserialize(&mut reader)
            .map_err(|_| Error::new(Kind::Garbled, format!("the answer of `{operation}` is not readable")))?;
    }
    // An empty list is believed only if nothing beside it speaks against it.
    let is_empty = found.items.as_ref().is_some_and(Vec::is_empty);
    let failed = found.get(Want::Success).is_some_and(denies)
        || found.errors.is_some()
        || (is_empty && found.says(Want::Success).is_some_and(|raw| !affirms(raw)));
    let empty_or_none = is_empty || (found.items.is_none() && found.get(Want::AccessToken).is_none());
    if failed || empty_or_none {
        let words =
            ErrorWords { code: found.text(Want::Code), message: found.text(Want::Message), ..ErrorWords::default() };
        let mut said = classify::by_words(dialect, &words, 200);
        if let Some(errors) = found.errors {
            each_of(errors, &mut |entry| said = said.take().or_else(|| classify::by_words(dialect, &entry.words, 200)));
        }
        if let Some(error) = said {
            return Err(error.at(operation));
        }
        if failed {
            let error = classify::saying(Kind::UnknownFailure, &words).at(format!("{operation}: success is not true"));
            return Err(Error { is_addressed: true, ..error });
        }
    }
    Ok(found)
}

fn page(
    id_field: &str,
    rule: &Volatile,
    body: &Bytes,
    items: &[&RawValue],
    found: &PayloadValues<'_>,
    repaired: &[usize],
) -> Page {
    let base = body.as_ptr() as usize;
    let mut rows = Vec::with_capacity(items.len());
    let mut gaps = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let text = item.get();
        let start = text.as_ptr() as usize - base;
        match Record::read(id_field, text, start, rule) {
            Some(mut row) => {
                row.repaired = within(repaired, &row.range);
                // Two ids may differ in just the character that was replaced, so such an id does not count as read.
                if row.repaired > 0 && row.id.contains(char::REPLACEMENT_CHARACTER) {
                    gaps.push(n);
                } else {
                    rows.push(row);
                }
            }
            None => gaps.push(n),
        }
    }
    Page {
        records: Records { body: body.clone(), rows },
        set_aside: Vec::new(),
        nameless: u32::try_from(gaps.len()).unwrap_or(u32::MAX),
        gaps,
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
            Meaning::RateLimited => Kind::RateLimited,
            Meaning::ServerFault => Kind::ServerFault,
            Meaning::Rejected => Kind::QueryRejected { fields: Vec::new() },
        }
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
