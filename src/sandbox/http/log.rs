//! The log of requests and their answers, as one JSON object per request, and the counts over all requests.
//!
//! Neither contains a secret, a token or a body. A token appears as its generation (the first issued token has
//! generation 1), and the arguments of a token request are left out.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

/// One request in the log.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LogLine {
    /// The number of the request, from 1.
    pub n: u64,
    /// The time of the answer, in milliseconds since the server started.
    pub t_ms: u64,
    /// The names of the root fields, joined by commas. A name that occurs several times in a row is listed once.
    pub operation: String,
    /// The number of root fields in the request.
    pub questions: usize,
    /// The arguments of the root fields.
    pub arguments: serde_json::Value,
    /// How often this question was asked, this time included. 0 if the request was refused.
    pub attempt: u32,
    /// The HTTP status; 0 if the connection was broken instead.
    pub status: u16,
    /// The fault with which the request failed. `None` if there was none.
    pub fault: Option<&'static str>,
    /// The error code in the answer. `None` if there was none.
    pub code: Option<String>,
    /// The generation of the request's token. 0 if the server never issued the token.
    pub token_generation: u64,
    /// The number of rows in the answer.
    pub rows: u64,
    /// The number of requests that the rate limit still allows. `None` if there is no limit.
    pub remaining: Option<u32>,
}

/// Counts over all requests since the server started.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// The number of requests to the API.
    pub requests: u64,
    /// The number of root fields in all requests.
    pub questions: u64,
    /// The number of rows in all answers.
    pub rows: u64,
    /// The number of tokens issued.
    pub tokens: u64,
    /// The number of requests refused by the rate limit. Faults that look like such a refusal are not counted here.
    pub over_limit: u64,
    /// The number of requests refused because they were invalid or asked too many questions.
    pub refused: u64,
    /// The number of requests that each fault affected, by the fault's name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The number of changes that drift has made to lists while they were read.
    pub drift_events: u64,
}

/// The log of requests, with the counts over all of them.
#[derive(Debug)]
pub struct Log {
    started: Instant,
    lines: Vec<u8>,
    count: u64,
    /// The counts over all requests so far.
    pub counts: Counts,
}

impl Log {
    /// Returns an empty log of a server that started at this time.
    pub fn new(started: Instant) -> Log {
        Log { started, lines: Vec::new(), count: 0, counts: Counts::default() }
    }

    /// Appends a line, and adds it to the counts. Sets the line's number and time.
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

    /// Returns all lines so far, as JSON Lines.
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
