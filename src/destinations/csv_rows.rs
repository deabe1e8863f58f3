//! The rows of a CSV file: cells quoted, lines ended, sizes counted.
//!
//! The `csv` crate has one quote style for a whole writer, so fields are quoted here by `csv_core`'s own rules (and an
//! empty text always) and written through a writer that never quotes.

use std::io;

use super::cells::Cell;
use super::csv::Options;
use super::format::{Rows, Summed};
use super::formula::is_formula;
use crate::destinations::compression::Packed;
use crate::moment;
use crate::streams::Column;

/// A CSV file under way.
pub struct CsvRows {
    options: Options,
    quoting: csv_core::Writer,
    writer: csv::Writer<Packed>,
    line: Line,
    /// Bytes of text written, header included.
    text: u64,
    is_empty: bool,
}

impl CsvRows {
    /// Begins a file with its header.
    pub fn begin(options: &Options, sink: Summed, columns: &[Column]) -> io::Result<CsvRows> {
        let writer = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Never)
            .delimiter(options.delimiter)
            .terminator(if options.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .buffer_capacity(64 * 1024)
            .from_writer(Packed::new(options.compression, sink)?);
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

    fn end(self: Box<Self>) -> io::Result<Summed> {
        self.writer.into_inner().map_err(|e| io::Error::other(e.to_string()))?.end()
    }
}

/// Bytes that are kept from one line to the next.
const KEPT: usize = 1 << 20;

/// One record's cells, quoted.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Line {
    /// The names of the columns, all in quotes: a reader that guesses how a file is written sees only its first rows, in which
    /// no other cell may need them.
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

    /// Gives back what a large cell took.
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
