//! Turns the `[[destination]]` tables of a job file into the settings of destinations.

use std::path::PathBuf;
use std::time::Duration;

use super::destination_keys::{key, retry_for};
use super::flags::Flags;
use super::job::{self, Job};
use super::origin::{Origin, Picker};
#[cfg(feature = "postgres")]
use super::postgres::postgres;
use super::{env, values};
use crate::destinations::compression::Compression;
use crate::destinations::csv_options::CsvOptions;
use crate::destinations::location::{StoreLocation, canonical};
#[cfg(feature = "parquet")]
use crate::destinations::parquet;
use crate::destinations::{Content, DestinationTerms, jsonl};
use crate::error::{Error, Result};

/// The settings of one destination: what it is given, and where and how that is written.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct DestinationSettings {
    pub terms: DestinationTerms,
    pub target: Target,
}

/// Where a destination delivers to, and in which form.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Target {
    Files {
        path: PathBuf,
        written: FileFormat,
        split: Option<u64>,
        /// The number of change files that a stream may have. A delivery that exceeds it merges the older files into
        /// fewer ones. 0 means no limit.
        max_files: usize,
        retry_for: Duration,
        /// The permissions of new files in a local folder, for example `0o644`. `None` if the job does not set them.
        mode: Option<u32>,
    },
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::destinations::postgres::PostgresOptions>),
}

/// The default of `max_files`, the number of change files that a stream may have.
const MAX_FILES: usize = 100;

impl Target {
    /// Returns the local folder that files go to. Returns `None` for an object store or a database.
    pub fn folder(&self) -> Option<PathBuf> {
        match self {
            Target::Files { path, .. } => matches!(StoreLocation::of(path), Ok(None)).then(|| path.clone()),
            #[cfg(feature = "postgres")]
            Target::Postgres(_) => None,
        }
    }

    /// Returns the folder, object store path or schema that no two destinations may share, and its name in error
    /// messages.
    fn place(&self) -> (String, String) {
        match self {
            Target::Files { path, .. } => {
                let place = match StoreLocation::of(path) {
                    Ok(Some(location)) => location.to_string(),
                    _ => canonical(path).display().to_string(),
                };
                (place, format!("the folder {}", path.display()))
            }
            #[cfg(feature = "postgres")]
            Target::Postgres(options) => (options.place(), options.place()),
        }
    }
}

/// The format of the files.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum FileFormat {
    Csv(CsvOptions),
    Jsonl(jsonl::JsonlOptions),
    #[cfg(feature = "parquet")]
    Parquet(parquet::ParquetOptions),
}

/// Turns the `[[destination]]` tables of a job into settings. Returns an error if two of them write to the same
/// location.
pub fn destinations(p: &mut Picker<'_>, job: &Job, flags: &Flags) -> Result<Vec<DestinationSettings>> {
    if flags.out.is_some() && job.destination.len() != 1 {
        return Err(Error::usage(format!(
            "--out names the folder of the job's one destination, but {} has {}",
            p.place,
            job.destination.len()
        )));
    }
    let mut all: Vec<DestinationSettings> = Vec::new();
    for (i, d) in job.destination.iter().enumerate() {
        let usual = match d.kind {
            job::DestinationKind::Postgres => job::ContentSetting::Changes,
            job::DestinationKind::Csv | job::DestinationKind::Jsonl | job::DestinationKind::Parquet => {
                job::ContentSetting::Snapshot
            }
        };
        let content = p.pick(&key(i, "content"), None, d.content, usual);
        let publish = p.pick(&key(i, "publish"), None, d.publish, job::Publish::Complete);
        let terms = DestinationTerms {
            content: match content {
                job::ContentSetting::Snapshot => Content::Snapshot,
                job::ContentSetting::Changes => Content::Changes,
            },
            publish_always: publish == job::Publish::Always,
        };
        let target = match d.kind {
            job::DestinationKind::Postgres => database(p, i, d, flags)?,
            job::DestinationKind::Csv | job::DestinationKind::Jsonl | job::DestinationKind::Parquet => {
                files(p, i, d, terms, flags)?
            }
        };
        let (place, told) = target.place();
        if all.iter().any(|other| other.target.place().0 == place) {
            return Err(Error::usage(format!("{}: two destinations share {told}", p.place)));
        }
        all.push(DestinationSettings { terms, target });
    }
    Ok(all)
}

