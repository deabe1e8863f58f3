//! Formats bytes as hexadecimal digits.

use std::fmt::Write as _;

/// Returns the bytes as lower-case hexadecimal digits, two for each byte.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
