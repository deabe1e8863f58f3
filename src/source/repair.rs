//! Half an emoji as a JSON escape: JavaScript servers cut text between the two halves of a surrogate pair and send
//! `\ud83d` alone. It is legal JSON that no Unicode text can hold, so it becomes one U+FFFD, replaced at the escape
//! text, in place (both are six bytes), before anything else looks at the body.

use memchr::memchr;

/// Replaces every lone surrogate escape in `body` by `\ufffd`; returns where (byte offsets, ascending).
pub fn lone_surrogates(body: &mut [u8]) -> Vec<usize> {
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

/// The code unit of the `\uXXXX` escape that starts at `at`, if one does.
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