/// Turns a `[[destination]]` table of a kind that writes files into settings. `i` and `d` are the destination's
/// number and table.
fn files(
    p: &mut Picker<'_>,
    i: usize,
    d: &job::DestinationTable,
    terms: DestinationTerms,
    flags: &Flags,
) -> Result<Target> {
    let place = p.place.to_owned();
    let tables = [("url", d.url.is_some()), ("schema", d.schema.is_some()), ("tombstones", d.tombstones.is_some())];
    if let Some((name, _)) = tables.into_iter().find(|(_, set)| *set) {
        return Err(Error::usage(format!("{place}: {} is for kind = \"postgres\" alone", key(i, name))));
    }
    let Some(path) = &d.path else {
        return Err(Error::usage(format!("{place}: {} is not set: the folder that the files go to", key(i, "path"))));
    };
    let path = PathBuf::from(env::expand(path, &format!("{place}: {}", key(i, "path")))?);
    let path = p.pick(&key(i, "path"), flags.out.clone().map(|o| ("--out", o)), Some(path), PathBuf::new());
    if path.as_os_str().is_empty() {
        return Err(Error::usage(format!("{place}: {} is empty", key(i, "path"))));
    }
    let wrong_place = |e: Error| e.at(format!("{place}: {} = {:?}", key(i, "path"), path.display()));
    let location = StoreLocation::of(&path).map_err(wrong_place)?;
    let mode = d.mode.as_ref().map(|text| mode(text, &format!("{place}: {}", key(i, "mode")))).transpose()?;
    if location.is_some() && mode.is_some() {
        return Err(Error::usage(format!("{place}: {} is for local folders alone", key(i, "mode"))));
    }
    if let Some(text) = &d.mode {
        p.note(&key(i, "mode"), format!("{text:?}"), Origin::Job);
    }
    let retry_for = match (location, &d.retry_for) {
        (None, None) => Duration::ZERO,
        (None, Some(_)) => {
            return Err(Error::usage(format!(
                "{place}: {} is for object storage and PostgreSQL alone",
                key(i, "retry_for")
            )));
        }
        (Some(_), _) => retry_for(p, i, d, "3m")?,
    };
    let split = d.split.as_ref().map(|t| values::size(t, &format!("{place}: {}", key(i, "split")))).transpose()?;
    if split.is_some() && terms.content == Content::Changes {
        return Err(Error::usage(format!(
            "{place}: {} is for snapshots: files of changes are cut by their ranges",
            key(i, "split")
        )));
    }
    if d.max_files.is_some() && terms.content == Content::Snapshot {
        return Err(Error::usage(format!("{place}: {} is for content = \"changes\" alone", key(i, "max_files"))));
    }
    let max_files = p.pick(&key(i, "max_files"), None, d.max_files, MAX_FILES);
    if max_files == 1 {
        return Err(Error::usage(format!("{place}: {} = 1: it is 2 at least, or 0 for no most", key(i, "max_files"))));
    }
    let unsaid = match d.kind {
        job::DestinationKind::Parquet => job::CompressionSetting::Zstd,
        job::DestinationKind::Csv | job::DestinationKind::Jsonl | job::DestinationKind::Postgres => {
            job::CompressionSetting::None
        }
    };
    let compression = match p.pick(&key(i, "compression"), None, d.compression, unsaid) {
        job::CompressionSetting::None => Compression::None,
        job::CompressionSetting::Gzip => Compression::Gzip,
        job::CompressionSetting::Zstd => Compression::Zstd,
    };
    let written = match d.kind {
        job::DestinationKind::Csv => FileFormat::Csv(csv_options(p, i, d, compression)?),
        job::DestinationKind::Jsonl | job::DestinationKind::Postgres => {
            FileFormat::Jsonl(jsonl::JsonlOptions { compression })
        }
        job::DestinationKind::Parquet => parquet_options(&format!("{place}: {}", key(i, "compression")), compression)?,
    };
    if d.kind != job::DestinationKind::Csv {
        let only = [("delimiter", d.delimiter.is_some()), ("line_end", d.line_end.is_some())];
        let only = only.into_iter().chain([("formula_safe", d.formula_safe.is_some())]);
        if let Some((name, _)) = only.into_iter().find(|(_, set)| *set) {
            return Err(Error::usage(format!("{place}: {} is for kind = \"csv\" alone", key(i, name))));
        }
    }
    Ok(Target::Files { path, written, split, max_files, retry_for, mode })
}

/// Reads the permissions of files as `chmod` takes them, in octal digits, for example `0640`. The owner must be
/// allowed to read and write. Otherwise no run could deliver there again or verify the files.
fn mode(text: &str, place: &str) -> Result<u32> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && mode & !0o666 == 0 && mode & 0o600 == 0o600);
    mode.ok_or_else(|| {
        Error::usage(format!("{place} = {text:?} is no mode of a file; write for example \"0644\" or \"0600\""))
    })
}

