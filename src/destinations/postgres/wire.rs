//! Encodes rows in PostgreSQL's binary COPY format. PostgreSQL's text type cannot hold U+0000, so it is replaced by
//! U+FFFD. In JSON text its escape is replaced as well, because one such value would make a cast to `json` or `jsonb`
//! fail for the whole table.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::super::cells::Cell;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The microseconds from 1970 to 2000, where PostgreSQL's timestamps begin.
const EPOCH: i64 = 946_684_800_000_000;

/// Writes the header of a COPY.
pub fn begin(out: &mut BytesMut) {
    out.put_slice(HEADER);
}

/// Writes the end mark of a COPY.
pub fn end(out: &mut BytesMut) {
    out.put_i16(-1);
}

/// Writes a row. Returns the number of cells in which U+0000 was replaced.
pub fn row(out: &mut BytesMut, cells: &[Cell<'_>]) -> u64 {
    out.put_i16(i16::try_from(cells.len()).unwrap_or(i16::MAX));
    cells.iter().map(|c| u64::from(cell(out, c))).sum()
}

/// Returns the bytes in which the server would send each cell of a row. `None` stands for null.
pub fn values(cells: &[Cell<'_>]) -> Vec<Option<Vec<u8>>> {
    let value = |one| {
        let mut out = BytesMut::new();
        cell(&mut out, one);
        // Four bytes with the length stand before every value.
        (*one != Cell::Null).then(|| out[4..].to_vec())
    };
    cells.iter().map(value).collect()
}

/// Returns a 64-bit hash of the values of a row, as the server sends them.
pub fn print_of<'v>(values: impl Iterator<Item = Option<Cow<'v, [u8]>>>) -> i64 {
    let mut out = BytesMut::new();
    for value in values {
        let Some(value) = value else {
            out.put_i32(-1);
            continue;
        };
        out.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
        out.put_slice(&value);
    }
    xxhash_rust::xxh3::xxh3_64(&out).cast_signed()
}

fn cell(out: &mut BytesMut, cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Null => out.put_i32(-1),
        Cell::Integer(number) => long(out, *number),
        Cell::Moment(micros) => long(out, micros.saturating_sub(EPOCH)),
        Cell::Plain(word @ ("true" | "false")) => {
            out.put_i32(1);
            out.put_u8(u8::from(*word == "true"));
        }
        Cell::Plain(number) => text(out, number),
        Cell::Text(t) if memchr::memchr(0, t.as_bytes()).is_some() => {
            text(out, &t.replace('\0', "\u{fffd}"));
            return true;
        }
        Cell::Text(t) => text(out, t),
        Cell::Json(json) => {
            let replaced = without_zero(json);
            text(out, replaced.as_deref().unwrap_or(json));
            return replaced.is_some();
        }
    }
    false
}

fn long(out: &mut BytesMut, value: i64) {
    out.put_i32(8);
    out.put_i64(value);
}

fn text(out: &mut BytesMut, text: &str) {
    // No text of the API is longer than 2 GiB.
    out.put_i32(i32::try_from(text.len()).unwrap_or(i32::MAX));
    out.put_slice(text.as_bytes());
}

/// Replaces the escapes of U+0000 in JSON text. Returns `None` if there are none.
fn without_zero(json: &str) -> Option<String> {
    const ESCAPE: &str = "\\u0000";
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\\', &json.as_bytes()[at..]) {
        at += found;
        if json[at..].starts_with(ESCAPE) {
            out.push_str(&json[copied..at]);
            out.push('\u{fffd}');
            at += ESCAPE.len();
            copied = at;
        } else {
            // A backslash escapes at least one byte, which may be a backslash.
            at = (at + 2).min(json.len());
        }
    }
    (copied > 0).then(|| out + &json[copied..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_the_server_reads() {
        let mut out = BytesMut::new();
        let cells =
            [Cell::Null, Cell::Text("é".into()), Cell::Plain("true"), Cell::Integer(-2), Cell::Moment(EPOCH + 1)];
        assert_eq!(row(&mut out, &cells), 0);
        let mut wanted = vec![0, 5, 255, 255, 255, 255, 0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0, 1, 1, 0, 0, 0, 8];
        wanted.extend((-2i64).to_be_bytes());
        wanted.extend([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(&out[..], &wanted[..]);
    }

    #[test]
    fn zero_is_replaced_in_text_and_in_json_where_it_is_one() {
        let mut out = BytesMut::new();
        assert_eq!(row(&mut out, &[Cell::Text("a\0b\0".into()), Cell::Json(r#""\u0000""#.into())]), 2);
        assert!(String::from_utf8_lossy(&out[6..]).starts_with("a\u{fffd}b\u{fffd}"));
        for (json, replaced) in [
            (r#""a\u0000b\\\u0000""#, Some("\"a\u{fffd}b\\\\\u{fffd}\"")),
            (r#""\\u0000""#, None),
            (r#""\"\n\u0001""#, None),
            ("[]", None),
        ] {
            assert_eq!(without_zero(json).as_deref(), replaced, "{json}");
        }
    }
}
