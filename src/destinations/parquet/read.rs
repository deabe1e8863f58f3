//! Reads a delivered Parquet file back, row by row.

use std::io;

use parquet::file::reader::{ChunkReader, FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use super::{failed, schema};
use crate::destinations::cells::Cell;
use crate::streams::{Column, ColumnKind};

/// An iterator over the rows of a Parquet file.
pub struct ReadRows {
    columns: Vec<Column>,
    rows: RowIter<'static>,
}

/// Opens a delivered Parquet file for reading. `file` is an open file or its bytes. Returns an error if its columns
/// are not `columns`.
pub fn read<R: ChunkReader + 'static>(file: R, columns: &[Column]) -> io::Result<ReadRows> {
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    if reader.metadata().file_metadata().schema() != schema::of(columns).map_err(failed)?.as_ref() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file has other columns"));
    }
    Ok(ReadRows { columns: columns.to_vec(), rows: RowIter::from_file_into(Box::new(reader)) })
}

impl Iterator for ReadRows {
    type Item = io::Result<Vec<Cell<'static>>>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?.map_err(failed);
        let cells = row.and_then(|row| {
            let fields = row.into_columns().into_iter().zip(&self.columns);
            fields.map(|((_, field), column)| cell(field, column)).collect()
        });
        Some(cells)
    }
}

fn cell(field: Field, column: &Column) -> io::Result<Cell<'static>> {
    Ok(match field {
        Field::Null => Cell::Null,
        Field::Str(text) if column.kind == ColumnKind::Json => Cell::Json(text),
        Field::Str(text) => Cell::Text(text.into()),
        Field::Bool(true) => Cell::Plain("true"),
        Field::Bool(false) => Cell::Plain("false"),
        Field::Long(number) => Cell::Integer(number),
        Field::TimestampMicros(micros) => Cell::Moment(micros),
        _ => {
            let what = format!("a value of the column {} has another type", column.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
    })
}

/// Returns the rows of a file of changes of the contract tests' stream, for tests: the name and the text of each cell
/// that is not null.
#[cfg(test)]
pub(crate) fn texts(path: &std::path::Path) -> Vec<std::collections::BTreeMap<String, String>> {
    use crate::destinations::cells::EXTRA;
    use crate::destinations::{contract_tests, rows};
    let columns = [contract_tests::STREAM.columns(), &[EXTRA], &rows::OF_A_CHANGE].concat();
    let file = std::fs::File::open(path).expect("a file");
    let rows = read(file, &columns).expect("Parquet").map(|cells| {
        let texts = cells.expect("a row").into_iter().zip(&columns).filter_map(|(cell, column)| {
            let text = match cell {
                Cell::Null => return None,
                Cell::Text(text) => text.into_owned(),
                Cell::Plain(text) => text.to_owned(),
                Cell::Json(text) => text,
                Cell::Integer(number) => number.to_string(),
                Cell::Moment(micros) => crate::moment::text(micros),
            };
            Some((column.name.to_owned(), text))
        });
        texts.collect()
    });
    rows.collect()
}
