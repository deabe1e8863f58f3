//! Masks for personal data: a job removes, redacts or hashes values before they leave the mirror, or before they
//! enter it.
//!
//! A mask works on a record's JSON, in one of two points: where a page is stored, or in the one reader that feeds
//! every destination ([`Masked`]). So destinations need not know of masks. A value that does not fit its column's
//! type is masked before a destination moves it to `_extra`. Every mask leaves null as it is: a missing value is no
//! secret, and `drop` makes every other value null as well. The column stays, so schemas do not change.
//!
//! `hmac` is HMAC-SHA-256 in hex: of a string's characters, or of any other value's compact JSON. Its key comes from
//! the environment. The same value has the same hash in every column, stream and night, so that joins and counts
//! work. Without the key, nobody can find a telephone number by hashing all possible numbers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Kind, Result};
use crate::record::json_paths;
use crate::record::json_paths::Span;
use crate::record::volatile::Volatile;
use crate::record::{Change, Extent, ForgottenUpTo, Reader, Record, Records, SeqRange};
use crate::secret::Secret;
use crate::streams::{PerStream, Stream};

/// How a mask changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The value becomes null.
    Drop,
    /// The value becomes its keyed hash.
    Hmac,
    /// The value becomes `[redacted]`.
    Redact,
}

/// A flag that can be set but not cleared. All clones share it.
#[derive(Debug, Clone, Default)]
pub struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One mask of a job: which values it changes, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The member names that lead to the values: first a column, then members inside its value. `_extra` as the first
    /// name stands for every field without a column.
    pub path: Vec<String>,
    /// How the values are changed.
    pub how: Treatment,
    /// Set once the path has led to a value in some record. A rule that was never met may contain a typing error.
    pub met: Flag,
}

/// All masks of a job, with their key.
#[derive(Clone)]
pub struct Masks {
    /// The masks of each stream.
    pub rules: PerStream<Vec<Rule>>,
    /// The key of the hashes that replace masked values, and of the hash that detects changes in records with masks.
    pub key: Secret,
    /// For each stream: set once a record has gone through the masks.
    pub used: PerStream<Flag>,
}

impl Default for Masks {
    fn default() -> Masks {
        Masks { rules: PerStream::new(Vec::new), key: Secret::new(String::new()), used: PerStream::new(Flag::default) }
    }
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masks").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The JSON that replaces a redacted value.
const REDACTED: &str = "\"[redacted]\"";

/// The name that stands for every field without a column.
const EXTRA: &str = "_extra";

impl Masks {
    /// Returns `true` if no stream has a mask.
    pub fn is_empty(&self) -> bool {
        crate::streams::ALL.into_iter().all(|s| self.rules[s].is_empty())
    }

    /// Returns `true` if at least one mask uses this treatment.
    pub fn rules_of(&self, how: Treatment) -> bool {
        crate::streams::ALL.into_iter().any(|s| self.rules[s].iter().any(|r| r.how == how))
    }

    /// Returns a fingerprint of the masks and their key. Equal masks have equal fingerprints, and the fingerprint
    /// reveals neither the masks nor the key. Returns an empty string if there are no masks.
    pub fn fingerprint(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut all: Vec<String> = Vec::new();
        for stream in crate::streams::ALL {
            all.extend(self.rules[stream].iter().map(|r| format!("{stream} {} {:?}", r.path.join("."), r.how)));
        }
        all.sort();
        self.hmac(format!("masks\n{}", all.join("\n")).as_bytes())
    }

    /// Returns a fingerprint of one stream's masks, like [`Masks::fingerprint`]. The key affects it only if a mask of
    /// the stream hashes.
    pub fn fingerprint_of(&self, stream: Stream) -> String {
        let mut one = Masks { key: self.key.clone(), ..Masks::default() };
        one.rules[stream].clone_from(&self.rules[stream]);
        if !one.rules_of(Treatment::Hmac) {
            one.key = Secret::new(String::new());
        }
        one.fingerprint()
    }

    /// Returns the paths of a stream's masks that led to no value in any record. Returns none if no record of the
    /// stream has gone through the masks yet.
    pub fn unmet(&self, stream: Stream) -> Vec<&[String]> {
        if !self.used[stream].is_set() {
            return Vec::new();
        }
        self.rules[stream].iter().filter(|rule| !rule.met.is_set()).map(|rule| &rule.path[..]).collect()
    }

