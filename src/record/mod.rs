//! Defines the form in which records go from the source through the mirror to the destinations. These three do not
//! know one another, but all know this module.
//!
//! A page's rows stay raw JSON in the one buffer in which the answer arrived. Nothing is copied between the socket
//! and the database.

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

/// The records of one page, in the order of the server's answer.
#[derive(Clone, Default)]
pub struct Records {
    /// The body of the answer. It contains the JSON of every row.
    pub body: Bytes,
    /// The records of the page, in the server's order.
    pub rows: Vec<Record>,
}

/// One record of a page: where its JSON is, its id, and a hash by which changes are detected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The byte range of the record's JSON in [`Records::body`].
    pub range: Range<usize>,
    /// The record's id.
    pub id: Box<str>,
    /// The xxh3-128 hash of the record's JSON without volatile values (see [`volatile`]).
    pub hash: u128,
    /// `true` if the record holds volatile values, which the hash leaves out.
    pub volatile: bool,
    /// The number of lone surrogates that were replaced in the record's JSON.
    pub repaired: u32,
}

impl Records {
    /// Returns the JSON of a record of this page.
    pub fn payload(&self, row: &Record) -> &[u8] {
        &self.body[row.range.clone()]
    }
}

/// How many current records a stream has at one moment, and their seqs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The number of current records.
    pub records: u64,
    /// The lowest and the highest seq of the current records, or `None` if there are no records.
    pub seqs: Option<(i64, i64)>,
}

/// A range of seqs. Both ends, `first` and `last`, belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SeqRange {
    #[serde(deserialize_with = "number::read_seq")]
    pub first: i64,
    #[serde(deserialize_with = "number::read_seq")]
    pub last: i64,
}

/// The kind of a change, from the point of view of the destination that receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The destination does not hold the record yet.
    Insert,
    /// The destination holds the record with other values.
    Update,
    /// The record was deleted.
    Delete,
}

impl Op {
    /// Returns the name of the kind in files and tables.
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
    /// The record's JSON, or `None` for a tombstone.
    pub payload: Option<&'r str>,
    /// The kind of the change.
    pub op: Op,
    /// When the mirror stored the change, in milliseconds since 1970 with a precision of one minute. `None` if
    /// unknown.
    pub synced_at: Option<i64>,
    /// The run that stored the change, or `None` if unknown.
    pub run: Option<i64>,
}

/// Reads records as they are at one moment. Later writes do not affect what it returns. The mirror implements this
/// trait, and destinations know nothing else of the mirror.
pub trait Reader {
    /// Returns how many current records a stream has, and their lowest and highest seq.
    fn extent(&self, stream: Stream) -> Result<Extent>;

    /// Calls `each` with the id and the JSON of every current record of a stream, in the byte order of the ids.
    fn snapshot(&self, stream: Stream, each: &mut dyn FnMut(&str, &str) -> Result<()>) -> Result<()>;

    /// Calls `each` with every change of a stream whose seq is in `range`, in the order of seqs. A record comes at
    /// most once, with its last change. `fed` is the last seq that the destination has received, or 0 if it holds
    /// nothing. It decides between [`Op::Insert`] and [`Op::Update`].
    fn changes(
        &self,
        stream: Stream,
        range: SeqRange,
        fed: i64,
        each: &mut dyn FnMut(&Change<'_>) -> Result<()>,
    ) -> Result<()>;

    /// Returns the highest seq that any change of any stream has, or 0 if there are no changes.
    fn last_seq(&self) -> Result<i64>;

    /// Returns the lowest seq in `range` at which a record of the stream changed or was deleted, or `None` if there
    /// is no such seq.
    fn first_change(&self, stream: Stream, range: SeqRange) -> Result<Option<i64>>;

    /// Returns the seq of the `n`-th current record of a stream in `range`, in the order of seqs and counted from 1.
    /// Tombstones do not count. Returns `None` if the range has fewer records.
    fn nth(&self, stream: Stream, range: SeqRange, n: i64) -> Result<Option<i64>>;

    /// Returns up to which seqs the mirror has removed payloads and tombstones of a stream.
    fn past(&self, stream: Stream) -> Result<ForgottenUpTo>;
}

/// Up to which seqs the mirror has removed parts of a stream's past. 0 means that it has removed nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForgottenUpTo {
    /// The highest seq whose payload may be removed.
    pub dropped: i64,
    /// The highest seq whose tombstone may be removed.
    pub forgotten: i64,
}

/// Shows sizes only, never the body, because the body holds personal data.
impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("bytes", &self.body.len()).field("rows", &self.rows.len()).finish()
    }
}

impl Record {
    /// Reads a record from its JSON `text`, which starts at byte `start` of the body. `id_field` names the member
    /// with the id, and `rule` says which values are volatile. Returns `None` if the record has no usable id.
    pub fn read(id_field: &str, text: &str, start: usize, rule: &Volatile) -> Option<Record> {
        let id = id_of(id_field, text)?;
        let (hash, volatile) = rule.hash(text);
        Some(Record { range: start..start + text.len(), id, hash, volatile, repaired: 0 })
    }
}

/// Returns the record's id from the member `field`: a string as it is, a number as its digits. Returns `None` if:
///
/// - the id is missing, empty, or neither a string nor a number;
/// - the record gives two different ids;
/// - a member's name contains U+FFFD, which replaced a broken character: that member may be the id.
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

/// Returns the JSON of the member `name` of the JSON object `text`, or `None` if the object has no such member.
pub(crate) fn member<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    serde_json::Deserializer::from_str(text).deserialize_map(Search(name)).ok()?.map(RawValue::get)
}

/// Returns the moment at `path` in a record's JSON, in milliseconds since 1970. Returns `None` if the path leads to
/// no value, or the value is not a moment in this form.
pub fn moment(text: &str, path: &[&str], form: DateForm) -> Option<i64> {
    let raw = path.iter().try_fold(text, |inside, name| member(inside, name))?;
    let text: Cow<'_, str> = if raw.starts_with('"') { serde_json::from_str(raw).ok()? } else { raw.into() };
    // A bare number is never an ISO 8601 string, even if its digits read like a date.
    let is_of_form = raw.starts_with('"') || !form.is_text();
    let (micros, _) = moment::read(&text, form).filter(|_| is_of_form)?;
    Some(micros.div_euclid(1000))
}

/// Finds the value of the member with this name, and whether the object gives that value without contradiction.
struct Members<'f>(&'f str);

/// What [`Members`] finds: the value, if the object has the member, and whether it can be trusted.
#[derive(Default)]
struct FoundMember<'de> {
    value: Option<&'de RawValue>,
    /// `true` if the member occurs twice with different values, or if any member's name contains U+FFFD, which
    /// replaced a broken character.
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

/// Finds the value of the member with this name. If the member occurs twice, the last one counts.
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
