//! Creates what a `[[destination]]` table of a job describes: the destination with its file format, and the folder or
//! bucket that its path names. Nothing is written, and no lock is taken.
//!
//! The other files of this folder know no kind of destination. They use what [`Destination`] promises, so they
//! stay as they are when a kind is added.

use std::path::Path;
use std::time::Duration;

use crate::config::destinations::{DestinationSettings, FileFormat, Target};
use crate::config::settings::Settings;
use crate::destinations::Destination;
use crate::destinations::files::Files;
use crate::destinations::folder::Folder;
use crate::destinations::format::Format;
use crate::destinations::location::StoreLocation;
use crate::destinations::null::NullStore;
#[cfg(feature = "postgres")]
use crate::destinations::postgres::Postgres;
use crate::destinations::store::Store;
#[cfg(not(feature = "objects"))]
use crate::error::Error;
use crate::error::Result;

/// Creates a destination of the job from its settings, without checking that it can be written.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn destination(settings: &DestinationSettings, job: &Settings) -> Result<Box<dyn Destination + Send>> {
    Ok(match &settings.target {
        Target::Files { path, written, split, max_files, retry_for, mode } => {
            let store = store_with(path, *retry_for, *mode)?;
            Box::new(Files::new(store, format(written), settings.terms, *split).with_max_files(*max_files))
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(options) => Box::new(Postgres::new((**options).clone(), settings.terms, job.streams.clone())),
    })
}

/// Returns the writer of a file format.
fn format(written: &FileFormat) -> Box<dyn Format> {
    match written {
        FileFormat::Csv(options) => Box::new(options.clone()),
        FileFormat::Jsonl(options) => Box::new(options.clone()),
        #[cfg(feature = "parquet")]
        FileFormat::Parquet(options) => Box::new(options.clone()),
    }
}

/// Creates a destination that encodes the same files as the one in `settings` and discards them. Returns `None` for a
/// database.
pub fn to_nowhere(settings: &DestinationSettings) -> Option<Files> {
    match &settings.target {
        Target::Files { written, split, .. } => {
            Some(Files::new(Box::new(NullStore), format(written), settings.terms, *split))
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(_) => None,
    }
}

/// Opens the folder or bucket that `path` names. Failed operations on a bucket are retried for `retry_for`.
pub fn store(path: &Path, retry_for: Duration) -> Result<Box<dyn Store>> {
    store_with(path, retry_for, None)
}

/// Opens the folder or bucket that `path` names. Failed operations on a bucket are retried for `retry_for`. New files
/// in a local folder get the permissions `mode`; with `None`, the system decides.
fn store_with(path: &Path, retry_for: Duration, mode: Option<u32>) -> Result<Box<dyn Store>> {
    match StoreLocation::of(path)? {
        None => Ok(Box::new(Folder::new(path).with_mode(mode))),
        Some(location) => objects(&location, retry_for),
    }
}

#[cfg(feature = "objects")]
fn objects(location: &StoreLocation, retry_for: Duration) -> Result<Box<dyn Store>> {
    let variables = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    Ok(Box::new(crate::destinations::objects::ObjectPrefix::new(location.clone(), variables, retry_for)?))
}

#[cfg(not(feature = "objects"))]
fn objects(location: &StoreLocation, _: Duration) -> Result<Box<dyn Store>> {
    Err(Error::usage(format!("{location}: this build has no object storage")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::flags::Flags;
    use crate::config::keys_tests;
    use crate::destinations::{manifest, read_files};

    #[test]
    fn files_of_every_kind_have_known_endings_and_are_read_back() {
        for kind in keys_tests::known("[[destination]]\nkind = \"zzz\"") {
            let place = if kind == "postgres" { "url = \"postgres://u:p@h/d\"" } else { "path = \"out\"" };
            let key = "[source]\nclient_id = \"i\"\nclient_secret = \"s\"\n";
            let text = format!("{key}[[destination]]\nkind = {kind:?}\n{place}\n");
            // A kind that was left out of the build is refused.
            let Ok(settings) = Settings::of_text(&text, "j.toml", &Flags::default()) else { continue };
            let format = match &settings.destinations[0].target {
                Target::Files { written, .. } => format(written),
                #[cfg(feature = "postgres")]
                Target::Postgres(_) => continue,
            };
            let ending = format.extension();
            assert!(
                manifest::ENDINGS.contains(&ending.as_str()),
                "src/destinations/manifest.rs: ENDINGS lacks `{ending}`"
            );
            let empty = tempfile::tempfile().expect("a file");
            let read = read_files::rows(empty, &format.described(), &[], &[], &mut |_| Ok(()));
            let told = read.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(
                !told.contains("cannot read"),
                "src/destinations/read_files.rs: `rows` does not read {kind}: {told}"
            );
        }
    }
}
