//! A line of the checklist, as data: what was looked at, how it is, what that means.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::policy::{self, Exit};

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Well.
    Ok,
    /// A run will do, and there is something to know.
    Note,
    /// A run will fail.
    Fail,
}

/// A line.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What that means, or what to do next.
    pub hint: String,
    /// The same for machines.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// What a failure makes of the exit code.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

impl Line {
    fn new(status: Status, name: &str, detail: impl Into<String>, hint: impl Into<String>) -> Line {
        let (detail, hint) = (detail.into(), hint.into());
        Line { name: name.to_owned(), status, detail, hint, facts: Map::new(), exit: None }
    }

    /// All is well.
    pub fn ok(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> Line {
        Line::new(Status::Ok, name, detail, hint)
    }

    /// A run will do all the same.
    pub fn note(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> Line {
        Line::new(Status::Note, name, detail, hint)
    }

    /// Well, or a note.
    pub fn ok_if(well: bool, name: &str, detail: impl Into<String>, hint: impl Into<String>) -> Line {
        Line::new(if well { Status::Ok } else { Status::Note }, name, detail, hint)
    }

    /// It could not be looked at.
    pub fn unchecked(name: &str, why: &str, hint: impl Into<String>) -> Line {
        Line::note(name, format!("not checked: {why}"), hint).with("checked", false)
    }

    /// A run will fail; what is found in common with `Line::ok` stands in front of what was wrong.
    pub fn failed(name: &str, what: &str, error: &Error) -> Line {
        let decision = policy::decide(&error.kind);
        let detail = if what.is_empty() { error.detail.clone() } else { format!("{what}: {}", error.detail) };
        Line { exit: Some(decision.exit), ..Line::new(Status::Fail, name, detail, decision.hint) }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with(mut self, fact: &str, value: impl Into<Value>) -> Line {
        self.facts.insert(fact.to_owned(), value.into());
        self
    }
}
