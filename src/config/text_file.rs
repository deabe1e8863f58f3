//! Reads text files that people write: job files, lists of accounts, secrets. Editors and shells on Windows write
//! UTF-8 with a byte order mark, or UTF-16.

use std::io;
use std::path::Path;

/// Reads a text file, and removes its byte order mark. The file is UTF-8, or UTF-16 with a byte order mark.
pub fn read(path: &Path) -> io::Result<String> {
    decoded(std::fs::read(path)?).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn decoded(bytes: Vec<u8>) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes[..] {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => {
            let text = String::from_utf8(bytes).ok()?;
            return Some(match text.strip_prefix('\u{feff}') {
                Some(unmarked) => unmarked.to_owned(),
                None => text,
            });
        }
    };
    let (pairs, []) = bytes[2..].as_chunks::<2>() else { return None };
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_part_of_a_text() {
        let utf16 =
            |bytes: fn(u16) -> [u8; 2]| "\u{feff}ş = \"😀\"".encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for bytes in [
            "ş = \"😀\"".as_bytes().to_vec(),
            "\u{feff}ş = \"😀\"".as_bytes().to_vec(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ] {
            assert_eq!(decoded(bytes).as_deref(), Some("ş = \"😀\""));
        }
        assert_eq!(decoded(Vec::new()).as_deref(), Some(""));
        for bytes in [&b"\xff\xfe\0"[..], b"\xff\xfe\0\xd8", b"\xf0", b"a\xff"] {
            assert_eq!(decoded(bytes.to_vec()), None);
        }
    }
}
