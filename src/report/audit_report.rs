//! What the audits of unchanged lists have measured, and what to do about it.

use std::fmt;

use serde::Serialize;

use crate::mirror::audits::Audited;
use crate::quantity::counted;
use crate::sync::incremental::audit::wilson;

/// What the audits of unchanged lists of a stream have measured.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AuditReport {
    /// `lists`: unchanged lists that were read whole. `missed`: those among them that held changes the run had
    /// missed.
    pub lists: u64,
    pub missed: u64,
    /// `records`: records that had been missed. `lacked`: those among them that the mirror lacked.
    pub records: u64,
    pub lacked: u64,
    /// Lists that were skipped on the same evidence as a list that lacked records, and that must still be read again.
    pub owed: u64,
    /// The share of lists with missed changes, and the ends of its 95 % confidence interval (Wilson).
    pub rate: f64,
    pub low: f64,
    pub high: f64,
}

impl AuditReport {
    /// Returns the report of a round's audits, or `None` if there were none.
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

    /// Returns what to do about what was missed, or `None` if nothing was.
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
