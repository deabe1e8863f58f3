//! A destination: whether it could be written, and whether there is room.

use std::path::Path;
use std::time::Duration;

use super::disk;
use super::line::Line;
use crate::commands::deliver;
use crate::config::destinations::{DestinationSettings, Target};
#[cfg(feature = "postgres")]
use crate::destinations::Terms;
#[cfg(feature = "postgres")]
use crate::destinations::postgres::{Options, Postgres};
use crate::streams::Stream;

/// One destination.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn line(settings: &DestinationSettings, streams: &[Stream]) -> Line {
    match (&settings.target, settings.target.folder()) {
        (Target::Files { .. }, Some(folder)) => self::folder(&folder),
        (Target::Files { path, retry_for, .. }, None) => objects(path, *retry_for),
        #[cfg(feature = "postgres")]
        (Target::Postgres(options), _) => database(options, settings.terms, streams),
    }
}

/// A database, and whether what is there fits.
#[cfg(feature = "postgres")]
fn database(options: &Options, terms: Terms, streams: &[Stream]) -> Line {
    let place = options.place();
    let line = match Postgres::new(options.clone(), terms, streams.to_vec()).look() {
        Err(error) => Line::failed("destination", "", &error),
        Ok(version) => Line::ok("destination", format!("{place} can be written, PostgreSQL {version}"), ""),
    };
    line.with("place", place)
}

/// An object store says what may be done only when it is done.
fn objects(path: &Path, retry_for: Duration) -> Line {
    let place = path.display().to_string();
    let tried = deliver::store(path, retry_for).and_then(|mut store| store.check("check"));
    let line = match tried {
        Err(error) => Line::failed("destination", "", &error),
        Ok(()) => Line::ok(
            "destination",
            format!("{place} can be written, read and listed, and keeps two writers apart"),
            "one small object was written and removed to find out; let the bucket remove incomplete uploads after a day",
        ),
    };
    line.with("path", place)
}

fn folder(path: &Path) -> Line {
    let place = path.display().to_string();
    let free = disk::free(path);
    let line = match disk::writable(path) {
        Err(error) => Line::failed("destination", "", &error),
        Ok(()) => Line::ok_if(
            !disk::is_little(free, 0),
            "destination",
            format!("{place} can be written, {}", disk::told(free)),
            "while a file is written anew the one before it stays: there must be room for both",
        ),
    };
    line.with("path", place).with("free_bytes", free)
}
