//! The server as whoever settles a dialect sees it: it is asked one document at a time, and what it says is kept in the
//! form in which it is learnt from.

use std::future::Future;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::Dialect;
use crate::error::Result;

/// Answers documents; every call is one request of the key's budget.
pub trait Server {
    /// Asks one document (a query or a mutation, without secrets in it).
    fn ask(&self, document: &str, variables: Value) -> impl Future<Output = Result<Reply>> + Send;

    /// How it is believed to be spelled: these words are asked about beside the usual ones.
    fn believed(&self) -> Option<Arc<Dialect>> {
        None
    }
}

/// What the server answered: JSON, whatever its status.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Reply {
    /// `data`, null where there is none.
    #[serde(default)]
    pub data: Value,
    /// `errors`, none where there are none.
    #[serde(default, deserialize_with = "list")]
    pub errors: Vec<Said>,
}

/// One error.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Said {
    /// Its words.
    #[serde(default)]
    pub message: String,
    /// Where in the document.
    #[serde(default, deserialize_with = "list")]
    pub locations: Vec<Location>,
    /// Where in the answer.
    #[serde(default, deserialize_with = "list")]
    pub path: Vec<Value>,
    /// `code` and the like.
    #[serde(default)]
    pub extensions: Value,
}

/// A place in a document, from 1.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Location {
    /// The line.
    pub line: u32,
    /// The column.
    #[serde(default)]
    pub column: u32,
}

/// A list, or null for an empty one.
fn list<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
