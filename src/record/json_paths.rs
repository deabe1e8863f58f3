//! Finds and replaces values inside a record's JSON. A *path* is the list of member names that leads to a value, such
//! as `media`, `url`. All other bytes stay as the server sent them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A byte range of a JSON string, and the JSON to put in its place.
pub type Span = (Range<usize>, Cow<'static, str>);

/// Calls `found` with the byte range of every value in the JSON `text` that `path` leads to. If the path meets a
/// list, it goes on in each of the list's items. A member that occurs twice in an object is reported twice.
pub fn find(text: &str, path: &[String], found: &mut impl FnMut(Range<usize>)) {
    below(text, text.as_ptr() as usize, path, false, found);
}

/// Does the same as [`find`], and also reports a value at which the path ends early because it has no members.
/// Example: the path is `sender`, `phone`, but `sender` is a string. The wanted value may then be inside that string.
pub fn find_or_last(text: &str, path: &[String], found: &mut impl FnMut(Range<usize>)) {
    below(text, text.as_ptr() as usize, path, true, found);
}

/// Follows `path` from the JSON value `text`, for [`find`] and [`find_or_last`]. `base` is the address of the first
/// byte of the complete JSON. If `stops` is `true`, a value at which the path ends early is reported, too.
fn below(text: &str, base: usize, path: &[String], stops: bool, found: &mut impl FnMut(Range<usize>)) {
    match (text.as_bytes().first(), path) {
        (Some(b'['), _) => {
            for item in serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default() {
                below(item.get(), base, path, stops, found);
            }
        }
        (Some(b'{'), [name, rest @ ..]) => members(text, &mut |member, value| {
            if member != name {
                return;
            }
            if rest.is_empty() {
                let start = value.as_ptr() as usize - base;
                found(start..start + value.len());
            } else {
                below(value, base, rest, stops, found);
            }
        }),
        _ if stops && text != "null" => {
            let start = text.as_ptr() as usize - base;
            found(start..start + text.len());
        }
        _ => {}
    }
}

/// Calls `each` with the name and the JSON of every member of the object `text`.
pub fn members(text: &str, each: &mut dyn FnMut(&str, &str)) {
    // The JSON was parsed when the record was read, so parsing cannot fail here.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Members(each));
}

struct Members<'e>(&'e mut dyn FnMut(&str, &str));

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match map.next_value::<&'de RawValue>() {
                Ok(value) => (self.0)(&name, value.get()),
                Err(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Returns `text` with each span replaced, or `None` if there are no spans. If one span is inside another, only the
/// outer one is replaced.
pub fn replaced(text: &str, mut spans: Vec<Span>) -> Option<String> {
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|(span, _)| (span.start, usize::MAX - span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, instead) in &spans {
        if span.start >= at {
            out.push_str(&text[at..span.start]);
            out.push_str(instead);
            at = span.end;
        }
    }
    out.push_str(&text[at..]);
    Some(out)
}
