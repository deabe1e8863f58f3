//! Checks a destination: whether it can be written, whether this mirror may deliver to it, and whether there is room.

use std::path::Path;
use std::time::Duration;

use super::disk;
use super::line::CheckLine;
use crate::config::destinations::{DestinationSettings, Target};
use crate::config::settings::Settings;
use crate::delivery::{preflight, target};
#[cfg(feature = "postgres")]
use crate::destinations::DestinationTerms;
use crate::destinations::Filled;
use crate::destinations::folder::Folder;
use crate::destinations::manifest::{Manifest, NAME};
#[cfg(feature = "postgres")]
use crate::destinations::postgres::{Postgres, PostgresOptions};
use crate::error::Result;
use crate::mirror::{open, pending_deliveries};
use crate::streams::Stream;

/// Returns the checklist's line for one destination.
pub fn line(settings: &DestinationSettings, job: &Settings) -> CheckLine {
    let line = match (&settings.target, settings.target.folder()) {
        (Target::Files { .. }, Some(folder)) => self::folder(&folder),
        (Target::Files { path, retry_for, .. }, None) => objects(path, *retry_for),
        #[cfg(feature = "postgres")]
        (Target::Postgres(options), _) => database(options, settings.terms, &job.streams),
    };
    if line.exit.is_some() {
        return line;
    }
    match foreign(settings, job) {
        Err(error) => CheckLine { facts: line.facts, ..CheckLine::failed("destination", "", &error) },
        Ok(()) => line,
    }
}

/// Returns the error with which a run would refuse this destination: another mirror has delivered to it, or a newer
/// copy of this mirror has. A mirror that cannot be read is no error here, because it is reported in a line of its
/// own.
fn foreign(settings: &DestinationSettings, job: &Settings) -> Result<()> {
    let destination = target::destination(settings, job)?;
    if !destination.is_one_mirrors() {
        return Ok(());
    }
    let connection = if job.mirror.exists() {
        let Ok(connection) = open::untouched(&job.mirror) else { return Ok(()) };
        Some(connection)
    } else {
        None
    };
    let identity = connection.as_ref().and_then(|c| pending_deliveries::identity_of(c).ok().flatten());
    let delivered = delivered(settings, job, identity.as_deref().unwrap_or_default())?;
    for (stream, (seq, filled)) in delivered {
        if let Some(connection) = connection.as_ref().filter(|_| identity.is_some()) {
            preflight::fits(connection, job, destination.as_ref(), stream, (seq, &filled))?;
        }
    }
    Ok(())
}

/// Returns, for each stream, the last seq that was delivered to the destination and the settings that the delivery
/// used. Changes nothing.
fn delivered(settings: &DestinationSettings, job: &Settings, mirror: &str) -> Result<Vec<(Stream, (i64, Filled))>> {
    match &settings.target {
        Target::Files { path, retry_for, .. } => {
            let mut store = target::store(path, *retry_for)?;
            let Some(manifest) = store.read(NAME)? else { return Ok(Vec::new()) };
            let Ok(manifest) = serde_json::from_slice::<Manifest>(&manifest) else { return Ok(Vec::new()) };
            let of = |s: Stream| Ok((s, (manifest.delivered(&store.place(), mirror, s)?, manifest.filled(s))));
            job.streams.iter().copied().map(of).collect()
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(options) => {
            let database = Postgres::new((**options).clone(), settings.terms, job.streams.clone());
            job.streams.iter().map(|s| Ok((*s, database.glance(mirror, *s)?))).collect()
        }
    }
}

/// Checks that the database can be reached and written, and that its tables match the columns of `streams`.
#[cfg(feature = "postgres")]
fn database(options: &PostgresOptions, terms: DestinationTerms, streams: &[Stream]) -> CheckLine {
    let place = options.place();
    let line = match Postgres::new(options.clone(), terms, streams.to_vec()).look() {
        Err(error) => CheckLine::failed("destination", "", &error),
        Ok(version) => CheckLine::ok("destination", format!("{place} can be written, PostgreSQL {version}"), ""),
    };
    line.with("place", place)
}

/// Checks an object store by writing, reading and removing a small object, because only an attempt shows what the
/// store allows. Repeats failed requests for `retry_for`.
fn objects(path: &Path, retry_for: Duration) -> CheckLine {
    let place = path.display().to_string();
    let tried = target::store(path, retry_for).and_then(|mut store| store.check("check"));
    let line = match tried {
        Err(error) => CheckLine::failed("destination", "", &error),
        Ok(()) => CheckLine::ok(
            "destination",
            format!("{place} can be written, read and listed, and keeps two writers apart"),
            "one small object was written and removed to find out; let the bucket remove incomplete uploads after a day",
        ),
    };
    line.with("path", place)
}

fn folder(path: &Path) -> CheckLine {
    let place = path.display().to_string();
    let free = disk::free(path);
    let line = match disk::writable(path).and_then(|()| Folder::new(path).look()) {
        Err(error) => CheckLine::failed("destination", "", &error),
        Ok(()) => CheckLine::ok_if(
            !disk::is_little(free, 0),
            "destination",
            format!("{place} can be written, {}", disk::told(free)),
            "while a file is written anew the one before it stays: there must be room for both",
        ),
    };
    line.with("path", place).with("free_bytes", free)
}
