//! What was asked and how it was answered: one JSON object per request, and the counts of everything.
//!
//! Neither ever holds a secret, a token or a body: a token appears as its generation, the arguments of a token request
//! not at all.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

/// A request that was seen.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Line {
    /// Its place among all requests, from 1.
    pub n: u64,
    /// Milliseconds since the server started.
    pub t_ms: u64,
    /// The names of its root fields, each once.
    pub operation: String,
    /// How many root fields it has.
    pub questions: usize,
    /// The root fields' arguments.
    pub arguments: serde_json::Value,
    /// How often this very question was asked, this time included.
    pub attempt: u32,
    /// The HTTP status; 0 when the connection was closed instead.
    pub status: u16,
    /// The fault that hit it.
    pub fault: Option<&'static str>,
    /// The error code that was answered.
    pub code: Option<String>,
    /// The generation of its token; 0 when it had none that was ever valid.
    pub token_generation: u64,
    /// The rows in the answer.
    pub rows: u64,
    /// What the rate limit left, when there is one.
    pub remaining: Option<u32>,
}

/// How much of what there has been.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Requests to the API.
    pub requests: u64,
    /// Root fields answered.
    pub questions: u64,
    /// Rows answered.
    pub rows: u64,
    /// Tokens given out.
    pub tokens: u64,
    /// Requests refused by the rate limit (faults that look like it are not counted here).
    pub over_limit: u64,
    /// Requests refused because they were invalid.
    pub refused: u64,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Changes by drift.
    pub drift_events: u64,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    started: Instant,
    lines: Vec<u8>,
    count: u64,
    /// The counts so far.
    pub counts: Counts,
}

impl Log {
    /// Nothing seen yet.
    pub fn new(started: Instant) -> Log {
        Log { started, lines: Vec::new(), count: 0, counts: Counts::default() }
    }

    /// Writes a line and counts it. Its number and its time are filled in here.
    pub fn write(&mut self, mut line: Line) {
        self.count += 1;
        line.n = self.count;
        line.t_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.counts.requests += 1;
        self.counts.questions += line.questions as u64;
        self.counts.rows += line.rows;
        if let Some(fault) = line.fault {
            *self.counts.faults.entry(fault).or_default() += 1;
        }
        if serde_json::to_writer(&mut self.lines, &line).is_ok() {
            self.lines.push(b'\n');
        }
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<u8> {
        self.lines.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_counted() {
        let mut log = Log::new(Instant::now());
        for fault in [None, Some("slow"), Some("slow")] {
            log.write(Line { operation: "getContactList".into(), questions: 2, rows: 5, fault, ..Line::default() });
        }
        assert_eq!((log.counts.requests, log.counts.questions, log.counts.rows), (3, 6, 15));
        assert_eq!(log.counts.faults["slow"], 2);
        let text = String::from_utf8(log.lines()).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["n"], 3);
        assert_eq!(last["fault"], "slow");
    }
}
