//! What a budget counts: the requests, and what they waited for.

use std::time::Duration;

use super::headers::Headers;

/// What a request asks for. The server may have a separate limit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Pages of lists. The budget keeps to the limit for these.
    List,
    /// Anything else, such as a token. The server may have another limit for it.
    Another,
}

/// Why a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// To be spaced evenly below the limit.
    Pace,
    /// The server reports that the limit is used up until its reset.
    Window,
    /// The server has answered with a 429.
    Block,
}

/// What the budget has counted and seen so far, for the screen and the summary.
#[derive(Debug, Default, Clone, Copy)]
pub struct Stats {
    /// The number of requests that got a turn, those for tokens included.
    pub requests: u64,
    /// The number of 429 answers.
    pub refused: u64,
    /// The time that requests waited because of pace, window and block, in this order.
    pub waited: [Duration; 3],
    /// How many requests were left of the limit for lists, as the server last reported; `None` before the first
    /// report.
    pub remaining: Option<u32>,
    /// The rate-limit headers to show: the latest about the limit for lists, or else the first about another limit.
    /// `None` before the first.
    pub told: Option<Headers>,
    /// Whether a request was refused because this run has made all requests that it may make.
    pub spent: bool,
}
