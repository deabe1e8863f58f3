//! The report on audits. An audit reads a sample of the unchanged lists that a run would skip, and measures what
//! skipping misses.

use std::fmt;

use serde::Serialize;

use crate::mirror::audits::Audited;
use crate::quantity::counted;
use crate::sync::incremental::audit::wilson;

/// What the audits of a stream's unchanged lists have measured in a round.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AuditReport {
    /// The number of unchanged lists that were read completely.
    pub lists: u64,
    /// The number of lists, among `lists`, in which the audit found changes that skipping had missed.
    pub missed: u64,
    /// The number of records that skipping had missed: new ones and changed ones.
    pub records: u64,
    /// The number of records, among `records`, that the mirror did not have at all.
    pub lacked: u64,
    /// The number of skipped lists that must still be read again, because skipping another list on the same evidence
    /// missed records.
    pub owed: u64,
    /// The share of lists with missed changes, from 0 to 1.
    pub rate: f64,
    /// The lower end of the 95 % confidence interval of `rate` (Wilson).
    pub low: f64,
    /// The upper end of the 95 % confidence interval of `rate` (Wilson).
    pub high: f64,
}

impl AuditReport {
    /// Returns the report on a round's audits, or `None` if no list was audited.
    pub(super) fn of(audited: &Audited) -> Option<AuditReport> {
        let Audited { lists, missed, records, lacked, owed } = *audited;
        let (low, high) = wilson(missed, lists);
        (lists > 0).then(|| AuditReport {
            lists,
            missed,
            records,
            lacked,
            owed,
            rate: missed as f64 / lists as f64,
            low,
            high,
        })
    }

    /// Returns a sentence that tells the operator what to do about missed changes, or `None` if nothing was missed.
    pub(super) fn advice(&self, stream: &str) -> Option<String> {
        let (missed, lists) = (self.missed, counted(self.lists, "list"));
        if missed == 0 {
            return None;
        }
        if self.lacked > 0 {
            let (lacked, owed) = (counted(self.lacked, "record"), counted(self.owed, "list"));
            return Some(format!(
                "{stream}: the audit found {lacked} that the mirror lacked, in {missed} of {lists}: an unchanged entry is no sign \
                 that nothing new is there. What was skipped on that sign is read again, as far as `audit_repair` in [source] \
                 allows; {owed} left for the next runs"
            ));
        }
        let records = counted(self.records, "record");
        Some(format!(
            "{stream}: the audit found {records} that had been missed, in {missed} of {lists}; what it found is stored. For the \
             rest raise `lookback` in [source], and run a job with mode = \"backfill\" once on this mirror"
        ))
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} read all the same held changes that had been missed: {:.1} % (95 % confidence: {:.1} to {:.1} %)",
            self.missed,
            counted(self.lists, "unchanged list"),
            self.rate * 100.0,
            self.low * 100.0,
            self.high * 100.0
        )
    }
}
