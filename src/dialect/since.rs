//! Formats the date that a query passes to ask only for records changed since then.

use serde::{Deserialize, Serialize};

/// Describes how a list's filter by the date of the last change writes a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceForm {
    /// A string such as `"2024-03-05T08:09:10Z"`.
    Iso8601,
    /// A number of milliseconds since 1970.
    Milliseconds,
    /// A number of seconds since 1970.
    Seconds,
}

impl SinceForm {
    /// Returns the word for this form in a dialect file.
    pub fn word(self) -> &'static str {
        match self {
            SinceForm::Iso8601 => "iso8601",
            SinceForm::Milliseconds => "milliseconds",
            SinceForm::Seconds => "seconds",
        }
    }

    /// Returns a moment (milliseconds since 1970) as a GraphQL literal. It is rounded down where needed, so that the
    /// filter never leaves out a change.
    pub fn literal(self, moment: i64) -> String {
        match self {
            SinceForm::Iso8601 => serde_json::json!(crate::clock::text(moment)).to_string(),
            SinceForm::Milliseconds => moment.to_string(),
            SinceForm::Seconds => moment.div_euclid(1000).to_string(),
        }
    }
}
