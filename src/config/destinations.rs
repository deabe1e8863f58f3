//! `[[destination]]`: from the job file to what the destinations are made of.

use std::path::{Component, Path, PathBuf};

use super::job::{self, Job};
use super::origin::Picker;
use super::settings::Flags;
use super::{env, values};
use crate::destinations::csv;
use crate::error::{Error, Result};

/// One CSV destination.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct CsvSettings {
    pub path: PathBuf,
    pub options: csv::Options,
}

/// The destinations of a job.
pub fn destinations(p: &mut Picker<'_>, job: &Job, flags: &Flags) -> Result<Vec<CsvSettings>> {
    if flags.out.is_some() && job.destination.len() != 1 {
        return Err(Error::usage(format!(
            "--out names the folder of the job's one destination, but {} has {}",
            p.place,
            job.destination.len()
        )));
    }
    let mut all: Vec<CsvSettings> = Vec::new();
    for (i, d) in job.destination.iter().enumerate() {
        let key = |name: &str| format!("destination[{i}].{name}");
        let path = PathBuf::from(env::expand(&d.path, &format!("{}: {}", p.place, key("path")))?);
        let path = p.pick(&key("path"), flags.out.clone().map(|o| ("--out", o)), Some(path), PathBuf::new());
        let place = p.place.to_owned();
        if path.as_os_str().is_empty() {
            return Err(Error::usage(format!("{place}: {} is empty", key("path"))));
        }
        // `out` and `./out` are one folder.
        let plain = |p: &Path| p.components().filter(|c| *c != Component::CurDir).collect::<PathBuf>();
        if all.iter().any(|other| plain(&other.path) == plain(&path)) {
            return Err(Error::usage(format!("{place}: two destinations share the folder {}", path.display())));
        }
        let delimiter = p.pick(&key("delimiter"), None, d.delimiter.clone(), ",".into());
        let delimiter = match delimiter.as_bytes() {
            [b] if b.is_ascii() && !matches!(b, b'"' | b'\r' | b'\n') => *b,
            _ => {
                return Err(Error::usage(format!("{place}: delimiter = {delimiter:?} must be one ASCII character")));
            }
        };
        let split = d.split.as_ref().map(|t| values::size(t, &format!("{place}: {}", key("split")))).transpose()?;
        let publish = p.pick(&key("publish"), None, d.publish, job::Publish::Complete);
        let line_end = p.pick(&key("line_end"), None, d.line_end, job::LineEnd::Lf);
        let compression = p.pick(&key("compression"), None, d.compression, job::Compression::None);
        let options = csv::Options {
            delimiter,
            crlf: line_end == job::LineEnd::Crlf,
            formula_safe: p.pick(&key("formula_safe"), None, d.formula_safe, false),
            compression: match compression {
                job::Compression::None => csv::Compression::None,
                job::Compression::Gzip => csv::Compression::Gzip,
                job::Compression::Zstd => csv::Compression::Zstd,
            },
            split,
            publish_always: publish == job::Publish::Always,
        };
        all.push(CsvSettings { path, options });
    }
    Ok(all)
}
