//! Decides whether a record has changed although it was now read with other selected fields. A GraphQL answer has
//! exactly the members that the query selects. A member that only one of two answers has is therefore no change;
//! members that both have must be equal.
//!
//! Some scalars have an object as their value (`template_cards`). The query selects no members of it, so such a value
//! is compared as a unit.

use serde_json::{Map, Value};

/// Returns whether two JSON objects of a record are equal in every member that both have. `nested` names the fields
/// of which the query selects members. Returns `false` if `before` or `after` is not a JSON object.
pub fn fills(before: &str, after: &str, nested: &[String]) -> bool {
    let read = |text| serde_json::from_str::<Map<String, Value>>(text).ok();
    let (Some(before), Some(after)) = (read(before), read(after)) else {
        return false;
    };
    let same = |name, value, other| if nested.contains(name) { agree(value, other) } else { value == other };
    before.iter().all(|(name, value)| after.get(name).is_none_or(|other| same(name, value, other)))
}

/// Returns whether two JSON values are equal, apart from object members that only one of them has.
fn agree(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.iter().all(|(name, value)| after.get(name).is_none_or(|other| agree(value, other)))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(value, other)| agree(value, other))
        }
        _ => before == after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_have_must_be_equal_at_any_depth() {
        let nested = ["o".to_owned(), "l".to_owned()];
        for (before, after, same) in [
            (r#"{"_id":"a","x":1}"#, r#"{"_id":"a","x":1,"y":null}"#, true),
            (r#"{"_id":"a","x":1,"y":2}"#, r#"{"y":2,"_id":"a"}"#, true),
            (r#"{"_id":"a","x":1}"#, r#"{"_id":"a","z":1}"#, true),
            (r#"{"_id":"a","x":1}"#, r#"{"_id":"a","x":2,"y":1}"#, false),
            (r#"{"_id":"a","x":1}"#, r#"{"_id":"a","x":"1"}"#, false),
            (r#"{"o":{"a":1}}"#, r#"{"o":{"a":1,"b":{"c":2}}}"#, true),
            (r#"{"o":{"a":1,"b":{"c":2}}}"#, r#"{"o":{"b":{"c":3,"d":4}}}"#, false),
            (r#"{"o":{"a":1}}"#, r#"{"o":null}"#, false),
            (r#"{"o":null}"#, r#"{"o":{"a":1}}"#, false),
            (r#"{"l":[{"a":1},{"a":2}]}"#, r#"{"l":[{"a":1,"b":1},{"a":2,"b":2}]}"#, true),
            (r#"{"l":[{"a":1},{"a":2}]}"#, r#"{"l":[{"a":2,"b":1},{"a":1,"b":2}]}"#, false),
            (r#"{"l":[{"a":1}]}"#, r#"{"l":[{"a":1},{"a":2}]}"#, false),
            (r#"{"l":[]}"#, r#"{"l":null}"#, false),
            (r#"{"l":["x"]}"#, r#"{"l":["x"],"m":[]}"#, true),
            (r#"{"cards":{"a":1}}"#, r#"{"cards":{"a":1},"x":1}"#, true),
            (r#"{"cards":{"a":1}}"#, r#"{"cards":{"a":1,"b":2},"x":1}"#, false),
            ("not JSON", "not JSON", false),
        ] {
            assert_eq!(fills(before, after, &nested), same, "{before} {after}");
        }
    }
}
