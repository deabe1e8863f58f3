//! Stores how far a list was read: the `position` of its checkpoint, in JSON. Either a walk reads the list, or the
//! walk has come to its end and closing readings follow ([`super::closing`]). A closed list has no position.
//!
//! A version of the program that stores positions in another form cannot go on with them. It starts such a list
//! again, which costs requests and loses nothing, because the rows that were read are in the mirror. Only text that
//! is not JSON counts as damage.

use serde::{Deserialize, Serialize};

use super::Walk;
use super::closing_state::Closing;
use crate::error::{Error, Kind, Result};

/// The stored position of a list.
pub(super) type Position = Phase<Walk, Closing>;

/// The phases of a list that is not closed. `W` is a [`Walk`] and `C` a [`Closing`], or references to them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase<W, C> {
    /// A walk reads the list.
    Reading {
        /// The server's time when the walk began, in milliseconds since 1970, if it is known.
        began: Option<i64>,
        walk: W,
    },
    /// The walk has come to its end, and closing readings follow.
    Closing(C),
}

impl Position {
    /// Returns the JSON position of a list that `walk` reads. `began` is the server's time when the walk began, in
    /// milliseconds since 1970, or `None` if it is not known.
    pub(super) fn reading(began: Option<i64>, walk: &Walk) -> Result<String> {
        text(&Phase::<_, &Closing>::Reading { began, walk })
    }

    /// Returns the JSON position of a list whose closing readings are under way.
    pub(super) fn closing(closing: &Closing) -> Result<String> {
        text(&Phase::<&Walk, _>::Closing(closing))
    }

    /// Parses a stored position. Returns `None` if another version stored it in another form. Fails with
    /// [`Kind::MirrorCorrupt`] if the text is not JSON.
    pub(super) fn read(json: &str) -> Result<Option<Position>> {
        let error = match serde_json::from_str(json) {
            Ok(position) => return Ok(Some(position)),
            Err(error) => error,
        };
        match serde_json::from_str::<serde::de::IgnoredAny>(json) {
            Ok(_) => Ok(None),
            Err(_) => Err(Error::new(Kind::MirrorCorrupt, format!("a checkpoint's position is not readable: {error}"))),
        }
    }
}

fn text(position: &impl Serialize) -> Result<String> {
    serde_json::to_string(position)
        .map_err(|e| Error::new(Kind::Internal, format!("a walk's position: {e}")).caused_by(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_it_was() {
        for walk in [
            Walk::new(40),
            Walk::new(40).by_offset(),
            Walk::new(40).by_cursor(),
            Walk::new(40).unpaged(),
            Walk::new(40).perhaps_unpaged(),
        ] {
            let closing = Closing::new(&walk, Some(7));
            let json = Position::closing(&closing).expect("JSON");
            assert_eq!(Position::read(&json).expect("a position"), Some(Phase::Closing(closing)), "{json}");
            for began in [Some(7), None] {
                let json = Position::reading(began, &walk).expect("JSON");
                let walk = walk.clone();
                assert_eq!(Position::read(&json).expect("a position"), Some(Phase::Reading { began, walk }), "{json}");
            }
        }
    }

    #[test]
    fn a_position_in_another_form_is_begun_anew() {
        let before = r#"{"size":40,"known":"PageOne","paging":"Pages","position":80,"farthest":80,"order":80}"#;
        for other in [before, "{}", "[]", "null", r#"{"reading":{"walk":{}}}"#, r#"{"closed":{}}"#] {
            assert_eq!(Position::read(other).expect("JSON"), None, "{other}");
        }
    }

    #[test]
    fn a_position_that_is_no_json_is_damage() {
        for damaged in ["", "{", "position", "{\"size\":40", "{} {}"] {
            assert_eq!(Position::read(damaged).expect_err("damage").kind, Kind::MirrorCorrupt, "{damaged}");
        }
    }
}
