//! Repairs an answer's body that one bad string would make unreadable, before any other code reads it. One record
//! must not hold up a thousand others.
//!
//! - UTF-16 with a byte order mark, which some Windows servers send, becomes UTF-8. A byte order mark of UTF-8 is
//!   removed.
//! - A sequence of bytes that is not UTF-8 becomes one U+FFFD.
//! - Half a surrogate pair becomes U+FFFD. JavaScript servers cut strings between the two halves of an emoji's
//!   surrogate pair and send `\ud83d` alone. That is legal JSON, but no Unicode string can hold it. The escape
//!   becomes `\ufffd` in place, because both are six bytes.
//! - An unescaped control character in a string, which JSON forbids, becomes its escape. Nothing is lost by that.

use memchr::{memchr, memchr3};

/// Repairs `body` in place: its encoding, and the characters in its JSON strings that cannot be read. Returns the
/// byte offsets, in the repaired body, of the U+FFFD that it put in, in ascending order. Replacements during the
/// conversion from UTF-16 are not among them.
pub fn mend(body: &mut Vec<u8>) -> Vec<usize> {
    unmark(body);
    let mut replaced = bytes_and_controls(body);
    replaced.extend(lone_surrogates(body));
    replaced.sort_unstable();
    replaced
}

/// Removes a byte order mark, and converts UTF-16 that has one to UTF-8. A lone surrogate becomes U+FFFD.
fn unmark(body: &mut Vec<u8>) {
    let unit: fn([u8; 2]) -> u16 = match body[..] {
        [0xef, 0xbb, 0xbf, ..] => return drop(body.drain(..3)),
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return,
    };
    let (pairs, _) = body[2..].as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    *body =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes();
}

/// Replaces bytes that are not UTF-8 by U+FFFD, and escapes control characters within JSON strings. Returns the byte
/// offsets of the replacements in the repaired body, in ascending order.
fn bytes_and_controls(body: &mut Vec<u8>) -> Vec<usize> {
    let may_hold_controls = memchr3(b'\n', b'\r', b'\t', body).is_some() || body.iter().any(|b| *b < b' ');
    let is_utf8 = std::str::from_utf8(body).is_ok();
    if is_utf8 && !may_hold_controls {
        return Vec::new();
    }
    let (mut mended, mut replaced) = (Vec::with_capacity(body.len() + 16), Vec::new());
    let (mut in_text, mut escaped, mut controls) = (false, false, 0);
    for chunk in body.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                0..b' ' if in_text => {
                    mended.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    controls += 1;
                    escaped = false;
                    continue;
                }
                b'"' if !escaped => in_text = !in_text,
                _ => {}
            }
            escaped = in_text && byte == b'\\' && !escaped;
            mended.push(byte);
        }
        if !chunk.invalid().is_empty() {
            replaced.push(mended.len());
            mended.extend_from_slice("\u{fffd}".as_bytes());
            escaped = false;
        }
    }
    if controls > 0 || !replaced.is_empty() {
        *body = mended;
    }
    replaced
}

/// Replaces every lone surrogate escape in `body` by `\ufffd`. Returns the byte offsets of the replacements, in
/// ascending order.
fn lone_surrogates(body: &mut [u8]) -> Vec<usize> {
    let mut replaced = Vec::new();
    let mut at = 0;
    while let Some(found) = memchr(b'\\', body.get(at..).unwrap_or_default()) {
        let start = at + found;
        at = start + 2;
        let Some(unit) = unit_at(body, start) else { continue };
        at = start + 6;
        match unit {
            0xD800..=0xDBFF if matches!(unit_at(body, at), Some(0xDC00..=0xDFFF)) => at += 6,
            0xD800..=0xDFFF => {
                body[start + 2..start + 6].copy_from_slice(b"fffd");
                replaced.push(start);
            }
            _ => {}
        }
    }
    replaced
}

