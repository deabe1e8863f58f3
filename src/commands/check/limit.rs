//! Compares the limit in the server's headers with what the job would send.

use super::line::CheckLine;
use crate::clock::human;
use crate::source::rate_limit::{Headers, Stats};

/// Returns the line with the server's request limit, what remains of it and when it resets, and whether the job would
/// exceed it. `per_minute` is the job's own limit; 0 means none.
pub fn line(stats: &Stats, per_minute: u32) -> CheckLine {
    let ours = match per_minute {
        0 => "this job sets no limit of its own".to_owned(),
        n => format!("this job sends at most {n} a minute"),
    };
    let Some(Headers { limit, remaining, reset, .. }) = stats.told else {
        let line = match (stats.requests, per_minute) {
            (_, 0) => CheckLine::note(
                "rate limit",
                format!("the server sends no X-RateLimit headers; {ours}"),
                "set requests_per_minute: the API's documented limit is 100",
            ),
            _ => CheckLine::note(
                "rate limit",
                format!("the server sends no X-RateLimit headers; {ours}"),
                "the pace is kept by this job's own limit alone; a 429 stops everybody until it is over",
            ),
        };
        return line.with("requests_per_minute", per_minute);
    };
    let mut said = Vec::new();
    said.extend(limit.map(|n| format!("{n} a minute")));
    said.extend(remaining.map(|n| format!("{n} left")));
    said.extend(reset.map(|d| format!("reset in {}", human(d))));
    let detail = format!("the server says {}; {ours}", said.join(", "));
    let exceeds = limit.filter(|limit| per_minute == 0 || per_minute > *limit);
    let line = match exceeds {
        Some(limit) => CheckLine::note(
            "rate limit",
            detail,
            format!("lower requests_per_minute to {limit}; a run keeps to the server's limit once it has heard it"),
        ),
        None => {
            CheckLine::ok("rate limit", detail, "every process that uses this key shares one budget on this machine")
        }
    };
    line.with("limit", limit)
        .with("remaining", remaining)
        .with("reset_seconds", reset.map(|d| d.as_secs_f64()))
        .with("requests_per_minute", per_minute)
        .with("exceeds", exceeds.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::line::Status;
    use super::*;

    fn told(limit: Option<u32>, per_minute: u32) -> CheckLine {
        let headers = Headers { limit, remaining: Some(93), reset: Some(Duration::from_secs(42)), retry_after: None };
        line(&Stats { told: Some(headers), requests: 7, ..Stats::default() }, per_minute)
    }

    #[test]
    fn a_limit_below_ours_is_noted() {
        let line = told(Some(100), 100);
        assert_eq!(line.status, Status::Ok);
        assert!(line.detail.contains("100 a minute, 93 left, reset in 42s"), "{}", line.detail);
        assert_eq!((told(Some(60), 100).status, told(Some(60), 0).status), (Status::Note, Status::Note));
        assert_eq!(told(None, 100).status, Status::Ok);
    }

    #[test]
    fn no_limit_of_our_own_is_no_pace_of_zero() {
        let silent = line(&Stats::default(), 0);
        assert!(!silent.detail.contains(" 0 a minute") && silent.detail.contains("no limit"), "{}", silent.detail);
        assert!(!told(Some(100), 0).detail.contains(" 0 a minute"));
    }
}
