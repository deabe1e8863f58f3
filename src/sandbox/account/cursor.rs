//! Cursors: opaque strings that hold the id and the position of a row. A page "after this row" stays correct if rows
//! are inserted before the row. It is nearly correct if the row itself is deleted.

/// Returns the cursor of the row with this id at this position.
pub fn text(position: u64, id: &str) -> String {
    crate::hex::text(format!("{position}:{id}").as_bytes())
}

/// Returns the position and the id in a cursor, or `None` if the string is not a cursor of this server.
pub fn read(cursor: &str) -> Option<(u64, String)> {
    let digits = cursor.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let held = String::from_utf8(bytes?).ok()?;
    let (position, id) = held.split_once(':')?;
    Some((position.parse().ok()?, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_and_anything_else_does_not() {
        assert_eq!(read(&text(17, "5f0a")), Some((17, "5f0a".to_owned())));
        assert!(!text(17, "5f0a").contains("5f0a"));
        for other in ["", "17", "zz", "abc", "ğ", "313a"] {
            assert!(read(other).is_none_or(|(_, id)| id.is_empty()), "{other}");
        }
    }
}
