//! The report of a run as a value. It is stored in the mirror and printed as the summary.

use std::time::Duration;

use serde::Serialize;

use super::audit_report::AuditReport;
use crate::destinations::{Receipt, years};
use crate::error::{Error, Kind, quote};
use crate::mirror::checkpoint::Lane;
use crate::mirror::refusals::Unsettled;
use crate::mirror::rounds::{Begun, RoundEnding};
use crate::policy::{self, Exit};
use crate::progress::{Progress, get};
use crate::quantity::counted;
use crate::source::Source;
use crate::sync::deletions::judge::Refusal;
use crate::sync::run::{RunOutcome, StreamOutcome};
use crate::sync::walk;

/// A run's report.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct RunReport {
    pub job: String,
    /// The account, if the job lists several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub lane: &'static str,
    pub run: i64,
    pub round: i64,
    pub resumed: bool,
    pub seconds: f64,
    /// The most memory, in MiB, that this process held, as the system counted it.
    pub peak_memory_mib: Option<f64>,
    pub streams: Vec<StreamReport>,
    pub requests: u64,
    pub retries: u64,
    pub tokens: u64,
    pub refused_429: u64,
    /// The seconds waited for the spacing of requests, for the server's window, and for blocks after a 429.
    pub waited: [f64; 3],
    /// The deletions that were refused, by this run or by an earlier one, and that nothing has settled.
    pub refused: Vec<RefusedReport>,
    pub destinations: Vec<DestinationReport>,
    /// Further notes for the operator.
    pub notes: Vec<String>,
    pub stopped: bool,
    /// Whether a box ended it: `--max-runtime`, `--until` or `--max-requests`.
    pub boxed: bool,
    /// The streams that did not fit into the boxes of the latest runs.
    pub starved: Option<BoxTooSmall>,
    pub exit_code: Exit,
}

/// The streams that the latest runs have not read to their end, because their boxes are too small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct BoxTooSmall {
    pub streams: Vec<String>,
    pub why: String,
}

/// The report of a stream.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct StreamReport {
    pub stream: &'static str,
    pub verdict: &'static str,
    pub why: Option<String>,
    pub hint: Option<&'static str>,
    pub as_of: Option<String>,
    /// Counts of this run.
    pub requests: u64,
    pub windows: u64,
    pub seen: u64,
    pub new: u64,
    pub changed: u64,
    /// Records whose common fields are equal but whose selected fields differ.
    pub filled: u64,
    pub repeated: u64,
    pub repaired: u64,
    pub steps_back: u64,
    pub deleted: u64,
    /// Records that a complete reading did not show and that are kept.
    pub suspects: u64,
    /// Counts of the whole round.
    pub distinct: u64,
    pub lists: u64,
    pub open_lists: u64,
    /// Lists that were not asked for, because the record that they belong to is unchanged.
    pub skipped: u64,
    /// When the list among `skipped` that was read the longest ago was read.
    pub skipped_read_at: Option<String>,
    pub total: Option<u64>,
    /// Records that moved while their lists were read, and that closing readings found.
    pub found_again: u64,
    /// About how many records that existed all along may be missing, because they moved past every reading.
    pub may_miss: f64,
    pub audit: Option<AuditReport>,
}

/// The refused deletions of a stream.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct RefusedReport {
    pub stream: &'static str,
    pub why: String,
    pub count: u64,
    pub live: u64,
    /// The first ids among them.
    pub ids: Vec<String>,
}

impl RefusedReport {
    fn new(refusal: &Refusal) -> RefusedReport {
        RefusedReport {
            stream: refusal.stream.name(),
            why: refusal.told().detail,
            count: refusal.count,
            live: refusal.live,
            ids: refusal.ids.clone(),
        }
    }

    /// Returns what this run has refused for a stream, or what an earlier run has refused and nothing has settled.
    fn of(outcome: &StreamOutcome) -> Option<RefusedReport> {
        let earlier = |refused: Unsettled| RefusedReport {
            stream: outcome.stream.name(),
            why: format!("{}: {refused}", outcome.stream),
            count: refused.records,
            live: refused.live,
            ids: Vec::new(),
        };
        let refused = outcome.gone.refusal.as_ref().map(RefusedReport::new);
        refused.or_else(|| outcome.standing.refused.map(earlier))
    }
}

