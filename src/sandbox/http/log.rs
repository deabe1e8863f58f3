//! The log of requests and their answers, one JSON object per request, and the total counts.
//!
//! Neither contains a secret, a token or a body: a token appears as its generation, and the arguments of a token
//! request are left out.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

/// One request in the log.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LogLine {
    /// The request's number, from 1.
    pub n: u64,
    /// Milliseconds since the server started.
    pub t_ms: u64,
    /// The names of its root fields, joined by commas, repeats in a row left out.
    pub operation: String,
    /// Number of root fields.
    pub questions: usize,
    /// The arguments of the root fields.
    pub arguments: serde_json::Value,
    /// How often this question was asked, this time included; 0 if the request was refused.
    pub attempt: u32,
    /// The HTTP status; 0 if the connection was broken instead.
    pub status: u16,
    /// The fault that hit it.
    pub fault: Option<&'static str>,
    /// The error code in the answer.
    pub code: Option<String>,
    /// The generation of its token; 0 if the server never issued it.
    pub token_generation: u64,
    /// Number of rows in the answer.
    pub rows: u64,
    /// Requests that the rate limit leaves, if there is a limit.
    pub remaining: Option<u32>,
}

/// Counts since the server started.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Requests to the API.
    pub requests: u64,
    /// Root fields asked.
    pub questions: u64,
    /// Rows in answers.
    pub rows: u64,
    /// Tokens issued.
    pub tokens: u64,
    /// Requests refused by the rate limit. Faults that look like it are not counted here.
    pub over_limit: u64,
    /// Requests refused because they were invalid or asked too many questions.
    pub refused: u64,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Changes made by drift.
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
    /// Returns an empty log.
    pub fn new(started: Instant) -> Log {
        Log { started, lines: Vec::new(), count: 0, counts: Counts::default() }
    }

    /// Appends a line and counts it. Sets the line's number and time.
    pub fn write(&mut self, mut line: LogLine) {
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

    /// Returns all lines so far.
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
            log.write(LogLine {
                operation: "getContactList".into(),
                questions: 2,
                rows: 5,
                fault,
                ..LogLine::default()
            });
        }
        assert_eq!((log.counts.requests, log.counts.questions, log.counts.rows), (3, 6, 15));
        assert_eq!(log.counts.faults["slow"], 2);
        let text = String::from_utf8(log.lines()).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["n"], 3);
        assert_eq!(last["fault"], "slow");
    }
}
