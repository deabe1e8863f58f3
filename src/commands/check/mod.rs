//! `check JOB`: a checklist, every line with a hint that says what it means or what to do next. At most [`MOST`] requests,
//! whatever the server is; nothing is written but the shared budget window and, in an
//! object store, one small object that is removed again.
//!
//! This file is the order of the list. One file a concern makes its lines (`line`, data), and `render` shows them.

mod clock;
mod destination;
mod dialect;
mod disk;
mod endpoint;
mod job;
mod limit;
mod line;
mod mirror;
mod render;
mod streams;

use std::time::Duration;

use self::render::Checklist;
use super::setup;
use crate::cli::CheckArgs;
use crate::config::settings::Settings;
use crate::error::Result;
use crate::policy::Exit;

/// Requests that a check makes at most.
pub const MOST: u64 = 20;

/// How long an outage is waited out: who checks stands and waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks a job.
pub async fn check(args: &CheckArgs) -> Result<Exit> {
    let mut settings = Settings::load(&args.job.job, &setup::flags(&args.job))?;
    settings.source.limits.long = settings.source.limits.long.min(PATIENCE);
    let source = setup::source_with_at_most(&settings, MOST)?;
    let mut list = Checklist::new(args.format);
    list.add(job::line(&settings));
    let mirror = mirror::look(&settings);
    let signed_in = endpoint::sign_in(&source, &settings, &mirror.remembered).await;
    for line in endpoint::lines(&source, &settings, &signed_in) {
        list.add(line);
    }
    let asked = streams::ask(&source, &settings, &mirror.remembered, &signed_in).await;
    for line in streams::lines(&settings, &asked.seen) {
        list.add(line);
    }
    list.add(limit::line(&source.budget.stats(), settings.requests_per_minute));
    list.add(dialect::line(&source, &settings, &mirror.remembered, &signed_in, &asked));
    list.add(clock::line(source.clock_skew(), source.contacted()));
    list.add(mirror.line);
    for d in &settings.destinations {
        list.add(destination::line(d, &settings.streams));
    }
    Ok(list.end(&settings.name, source.budget.stats().requests))
}