#[cfg(feature = "parquet")]
fn parquet_options(place: &str, compression: Compression) -> Result<FileFormat> {
    let is_compressed = match compression {
        Compression::Zstd => true,
        Compression::None => false,
        Compression::Gzip => {
            return Err(Error::usage(format!("{place} = \"gzip\": Parquet is compressed by \"zstd\", or \"none\"")));
        }
    };
    Ok(FileFormat::Parquet(parquet::ParquetOptions { is_compressed }))
}

#[cfg(not(feature = "parquet"))]
fn parquet_options(place: &str, _: Compression) -> Result<FileFormat> {
    let place = place.rsplit_once('.').map_or(place, |(destination, _)| destination);
    Err(Error::usage(format!(
        "{place}: this build has no Parquet: build it with the feature \"parquet\", or deliver csv or jsonl"
    )))
}

#[cfg(feature = "postgres")]
fn database(p: &mut Picker<'_>, i: usize, d: &job::DestinationTable, flags: &Flags) -> Result<Target> {
    Ok(Target::Postgres(Box::new(postgres(p, i, d, flags)?)))
}

#[cfg(not(feature = "postgres"))]
fn database(p: &Picker<'_>, i: usize, _: &job::DestinationTable, _: &Flags) -> Result<Target> {
    Err(Error::usage(format!(
        "{}: destination[{i}]: this build has no PostgreSQL: build it with the feature \"postgres\", or deliver csv or jsonl",
        p.place
    )))
}

fn csv_options(
    p: &mut Picker<'_>,
    i: usize,
    d: &job::DestinationTable,
    compression: Compression,
) -> Result<CsvOptions> {
    let delimiter = p.pick(&key(i, "delimiter"), None, d.delimiter.clone(), ",".into());
    let delimiter = match delimiter.as_bytes() {
        [b] if b.is_ascii() && !matches!(b, b'"' | b'\r' | b'\n') => *b,
        _ => {
            return Err(Error::usage(format!("{}: delimiter = {delimiter:?} must be one ASCII character", p.place)));
        }
    };
    let line_end = p.pick(&key(i, "line_end"), None, d.line_end, job::LineEnd::Lf);
    let formula_safe = p.pick(&key(i, "formula_safe"), None, d.formula_safe, false);
    Ok(CsvOptions { delimiter, crlf: line_end == job::LineEnd::Crlf, formula_safe, compression })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Settings;

    fn parquet(lines: &str) -> Result<Settings> {
        let job =
            "[source]\nclient_id = \"id\"\nclient_secret = \"s\"\n[[destination]]\nkind = \"parquet\"\npath = \"a\"\n";
        Settings::of_text(&format!("{job}{lines}\n"), "j.toml", &Flags::default())
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn parquet_is_compressed_by_zstd_or_not_at_all() {
        for (lines, is_compressed) in [("", true), ("compression = \"zstd\"", true), ("compression = \"none\"", false)]
        {
            let settings = parquet(lines).expect(lines);
            let Target::Files { written: FileFormat::Parquet(options), .. } = &settings.destinations[0].target else {
                panic!("{lines}");
            };
            assert_eq!(options.is_compressed, is_compressed, "{lines}");
        }
        let told = parquet("compression = \"gzip\"").expect_err("gzip").detail;
        assert!(told.starts_with("j.toml: destination[0].compression = \"gzip\": Parquet"), "{told}");
    }

    #[test]
    fn a_folder_is_one_however_it_is_spelled() {
        let csv = |path: &str| format!("[[destination]]\nkind = \"csv\"\npath = {path:?}\n");
        let load = |a: &str, b: &str| {
            let key = "[source]\nclient_id = \"id\"\nclient_secret = \"s\"\n";
            Settings::of_text(&format!("{key}{}{}", csv(a), csv(b)), "j.toml", &Flags::default())
        };
        let here = std::env::current_dir().expect("a folder").join("out/x").display().to_string();
        for other in ["out/x", "./out/../out/x", "out//x/", "out/x/.", "a/../out/b/../x", &here] {
            let told = load("out/x", other).expect_err(other).detail;
            assert!(told.contains("two destinations share the folder"), "{other}: {told}");
        }
        load("out/x", "out/x/y").expect("two folders");
        load("/../out", "/out").expect_err("nothing is above the root");
    }

    #[cfg(not(feature = "parquet"))]
    #[test]
    fn a_kind_that_was_left_out_of_the_build_says_so() {
        let told = parquet("").expect_err("left out").detail;
        assert!(told.starts_with("j.toml: destination[0]: this build has no Parquet"), "{told}");
    }
}
