//! CSV files: RFC 4180, UTF-8, ordered by id, one header of the documented field names in documented order. Null is an
//! empty cell and an empty text is `""`. Here: options, what is published and what is held; the files themselves are
//! written in `csv_file.rs`.

use std::path::PathBuf;

use super::csv_file::stage;
use super::folder::Folder;
use super::manifest::{Entry, Format, Manifest, NAME, SeqRange};
use super::{Delivery, Destination, Receipt};
use crate::error::{Error, Kind, Result};
use crate::record::Reader;

/// How the files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Between cells; an ASCII character.
    pub delimiter: u8,
    /// CRLF at the end of lines instead of LF.
    pub crlf: bool,
    /// A `'` before text that a spreadsheet would run as a formula.
    pub formula_safe: bool,
    /// How files are compressed.
    pub compression: Compression,
    /// A new file when this many bytes of text are written.
    pub split: Option<u64>,
    /// Publish streams that did not end complete, too, marked so.
    pub publish_always: bool,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.csv.gz`
    Gzip,
    /// `.csv.zst`
    Zstd,
}

impl Compression {
    /// What a file's name ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            delimiter: b',',
            crlf: false,
            formula_safe: false,
            compression: Compression::None,
            split: None,
            publish_always: false,
        }
    }
}

/// A folder of CSV files and their manifest.
pub struct Csv {
    path: PathBuf,
    options: Options,
    folder: Option<Folder>,
}

impl Csv {
    /// CSV files in the folder `path`.
    pub fn new(path: PathBuf, options: Options) -> Csv {
        Csv { path, options, folder: None }
    }
}

impl Destination for Csv {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&mut self, holder: &str) -> Result<()> {
        self.folder = Some(Folder::open(&self.path, holder)?);
        Ok(())
    }

    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>> {
        let folder = self.folder.as_ref().ok_or_else(|| Error::new(Kind::Internal, "the folder was not checked"))?;
        let before: Option<Manifest> = folder.read(NAME).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        folder.clear_staging().map_err(|e| folder.failed("", &e))?;
        let mut streams = before.as_ref().map(|m| m.streams.clone()).unwrap_or_default();
        let mut receipts = Vec::new();
        let mut fresh = Vec::new();
        for offer in &delivery.streams {
            let held = !offer.verdict.is_complete() && !self.options.publish_always;
            let entry = if held {
                Entry::held(offer, delivery.run, streams.get(offer.stream.name()))
            } else {
                let seq = reader.extent(offer.stream)?.seqs.map(|(first, last)| SeqRange { first, last });
                let files = stage(folder, &self.options, offer, reader)?;
                fresh.extend(files.iter().map(|f| f.path.clone()));
                Entry::published(offer, delivery.run, seq, files)
            };
            receipts.push(Receipt {
                stream: offer.stream,
                held,
                records: entry.rows,
                up_to_seq: entry.seq.map_or(0, |s| s.last),
                files: entry.files.iter().map(|f| self.path.join(&f.path).display().to_string()).collect(),
            });
            streams.insert(offer.stream.name().into(), entry);
        }
        let manifest = Manifest {
            schema_version: 1,
            generator: concat!("qpien-sync ", env!("CARGO_PKG_VERSION")).into(),
            job: delivery.job.clone(),
            run_id: delivery.run,
            published_at: crate::clock::now(),
            content: "snapshot".into(),
            format: self.options.format(),
            streams,
        };
        folder.publish(fresh.iter().map(String::as_str))?;
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::new(Kind::Internal, e.to_string()))?;
        folder.write(NAME, &text)?;
        // What the manifest named before and does not name now is nobody's any more.
        let named: Vec<&str> = manifest.streams.values().flat_map(|e| &e.files).map(|f| f.path.as_str()).collect();
        for old in before.iter().flat_map(|m| m.streams.values()).flat_map(|e| &e.files) {
            if !named.contains(&old.path.as_str()) && !old.path.contains(['/', '\\']) {
                folder.remove(&old.path)?;
            }
        }
        folder.clear_staging().map_err(|e| folder.failed("", &e))?;
        Ok(receipts)
    }
}

impl Options {
    fn format(&self) -> Format {
        Format {
            kind: "csv".into(),
            delimiter: char::from(self.delimiter).to_string(),
            line_end: if self.crlf { "crlf" } else { "lf" }.into(),
            compression: self.compression.name().into(),
            formula_safe: self.formula_safe,
            null: "an empty cell; an empty text is \"\"".into(),
        }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
