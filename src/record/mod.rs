//! Records on their way from the source through the mirror to the destinations, which do not know one another.
//!
//! A page's rows stay raw text in the one buffer in which they arrived. Nothing is copied between the socket and the
//! database.

pub mod json_paths;
pub mod mask;
pub mod volatile;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Result;
use crate::moment;
use crate::number;
use crate::record::volatile::Volatile;
use crate::streams::{DateForm, Stream};

/// The rows of one page, in the order of the answer.
#[derive(Clone, Default)]
pub struct Records {
    /// The body of the answer, which contains the rows.
    pub body: Bytes,
    /// The rows.
    pub rows: Vec<Record>,
}

/// One row: its byte range, its id, and the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its byte range in [`Records::body`].
    pub range: Range<usize>,
    /// The record's id.
    pub id: Box<str>,
    /// xxh3-128 of its bytes without volatile values (see [`volatile`]).
    pub hash: u128,
    /// `true` if it holds volatile values.
    pub volatile: bool,
    /// Number of lone surrogates that were replaced in it.
    pub repaired: u32,
}

impl Records {
    /// Returns the JSON text of a row.
    pub fn payload(&self, row: &Record) -> &[u8] {
        &self.body[row.range.clone()]
    }
}

/// Describes what a stream holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Number of current records.
    pub records: u64,
    /// The lowest and the highest seq among them; `None` if there are no records.
    pub seqs: Option<(i64, i64)>,
}

/// A range of seqs, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SeqRange {
    #[serde(deserialize_with = "number::read_seq")]
    pub first: i64,
    #[serde(deserialize_with = "number::read_seq")]
    pub last: i64,
}

/// The kind of a change, from the view of the destination that receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The destination does not hold the record.
    Insert,
    /// The destination holds the record with other values.
    Update,
    /// The record is deleted.
    Delete,
}

impl Op {
    /// Returns the name used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Op::Insert => "insert",
            Op::Update => "update",
            Op::Delete => "delete",
        }
    }
}

/// The current state of a changed record, or its tombstone.
#[derive(Debug, Clone, Copy)]
pub struct Change<'r> {
    /// The seq of the change.
    pub seq: i64,
    /// The record's id.
    pub id: &'r str,
    /// The record's JSON text; `None` for a tombstone.
    pub payload: Option<&'r str>,
    /// The kind of the change.
    pub op: Op,
    /// When the mirror stored it, in milliseconds since 1970, to the minute; `None` if unknown.
    pub synced_at: Option<i64>,
    /// The run that stored it; `None` if unknown.
    pub run: Option<i64>,
}

/// Reads records as they are at one moment, whatever is written meanwhile. The mirror implements this trait; it is
/// all that destinations know of the mirror.
pub trait Reader {
    /// Returns what a stream holds.
    fn extent(&self, stream: Stream) -> Result<Extent>;

    /// Calls `each` with (id, payload) for every current record of a stream, in the order of the ids' bytes.
    fn snapshot(&self, stream: Stream, each: &mut dyn FnMut(&str, &str) -> Result<()>) -> Result<()>;

    /// Calls `each` with every change of a stream whose seq is in `range`, in the order of seqs. An id comes at most
    /// once, with its last change. `fed` is the last seq that the destination has received, or 0 if it holds nothing;
    /// it decides between [`Op::Insert`] and [`Op::Update`].
    fn changes(
        &self,
        stream: Stream,
        range: SeqRange,
        fed: i64,
        each: &mut dyn FnMut(&Change<'_>) -> Result<()>,
    ) -> Result<()>;

    /// Returns the last seq given to any change of any stream; 0 if there are no changes.
    fn last_seq(&self) -> Result<i64>;

    /// Returns the lowest seq of a change of a stream in `range`, or `None` if there is no change.
    fn first_change(&self, stream: Stream, range: SeqRange) -> Result<Option<i64>>;

    /// Returns the seq of the `n`-th current record (from 1) of a stream in `range`, without tombstones. `None` if
    /// there are fewer.
    fn nth(&self, stream: Stream, range: SeqRange, n: i64) -> Result<Option<i64>>;

    /// Returns which part of a stream's past the mirror no longer holds.
    fn past(&self, stream: Stream) -> Result<ForgottenUpTo>;
}

/// Describes up to which seq the mirror no longer holds parts of a stream's past; 0 means that it holds all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForgottenUpTo {
    /// Last seq whose payloads may be gone.
    pub dropped: i64,
    /// Last seq whose tombstones may be gone.
    pub forgotten: i64,
}

/// Shows sizes only, never the body.
impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("bytes", &self.body.len()).field("rows", &self.rows.len()).finish()
    }
}

impl Record {
    /// Returns the record whose JSON text `text` starts at byte `start` of the body, or `None` if it has no usable
    /// id.
    pub fn read(id_field: &str, text: &str, start: usize, rule: &Volatile) -> Option<Record> {
        let id = id_of(id_field, text)?;
        let (hash, volatile) = rule.hash(text);
        Some(Record { range: start..start + text.len(), id, hash, volatile, repaired: 0 })
    }
}

