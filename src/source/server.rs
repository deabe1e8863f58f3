//! Defines how discovery talks to the server while it finds out how the API is spelled. Discovery asks one document
//! at a time, and keeps the parts of each answer from which it learns.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::Dialect;
use crate::error::Result;
use crate::source::envelope_members::{Envelope, value};
use crate::source::error_words::ErrorEntry;

/// A server that answers GraphQL documents. Every attempt counts as one request of the key's budget.
pub trait Server {
    /// Sends one document, a query or a mutation that holds no secret, and returns the answer. Fails if no GraphQL
    /// answer came, or if the answer reports a failure that is not about the spelling.
    fn ask(&self, document: &str, variables: Value) -> impl Future<Output = Result<Reply>> + Send;

    /// Returns the dialect that the API probably has, if one is known. Discovery then tries its names besides the
    /// usual ones.
    fn expected_dialect(&self) -> Option<Arc<Dialect>> {
        None
    }
}

/// The server's answer to a document, whatever its HTTP status. Each part is read leniently, as in
/// [`crate::source::envelope`].
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The answer's `data`; null if it is missing.
    pub data: Value,
    /// The answer's errors.
    pub errors: Vec<ServerError>,
}

/// One error of an answer.
#[derive(Debug, Clone, Default)]
pub struct ServerError {
    /// The error's message; empty if it has none.
    pub message: String,
    /// The positions in the document to which the error refers.
    pub locations: Vec<DocumentLocation>,
    /// The path in the answer to which the error refers; empty if it has none.
    pub path: Vec<Value>,
    /// The error's `extensions`, such as `code`.
    pub extensions: Value,
}

/// A position in a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DocumentLocation {
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1; 0 if the server does not state it.
    pub column: u32,
}

impl Reply {
    /// Reads the text of an answer, which is an object or a list of one object. Returns `None` for anything else, and
    /// for data that [`Value`] cannot hold.
    pub fn read(text: &str) -> Option<Reply> {
        let envelope = Envelope::read(text)?;
        let mut errors = Vec::new();
        envelope.each_member(|raw| {
            if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
                errors.extend(list.into_iter().map(|one| ServerError::read(&value(one))));
            } else {
                let whole = value(raw);
                errors.extend(ErrorEntry::all(&whole).into_iter().map(|entry| ServerError::of(&whole, entry)));
            }
        });
        let Some(members) = envelope.data else { return Some(Reply { data: Value::Null, errors }) };
        let parsed = members.into_iter().map(|(name, raw)| Some((name, serde_json::from_str(raw.get()).ok()?)));
        Some(Reply { data: Value::Object(parsed.collect::<Option<_>>()?), errors })
    }
}

impl ServerError {
    /// Reads one error, whatever type of JSON value it is.
    pub fn read(value: &Value) -> ServerError {
        ServerError::of(value, ErrorEntry::of_element(value).into_iter().next().unwrap_or_default())
    }

    fn of(value: &Value, entry: ErrorEntry) -> ServerError {
        let place = |value: &Value| {
            let number = |name: &str| value.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
            Some(DocumentLocation { line: number("line")?, column: number("column").unwrap_or_default() })
        };
        let places = value.get("locations").and_then(Value::as_array);
        let extensions = value.get("extensions").filter(|extensions| extensions.is_object()).cloned();
        let code = entry.words.code.map(|code| serde_json::json!({ "code": code })).unwrap_or_default();
        ServerError {
            message: entry.words.message.unwrap_or_default(),
            locations: places.into_iter().flatten().filter_map(place).collect(),
            path: entry.path,
            extensions: extensions.unwrap_or(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_part_is_read_leniently() {
        let reply = |text: &str| Reply::read(text).expect(text);
        for data in ["[]", "\"\"", "null", "7"] {
            let reply = reply(&format!("\u{feff}{{\"data\":{data},\"errors\":\"TOKEN_EXPIRED\"}}"));
            assert_eq!((reply.data, reply.errors[0].message.as_str()), (Value::Null, "TOKEN_EXPIRED"));
        }
        let said =
            &reply(r#"{"errors":[{"message":"m","locations":"line 3","path":"a.b","extensions":"X"}]}"#).errors[0];
        assert_eq!((said.message.as_str(), said.path.len(), &said.extensions), ("m", 2, &json!({"code": "X"})));
        let said = &reply(r#"[{"errors":{"message":"m","locations":[{"line":2},{"column":1},null]}}]"#).errors[0];
        assert_eq!(said.locations, [DocumentLocation { line: 2, column: 0 }]);
        assert!(reply(r#"{"data":{"a":1},"errors":[]}"#).errors.is_empty());
        let odd = reply(r#"{"data":{"a":1},"cost":1e400,"errors":[{"message":"m","cost":1e400},{"message":"n"}]}"#);
        assert_eq!((odd.data, odd.errors.len()), (json!({"a": 1}), 2), "a number that no value holds");
        assert!(Reply::read(r#"{"data":{"a":1e400}}"#).is_none());
        assert!(Reply::read("[1,2]").is_none() && Reply::read("\"text\"").is_none() && Reply::read("{").is_none());
    }
}
