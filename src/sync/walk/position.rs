//! A walk as it is stored: the `position` of its checkpoint, in JSON.
//!
//! A version that stores walks in another form cannot go on with them. It starts such a list anew, which costs requests and
//! loses nothing: what was read is in the mirror. Only text that is no JSON at all is damage.

use super::Walk;
use crate::error::{Error, Kind, Result};

/// Returns the walk that a position holds, or `None` if another version stored it in another form.
pub(super) fn read(json: &str) -> Result<Option<Walk>> {
    let walk = match serde_json::from_str(json) {
        Ok(walk) => return Ok(Some(walk)),
        Err(error) => error,
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(json) {
        Ok(_) => Ok(None),
        Err(_) => Err(Error::new(Kind::MirrorCorrupt, format!("a checkpoint's position is not readable: {walk}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_reads_back_as_it_was() {
        for walk in [
            Walk::new(40),
            Walk::new(40).by_offset(),
            Walk::new(40).by_cursor(),
            Walk::new(40).unpaged(),
            Walk::new(40).perhaps_unpaged(),
        ] {
            let json = serde_json::to_string(&walk).expect("JSON");
            assert_eq!(read(&json).expect("a walk"), Some(walk), "{json}");
        }
    }

    #[test]
    fn a_walk_in_another_form_is_begun_anew() {
        let before = r#"{"size":40,"known":"PageOne","paging":"Pages","position":80,"farthest":80,"order":80}"#;
        for other in [before, "{}", "[]", "null", r#"{"strategy":{"Sideways":{}}}"#] {
            assert_eq!(read(other).expect("JSON"), None, "{other}");
        }
    }

    #[test]
    fn a_position_that_is_no_json_is_damage() {
        for damaged in ["", "{", "position", "{\"size\":40", "{} {}"] {
            assert_eq!(read(damaged).expect_err("damage").kind, Kind::MirrorCorrupt, "{damaged}");
        }
    }
}