/// Returns the UTF-16 code unit of the `\uXXXX` escape that starts at the offset `at`, or `None` if no escape starts
/// there.
fn unit_at(body: &[u8], at: usize) -> Option<u16> {
    let escape = body.get(at..at + 6)?;
    if !escape.starts_with(b"\\u") {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(&escape[2..]).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(text: &str) -> (String, usize) {
        let mut body = text.as_bytes().to_vec();
        let n = lone_surrogates(&mut body).len();
        (String::from_utf8(body).expect("UTF-8"), n)
    }

    fn mended(bytes: &[u8]) -> (String, Vec<usize>) {
        let mut body = bytes.to_vec();
        let replaced = mend(&mut body);
        (String::from_utf8(body).expect("UTF-8"), replaced)
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_where_they_stand() {
        assert_eq!(mended(b"{\"a\":\"x\xff\"}"), ("{\"a\":\"x\u{fffd}\"}".into(), vec![7]));
        assert_eq!(mended(b"\"\xc3\", \"\xe2\x82\""), ("\"\u{fffd}\", \"\u{fffd}\"".into(), vec![1, 8]));
        assert_eq!(mended("\"ğüş 😀\"".as_bytes()), ("\"ğüş 😀\"".into(), vec![]));
        // A letter of Windows-1254, and half an emoji as an escape behind it.
        assert_eq!(mended(b"\"\xf0i \\ud83d\""), ("\"\u{fffd}i \\ufffd\"".into(), vec![1, 6]));
    }

    #[test]
    fn a_byte_order_mark_says_how_the_bytes_are_read() {
        let text = "{\"a\":\"ğ 😀\"}";
        let units: Vec<u16> = std::iter::once(0xfeff).chain(text.encode_utf16()).collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for marked in [little, big, format!("\u{feff}{text}").into_bytes(), text.into()] {
            assert_eq!(mended(&marked), (text.into(), vec![]));
        }
        for cut in [&b"\xff\xfe"[..], b"\xfe\xff\0", b"\xff\xfe{", b"\xff\xfe\0\xd8", b"\xef\xbb"] {
            mended(cut);
        }
    }

    #[test]
    fn a_control_character_in_a_text_becomes_its_escape_and_no_other() {
        assert_eq!(mended(b"{\n \"a\":\t\"x\ny\tz\"\r\n}").0, "{\n \"a\":\t\"x\\u000ay\\u0009z\"\r\n}");
        assert_eq!(mended(b"\"a\\\"\x01\"").0, "\"a\\\"\\u0001\"");
        assert_eq!(mended(b"\"a\\\\\"\n").0, "\"a\\\\\"\n", "the text has ended");
        for body in [&b"\"\x00\x1f\""[..], b"[\"\xfe\n\"]"] {
            assert!(serde_json::from_str::<serde_json::Value>(&mended(body).0).is_ok());
        }
    }

    #[test]
    fn only_halves_are_replaced() {
        assert_eq!(repaired(r#""a\ud83d""#), (r#""a\ufffd""#.into(), 1));
        assert_eq!(repaired(r#""\ud83d\ude00""#), (r#""\ud83d\ude00""#.into(), 0));
        assert_eq!(repaired(r#""\uDE00\uD83D x""#), (r#""\ufffd\ufffd x""#.into(), 2));
        assert_eq!(repaired(r#""\ud83d\ud83d\ude00""#), (r#""\ufffd\ud83d\ude00""#.into(), 1));
    }

    #[test]
    fn an_escaped_backslash_is_no_escape() {
        assert_eq!(repaired(r#""\\ud83d""#), (r#""\\ud83d""#.into(), 0));
        assert_eq!(repaired(r#""\\\ud83d""#), (r#""\\\ufffd""#.into(), 1));
        assert_eq!(repaired(r"\ud8"), (r"\ud8".into(), 0));
        assert_eq!(repaired("\\"), ("\\".into(), 0));
    }

    #[test]
    fn every_repaired_text_parses() {
        for text in [r#""\ud800""#, r#""\udfff\n\"\ud8ff\u0000""#, r#""\ud83d\n\ude00""#] {
            assert!(serde_json::from_str::<String>(text).is_err(), "{text} was already fine");
            assert!(serde_json::from_str::<String>(&repaired(text).0).is_ok(), "{text}");
        }
    }
}
