//! Runs one account: makes one run, or two if the first only finished an old reading.

use super::one_run::{Common, run_once};
use crate::config::settings::Settings;
use crate::error::{Kind, Result};
use crate::policy::Exit;
use crate::report::run_report::RunReport;

/// The smallest request budget with which a run makes progress. It covers the request for a token and the requests
/// that find out how the server pages a list.
pub const LEAST_REQUESTS: u64 = 5;

/// Makes one run, or two, and returns the report.
///
/// A second run is made if the first one, within a box, completed a reading that began a day or more ago. The second
/// run begins the next reading with what is left of the box. Otherwise one reading that was cut off would make every
/// later night's reading a day old.
pub async fn run_settings(settings: &Settings, common: &Common) -> Result<RunReport> {
    let (report, is_old) = run_once(settings, common, common.time_box.requests).await?;
    let left = common.time_box.requests.map(|most| most.saturating_sub(report.requests));
    if !is_old || report.stopped || common.stop.requested() || left.is_some_and(|left| left < LEAST_REQUESTS) {
        return Ok(report);
    }
    let mut next = match run_once(settings, common, left).await {
        Ok((next, _)) => next,
        // The box ended before the new reading began, so the first one's delivery is the result of this run.
        Err(error) if error.kind == Kind::Stopped => return Ok(report),
        Err(error) => return Err(error),
    };
    next.notes.insert(0, format!("run {} came to the end of the reading before this one", report.run));
    if next.stopped {
        // The first reading's result stands until the second has come as far.
        next.exit_code = Exit::first([next.exit_code, report.exit_code]);
        if next.refused.is_empty() {
            next.refused = report.refused;
        }
    }
    Ok(next)
}
