//! The moment that a list is asked for changes since.

use serde::Deserialize;

/// How the moment is written that a list is asked for changes since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceForm {
    /// `"2024-03-05T08:09:10Z"`
    Iso8601,
    /// Since 1970.
    Milliseconds,
    /// Since 1970.
    Seconds,
}

impl SinceForm {
    /// The dialect's word for it.
    pub fn word(self) -> &'static str {
        match self {
            SinceForm::Iso8601 => "iso8601",
            SinceForm::Milliseconds => "milliseconds",
            SinceForm::Seconds => "seconds",
        }
    }

    /// A moment (milliseconds since 1970) as a literal; never a later one.
    pub fn literal(self, moment: i64) -> String {
        match self {
            SinceForm::Iso8601 => serde_json::json!(crate::clock::text(moment)).to_string(),
            SinceForm::Milliseconds => moment.to_string(),
            SinceForm::Seconds => moment.div_euclid(1000).to_string(),
        }
    }
}
