//! The report of a run as a value. It is stored in the mirror and printed as the summary.

use std::time::Duration;

use serde::Serialize;

use super::audit_report::AuditReport;
use crate::destinations::{Receipt, years};
use crate::error::{Error, Kind, quote};
use crate::mirror::refusals::Unsettled;
use crate::mirror::rounds::{Begun, RoundEnding};
use crate::mirror::walk_key::Lane;
use crate::policy::{self, Exit};
use crate::progress::{Progress, get};
use crate::quantity::counted;
use crate::source::Source;
use crate::sync::deletions::judge::Refusal;
use crate::sync::run::{RunOutcome, StreamOutcome};
use crate::sync::walk;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct RunReport {
    pub job: String,
    /// The name of the account, if the job lists several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub lane: &'static str,
    pub run: i64,
    pub round: i64,
    pub resumed: bool,
    pub seconds: f64,
    /// The largest amount of memory, in MiB, that the process has used, according to the system. `None` if the system
    /// does not report it.
    pub peak_memory_mib: Option<f64>,
    pub streams: Vec<StreamReport>,
    pub requests: u64,
    pub retries: u64,
    pub tokens: u64,
    pub refused_429: u64,
    /// The seconds that the run waited: to space its requests, until the server's limit was reset, and after a 429
    /// answer.
    pub waited: [f64; 3],
    /// The refused deletions of this run, and those of earlier runs that are not settled yet.
    pub refused: Vec<RefusedReport>,
    pub destinations: Vec<DestinationReport>,
    /// Further notes for the operator.
    pub notes: Vec<String>,
    pub stopped: bool,
    /// Whether a limit of the run ended it: `--max-runtime`, `--until` or `--max-requests`.
    pub boxed: bool,
    /// The streams that the latest runs could not read to their end within their limits of time or requests. `None`
    /// if there are none.
    pub starved: Option<BoxTooSmall>,
    pub exit_code: Exit,
}

/// The streams that several runs in a row have not read to their end, because their limits of time or requests are
/// too small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct BoxTooSmall {
    pub streams: Vec<String>,
    pub why: String,
}

/// The report on one stream.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct StreamReport {
    pub stream: &'static str,
    pub verdict: &'static str,
    pub why: Option<String>,
    pub hint: Option<&'static str>,
    pub as_of: Option<String>,
    /// The requests of this run for the stream, repeated ones included.
    pub requests: u64,
    pub windows: u64,
    pub seen: u64,
    pub new: u64,
    pub changed: u64,
    /// The number of records that were stored again only because the query now selects other fields. The fields
    /// selected before and now are equal.
    pub filled: u64,
    pub repeated: u64,
    pub repaired: u64,
    pub steps_back: u64,
    pub deleted: u64,
    /// The number of records that a complete reading did not show but that the mirror still keeps.
    pub suspects: u64,
    /// The number of distinct records that the whole round has seen.
    pub distinct: u64,
    pub lists: u64,
    pub open_lists: u64,
    /// The number of lists that were not read, because the record that they belong to is unchanged.
    pub skipped: u64,
    /// The oldest time at which one of the skipped lists was last read (RFC 3339, UTC).
    pub skipped_read_at: Option<String>,
    pub total: Option<u64>,
    /// The number of records that moved while their lists were read, and that closing readings found.
    pub found_again: u64,
    /// An estimate of how many records that existed all along may be missing, because they moved past every reading.
    pub may_miss: f64,
    pub audit: Option<AuditReport>,
}

/// The refused deletions of one stream.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct RefusedReport {
    pub stream: &'static str,
    pub why: String,
    pub count: u64,
    pub live: u64,
    /// The ids of the first records whose deletion was refused. Empty if an earlier run refused it.
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

    /// Returns the report on this run's refused deletions of a stream, or else on those of an earlier run that are
    /// not settled yet.
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

/// The report on the delivery to one destination.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct DestinationReport {
    pub place: String,
    pub error: Option<String>,
    /// What the operator should do about the error. `None` if there is no error.
    pub hint: Option<&'static str>,
    pub held: Vec<String>,
    pub files: Vec<String>,
    pub tables: Vec<String>,
    pub records: u64,
    /// The number of values that did not fit their column, and were put into `_extra` or changed.
    pub misfits: u64,
    /// The records that the destination cannot hold, each as the stream's name and the record's id. All other records
    /// were delivered.
    pub set_aside: Vec<String>,
    /// A message about timestamps that are decades before all others, which suggests a wrong date format. `None` if
    /// there are none.
    pub finding: Option<String>,
}

/// Returns the records of a stream that a destination cannot hold, each as the stream's name and the record's id.
fn left_out(receipt: &Receipt) -> impl Iterator<Item = String> {
    receipt.left_out.iter().map(|name| format!("{} {}", receipt.stream, quote(name)))
}

impl DestinationReport {
    /// Makes the report from the outcome of a delivery. `place` is the destination's name.
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
    /// Makes the report of a run that came to its end. `took` is the time that the reading took. Deliveries and the
    /// exit code are filled in later.
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

    /// Returns whether deletions of a stream are refused. If so, the summary shows that instead of the stream's
    /// verdict.
    pub fn has_refused(&self, stream: &str) -> bool {
        self.refused.iter().any(|refused| refused.stream == stream)
    }

    /// Returns notes about records that moved while their lists were read: how many closing readings found, and how
    /// many may still be missing.
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

    /// Returns advice about changes that the run missed by skipping unchanged lists.
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

/// Returns the largest amount of memory that this process has used, in MiB (`VmHWM`). Returns `None` if the system
/// does not report it.
pub fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Returns the exit code of a run, from the outcomes of its streams and from whether it was stopped.
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

/// Returns how the run ended, which decides whether its round stays open. Refused deletions do not keep the round
/// open, because only another reading can settle them.
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
