//! What a walk has proven (WALKS: windows that overlap in untouched rows, or two passes that read the same).

use std::fmt;

/// The verdict of a walk, or of all the walks of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Two passes read the same: the list stood exactly so between them.
    Proven,
    /// Neighbouring windows overlap in rows nobody touched: no untouched row was missed.
    Continuous,
    /// No argument makes it complete; why not.
    Incomplete(String),
}

/// What closing readings say of records that moved while a list was read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moved {
    /// Records that the walk had passed over, and that the closing readings found.
    pub found: u64,
    /// About how many records that were there all along may be missing still.
    pub may_miss: f64,
}

impl Verdict {
    /// The word in manifests, summaries and the mirror.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::Continuous => "continuous",
            Verdict::Incomplete(_) => "incomplete",
        }
    }

    /// Why not, for an incomplete one.
    pub fn why(&self) -> Option<&str> {
        match self {
            Verdict::Incomplete(why) => Some(why),
            _ => None,
        }
    }

    /// Whether some argument makes the walk complete.
    pub fn is_complete(&self) -> bool {
        !matches!(self, Verdict::Incomplete(_))
    }

    /// The verdict with this word.
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