    /// Returns a record's JSON with the stream's masks applied.
    pub fn on<'t>(&self, stream: Stream, text: &'t str) -> Cow<'t, str> {
        self.used[stream].set();
        let mut spans: Vec<Span> = Vec::new();
        for rule in &self.rules[stream] {
            self.find(stream, text, rule, &mut spans);
        }
        json_paths::replaced(text, spans).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Returns a page's records with the masks applied. The result has a body of its own, and each record's hash is
    /// that of the masked JSON.
    ///
    /// A stream whose records have partitions (conversations) is an exception: its records get a keyed hash of the
    /// unmasked JSON. Otherwise, a change in a masked value would go unnoticed, and that value, such as the last
    /// message, may be the only sign that the partition has something new. Returns an error if a record is not UTF-8.
    pub fn apply_to_page(&self, stream: Stream, records: &Records, volatile: &Volatile) -> Result<Records> {
        let (mut body, mut rows) = (String::new(), Vec::with_capacity(records.rows.len()));
        for row in &records.rows {
            if row.range.is_empty() {
                rows.push(row.clone());
                continue;
            }
            let text = std::str::from_utf8(records.payload(row))
                .map_err(|_| Error::new(Kind::Internal, "a record is not UTF-8"))?;
            let masked = self.on(stream, text);
            let (hash, is_volatile) = if self.hashes_unmasked(stream) {
                (self.keyed(row.hash), row.volatile)
            } else {
                volatile.hash(&masked)
            };
            let range = body.len()..body.len() + masked.len();
            body.push_str(&masked);
            rows.push(Record { range, id: row.id.clone(), hash, volatile: is_volatile, repaired: row.repaired });
        }
        Ok(Records { body: body.into(), rows })
    }

    /// Returns `true` if changes in the stream's records are detected by a hash of their unmasked JSON.
    pub fn hashes_unmasked(&self, stream: Stream) -> bool {
        has_partitions(stream) && !self.rules[stream].is_empty()
    }

    /// Returns a keyed hash of `hash`. Without the key, nobody can find the hashed text by trying possible texts.
    fn keyed(&self, hash: u128) -> u128 {
        let text = self.hmac(format!("record\n{hash:032x}").as_bytes());
        u128::from_str_radix(text.get(..32).unwrap_or_default(), 16).unwrap_or(hash)
    }

    fn find(&self, stream: Stream, text: &str, rule: &Rule, spans: &mut Vec<Span>) {
        let is_column = |name: &str| stream.columns().iter().any(|c| c.name == name);
        let mut put = |span: std::ops::Range<usize>| {
            rule.met.set();
            let instead = self.instead(rule.how, &text[span.clone()]);
            spans.push((span, instead));
        };
        match &rule.path[..] {
            [extra] if extra == EXTRA => json_paths::members(text, &mut |name, value| {
                if !is_column(name) {
                    let start = value.as_ptr() as usize - text.as_ptr() as usize;
                    put(start..start + value.len());
                }
            }),
            [extra, rest @ ..] if extra == EXTRA => {
                if rest.first().is_some_and(|name| !is_column(name)) {
                    json_paths::find_or_last(text, rest, &mut put);
                }
            }
            path => json_paths::find_or_last(text, path, &mut put),
        }
    }

    /// Returns the JSON that replaces the JSON `value`.
    fn instead(&self, how: Treatment, value: &str) -> Cow<'static, str> {
        match how {
            _ if value == "null" => "null".into(),
            Treatment::Drop => "null".into(),
            Treatment::Redact => REDACTED.into(),
            Treatment::Hmac => {
                let text = serde_json::from_str::<String>(value);
                format!("\"{}\"", self.hmac(text.as_deref().unwrap_or(value).as_bytes())).into()
            }
        }
    }

    fn hmac(&self, bytes: &[u8]) -> String {
        // HMAC accepts a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.reveal().as_bytes()) else {
            return String::new();
        };
        mac.update(bytes);
        crate::hex::text(&mac.finalize().into_bytes())
    }
}

/// Returns `true` if each record of this stream has a partition of another stream, as a conversation has its
/// messages.
pub fn has_partitions(stream: Stream) -> bool {
    crate::streams::ALL.into_iter().any(|s| s.definition().parent == Some(stream))
}

/// A reader that applies masks to the records of another reader.
pub struct Masked<'r> {
    /// The reader that supplies the unmasked records.
    pub reader: &'r dyn Reader,
    /// The masks to apply.
    pub masks: &'r Masks,
}

