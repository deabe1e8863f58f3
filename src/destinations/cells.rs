//! Splits a record's JSON into cells, one for each column, in the columns' order. The text is parsed once, and cells
//! borrow from it where possible. A field without a column is skipped, or goes into the column [`EXTRA`] if that is
//! the last column.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Kind, Result};
use crate::streams::{Column, ColumnKind as Holds};

/// The value of one column of one row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cell<'p> {
    /// JSON `null`, or a field that the record does not have.
    #[default]
    Null,
    /// A string, with its JSON escapes decoded.
    Text(Cow<'p, str>),
    /// A number, `true` or `false`, spelled as the API sent it.
    Plain(&'p str),
    /// An object or a list, as compact JSON.
    Json(String),
    /// A whole number that this program adds to a record, such as a seq.
    Integer(i64),
    /// A timestamp, in microseconds since 1970, UTC.
    Moment(i64),
}

/// The column that holds all fields without a column of their own, together as one JSON object. It is always the last
/// column.
pub const EXTRA: Column = Column { name: "_extra", kind: Holds::Json };

/// Reads the cells of `columns` from `payload`, a record's JSON text.
pub fn read<'p>(columns: &[Column], payload: &'p str) -> Result<Vec<Cell<'p>>> {
    let mut cells = vec![Cell::Null; columns.len()];
    let mut reader = serde_json::Deserializer::from_str(payload);
    // The parser's message could quote the record, so the error names only the place.
    (&mut reader).deserialize_map(Row { columns, cells: &mut cells }).map_err(|e| {
        Error::new(Kind::Internal, format!("a record is not readable at column {}", e.column())).caused_by(&e)
    })?;
    Ok(cells)
}

struct Row<'c, 'p> {
    columns: &'c [Column],
    cells: &'c mut [Cell<'p>],
}

impl<'p> Visitor<'p> for Row<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        // Fields come in the order of the selection, which is the columns' order. So the next column is the first
        // guess.
        let mut guess = 0;
        let mut further = String::new();
        while let Some(found) = map.next_key_seed(Name { columns: self.columns, guess })? {
            match found {
                Found::Column(at) => {
                    self.cells[at] = cell(map.next_value::<&'p RawValue>()?.get()).map_err(serde::de::Error::custom)?;
                    guess = at + 1;
                }
                Found::Nothing => {
                    map.next_value::<IgnoredAny>()?;
                }
                Found::Further(name) => {
                    let value = compact(map.next_value::<&'p RawValue>()?.get()).map_err(serde::de::Error::custom)?;
                    let name = serde_json::to_string(&name).map_err(serde::de::Error::custom)?;
                    let comma = if further.is_empty() { "" } else { "," };
                    let _ = write!(further, "{comma}{name}:{value}");
                }
            }
        }
        if let (false, Some(last)) = (further.is_empty(), self.cells.last_mut()) {
            *last = Cell::Json(format!("{{{further}}}"));
        }
        Ok(())
    }
}

enum Found {
    Column(usize),
    /// The name of a field without a column, which goes into [`EXTRA`].
    Further(String),
    Nothing,
}

struct Name<'c> {
    columns: &'c [Column],
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<Self::Value, E> {
        let extra = self.columns.last().is_some_and(|c| c.name == EXTRA.name);
        let own = &self.columns[..self.columns.len() - usize::from(extra)];
        if own.get(self.guess).is_some_and(|c| c.name == name) {
            return Ok(Found::Column(self.guess));
        }
        Ok(match own.iter().position(|c| c.name == name) {
            Some(at) => Found::Column(at),
            None if extra => Found::Further(name.to_owned()),
            None => Found::Nothing,
        })
    }
}

fn cell(raw: &str) -> serde_json::Result<Cell<'_>> {
    Ok(match raw.as_bytes()[0] {
        b'n' => Cell::Null,
        b'"' => Cell::Text(text(raw)?),
        b'{' | b'[' => Cell::Json(compact(raw)?),
        _ => Cell::Plain(raw),
    })
}

fn text(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let inner = &raw[1..raw.len() - 1];
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        Ok(Cow::Borrowed(inner))
    } else {
        serde_json::from_str(raw).map(Cow::Owned)
    }
}

/// Returns the JSON without blanks between tokens and without needless escapes. Numbers and the order of members stay
/// as the API sent them.
fn compact(raw: &str) -> serde_json::Result<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'"', rest.as_bytes()) {
        out.extend(rest[..at].split_ascii_whitespace());
        rest = &rest[at..];
        let end = end_of_text(rest);
        let (token, after) = rest.split_at(end);
        if token.contains('\\') {
            let decoded: String = serde_json::from_str(token)?;
            out.push_str(&serde_json::to_string(&decoded)?);
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out.extend(rest.split_ascii_whitespace());
    Ok(out)
}

/// Returns the length, in bytes, of the JSON string with which `rest` begins, quotes included.
fn end_of_text(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::ColumnKind as K;

    const COLUMNS: [Column; 4] = [
        Column { name: "_id", kind: K::Id },
        Column { name: "a", kind: K::Text },
        Column { name: "b", kind: K::Json },
        Column { name: "c", kind: K::Boolean },
    ];

    #[test]
    fn cells_are_found_in_any_order_and_null_is_not_empty() {
        let read = |json| read(&COLUMNS, json).expect("cells");
        assert_eq!(
            read(r#"{"_id":"1","a":"","b":null,"c":true}"#),
            [Cell::Text("1".into()), Cell::Text("".into()), Cell::Null, Cell::Plain("true")]
        );
        assert_eq!(
            read(r#"{"c":1.50e3,"x":{"a":2},"\u0061":"q\"\u0000","_id":7}"#),
            [Cell::Plain("7"), Cell::Text("q\"\0".into()), Cell::Null, Cell::Plain("1.50e3")]
        );
    }

    #[test]
    fn what_no_column_holds_goes_into_one_object_where_there_is_a_column_for_it() {
        let with = [COLUMNS[0], COLUMNS[1], EXTRA];
        let read = |json| super::read(&with, json).expect("cells");
        assert_eq!(
            read(r#"{"_id":"1","b":{"x" : 1},"a":"y","s\u0041":null,"_extra":2}"#)[2],
            Cell::Json(r#"{"b":{"x":1},"sA":null,"_extra":2}"#.into())
        );
        assert_eq!(read(r#"{"_id":"1","a":"y"}"#)[2], Cell::Null);
    }

    #[test]
    fn nested_values_are_compact_and_otherwise_as_sent() {
        for (sent, cell) in [
            (r#"[ { "z" : 1.0 , "a" : [ ] } , "x y" ]"#, r#"[{"z":1.0,"a":[]},"x y"]"#),
            (
                r#"{"t":"\u00e9\/\"\\ \u0000","n":12345678901234567890}"#,
                "{\"t\":\"é/\\\"\\\\ \\u0000\",\"n\":12345678901234567890}",
            ),
            (r#"["\ud83d\ude00"]"#, r#"["😀"]"#),
        ] {
            assert_eq!(compact(sent).expect("JSON"), cell);
        }
    }

    #[test]
    fn a_broken_record_is_not_quoted() {
        let e = super::read(&COLUMNS, r#"{"_id":"secret"#).expect_err("broken");
        assert!(!e.detail.contains("secret"), "{e}");
    }
}
