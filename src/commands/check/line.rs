//! A line of the checklist, as data: what was checked, the result, and what it means.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::policy::{self, Exit};

/// The result of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Ok,
    /// A run will work, but there is something to know.
    Note,
    /// A run will fail.
    Fail,
}

/// A line of the checklist.
#[derive(Debug, Clone, Serialize)]
pub struct CheckLine {
    /// What was checked.
    pub name: String,
    /// The result.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What that means, or what to do next.
    pub hint: String,
    /// What was found, as data for programs.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// The exit code that a failure calls for.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

impl CheckLine {
    fn new(status: Status, name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        let (detail, hint) = (detail.into(), hint.into());
        CheckLine { name: name.to_owned(), status, detail, hint, facts: Map::new(), exit: None }
    }

    /// Makes a line that says that all is well.
    pub fn ok(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        CheckLine::new(Status::Ok, name, detail, hint)
    }

    /// Makes a line that says something to know, although a run will work.
    pub fn note(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        CheckLine::new(Status::Note, name, detail, hint)
    }

    /// Makes a line that is `Ok` if `well`, or else a note.
    pub fn ok_if(well: bool, name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        CheckLine::new(if well { Status::Ok } else { Status::Note }, name, detail, hint)
    }

    /// Makes a line for something that could not be checked.
    pub fn unchecked(name: &str, why: &str, hint: impl Into<String>) -> CheckLine {
        CheckLine::note(name, format!("not checked: {why}"), hint).with("checked", false)
    }

    /// Makes a line that says that a run will fail. `what` stands in front of the error, as in `CheckLine::ok`.
    pub fn failed(name: &str, what: &str, error: &Error) -> CheckLine {
        let decision = policy::decide(&error.kind);
        let detail = if what.is_empty() { error.detail.clone() } else { format!("{what}: {}", error.detail) };
        CheckLine { exit: Some(decision.exit), ..CheckLine::new(Status::Fail, name, detail, decision.hint) }
    }

    /// Adds a fact for programs.
    #[must_use]
    pub fn with(mut self, fact: &str, value: impl Into<Value>) -> CheckLine {
        self.facts.insert(fact.to_owned(), value.into());
        self
    }
}