impl Reader for Masked<'_> {
    fn extent(&self, stream: Stream) -> Result<Extent> {
        self.reader.extent(stream)
    }

    fn snapshot(&self, stream: Stream, each: &mut dyn FnMut(&str, &str) -> Result<()>) -> Result<()> {
        if self.masks.rules[stream].is_empty() {
            return self.reader.snapshot(stream, each);
        }
        self.reader.snapshot(stream, &mut |id, payload| each(id, &self.masks.on(stream, payload)))
    }

    fn changes(
        &self,
        stream: Stream,
        range: SeqRange,
        fed: i64,
        each: &mut dyn FnMut(&Change<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.masks.rules[stream].is_empty() {
            return self.reader.changes(stream, range, fed, each);
        }
        self.reader.changes(stream, range, fed, &mut |change| {
            let masked = change.payload.map(|payload| self.masks.on(stream, payload));
            each(&Change { payload: masked.as_deref(), ..*change })
        })
    }

    fn last_seq(&self) -> Result<i64> {
        self.reader.last_seq()
    }

    fn first_change(&self, stream: Stream, range: SeqRange) -> Result<Option<i64>> {
        self.reader.first_change(stream, range)
    }

    fn nth(&self, stream: Stream, range: SeqRange, n: i64) -> Result<Option<i64>> {
        self.reader.nth(stream, range, n)
    }

    fn past(&self, stream: Stream) -> Result<ForgottenUpTo> {
        self.reader.past(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(rules: &[(&str, Treatment)]) -> Masks {
        let mut masks = Masks { key: Secret::new("a key of some length".into()), ..Masks::default() };
        let rule = |(path, how): &(&str, Treatment)| Rule {
            path: path.split('.').map(str::to_owned).collect(),
            how: *how,
            met: Flag::default(),
        };
        masks.rules[Stream::Contacts] = rules.iter().map(rule).collect();
        masks
    }

    fn on(rules: &[(&str, Treatment)], text: &str) -> String {
        masks(rules).on(Stream::Contacts, text).into_owned()
    }

    #[test]
    fn a_value_is_masked_wherever_it_stands_and_nothing_else_changes() {
        let text =
            r#"{"_id":"1","email":"a@b","tags":[{"name":"x" , "n":1.0},{"name":null}],"email":"c\u0041","z":"y"}"#;
        assert_eq!(
            on(&[("email", Treatment::Drop), ("tags.name", Treatment::Redact)], text),
            r#"{"_id":"1","email":null,"tags":[{"name":"[redacted]" , "n":1.0},{"name":null}],"email":null,"z":"y"}"#
        );
        assert_eq!(on(&[("_extra", Treatment::Drop)], text), text.replace(r#""z":"y""#, r#""z":null"#));
        assert_eq!(on(&[("_extra.z", Treatment::Redact)], text), text.replace(r#""z":"y""#, r#""z":"[redacted]""#));
        assert_eq!(on(&[("_extra.email", Treatment::Drop), ("tags.none", Treatment::Drop)], text), text);
        assert_eq!(
            on(&[("tags", Treatment::Drop), ("tags.name", Treatment::Redact)], r#"{"tags":[{"name":"x"}]}"#),
            r#"{"tags":null}"#
        );
    }

    #[test]
    fn a_path_that_ends_at_a_text_or_number_masks_that_and_a_path_that_leads_nowhere_is_told() {
        let text = r#"{"_id":"1","tags":["x",{"name":"y"},7,null,true],"email":"{\"a\":1}","note":5}"#;
        assert_eq!(
            on(
                &[("tags.name", Treatment::Redact), ("email.a", Treatment::Drop), ("_extra.note.b", Treatment::Drop)],
                text
            ),
            r#"{"_id":"1","tags":["[redacted]",{"name":"[redacted]"},"[redacted]",null,"[redacted]"],"email":null,"note":null}"#
        );
        let masks = masks(&[("tags.nam", Treatment::Drop), ("tags.name", Treatment::Drop)]);
        assert!(masks.unmet(Stream::Contacts).is_empty(), "nothing has gone through them");
        masks.on(Stream::Contacts, r#"{"tags":[{"name":"y"}]}"#);
        assert_eq!(masks.unmet(Stream::Contacts), [["tags".to_owned(), "nam".to_owned()]]);
    }

    #[test]
    fn a_conversation_is_told_apart_by_what_is_masked_and_only_with_the_key() {
        let mut masks = masks(&[]);
        masks.rules[Stream::Conversations] =
            vec![Rule { path: vec!["lastMessage".into()], how: Treatment::Drop, met: Flag::default() }];
        let hash = |masks: &Masks, text: &str| {
            let row = Record::read("_id", text, 0, &Volatile::default()).expect("a record");
            let page = Records { body: text.to_owned().into(), rows: vec![row] };
            let masked = masks.apply_to_page(Stream::Conversations, &page, &Volatile::default()).expect("masked");
            assert_eq!(masked.body, r#"{"_id":"1","lastMessage":null}"#);
            masked.rows[0].hash
        };
        let (one, two) = (r#"{"_id":"1","lastMessage":"a"}"#, r#"{"_id":"1","lastMessage":"b"}"#);
        let first = hash(&masks, one);
        assert_eq!(first, hash(&masks, one));
        assert_ne!(first, hash(&masks, two));
        assert_ne!(first, Volatile::default().hash(one).0);
        masks.key = Secret::new("another key of some length".into());
        assert_ne!(first, hash(&masks, one));
    }

    #[test]
    fn a_keyed_hash_is_the_same_for_the_same_value_and_another_with_another_key() {
        // RFC 4231, test case 2.
        let known = Masks { key: Secret::new("Jefe".into()), ..Masks::default() };
        assert_eq!(
            known.hmac(b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let hashed = |text: &str| on(&[("email", Treatment::Hmac)], text);
        assert_eq!(hashed(r#"{"email":"aA"}"#), hashed(r#"{"email":"a\u0041"}"#));
        assert_ne!(hashed(r#"{"email":"a"}"#), hashed(r#"{"email":"b"}"#));
        assert_eq!(hashed(r#"{"email":null}"#), r#"{"email":null}"#);
        let mut other = masks(&[("email", Treatment::Hmac)]);
        let fingerprint = other.fingerprint();
        assert_eq!(masks(&[("email", Treatment::Hmac)]).fingerprint(), fingerprint);
        other.key = Secret::new("another key of some length".into());
        assert_ne!(other.on(Stream::Contacts, r#"{"email":"a"}"#), hashed(r#"{"email":"a"}"#));
        assert_ne!(other.fingerprint(), fingerprint);
        assert_eq!(Masks::default().fingerprint(), "");
    }

    #[test]
    fn masks_that_differ_in_anything_have_other_names() {
        let named = |stream: Stream, rules: &[(&str, Treatment)]| {
            let mut masks = masks(rules);
            let rules = std::mem::take(&mut masks.rules[Stream::Contacts]);
            masks.rules[stream] = rules;
            masks.fingerprint()
        };
        let (email, phone) = (("email", Treatment::Redact), ("phone", Treatment::Drop));
        let both = named(Stream::Contacts, &[email, phone]);
        assert_eq!(named(Stream::Contacts, &[phone, email]), both, "their order is nothing");
        for (stream, rules) in [
            (Stream::CustomerPersons, &[email, phone][..]),
            (Stream::Contacts, &[email]),
            (Stream::Contacts, &[email, ("phone", Treatment::Redact)]),
            (Stream::Contacts, &[email, ("phoneCode", Treatment::Drop)]),
        ] {
            assert_ne!(named(stream, rules), both, "{stream} {rules:?}");
        }
    }

    #[test]
    fn what_lands_masked_is_told_apart_by_what_is_left_of_it() {
        let landed = |payload: &str| {
            let row = Record::read("_id", payload, 0, &Volatile::default()).expect("a record");
            let records = Records { body: payload.to_owned().into(), rows: vec![row] };
            let masks = masks(&[("email", Treatment::Drop)]);
            let landed = masks.apply_to_page(Stream::Contacts, &records, &Volatile::default()).expect("masked");
            let row = landed.rows[0].clone();
            (String::from_utf8(landed.payload(&row).to_vec()).expect("UTF-8"), row.hash)
        };
        let (text, hash) = landed(r#"{"_id":"1","email":"a@b","z":1}"#);
        assert_eq!(text, r#"{"_id":"1","email":null,"z":1}"#);
        // A hash of the unmasked text would let it be guessed, and would report a change that nobody can see.
        assert_eq!(landed(r#"{"_id":"1","email":"c@d","z":1}"#), (text.clone(), hash));
        assert_eq!(Volatile::default().hash(&text).0, hash);
        assert_ne!(landed(r#"{"_id":"1","email":"a@b","z":2}"#).1, hash);
    }
}
