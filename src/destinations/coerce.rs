//! Converts a record's cells to the types of their columns. The API's types are known only from its documentation. So
//! a value of another type is neither lost nor an error: it goes into `_extra` under its column's name, as the API
//! sent it, and is counted as a *misfit*.
//!
//! - id and text: a string. A number is accepted in an id column (its digits are the id), but not in a text column.
//! - boolean: `true` or `false`.
//! - timestamp: a moment in the API's date format, in the years 1 to 9999. Digits below a microsecond are cut off;
//!   the original value then goes into `_extra` as well.
//! - json: any value, as JSON text.

use std::borrow::Cow;

use crate::destinations::cells::Cell;
use crate::moment;
use crate::streams::{Column, ColumnKind, DateForm};

/// Converts `cells` to the types of `columns`, whose last column is `_extra`. `date` is how the API writes
/// timestamps. Returns the number of values that did not fit.
pub fn fit(columns: &[Column], date: DateForm, cells: &mut [Cell<'_>]) -> u64 {
    let mut misfits = 0;
    let Some((extra, own)) = cells.split_last_mut() else { return 0 };
    for (column, cell) in columns.iter().zip(own) {
        if let Some(sent) = one(column.kind, date, cell) {
            put_aside(extra, column.name, &sent);
            misfits += 1;
        }
    }
    misfits
}

/// Converts a cell to the type of its column. If the value does not fit, returns it as JSON, as the API sent it.
fn one(kind: ColumnKind, date: DateForm, cell: &mut Cell<'_>) -> Option<String> {
    let fitting = match (kind, &mut *cell) {
        (_, Cell::Null)
        | (ColumnKind::Id | ColumnKind::Text, Cell::Text(_))
        | (ColumnKind::Boolean, Cell::Plain("true" | "false"))
        | (ColumnKind::Json, Cell::Json(_))
        | (ColumnKind::Integer, Cell::Integer(_)) => return None,
        (ColumnKind::Id, Cell::Plain(digits)) if !digits.starts_with(['t', 'f']) => {
            Some(Cell::Text(Cow::Borrowed(*digits)))
        }
        (ColumnKind::Json, Cell::Text(text)) => Some(Cell::Json(json_text(text))),
        (ColumnKind::Json, Cell::Plain(plain)) => Some(Cell::Json((*plain).to_owned())),
        (ColumnKind::Timestamp, Cell::Text(text)) => match moment::read(text, date) {
            Some((micros, true)) => Some(Cell::Moment(micros)),
            Some((micros, false)) => {
                let sent = json_text(text);
                *cell = Cell::Moment(micros);
                return Some(sent);
            }
            None => None,
        },
        (ColumnKind::Timestamp, Cell::Plain(number)) if !date.is_text() => match moment::read(number, date) {
            Some((micros, true)) => Some(Cell::Moment(micros)),
            Some((micros, false)) => {
                let sent = (*number).to_owned();
                *cell = Cell::Moment(micros);
                return Some(sent);
            }
            None => None,
        },
        _ => None,
    };
    match fitting {
        Some(fitting) => {
            *cell = fitting;
            None
        }
        None => Some(match std::mem::take(cell) {
            Cell::Text(text) => json_text(&text),
            Cell::Plain(plain) => plain.to_owned(),
            Cell::Json(json) => json,
            Cell::Null | Cell::Integer(_) | Cell::Moment(_) => "null".into(),
        }),
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Adds the value `sent` under `name` to the JSON object in the cell `extra`.
fn put_aside(extra: &mut Cell<'_>, name: &str, sent: &str) {
    let member = format!("\"{name}\":{sent}}}");
    *extra = Cell::Json(match std::mem::take(extra) {
        Cell::Json(mut object) if object.len() > 2 => {
            object.pop();
            object.push(',');
            object + &member
        }
        _ => format!("{{{member}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::cells::{EXTRA, read};

    const COLUMNS: [Column; 6] = [
        Column { name: "_id", kind: ColumnKind::Id },
        Column { name: "t", kind: ColumnKind::Text },
        Column { name: "b", kind: ColumnKind::Boolean },
        Column { name: "at", kind: ColumnKind::Timestamp },
        Column { name: "j", kind: ColumnKind::Json },
        EXTRA,
    ];

    fn fitted(date: DateForm, payload: &'static str) -> (Vec<Cell<'static>>, u64) {
        let mut cells = read(&COLUMNS, payload).expect("cells");
        let misfits = fit(&COLUMNS, date, &mut cells);
        (cells, misfits)
    }

    #[test]
    fn what_fits_is_typed() {
        let (cells, misfits) =
            fitted(DateForm::Iso8601, r#"{"_id":7,"t":"x","b":true,"at":"2024-03-05T08:09:10.123456Z","j":{"a": 1}}"#);
        assert_eq!(misfits, 0);
        let all = [
            Cell::Text("7".into()),
            Cell::Text("x".into()),
            Cell::Plain("true"),
            Cell::Moment(1_709_626_150_123_456),
            Cell::Json(r#"{"a":1}"#.into()),
            Cell::Null,
        ];
        assert_eq!(cells, all);
        for (json, text) in [(r#""a\"b""#, r#""a\"b""#), ("1.50", "1.50"), ("true", "true"), ("[ ]", "[]")] {
            let payload: &'static str = format!(r#"{{"_id":"1","j":{json}}}"#).leak();
            assert_eq!(fitted(DateForm::Iso8601, payload).0[4], Cell::Json(text.into()));
        }
    }

    #[test]
    fn what_does_not_fit_stands_in_extra_as_it_was_sent() {
        let (cells, misfits) = fitted(DateForm::Iso8601, r#"{"_id":"1","t":5,"b":"yes","at":17,"j":null,"z":[1]}"#);
        assert_eq!(misfits, 3);
        assert_eq!(cells[1..5], [Cell::Null, Cell::Null, Cell::Null, Cell::Null]);
        assert_eq!(cells[5], Cell::Json(r#"{"z":[1],"t":5,"b":"yes","at":17}"#.into()));
        let (cells, misfits) = fitted(DateForm::Iso8601, r#"{"_id":true}"#);
        assert_eq!((misfits, &cells[0], &cells[5]), (1, &Cell::Null, &Cell::Json(r#"{"_id":true}"#.into())));
        let (cells, misfits) = fitted(DateForm::Iso8601, r#"{"_id":"1","t":{"x":"\n"},"at":"soon"}"#);
        assert_eq!((misfits, &cells[5]), (2, &Cell::Json(r#"{"t":{"x":"\n"},"at":"soon"}"#.into())));
    }

    #[test]
    fn moments_are_exact_to_the_microsecond_and_say_so_where_they_are_not() {
        let at = |date, json: &str| {
            let payload: &'static str = format!(r#"{{"_id":"1","at":{json}}}"#).leak();
            let (cells, misfits) = fitted(date, payload);
            (cells[3].clone(), misfits)
        };
        let ms = Cell::Moment(1_709_626_150_123_000);
        assert_eq!(at(DateForm::EpochMs, "1709626150123"), (ms.clone(), 0));
        assert_eq!(at(DateForm::EpochMs, "\"1709626150123\""), (ms, 0));
        assert_eq!(at(DateForm::EpochS, "-1.5"), (Cell::Moment(-1_500_000), 0));
        assert_eq!(at(DateForm::Iso8601, "\"2024-03-05T10:09:10+02:00\""), (Cell::Moment(1_709_626_150_000_000), 0));
        assert_eq!(at(DateForm::Iso8601, "\"1970-01-01T00:00:00.000000999Z\""), (Cell::Moment(0), 1));
        assert_eq!(at(DateForm::Iso8601, "\"1969-12-31T23:59:59.9999995Z\""), (Cell::Moment(-1), 1));
        assert_eq!(at(DateForm::EpochMs, "999999999999999999"), (Cell::Null, 1));
        assert_eq!(at(DateForm::EpochMs, "1e300"), (Cell::Null, 1));
        // A number, too, is cut to the microsecond before it, and counted as a misfit, if it has digits below a
        // microsecond.
        assert_eq!(at(DateForm::EpochMs, "1.5"), (Cell::Moment(1_500), 0));
        assert_eq!(at(DateForm::EpochMs, "0.0001"), (Cell::Moment(0), 1));
        assert_eq!(at(DateForm::EpochMs, "-0.0001"), (Cell::Moment(-1), 1));
        // The range is the years 1 to 9999, exact to the millisecond.
        assert_eq!(at(DateForm::EpochMs, "253402300799999"), (Cell::Moment(253_402_300_799_999_000), 0));
        assert_eq!(at(DateForm::EpochMs, "253402300800000"), (Cell::Null, 1));
        assert_eq!(at(DateForm::EpochMs, "-62135596800000"), (Cell::Moment(-62_135_596_800_000_000), 0));
        assert_eq!(at(DateForm::EpochMs, "-62135596800001"), (Cell::Null, 1));
        // Where moments are texts, a number is not a moment.
        assert_eq!(at(DateForm::Iso8601, "1709626150123"), (Cell::Null, 1));
    }
}
