//! CSV files: RFC 4180, UTF-8, one header line with the documented field names in the documented order. Null is an
//! empty cell, and an empty string is `""`. Values are written as the API sent them, whatever type their column has.

use std::io;

use super::csv_options::CsvOptions;
use super::csv_rows::CsvRows;
use super::format::{Format, HashingSink, Rows};
use super::manifest;
use crate::streams::Column;

impl Format for CsvOptions {
    fn extension(&self) -> String {
        format!("csv{}", self.compression.suffix())
    }

    fn is_typed(&self) -> bool {
        false
    }

    fn described(&self) -> manifest::FormatEntry {
        manifest::FormatEntry {
            kind: "csv".into(),
            delimiter: Some(char::from(self.delimiter).to_string()),
            line_end: Some(if self.crlf { "crlf" } else { "lf" }.into()),
            compression: self.compression.name().into(),
            formula_safe: Some(self.formula_safe),
            split: None,
            null: "an empty cell; an empty text is \"\"".into(),
        }
    }

    fn begin(&self, sink: HashingSink, columns: &[Column]) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(CsvRows::begin(self, sink, columns)?))
    }
}

/// Parses a CSV text that this program wrote, for tests. Null is `None`; an empty string is `Some("")`.
#[cfg(test)]
pub(crate) fn cells_of(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), None::<String>);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let inside = cell.get_or_insert_default();
                loop {
                    match chars.next().expect("the closing quote") {
                        '"' if chars.peek() == Some(&'"') => inside.push(chars.next().expect("a quote")),
                        '"' => break,
                        c => inside.push(c),
                    }
                }
            }
            ',' => row.push(cell.take()),
            '\n' => {
                row.push(cell.take());
                rows.push(std::mem::take(&mut row));
            }
            c => cell.get_or_insert_default().push(c),
        }
    }
    rows
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
