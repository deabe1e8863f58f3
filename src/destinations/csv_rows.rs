//! Writes the rows of a CSV file: puts cells in quotes where necessary, ends lines and counts bytes.
//!
//! The `csv` crate has one quote style for a whole writer, but here an empty string must be quoted and null must not.
//! So this module quotes cells by `csv_core`'s own rules, and every empty string, and writes them through a writer
//! that never quotes.

use std::io;

use super::cells::Cell;
use super::csv_options::CsvOptions;
use super::format::{HashingSink, Rows};
use super::formula::is_formula;
use crate::destinations::compression::CompressedWriter;
use crate::moment;
use crate::streams::Column;

/// A CSV file that is being written.
pub struct CsvRows {
    options: CsvOptions,
    quoting: csv_core::Writer,
    writer: csv::Writer<CompressedWriter>,
    line: Line,
    /// The number of bytes written so far, before compression, with the header.
    text: u64,
    is_empty: bool,
}

impl CsvRows {
    /// Begins a file in `sink`, and writes its header line.
    pub fn begin(options: &CsvOptions, sink: HashingSink, columns: &[Column]) -> io::Result<CsvRows> {
        let writer = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Never)
            .delimiter(options.delimiter)
            .terminator(if options.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .buffer_capacity(64 * 1024)
            .from_writer(CompressedWriter::new(options.compression, sink)?);
        let quoting = csv_core::WriterBuilder::new().delimiter(options.delimiter).build();
        let options = options.clone();
        let mut rows = CsvRows { options, quoting, writer, line: Line::default(), text: 0, is_empty: true };
        let names: Vec<&str> = columns.iter().map(|c| c.name).collect();
        rows.line.header(&names);
        rows.put()?;
        Ok(rows)
    }

    fn put(&mut self) -> io::Result<()> {
        let line = &self.line;
        let starts = std::iter::once(0).chain(line.ends.iter().copied());
        let fields = starts.zip(&line.ends).map(|(from, to)| &line.bytes[from..*to]);
        self.writer.write_record(fields).map_err(of_csv)?;
        self.text += line.len(self.options.crlf);
        Ok(())
    }
}

impl Rows for CsvRows {
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool> {
        self.line.fill(self.options.formula_safe, &self.quoting, cells);
        if most.is_some_and(|most| !self.is_empty && self.text + self.line.len(self.options.crlf) > most) {
            return Ok(false);
        }
        self.put()?;
        self.line.release();
        self.is_empty = false;
        Ok(true)
    }

    fn end(self: Box<Self>) -> io::Result<HashingSink> {
        self.writer.into_inner().map_err(|e| io::Error::other(e.to_string()))?.end()
    }
}

/// The largest line buffer, in bytes, that is reused for the next line. A larger one is freed.
const KEPT: usize = 1 << 20;

/// One line of the file: the cells of a record in one buffer, with their quotes, and the end of each cell.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Line {
    /// Fills the line with the columns' names, each in quotes. Some programs guess from the first rows how a file is
    /// quoted, and these rows may have no other cell in quotes.
    fn header(&mut self, names: &[&str]) {
        self.bytes.clear();
        self.ends.clear();
        for name in names {
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(name.as_bytes());
            self.bytes.push(b'"');
            self.ends.push(self.bytes.len());
        }
    }

    fn fill(&mut self, formula_safe: bool, quoting: &csv_core::Writer, cells: &[Cell<'_>]) {
        self.bytes.clear();
        self.ends.clear();
        for cell in cells {
            match cell {
                Cell::Null => {}
                Cell::Plain(text) => self.push(quoting, text.as_bytes(), false),
                Cell::Json(text) => self.push(quoting, text.as_bytes(), false),
                Cell::Text(text) => self.push(quoting, text.as_bytes(), formula_safe && is_formula(text)),
                Cell::Integer(number) => self.push(quoting, number.to_string().as_bytes(), false),
                Cell::Moment(micros) => self.push(quoting, moment::text(*micros).as_bytes(), false),
            }
            self.ends.push(self.bytes.len());
        }
    }

    /// Frees the buffer if a large cell has made it grow beyond `KEPT`.
    fn release(&mut self) {
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
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
            self.bytes.resize(start + text.len() + memchr::memchr_iter(b'"', text).count(), 0);
            let (_, _, written) = csv_core::quote(text, &mut self.bytes[start..], b'"', b'"', true);
            self.bytes.truncate(start + written);
        } else {
            self.bytes.extend_from_slice(text);
        }
        if quoted {
            self.bytes.push(b'"');
        }
    }

    fn len(&self, crlf: bool) -> u64 {
        (self.bytes.len() + self.ends.len() - 1 + 1 + usize::from(crlf)) as u64
    }
}

fn of_csv(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => io::Error::other(format!("{other:?}")),
    }
}
