//! `check JOB`: prints a checklist. Every line has a hint that says what the result means or what to do next.
//!
//! A check makes at most [`MOST`] requests to the API. It writes nothing but the shared budget window and, in an
//! object store, one small object that it removes again.
//!
//! This file decides the order of the lines. Each other file makes the lines of one concern, as data (`line`), and
//! `render` prints them.

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
mod time_zone;

use std::time::Duration;

use self::render::Checklist;
use super::{accounts, setup};
use crate::cli::{CheckArgs, CheckFormat};
use crate::config::settings::Settings;
use crate::error::Result;
use crate::policy::Exit;

/// The most requests that a check makes to the API.
pub const MOST: u64 = 20;

/// The longest time for which failed requests are repeated. It is short because a person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks each account of a job, and prints the checklists.
pub async fn check(args: &CheckArgs) -> Result<Exit> {
    let all = Settings::load(&args.job.job, &setup::flags(&args.job))?;
    let heading = Some("account").filter(|_| args.format == CheckFormat::Text);
    Box::pin(accounts::each(all, heading, async |one| Box::pin(check_one(one, args.format)).await)).await
}

async fn check_one(mut settings: Settings, format: CheckFormat) -> Result<Exit> {
    settings.source.limits.long = settings.source.limits.long.min(PATIENCE);
    let source = setup::source_with_at_most(&settings, MOST)?;
    let mut list = Checklist::new(format);
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
    if let Some(line) = time_zone::line(asked.ahead, &settings.dialect.time_zone) {
        list.add(line);
    }
    list.add(limit::line(&source.budget.stats(), settings.requests_per_minute));
    list.add(dialect::line(&source, &settings, &mirror.remembered, &signed_in, &asked));
    list.add(clock::line(source.clock_skew(), source.contacted()));
    list.add(mirror.line);
    list.add(mirror::temporary());
    for d in &settings.destinations {
        list.add(destination::line(d, &settings));
    }
    Ok(list.end(&settings, source.budget.stats().requests))
}