/// The report of a destination.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct DestinationReport {
    pub place: String,
    pub error: Option<String>,
    /// What to do about the error.
    pub hint: Option<&'static str>,
    pub held: Vec<String>,
    pub files: Vec<String>,
    pub tables: Vec<String>,
    pub records: u64,
    /// The number of values that did not fit, and were put into `_extra` or changed.
    pub misfits: u64,
    /// The records that the destination cannot hold, each behind its stream's name. It has all the others.
    pub set_aside: Vec<String>,
    /// A message about timestamps that lie decades before all others, if there are any.
    pub finding: Option<String>,
}

/// Returns the records of a stream that a destination cannot hold, each behind the stream's name.
fn left_out(receipt: &Receipt) -> impl Iterator<Item = String> {
    receipt.left_out.iter().map(|name| format!("{} {}", receipt.stream, quote(name)))
}

impl DestinationReport {
    /// Makes the report of a delivery from its outcome.
    pub fn new(place: String, delivered: &Result<Vec<Receipt>, Error>) -> DestinationReport {
        let receipts = delivered.as_deref().unwrap_or_default();
        DestinationReport {
            place,
            error: delivered.as_ref().err().map(|e| e.detail.clone()),
            hint: delivered.as_ref().err().map(|e| policy::decide(&e.kind).hint),
            held: receipts.iter().filter(|r| r.held).map(|r| r.stream.name().to_owned()).collect(),
            files: receipts.iter().filter(|r| !r.held).flat_map(|r| r.files.clone()).collect(),
            tables: receipts.iter().filter(|r| !r.held).filter_map(|r| r.table.clone()).collect(),
            records: receipts.iter().filter(|r| !r.held).map(|r| r.records).sum(),
            misfits: receipts.iter().map(|r| r.misfits).sum(),
            set_aside: receipts.iter().flat_map(left_out).collect(),
            finding: years::finding(
                receipts.iter().flat_map(|r| r.years.iter().map(|(column, years)| (r.stream, *column, years))),
            ),
        }
    }
}

impl RunReport {
    /// Makes the report of a run that came to its end.
    pub fn new(
        job: &str,
        lane: Lane,
        begun: Begun,
        outcome: &RunOutcome,
        source: &Source,
        progress: &Progress,
        took: Duration,
    ) -> RunReport {
        let stats = source.budget.stats();
        RunReport {
            job: job.to_owned(),
            account: None,
            lane: lane.name(),
            run: begun.run,
            round: begun.round,
            resumed: begun.resumed,
            seconds: took.as_secs_f64(),
            peak_memory_mib: None,
            streams: outcome.streams.iter().map(|s| of_stream(s, source, progress)).collect(),
            requests: stats.requests,
            retries: source.retries(),
            tokens: source.token_generations(),
            refused_429: stats.refused,
            waited: stats.waited.map(|d| d.as_secs_f64()),
            refused: outcome.streams.iter().filter_map(RefusedReport::of).collect(),
            destinations: Vec::new(),
            notes: outcome.streams.iter().filter_map(|s| s.gone.told(s.stream)).collect(),
            stopped: outcome.stopped,
            boxed: false,
            starved: None,
            exit_code: Exit::Complete,
        }
    }

    /// Returns whether deletions of a stream are refused. The summary tells that in place of the stream's verdict.
    pub fn has_refused(&self, stream: &str) -> bool {
        self.refused.iter().any(|refused| refused.stream == stream)
    }

    /// Returns notes on what closing readings found of records that moved while their lists were read.
    pub fn moved(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for StreamReport { stream, found_again, may_miss, .. } in &self.streams {
            if *found_again > 0 {
                let found = counted(*found_again, "record");
                notes.push(format!("{stream}: reading the list again found {found} that had moved meanwhile"));
            }
            if *may_miss > 0.0 {
                notes.push(format!(
                    "{stream}: records moved past the last reading, too; at most about {may_miss:.3} records may be missing"
                ));
            }
        }
        notes
    }

