//! Defines the verdict: how completely a walk has read its list. The evidence is windows that overlap in unchanged
//! rows, or two passes that read the same.

use std::fmt;

/// Describes how completely a walk, or all the walks of a stream, have read their lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Two passes read the same rows, so the list was exactly like that between them.
    Proven,
    /// Neighbouring windows overlap in rows that did not change meanwhile, so no record that was there all along was
    /// missed.
    Continuous,
    /// The walk is not shown to be complete. The text says why.
    Incomplete(String),
}

/// Describes what the closing readings found about records that moved while a list was read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moved {
    /// The number of records that the walk had missed and the closing readings found.
    pub found: u64,
    /// The estimated number of records that were in the list all along and may still be missing.
    pub may_miss: f64,
}

impl Verdict {
    /// Returns the verdict's word for manifests, summaries and the mirror: `proven`, `continuous` or `incomplete`.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::Continuous => "continuous",
            Verdict::Incomplete(_) => "incomplete",
        }
    }

    /// Returns why the walk is incomplete, or `None` if it is complete.
    pub fn why(&self) -> Option<&str> {
        match self {
            Verdict::Incomplete(why) => Some(why),
            _ => None,
        }
    }

    /// Returns whether the walk is shown to be complete, as `proven` or `continuous`.
    pub fn is_complete(&self) -> bool {
        !matches!(self, Verdict::Incomplete(_))
    }

    /// Returns the verdict for a word of [`Verdict::word`]. `why` is the reason of an incomplete one. An unknown word
    /// gives [`Verdict::Incomplete`].
    pub fn from_words(word: &str, why: Option<String>) -> Verdict {
        match word {
            "proven" => Verdict::Proven,
            "continuous" => Verdict::Continuous,
            _ => Verdict::Incomplete(why.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why() {
            Some(why) => write!(f, "incomplete: {why}"),
            None => f.write_str(self.word()),
        }
    }
}
