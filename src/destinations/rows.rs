//! Turns a record into the row that a destination stores: a cell for each column of the stream, converted to the
//! column's type if the destination has types. The row of a change also has the columns `_seq`, `_op`, `_synced_at`
//! and `_run_id` at the end.

use super::Content;
use super::cells::{self, Cell, EXTRA};
use super::years::{Years, YearsOfColumns};
use crate::destinations::coerce;
use crate::error::Result;
use crate::moment::YEARS;
use crate::record::Change;
use crate::streams::{Column, ColumnKind, DateForm};

/// The columns that the row of a change has after the stream's own: its seq, what happened to the record (`insert`,
/// `update`, `delete`), when the mirror stored the change (UTC), and in which run.
pub const OF_A_CHANGE: [Column; 4] = [
    Column { name: "_seq", kind: ColumnKind::Integer },
    Column { name: "_op", kind: ColumnKind::Text },
    Column { name: "_synced_at", kind: ColumnKind::Timestamp },
    Column { name: "_run_id", kind: ColumnKind::Integer },
];

/// Makes the rows of a stream's records, and counts the values that do not fit their columns.
pub struct RowBuilder {
    own: Vec<Column>,
    is_typed: bool,
    date: DateForm,
    content: Content,
    misfits: u64,
    /// For each timestamp column, its index and the years seen so far.
    years: Vec<(usize, Years)>,
}

impl RowBuilder {
    /// Prepares rows with these columns. If `is_typed` is set, the rows have a column `_extra` even if it is not among
    /// them. `date` is how the API writes timestamps. Rows of changes have four more columns.
    pub fn new(columns: Vec<Column>, is_typed: bool, date: DateForm, content: Content) -> RowBuilder {
        let mut own = columns;
        if is_typed && own.last() != Some(&EXTRA) {
            own.push(EXTRA);
        }
        let of_moments = own.iter().enumerate().filter(|(_, column)| is_typed && column.kind == ColumnKind::Timestamp);
        let years = of_moments.map(|(at, _)| (at, Years::default())).collect();
        RowBuilder { own, is_typed, date, content, misfits: 0, years }
    }

    /// Returns, for each timestamp column, the years of its values so far.
    pub fn years(&self) -> YearsOfColumns {
        self.years.iter().map(|(at, years)| (self.own[*at].name, years.clone())).collect()
    }

    /// Returns all columns of the rows, in order.
    pub fn columns(&self) -> Vec<Column> {
        let mut columns = self.own.clone();
        if self.content == Content::Changes {
            columns.extend(OF_A_CHANGE);
        }
        columns
    }

    /// Returns the number of values so far that did not fit their column.
    pub fn misfits(&self) -> u64 {
        self.misfits
    }

    /// Makes the row of a record from `payload`, its JSON text.
    pub fn of_record<'p>(&mut self, payload: &'p str) -> Result<Vec<Cell<'p>>> {
        let mut cells = cells::read(&self.own, payload)?;
        if self.is_typed {
            self.misfits += coerce::fit(&self.own, self.date, &mut cells);
            for (at, years) in &mut self.years {
                if let Cell::Moment(micros) = cells[*at] {
                    years.put(micros, || if let Cell::Text(id) = &cells[0] { id.to_string() } else { String::new() });
                }
            }
        }
        Ok(cells)
    }

    /// Makes the row of a change. The row of a tombstone has only the id and the four columns of a change.
    pub fn of_change<'p>(&mut self, change: &Change<'p>) -> Result<Vec<Cell<'p>>> {
        let mut cells = match change.payload {
            Some(payload) => self.of_record(payload)?,
            None => vec![Cell::Null; self.own.len()],
        };
        if let (None, Some(id)) = (change.payload, cells.first_mut()) {
            *id = Cell::Text(change.id.into());
        }
        cells.push(Cell::Integer(change.seq));
        cells.push(Cell::Text(change.op.name().into()));
        let micros = change.synced_at.and_then(|ms| ms.checked_mul(1000)).filter(|micros| YEARS.contains(micros));
        cells.push(micros.map_or(Cell::Null, Cell::Moment));
        cells.push(change.run.map_or(Cell::Null, Cell::Integer));
        Ok(cells)
    }
}