    /// Returns what to do about changes that were missed by skipping unchanged lists.
    pub fn misses(&self) -> Vec<String> {
        self.streams.iter().filter_map(|s| s.audit.as_ref()?.advice(s.stream)).collect()
    }
}

fn of_stream(outcome: &StreamOutcome, source: &Source, progress: &Progress) -> StreamReport {
    let (counters, standing) = (progress.of(outcome.stream), &outcome.standing);
    StreamReport {
        stream: outcome.stream.name(),
        verdict: outcome.verdict.word(),
        why: outcome.verdict.why().map(str::to_owned),
        hint: match &outcome.error {
            Some(error) => Some(policy::decide(&error.kind).hint),
            None => outcome.verdict.why().and_then(walk::hint),
        },
        as_of: standing.as_of.clone(),
        requests: source.attempts(outcome.stream),
        windows: get(&counters.windows),
        seen: get(&counters.seen),
        new: get(&counters.new),
        changed: get(&counters.changed),
        filled: get(&counters.filled),
        repeated: get(&counters.repeated),
        repaired: get(&counters.repaired),
        steps_back: get(&counters.steps_back),
        deleted: outcome.gone.deleted(),
        suspects: outcome.gone.suspects,
        distinct: standing.distinct,
        lists: standing.walks,
        open_lists: standing.open,
        skipped: standing.skipped,
        skipped_read_at: standing.skipped_read_at.clone(),
        total: standing.total,
        found_again: standing.found_again,
        may_miss: standing.may_miss,
        audit: AuditReport::of(&outcome.audited),
    }
}

/// Returns the peak of this process's memory in MiB, or `None` if the system does not tell (`VmHWM`).
pub fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Returns the exit code that the streams and the stop call for.
pub fn exit_of(outcome: &RunOutcome) -> Exit {
    let mut exits = Vec::new();
    if outcome.stopped {
        exits.push(Exit::Stopped);
    }
    let refused =
        |s: &StreamOutcome| s.error.as_ref().is_some_and(|e| policy::decide(&e.kind).exit == Exit::Credentials);
    // A stream whose parent was refused could not be read either, although it has no error of its own.
    let parent_refused = |s: &StreamOutcome| {
        let parent = s.stream.definition().parent;
        s.error.is_none()
            && outcome.streams.iter().any(|p| Some(p.stream) == parent && refused(p) && p.standing.distinct == 0)
    };
    if outcome.streams.iter().all(|s| refused(s) || parent_refused(s)) {
        exits.push(Exit::Credentials);
    }
    for stream in &outcome.streams {
        if stream.gone.refusal.is_some() || stream.standing.refused.is_some() {
            exits.push(policy::decide(&Kind::DeletesRefused).exit);
        }
        match stream.error.as_ref().map(|e| policy::decide(&e.kind)) {
            // A scope that one stream lacks leaves the run incomplete. Only if all streams are refused is it a matter
            // of credentials.
            Some(decision) if decision.exit == Exit::Credentials => exits.push(Exit::Incomplete),
            Some(decision) => exits.push(decision.exit),
            None if !stream.verdict.is_complete() => exits.push(Exit::Incomplete),
            None => exits.push(Exit::Complete),
        }
    }
    Exit::first(exits)
}

/// Returns how the run ended, for its round. Refused deletions do not keep the round open, because only another
/// reading settles them.
pub fn ending_of(outcome: &RunOutcome) -> RoundEnding {
    let outage = |s: &StreamOutcome| s.error.as_ref().is_some_and(|error| policy::is_outage(&error.kind));
    if outcome.stopped || outcome.streams.iter().any(outage) {
        RoundEnding::Interrupted
    } else if outcome.streams.iter().all(|s| s.is_read) {
        RoundEnding::Complete
    } else {
        RoundEnding::Incomplete
    }
}
