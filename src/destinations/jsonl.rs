//! JSON Lines files: one object on each line, with the columns in order; nulls are written out. Each value has its
//! column's type. Timestamps are RFC 3339 strings (UTC, microseconds). Nested values are strings of JSON, as in
//! Parquet, so that a column has one type in every row and every engine.

use std::io::{self, Write};

use super::cells::Cell;
use super::format::{Format, HashingSink, Rows};
use super::manifest;
use crate::destinations::compression::{CompressedWriter, Compression};
use crate::moment;
use crate::streams::Column;

/// How JSON Lines files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonlOptions {
    /// The compression of the files.
    pub compression: Compression,
}

impl Format for JsonlOptions {
    fn extension(&self) -> String {
        format!("jsonl{}", self.compression.suffix())
    }

    fn is_typed(&self) -> bool {
        true
    }

    fn described(&self) -> manifest::FormatEntry {
        manifest::FormatEntry {
            kind: "jsonl".into(),
            delimiter: None,
            line_end: None,
            compression: self.compression.name().into(),
            formula_safe: None,
            split: None,
            null: "null".into(),
        }
    }

    fn begin(&self, sink: HashingSink, columns: &[Column]) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(Lines {
            names: columns.iter().map(|c| format!("\"{}\":", c.name)).collect(),
            sink: CompressedWriter::new(self.compression, sink)?,
            line: Vec::new(),
            text: 0,
        }))
    }
}

/// The largest line buffer, in bytes, that is reused for the next line. A larger one is freed.
const KEPT: usize = 1 << 20;

struct Lines {
    names: Vec<String>,
    sink: CompressedWriter,
    line: Vec<u8>,
    /// The number of bytes written so far, before compression.
    text: u64,
}

impl Rows for Lines {
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool> {
        self.line.clear();
        for (n, (name, cell)) in self.names.iter().zip(cells).enumerate() {
            self.line.push(if n == 0 { b'{' } else { b',' });
            self.line.extend_from_slice(name.as_bytes());
            match cell {
                Cell::Null => self.line.extend_from_slice(b"null"),
                Cell::Plain(text) => self.line.extend_from_slice(text.as_bytes()),
                Cell::Text(text) => serde_json::to_writer(&mut self.line, &**text)?,
                Cell::Json(text) => serde_json::to_writer(&mut self.line, text)?,
                Cell::Integer(number) => write!(self.line, "{number}")?,
                Cell::Moment(micros) => write!(self.line, "\"{}\"", moment::text(*micros))?,
            }
        }
        self.line.extend_from_slice(b"}\n");
        let length = self.line.len() as u64;
        if most.is_some_and(|most| self.text > 0 && self.text + length > most) {
            return Ok(false);
        }
        self.sink.write_all(&self.line)?;
        self.text += length;
        if self.line.capacity() > KEPT {
            self.line = Vec::new();
        }
        Ok(true)
    }

    fn end(self: Box<Self>) -> io::Result<HashingSink> {
        self.sink.end()
    }
}