/// Returns the record's id: a text as it is, a number as its digits. Returns `None` if:
///
/// - the id is missing, empty, or neither a text nor a number;
/// - the record gives two different ids;
/// - a member's name contains a replaced character, because that member may be the id.
fn id_of(field: &str, text: &str) -> Option<Box<str>> {
    let found = serde_json::Deserializer::from_str(text).deserialize_map(Members(field)).ok()?;
    let raw = found.value.filter(|_| !found.is_broken)?.get();
    let id = match raw.as_bytes()[0] {
        b'"' => serde_json::from_str::<String>(raw).ok()?,
        b'0'..=b'9' | b'-' => raw.to_owned(),
        _ => return None,
    };
    Some(id).filter(|id| !id.is_empty()).map(String::into_boxed_str)
}

/// Returns the JSON text of a member of an object, if the object has it.
pub(crate) fn member<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    serde_json::Deserializer::from_str(text).deserialize_map(Search(name)).ok()?.map(RawValue::get)
}

/// Returns the moment at this path in a record's JSON text, in milliseconds since 1970. `None` if the path leads
/// nowhere or the value is not a moment of that form.
pub fn moment(text: &str, path: &[&str], form: DateForm) -> Option<i64> {
    let raw = path.iter().try_fold(text, |inside, name| member(inside, name))?;
    let text: Cow<'_, str> = if raw.starts_with('"') { serde_json::from_str(raw).ok()? } else { raw.into() };
    // A bare number is never an ISO 8601 text, even if its digits read like a date.
    let is_of_form = raw.starts_with('"') || form != DateForm::Iso8601;
    let (micros, _) = moment::read(&text, form).filter(|_| is_of_form)?;
    Some(micros.div_euclid(1000))
}

/// Finds the value of one member, and whether the record's only value for it can be trusted.
struct Members<'f>(&'f str);

#[derive(Default)]
struct FoundMember<'de> {
    value: Option<&'de RawValue>,
    /// `true` if the member occurs twice with different values, or a member's name contains a replaced character.
    is_broken: bool,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = FoundMember<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = FoundMember::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            found.is_broken |= key.contains(char::REPLACEMENT_CHARACTER);
            if key == self.0 {
                let value: &RawValue = map.next_value()?;
                found.is_broken |= found.value.is_some_and(|known| known.get() != value.get());
                found.value = Some(value);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Finds the value of one member; the last one if it occurs twice.
struct Search<'f>(&'f str);
impl<'de> Visitor<'de> for Search<'_> {
    type Value = Option<&'de RawValue>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_every_form_and_where_it_stands() {
        let ms = 1_709_626_150_123;
        for (text, form, found) in [
            (r#"{"_id":"a","x":{"at":1},"at":"2024-03-05T08:09:10.123Z"}"#, DateForm::Iso8601, Some(ms)),
            (r#"{"at":"2024-03-05T08:09:10.123"}"#, DateForm::Iso8601, Some(ms)),
            (r#"{"at":1709626150123}"#, DateForm::EpochMs, Some(ms)),
            (r#"{"at":"1709626150123"}"#, DateForm::EpochMs, Some(ms)),
            (r#"{"at":1709626150}"#, DateForm::EpochS, Some(ms - 123)),
            (r#"{"at":null}"#, DateForm::EpochS, None),
            (r#"{"at":"soon"}"#, DateForm::Iso8601, None),
            (r#"{"at":20240305}"#, DateForm::Iso8601, None),
            (r#"{"at":"9999-12-31T23:59:59.999Z"}"#, DateForm::Iso8601, Some(253_402_300_799_999)),
            (r#"{"at":253402300800000}"#, DateForm::EpochMs, None),
            (r#"{"at":1e300}"#, DateForm::EpochS, None),
            (r#"{"at":"NaN"}"#, DateForm::EpochS, None),
            (r#"{"x":{"at":"2024-03-05T08:09:10.123Z"}}"#, DateForm::Iso8601, None),
        ] {
            assert_eq!(moment(text, &["at"], form), found, "{text}");
        }
        let nested = r#"{"last":{"at":1709626150},"none":null}"#;
        assert_eq!(moment(nested, &["last", "at"], DateForm::EpochS), Some(ms - 123));
        assert_eq!(moment(nested, &["none", "at"], DateForm::EpochS), None);
    }

    #[test]
    fn an_id_is_found_wherever_it_stands() {
        for (text, id) in [
            (r#"{"_id":"a1","x":1}"#, Some("a1")),
            (r#"{ "x": {"_id":"no"}, "_id" : "b2" }"#, Some("b2")),
            (r#"{"_id":"q\"\u0041"}"#, Some("q\"A")),
            (r#"{"_id":17}"#, Some("17")),
            (r#"{"_id":null}"#, None),
            (r#"{"_id":""}"#, None),
            (r#"{"x":1}"#, None),
            (r#"{"_id":"a","x":1,"_id":"b"}"#, None),
            (r#"{"_id":"a","_id":"a"}"#, Some("a")),
            (r#"{"_id":"a","x":{"_id":"b"}}"#, Some("a")),
            ("{\"_id\":\"a\",\"na\u{fffd}e\":1}", None),
            ("{\"_id\":\"a\",\"x\":{\"na\u{fffd}e\":1}}", Some("a")),
            ("null", None),
        ] {
            assert_eq!(id_of("_id", text).as_deref(), id, "{text}");
        }
    }
}
