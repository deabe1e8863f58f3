//! Finds out whether a run's box (its limit of time or requests) is too small: which streams were not read to their
//! end by any of the latest runs, because a box ended each of these runs.
//!
//! A run in a box continues where the run before it stopped, so one such run is no reason to worry. If three runs in
//! a row have not come to a stream's end, the delivered data of that stream becomes old. Then the report names the
//! stream, how many requests its reading takes, and how many the box allows.

use serde::{Deserialize, Serialize};

use crate::quantity::counted;
use crate::report::run_report::BoxTooSmall;

/// The number of latest runs that are judged together.
const RUNS: usize = 3;
/// The largest number of earlier runs whose reports are read.
pub const EARLIER: usize = 100;

/// What the report of one run says about its box: whether the box ended the run, the requests, and each stream's
/// verdict.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Ran {
    #[serde(default)]
    boxed: bool,
    round: i64,
    requests: u64,
    streams: Vec<Read>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Read {
    stream: String,
    verdict: String,
}

impl Ran {
    /// Extracts the box's part from a run's report. Returns `None` if `report` is not the report of a complete run,
    /// for example because the run was killed.
    pub fn read(report: &impl Serialize) -> Option<Ran> {
        serde_json::to_value(report).ok().and_then(|report| serde_json::from_value(report).ok())
    }

    /// Extracts the box's part from a run's report that was stored as JSON. Returns `None` if it is not the report of
    /// a complete run.
    pub fn parse(report: &str) -> Option<Ran> {
        serde_json::from_str(report).ok()
    }

    fn has_read(&self, stream: &str) -> bool {
        self.streams.iter().any(|read| read.stream == stream && read.verdict != "incomplete")
    }
}

/// How much a box allows, and how much is still to be read.
#[derive(Debug, Clone, Copy)]
pub struct BoxSize {
    /// The number of requests that `--max-requests` allows. `None` if the run has no such limit.
    pub allowed: Option<u64>,
    /// The number of requests that the rest of the reading takes, estimated as `plan` does. `None` if that is
    /// unknown.
    pub left: Option<u64>,
}

/// Returns the streams that each of the last three runs left unfinished. Returns `None` if every stream was finished
/// once, or if not all three runs were ended by their boxes.
///
/// `runs` begins with the latest run and may hold more than three. The earlier ones of the same round count for the
/// requests that the reading has taken so far.
pub fn of(runs: &[Ran], size: BoxSize) -> Option<BoxTooSmall> {
    let latest_ones = runs.get(..RUNS).filter(|runs| runs.iter().all(|run| run.boxed))?;
    let latest = latest_ones.first()?;
    let names = latest.streams.iter().map(|read| read.stream.as_str());
    let streams: Vec<String> =
        names.filter(|name| !latest_ones.iter().any(|run| run.has_read(name))).map(str::to_owned).collect();
    if streams.is_empty() {
        return None;
    }
    let made: u64 = runs.iter().take_while(|run| run.round == latest.round).map(|run| run.requests).sum();
    let takes = match size.left {
        Some(left) => format!("about {}", counted(made.saturating_add(left), "request")),
        None => format!("more than {}", counted(made, "request")),
    };
    let holds = match size.allowed {
        Some(allowed) => format!("--max-requests allows {allowed}"),
        None => format!("this run came to {} in its time", counted(latest.requests, "request")),
    };
    Some(BoxTooSmall {
        why: format!(
            "{}: not read to the end in the last {RUNS} runs, because their box ended each of them: a reading takes {takes}, \
             and {holds}",
            streams.join(", ")
        ),
        streams,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ran(round: i64, boxed: bool, contacts: &str, messages: &str) -> Ran {
        let read = |(stream, verdict)| json!({"stream": stream, "verdict": verdict});
        let streams: Vec<_> = [("contacts", contacts), ("messages", messages)].map(read).into();
        let report = json!({"round": round, "boxed": boxed, "requests": 28, "streams": streams});
        assert_eq!(Ran::parse(&report.to_string()), Ran::read(&report));
        Ran::read(&report).expect("a report")
    }

    fn told(runs: &[Ran], allowed: Option<u64>, left: Option<u64>) -> Option<String> {
        of(runs, BoxSize { allowed, left }).map(|starved| starved.why)
    }

    #[test]
    fn three_boxes_in_a_row_that_do_not_hold_a_stream_are_told() {
        let cut = || ran(4, true, "proven", "incomplete");
        let three = [cut(), cut(), ran(3, true, "incomplete", "incomplete")];
        assert_eq!(
            told(&three, Some(30), Some(74)).as_deref(),
            Some(
                "messages: not read to the end in the last 3 runs, because their box ended each of them: a reading takes about \
                 130 requests, and --max-requests allows 30"
            )
        );
        let of_time = told(&three, None, None).expect("told");
        assert!(of_time.contains("more than 56 requests, and this run came to 28 requests in its time"), "{of_time}");
        // No message: two runs, a run that came to its end, a run that no box ended, a killed run.
        assert_eq!(told(&three[..2], Some(30), None), None);
        for other in [ran(3, true, "proven", "continuous"), ran(3, false, "incomplete", "incomplete")] {
            assert_eq!(told(&[cut(), other.clone(), cut()], Some(30), None), None);
            assert_eq!(told(&[cut(), cut(), other], Some(30), None), None);
        }
        assert_eq!(Ran::parse(""), None);
        assert_eq!(Ran::parse(r#"{"error": "x"}"#), None);
    }

    #[test]
    fn all_that_none_has_read_is_named() {
        let all = [ran(1, true, "incomplete", "incomplete"), ran(1, true, "incomplete", "incomplete")];
        let runs = [all[0].clone(), all[1].clone(), all[0].clone()];
        assert!(told(&runs, Some(5), None).expect("told").starts_with("contacts, messages: "));
    }
}
