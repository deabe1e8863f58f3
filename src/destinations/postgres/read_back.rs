//! Reads the tables of a schema back for `verify`. Looks for faults of each table itself. Of each row, reads the id,
//! the seq, the reference and a hash of all cells but the volatile values, some thousand rows at a time.

use std::borrow::Cow;

use tokio_postgres::types::{FromSql, Type};

use crate::destinations::cells::Cell;
use crate::destinations::postgres::load::plan;
use crate::destinations::postgres::session::Session;
use crate::destinations::postgres::tables::quoted;
use crate::destinations::postgres::watermark;
use crate::destinations::postgres::watermark::Watermark;
use crate::destinations::postgres::{PostgresOptions, wire};
use crate::destinations::rows::OF_A_CHANGE;
use crate::destinations::typed_columns;
use crate::error::Result;
use crate::record::Change;
use crate::record::volatile::Volatile;
use crate::streams::{Column, ColumnKind, Stream};

/// The number of rows fetched from the server at a time.
const FETCH: usize = 10_000;

/// How far a stream has been delivered to the database, and what is wrong with its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// The id of the mirror that the records come from.
    pub mirror: String,
    /// The last seq that was delivered.
    pub seq: i64,
    /// The run that made the last delivery; 0 if there was none.
    pub run: i64,
    /// The id of the delivery that brought the last changes. `None` if an earlier version delivered them.
    pub delivery_id: Option<String>,
    /// The fingerprint of the masks that were applied to the rows. `None` if an earlier version delivered them.
    pub masks: Option<String>,
    /// Whether nothing was ever delivered, because the stream was held from the beginning.
    pub is_nothing: bool,
    /// What is wrong with the table, such as a missing column. If there is anything, its rows are not read.
    pub faults: Vec<String>,
}

/// What is read of one record in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredRow {
    pub id: String,
    pub seq: Option<i64>,
    pub parent: Option<String>,
    /// The hash of the record's cells and its seq, without volatile values.
    pub print: i64,
}

/// Returns how far a stream has been delivered and what is wrong with its table. Returns `None` if the stream was
/// never delivered.
pub fn standing(session: &Session, options: &PostgresOptions, stream: Stream) -> Result<Option<StreamState>> {
    if !watermark::exists(session, &options.schema)? {
        return Ok(None);
    }
    let Some(mark) = watermark::read(session, &options.schema, stream)? else { return Ok(None) };
    let is_nothing = crate::destinations::postgres::load::fresh(Some(&mark));
    let faults = if is_nothing { Vec::new() } else { faults(session, options, stream, &mark)? };
    let (seq, run) = (mark.seq, mark.run.unwrap_or(0));
    let Watermark { mirror, delivery_id, masks, .. } = mark;
    Ok(Some(StreamState { mirror, seq, run, delivery_id, masks, is_nothing, faults }))
}

fn faults(session: &Session, options: &PostgresOptions, stream: Stream, mark: &Watermark) -> Result<Vec<String>> {
    let table = plan(options, stream);
    let Some(found) = table.look(session)? else { return Ok(vec![format!("{} is not there", table.told())]) };
    let lost = found.lacks(&mark.columns);
    let mut faults: Vec<String> = lost.iter().map(|name| format!("its column {name} is not there")).collect();
    if faults.is_empty()
        && let Err(refused) = table.fits(&found)
    {
        faults.push(refused.detail);
    }
    Ok(faults)
}

/// Returns the columns that the hash of a row covers, in order: those of the record, and `_seq`.
fn printed(stream: Stream) -> Vec<Column> {
    typed_columns(stream).iter().chain(&OF_A_CHANGE[..1]).copied().collect()
}

/// Returns the hash of a row as a delivery would write it, to compare with the one in the table. `cells` is the row
/// of `change`. Volatile values are left out, because the mirror keeps the newest ones and delivers them only with
/// the record's next change.
pub fn row_hash(stream: Stream, change: &Change<'_>, cells: &[Cell<'_>], volatile: &Volatile) -> i64 {
    let own = cells.len() - OF_A_CHANGE.len();
    debug_assert_eq!(cells[own], Cell::Integer(change.seq));
    let columns = printed(stream);
    let values = wire::values(&cells[..=own]);
    wire::print_of(columns.iter().zip(&values).map(|(column, value)| settled(column, value.as_deref(), volatile)))
}

/// Returns a value without its volatile parts, in the bytes that the server sends. Returns `None` for null, or if no
/// part remains.
fn settled<'v>(column: &Column, value: Option<&'v [u8]>, volatile: &Volatile) -> Option<Cow<'v, [u8]>> {
    let text = match column.kind {
        ColumnKind::Id | ColumnKind::Text | ColumnKind::Json => value.and_then(|value| std::str::from_utf8(value).ok()),
        ColumnKind::Boolean | ColumnKind::Timestamp | ColumnKind::Integer => None,
    };
    match text {
        Some(text) => volatile.settled_cell(column, text).map(|settled| match settled {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
        None => value.filter(|_| !volatile.is_declared(column)).map(Cow::Borrowed),
    }
}

/// The bytes of a value exactly as the server sends them.
struct Raw<'v>(&'v [u8]);

impl<'v> FromSql<'v> for Raw<'v> {
    fn from_sql(_: &Type, raw: &'v [u8]) -> std::result::Result<Raw<'v>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Calls `each` with every record of a stream that is not marked as deleted. `parent` is the column that refers to
/// another stream.
pub fn records(
    session: &Session,
    options: &PostgresOptions,
    (stream, parent): (Stream, Option<&str>),
    volatile: &Volatile,
    each: &mut dyn FnMut(StoredRow) -> Result<()>,
) -> Result<()> {
    let table = plan(options, stream);
    let flagged = table.look(session)?.is_some_and(|found| found.has_flags());
    let only = if flagged { " WHERE NOT _deleted" } else { "" };
    let parent = parent.map_or_else(|| "NULL::text".to_owned(), quoted);
    let columns = printed(stream);
    let all: Vec<String> = columns.iter().map(|column| quoted(column.name)).collect();
    session.run(&format!(
        "BEGIN TRANSACTION READ ONLY; DECLARE held NO SCROLL CURSOR FOR SELECT _id, _seq, {parent}, {} FROM {}{only}",
        all.join(", "),
        table.name()
    ))?;
    loop {
        let rows = session.rows(&format!("FETCH {FETCH} FROM held"), &[])?;
        if rows.is_empty() {
            return session.run("COMMIT");
        }
        for row in rows {
            let raw = |at| row.get::<_, Option<Raw<'_>>>(3 + at).map(|Raw(bytes)| bytes);
            let values = columns.iter().enumerate().map(|(at, column)| settled(column, raw(at), volatile));
            let print = wire::print_of(values);
            each(StoredRow { id: row.get(0), seq: row.get(1), parent: row.get(2), print })?;
        }
    }
}
