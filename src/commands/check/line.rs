//! One line of the checklist, as data: what was checked, the result, and what the result means.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::policy::{self, Exit};

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing needs attention.
    Ok,
    /// A run will work, but the operator should know about something.
    Note,
    /// A run will fail.
    Fail,
}

/// One line of the checklist.
#[derive(Debug, Clone, Serialize)]
pub struct CheckLine {
    /// What was checked, for example `stream contacts`.
    pub name: String,
    /// Whether a run will work.
    pub status: Status,
    /// What was found out, in words.
    pub detail: String,
    /// What the result means, or what the operator should do next.
    pub hint: String,
    /// What was found out, as data for programs (`--format json`).
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// The exit code of a run that fails for this reason. `None` if the check did not fail.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

impl CheckLine {
    fn new(status: Status, name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        let (detail, hint) = (detail.into(), hint.into());
        CheckLine { name: name.to_owned(), status, detail, hint, facts: Map::new(), exit: None }
    }

    /// Makes a line with the status `ok`.
    pub fn ok(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        CheckLine::new(Status::Ok, name, detail, hint)
    }

    /// Makes a line with the status `note`: a run will work, but the operator should know about something.
    pub fn note(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        CheckLine::new(Status::Note, name, detail, hint)
    }

    /// Makes a line with the status `ok` if `well` is set, or else with the status `note`.
    pub fn ok_if(well: bool, name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckLine {
        CheckLine::new(if well { Status::Ok } else { Status::Note }, name, detail, hint)
    }

    /// Makes a note about something that could not be checked. `why` is the reason.
    pub fn unchecked(name: &str, why: &str, hint: impl Into<String>) -> CheckLine {
        CheckLine::note(name, format!("not checked: {why}"), hint).with("checked", false)
    }

    /// Makes a line with the status `FAIL`: a run will fail with `error`. If `what` is not empty, it is put in front
    /// of the error's message.
    pub fn failed(name: &str, what: &str, error: &Error) -> CheckLine {
        let decision = policy::decide(&error.kind);
        let detail = if what.is_empty() { error.detail.clone() } else { format!("{what}: {}", error.detail) };
        CheckLine { exit: Some(decision.exit), ..CheckLine::new(Status::Fail, name, detail, decision.hint) }
    }

    /// Adds a fact to [`CheckLine::facts`], under the name `fact`.
    #[must_use]
    pub fn with(mut self, fact: &str, value: impl Into<Value>) -> CheckLine {
        self.facts.insert(fact.to_owned(), value.into());
        self
    }
}
