//! The buffer in which an answer is put together, as pieces of JSON text.

/// Stands for half an emoji (an unpaired surrogate) in the tables of texts. JSON can express one by an escape, but a
/// Rust string cannot hold it.
pub const HALF_EMOJI: char = '\u{e0ff}';

/// How characters outside ASCII are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// Unescaped, in UTF-8.
    Raw,
    /// As `\uXXXX` escapes, two of them beyond U+FFFF. `/` is written as `\/`.
    Escaped,
}

/// A buffer of JSON text to which pieces are appended.
#[derive(Debug, Default)]
pub struct JsonWriter {
    /// The bytes written so far.
    pub bytes: Vec<u8>,
    /// `true` if half an emoji is written as U+FFFD, as a reader of the answer sees it. `false` if it is written as
    /// the escape that the server sends.
    pub lossy: bool,
    /// The signature for the URLs of pictures and media. `None` leaves them unsigned.
    pub signature: Option<u64>,
}

impl JsonWriter {
    /// Appends text that is already JSON.
    pub fn raw(&mut self, json: &str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// Appends a number.
    pub fn number(&mut self, value: u64) {
        let mut digits = [0_u8; 20];
        let (mut at, mut rest) = (digits.len(), value);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[at..]);
    }

    /// Appends the signature to a URL, after the separator `behind` (`?` or `&`). Appends nothing if there is no
    /// signature.
    pub fn sign(&mut self, behind: &str) {
        if let Some(signature) = self.signature {
            self.raw(behind);
            self.raw("X-Amz-Expires=900&X-Amz-Signature=");
            // The highest bit gives every signature the same length.
            self.number((1 << 63) | signature);
        }
    }

    /// Appends `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// Appends a JSON string of ASCII characters that need no escape.
    pub fn plain(&mut self, text: &[u8]) {
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text);
        self.bytes.push(b'"');
    }

    /// Appends any string as a JSON string.
    pub fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        self.piece(text, TextForm::Raw);
        self.bytes.push(b'"');
    }

    /// Appends a part of a JSON string, whose quotes the caller writes. `spelling` is how characters outside ASCII
    /// are written.
    pub fn piece(&mut self, text: &str, spelling: TextForm) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\' || b == b'/' || b >= 0x80) {
            self.raw(&rest[..at]);
            rest = &rest[at..];
            let Some(character) = rest.chars().next() else { break };
            self.character(character, spelling);
            rest = &rest[character.len_utf8()..];
        }
        self.raw(rest);
    }

    fn character(&mut self, character: char, spelling: TextForm) {
        match character {
            '"' => self.raw("\\\""),
            '\\' => self.raw("\\\\"),
            '\n' => self.raw("\\n"),
            '\r' => self.raw("\\r"),
            '\t' => self.raw("\\t"),
            '/' if spelling == TextForm::Escaped => self.raw("\\/"),
            HALF_EMOJI if self.lossy => self.raw("\u{fffd}"),
            HALF_EMOJI => self.raw("\\ud83d"),
            '\0'..='\u{1f}' => self.unit(character as u16),
            '\u{80}'.. if spelling == TextForm::Escaped => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    self.unit(*unit);
                }
            }
            other => self.raw(other.encode_utf8(&mut [0; 4])),
        }
    }

    fn unit(&mut self, unit: u16) {
        self.raw("\\u");
        for shift in [12, 8, 4, 0] {
            self.bytes.push(b"0123456789abcdef"[usize::from((unit >> shift) & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, spelling: TextForm, lossy: bool) -> String {
        let mut out = JsonWriter { lossy, ..JsonWriter::default() };
        out.raw("\"");
        out.piece(text, spelling);
        out.raw("\"");
        String::from_utf8(out.bytes).unwrap()
    }

    #[test]
    fn a_json_reader_gets_back_what_was_written() {
        let text = "a\"b\\c\n\r\t\0\u{1}\u{1f}/ ğüşİı 👩‍👩‍👧 مرحبا \u{feff}";
        for spelling in [TextForm::Raw, TextForm::Escaped] {
            let json = written(text, spelling, false);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            assert_eq!(json.is_ascii(), spelling == TextForm::Escaped);
        }
    }

    #[test]
    fn half_an_emoji_travels_as_a_lone_surrogate_and_arrives_as_a_replacement() {
        let text = format!("a{HALF_EMOJI}b");
        assert_eq!(written(&text, TextForm::Raw, false), "\"a\\ud83db\"");
        assert_eq!(written(&text, TextForm::Escaped, true), "\"a\u{fffd}b\"");
    }

    #[test]
    fn numbers_are_decimal() {
        for n in [0, 7, 10, u64::MAX] {
            let mut out = JsonWriter::default();
            out.number(n);
            assert_eq!(String::from_utf8(out.bytes).unwrap(), n.to_string());
        }
    }
}
