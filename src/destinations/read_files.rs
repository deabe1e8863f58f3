//! Reads delivered files back for `verify`, whatever their format: the chosen columns of every row, as text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use serde_json::value::RawValue;

use super::manifest;
use crate::error::Result;
use crate::streams::Column;

/// Calls `each` with the `wanted` columns of every row of `file`, in that order. Null is `None`. `columns` are all
/// columns of the file, which Parquet needs. Returns the number of rows.
///
/// The outer error means that the file is unreadable or has other columns. The inner error is the one that `each`
/// returned.
pub fn rows(
    file: File,
    format: &manifest::FormatEntry,
    columns: &[Column],
    wanted: &[&str],
    each: &mut dyn FnMut(&[Option<String>]) -> Result<()>,
) -> io::Result<Result<u64>> {
    match format.kind.as_str() {
        "csv" => of_csv(unpacked(file, format)?, format, wanted, each),
        "jsonl" => of_lines(unpacked(file, format)?, wanted, each),
        #[cfg(feature = "parquet")]
        "parquet" => of_parquet(file, columns, wanted, each),
        other => {
            let _ = columns;
            Err(wrong(format!("this build cannot read {other} files")))
        }
    }
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn unpacked(file: File, format: &manifest::FormatEntry) -> io::Result<Box<dyn Read>> {
    Ok(match format.compression.as_str() {
        "gzip" => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(file)?),
        _ => Box::new(file),
    })
}

fn of_csv(
    text: Box<dyn Read>,
    format: &manifest::FormatEntry,
    wanted: &[&str],
    each: &mut dyn FnMut(&[Option<String>]) -> Result<()>,
) -> io::Result<Result<u64>> {
    let delimiter = format.delimiter.as_ref().and_then(|d| d.bytes().next()).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text);
    let header = reader.headers().map_err(io::Error::other)?.clone();
    let places: Vec<Option<usize>> = wanted.iter().map(|name| header.iter().position(|h| h == *name)).collect();
    let (mut record, mut count) = (csv::StringRecord::new(), 0);
    while reader.read_record(&mut record).map_err(|e| wrong(e.to_string()))? {
        // An empty cell is null or an empty text. No id, seq or reference is an empty text, so it reads as null.
        let cell = |at: &Option<usize>| at.and_then(|at| record.get(at)).filter(|c| !c.is_empty()).map(str::to_owned);
        if let Err(error) = each(&places.iter().map(cell).collect::<Vec<_>>()) {
            return Ok(Err(error));
        }
        count += 1;
    }
    Ok(Ok(count))
}

fn of_lines(
    text: Box<dyn Read>,
    wanted: &[&str],
    each: &mut dyn FnMut(&[Option<String>]) -> Result<()>,
) -> io::Result<Result<u64>> {
    let mut lines = BufReader::with_capacity(256 * 1024, text);
    let (mut line, mut count) = (String::new(), 0);
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(Ok(count));
        }
        // The parser's message would quote a record, so the error names only the line.
        let row: HashMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(&line).map_err(|_| wrong(format!("line {} is not a JSON object", count + 1)))?;
        let cell = |name: &&str| match row.get(*name).map(|raw| raw.get()) {
            None | Some("null") => None,
            Some(raw) => Some(serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned())),
        };
        if let Err(error) = each(&wanted.iter().map(cell).collect::<Vec<_>>()) {
            return Ok(Err(error));
        }
        count += 1;
    }
}

#[cfg(feature = "parquet")]
fn of_parquet(
    file: File,
    columns: &[Column],
    wanted: &[&str],
    each: &mut dyn FnMut(&[Option<String>]) -> Result<()>,
) -> io::Result<Result<u64>> {
    use super::cells::Cell;
    let places: Vec<Option<usize>> = wanted.iter().map(|name| columns.iter().position(|c| c.name == *name)).collect();
    let mut count = 0;
    for cells in super::parquet::read::read(file, columns)? {
        let cells = cells?;
        let cell = |at: &Option<usize>| match at.and_then(|at| cells.get(at))? {
            Cell::Text(text) => Some(text.clone().into_owned()),
            Cell::Integer(number) => Some(number.to_string()),
            Cell::Plain(text) => Some((*text).to_owned()),
            Cell::Null | Cell::Json(_) | Cell::Moment(_) => None,
        };
        if let Err(error) = each(&places.iter().map(cell).collect::<Vec<_>>()) {
            return Ok(Err(error));
        }
        count += 1;
    }
    Ok(Ok(count))
}
