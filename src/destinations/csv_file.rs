//! One stream's CSV files: quoted lines, parts of a size, compression, counts and sums.
//!
//! The `csv` crate has one quote style for a whole writer, so fields are quoted here by `csv_core`'s own rules (and an
//! empty text always) and written through a writer that never quotes.

use std::io::{BufWriter, Write};

use sha2::{Digest, Sha256};

use super::Offer;
use super::cells::{self, Cell};
use super::csv::{Compression, Options};
use super::folder::Folder;
use super::manifest::FileEntry;
use crate::error::Result;
use crate::record::Reader;

/// Writes a stream's files aside, whole and durable.
pub fn stage(folder: &Folder, options: &Options, offer: &Offer, reader: &dyn Reader) -> Result<Vec<FileEntry>> {
    let columns = &offer.columns[..];
    let quoting = csv_core::WriterBuilder::new().delimiter(options.delimiter).build();
    let header: Vec<Cell> = columns.iter().map(|c| Cell::Text(c.name.into())).collect();
    let plain = Options { formula_safe: false, ..options.clone() };
    let mut line = Line::default();
    line.fill(&plain, &quoting, &header);
    let header = line.clone();
    let mut files = Vec::new();
    let mut part = Part::begin(folder, options, offer, 1, &header)?;
    reader.snapshot(offer.stream, &mut |_, payload| {
        line.fill(options, &quoting, &cells::read(columns, payload)?);
        if options.split.is_some_and(|most| part.rows > 0 && part.text + line.len(options) > most) {
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
        let summed = Summed { file: BufWriter::with_capacity(256 * 1024, file), sum: Sha256::new(), bytes: 0 };
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
            .terminator(if options.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .buffer_capacity(64 * 1024)
            .from_writer(packed);
        let mut part = Part { name, writer, rows: 0, text: 0 };
        part.write(folder, options, header)?;
        Ok(part)
    }

    fn write(&mut self, folder: &Folder, options: &Options, line: &Line) -> Result<()> {
        let starts = std::iter::once(0).chain(line.ends.iter().copied());
        let fields = starts.zip(&line.ends).map(|(from, to)| &line.bytes[from..*to]);
        self.writer.write_record(fields).map_err(|e| folder.failed(&self.name, &of_csv(e)))?;
        self.text += line.len(options);
        Ok(())
    }

    fn end(self, folder: &Folder) -> Result<FileEntry> {
        let failed = |e: std::io::Error| folder.failed(&self.name, &e);
        let packed = self.writer.into_inner().map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let summed = match packed {
            Packed::None(summed) => summed,
            Packed::Gzip(gzip) => gzip.finish().map_err(failed)?,
            Packed::Zstd(zstd) => zstd.finish().map_err(failed)?,
        };
        let file = summed.file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        let sha256 = crate::hex::text(&summed.sum.finalize());
        Ok(FileEntry { path: self.name, rows: self.rows, bytes: summed.bytes, sha256 })
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
