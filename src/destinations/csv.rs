//! CSV files: RFC 4180, UTF-8, ordered by id, one header of the documented field names in documented order. Null is an
//! empty cell and an empty text is `""`: the `csv` crate has one quote style for a whole writer, so fields are quoted
//! here by `csv_core`'s own rules and written through a writer that never quotes.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::cells::{self, Cell};
use super::folder::Folder;
use super::manifest::{Entry, FileEntry, Format, Manifest, NAME, SeqRange};
use super::{Delivery, Destination, Offer, Receipt};
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
    fn suffix(self) -> &'static str {
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
        Csv {
            path,
            options,
            folder: None,
        }
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
        let folder = self
            .folder
            .as_ref()
            .ok_or_else(|| Error::new(Kind::Internal, "the folder was not checked"))?;
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
                let seq = reader
                    .extent(offer.stream)?
                    .seqs
                    .map(|(first, last)| SeqRange { first, last });
                let files = stage(folder, &self.options, offer, reader)?;
                fresh.extend(files.iter().map(|f| f.path.clone()));
                Entry::published(offer, delivery.run, seq, files)
            };
            receipts.push(Receipt {
                stream: offer.stream,
                held,
                records: entry.rows,
                up_to_seq: entry.seq.map_or(0, |s| s.last),
                files: entry
                    .files
                    .iter()
                    .map(|f| self.path.join(&f.path).display().to_string())
                    .collect(),
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
        let named: Vec<&str> = manifest
            .streams
            .values()
            .flat_map(|e| &e.files)
            .map(|f| f.path.as_str())
            .collect();
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

/// Writes a stream's files aside, whole and durable.
fn stage(folder: &Folder, options: &Options, offer: &Offer, reader: &dyn Reader) -> Result<Vec<FileEntry>> {
    let columns = offer.stream.columns();
    let quoting = csv_core::WriterBuilder::new().delimiter(options.delimiter).build();
    let header: Vec<Cell> = columns.iter().map(|c| Cell::Text(c.name.into())).collect();
    let plain = Options {
        formula_safe: false,
        ..options.clone()
    };
    let mut line = Line::default();
    line.fill(&plain, &quoting, &header);
    let header = line.clone();
    let mut files = Vec::new();
    let mut part = Part::begin(folder, options, offer, 1, &header)?;
    reader.snapshot(offer.stream, &mut |_, payload| {
        line.fill(options, &quoting, &cells::read(columns, payload)?);
        if options
            .split
            .is_some_and(|most| part.rows > 0 && part.text + line.len(options) > most)
        {
            let number = files.len() + 2;
            let next = Part::begin(folder, options, offer, number, &header)?;
            files.push(std::mem::replace(&mut part, next).end(folder)?);
        }
        part.write(folder, options, &line)?;
        part.rows += 1;
        Ok(())
    })?;
    files.push(part.end(folder)?);
    Ok(files)
}

/// One record's cells, quoted.
#[derive(Clone, Default)]
struct Line {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Line {
    fn fill(&mut self, options: &Options, quoting: &csv_core::Writer, cells: &[Cell<'_>]) {
        self.bytes.clear();
        self.ends.clear();
        for cell in cells {
            match cell {
                Cell::Null => {}
                Cell::Plain(text) => self.push(quoting, text.as_bytes(), false),
                Cell::Json(text) => self.push(quoting, text.as_bytes(), false),
                Cell::Text(text) => self.push(quoting, text.as_bytes(), options.formula_safe && is_formula(text)),
            }
            self.ends.push(self.bytes.len());
        }
    }

    fn push(&mut self, quoting: &csv_core::Writer, text: &[u8], guarded: bool) {
        let quoted = text.is_empty() || quoting.should_quote(text);
        if quoted {
            self.bytes.push(b'"');
        }
        if guarded {
            self.bytes.push(b'\'');
        }
        let start = self.bytes.len();
        if quoted && memchr::memchr(b'"', text).is_some() {
            self.bytes.resize(start + text.len() * 2, 0);
            let (_, _, written) = csv_core::quote(text, &mut self.bytes[start..], b'"', b'"', true);
            self.bytes.truncate(start + written);
        } else {
            self.bytes.extend_from_slice(text);
        }
        if quoted {
            self.bytes.push(b'"');
        }
    }

    fn len(&self, options: &Options) -> u64 {
        (self.bytes.len() + self.ends.len() - 1 + 1 + usize::from(options.crlf)) as u64
    }
}

/// What a spreadsheet would run.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// One file under way.
struct Part {
    name: String,
    writer: csv::Writer<Packed>,
    rows: u64,
    /// Bytes of text written, header included.
    text: u64,
}

impl Part {
    fn begin(folder: &Folder, options: &Options, offer: &Offer, number: usize, header: &Line) -> Result<Part> {
        let number = options.split.map(|_| format!("-{number:05}")).unwrap_or_default();
        let name = format!("{}{number}.csv{}", offer.stream, options.compression.suffix());
        let file = folder.stage(&name)?;
        let summed = Summed {
            file: BufWriter::with_capacity(256 * 1024, file),
            sum: Sha256::new(),
            bytes: 0,
        };
        let packed = match options.compression {
            Compression::None => Packed::None(summed),
            Compression::Gzip => Packed::Gzip(flate2::write::GzEncoder::new(summed, flate2::Compression::default())),
            Compression::Zstd => {
                Packed::Zstd(zstd::stream::write::Encoder::new(summed, 3).map_err(|e| folder.failed(&name, &e))?)
            }
        };
        let writer = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Never)
            .delimiter(options.delimiter)
            .terminator(if options.crlf {
                csv::Terminator::CRLF
            } else {
                csv::Terminator::Any(b'\n')
            })
            .buffer_capacity(64 * 1024)
            .from_writer(packed);
        let mut part = Part {
            name,
            writer,
            rows: 0,
            text: 0,
        };
        part.write(folder, options, header)?;
        Ok(part)
    }

    fn write(&mut self, folder: &Folder, options: &Options, line: &Line) -> Result<()> {
        let starts = std::iter::once(0).chain(line.ends.iter().copied());
        let fields = starts.zip(&line.ends).map(|(from, to)| &line.bytes[from..*to]);
        self.writer
            .write_record(fields)
            .map_err(|e| folder.failed(&self.name, &of_csv(e)))?;
        self.text += line.len(options);
        Ok(())
    }

    fn end(self, folder: &Folder) -> Result<FileEntry> {
        let failed = |e: std::io::Error| folder.failed(&self.name, &e);
        let packed = self
            .writer
            .into_inner()
            .map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let summed = match packed {
            Packed::None(summed) => summed,
            Packed::Gzip(gzip) => gzip.finish().map_err(failed)?,
            Packed::Zstd(zstd) => zstd.finish().map_err(failed)?,
        };
        let file = summed.file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        let sha256 = crate::hex::text(&summed.sum.finalize());
        Ok(FileEntry {
            path: self.name,
            rows: self.rows,
            bytes: summed.bytes,
            sha256,
        })
    }
}

fn of_csv(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// A file, compressed or not.
enum Packed {
    None(Summed),
    Gzip(flate2::write::GzEncoder<Summed>),
    Zstd(zstd::stream::write::Encoder<'static, Summed>),
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Packed::None(w) => w.write(bytes),
            Packed::Gzip(w) => w.write(bytes),
            Packed::Zstd(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Packed::None(w) => w.flush(),
            Packed::Gzip(_) | Packed::Zstd(_) => Ok(()), // flushing a compressor costs compression; the end flushes all
        }
    }
}

/// A file whose bytes are counted and summed as they are written.
struct Summed {
    file: BufWriter<std::fs::File>,
    sum: Sha256,
    bytes: u64,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.sum.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
