//! Personal data: values that a job has dropped, redacted or replaced by a keyed hash, before they leave the mirror or
//! before they enter it.
//!
//! A mask works on a record's JSON text, at the one door that every destination is fed through ([`Masked`]), or where a
//! page lands; so no destination needs to know of it, and a value that does not fit its column's type is masked before
//! it is put into `_extra`. Every mask leaves null as it is: that a value is missing is no secret, and `drop` makes the
//! others look like it. The column stays, so schemas do not change.
//!
//! `hmac` is HMAC-SHA-256 in hex over the text (of anything else: its compact JSON), with a key from the environment: the
//! same value has the same hash in every column, stream and night, so joins and counts work; without the key nobody can
//! try out telephone numbers.

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
use crate::record::{Change, Extent, Past, Reader, Record, Records, SeqRange};
use crate::secret::Secret;
use crate::streams::{PerStream, Stream};

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It becomes null.
    Drop,
    /// It becomes a keyed hash of itself.
    Hmac,
    /// It becomes `[redacted]`.
    Redact,
}

/// Set once by whoever holds a copy, and seen by all of them.
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

/// A value and what is done with it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The names that lead to it: a column, and what lies in it. `_extra` is every field that no column holds.
    pub path: Vec<String>,
    /// What is done.
    pub how: How,
    /// It has led to a value.
    pub met: Flag,
}

/// The masks of a job.
#[derive(Clone)]
pub struct Masks {
    /// By stream.
    pub rules: PerStream<Vec<Rule>>,
    /// Of `hmac`, and of what tells that a masked record has changed.
    pub key: Secret,
    /// Records that have gone through them, by stream.
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

/// What stands where a value is redacted.
const REDACTED: &str = "\"[redacted]\"";

/// The column of what no column holds.
const EXTRA: &str = "_extra";

impl Masks {
    /// There are none.
    pub fn is_empty(&self) -> bool {
        crate::streams::ALL.into_iter().all(|s| self.rules[s].is_empty())
    }

    /// Whether any of them is this one.
    pub fn rules_of(&self, how: How) -> bool {
        crate::streams::ALL.into_iter().any(|s| self.rules[s].iter().any(|r| r.how == how))
    }

    /// Names these masks, key included, without telling it: equal masks have equal names.
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

    /// Names one stream's masks like [`Masks::fingerprint`]; the key counts where it is used.
    pub fn fingerprint_of(&self, stream: Stream) -> String {
        let mut one = Masks { key: self.key.clone(), ..Masks::default() };
        one.rules[stream].clone_from(&self.rules[stream]);
        if !one.rules_of(How::Hmac) {
            one.key = Secret::new(String::new());
        }
        one.fingerprint()
    }

    /// The paths that led to nothing, although records of the stream have gone through the masks.
    pub fn unmet(&self, stream: Stream) -> Vec<&[String]> {
        if !self.used[stream].is_set() {
            return Vec::new();
        }
        self.rules[stream].iter().filter(|rule| !rule.met.is_set()).map(|rule| &rule.path[..]).collect()
    }

    /// A record's JSON text with its masks on.
    pub fn on<'t>(&self, stream: Stream, text: &'t str) -> Cow<'t, str> {
        self.used[stream].set();
        let mut spans: Vec<Span> = Vec::new();
        for rule in &self.rules[stream] {
            self.find(stream, text, rule, &mut spans);
        }
        json_paths::replaced(text, spans).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The same of a page's records, in a body of their own and with hashes of what is left. Records that another
    /// stream's lists belong to are told apart as they came, by a keyed hash: what is masked may be what tells that
    /// there is something new in such a list.
    pub fn on_records(&self, stream: Stream, records: &Records, volatile: &Volatile) -> Result<Records> {
        let (mut body, mut rows) = (String::new(), Vec::with_capacity(records.rows.len()));
        for row in &records.rows {
            if row.range.is_empty() {
                rows.push(row.clone());
                continue;
            }
            let text = std::str::from_utf8(records.payload(row))
                .map_err(|_| Error::new(Kind::Internal, "a record is not UTF-8"))?;
            let masked = self.on(stream, text);
            let (hash, is_volatile) =
                if self.tells_whole(stream) { (self.keyed(row.hash), row.volatile) } else { volatile.hash(&masked) };
            let range = body.len()..body.len() + masked.len();
            body.push_str(&masked);
            rows.push(Record { range, id: row.id.clone(), hash, volatile: is_volatile, repaired: row.repaired });
        }
        Ok(Records { body: body.into(), rows })
    }

    /// Whether a record of the stream is told apart as it came, masked values included.
    pub fn tells_whole(&self, stream: Stream) -> bool {
        has_lists(stream) && !self.rules[stream].is_empty()
    }

    /// The hash of a hash: nobody without the key can try out what the first was made of.
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
                    json_paths::lead_or_stop(text, rest, &mut put);
                }
            }
            path => json_paths::lead_or_stop(text, path, &mut put),
        }
    }

    fn instead(&self, how: How, value: &str) -> Cow<'static, str> {
        match how {
            _ if value == "null" => "null".into(),
            How::Drop => "null".into(),
            How::Redact => REDACTED.into(),
            How::Hmac => {
                let text = serde_json::from_str::<String>(value);
                format!("\"{}\"", self.hmac(text.as_deref().unwrap_or(value).as_bytes())).into()
            }
        }
    }

    fn hmac(&self, bytes: &[u8]) -> String {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.reveal().as_bytes()) else {
            return String::new();
        };
        mac.update(bytes);
        crate::hex::text(&mac.finalize().into_bytes())
    }
}

/// Whether another stream's lists belong to the records of this one.
pub fn has_lists(stream: Stream) -> bool {
    crate::streams::ALL.into_iter().any(|s| s.definition().parent == Some(stream))
}

/// A reader that shows records with their masks on.
pub struct Masked<'r> {
    /// Who reads.
    pub reader: &'r dyn Reader,
    /// The masks.
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

    fn past(&self, stream: Stream) -> Result<Past> {
        self.reader.past(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(rules: &[(&str, How)]) -> Masks {
        let mut masks = Masks { key: Secret::new("a key of some length".into()), ..Masks::default() };
        let rule = |(path, how): &(&str, How)| Rule {
            path: path.split('.').map(str::to_owned).collect(),
            how: *how,
            met: Flag::default(),
        };
        masks.rules[Stream::Contacts] = rules.iter().map(rule).collect();
        masks
    }

    fn on(rules: &[(&str, How)], text: &str) -> String {
        masks(rules).on(Stream::Contacts, text).into_owned()
    }

    #[test]
    fn a_value_is_masked_wherever_it_stands_and_nothing_else_changes() {
        let text =
            r#"{"_id":"1","email":"a@b","tags":[{"name":"x" , "n":1.0},{"name":null}],"email":"c\u0041","z":"y"}"#;
        assert_eq!(
            on(&[("email", How::Drop), ("tags.name", How::Redact)], text),
            r#"{"_id":"1","email":null,"tags":[{"name":"[redacted]" , "n":1.0},{"name":null}],"email":null,"z":"y"}"#
        );
        assert_eq!(on(&[("_extra", How::Drop)], text), text.replace(r#""z":"y""#, r#""z":null"#));
        assert_eq!(on(&[("_extra.z", How::Redact)], text), text.replace(r#""z":"y""#, r#""z":"[redacted]""#));
        assert_eq!(on(&[("_extra.email", How::Drop), ("tags.none", How::Drop)], text), text);
        assert_eq!(
            on(&[("tags", How::Drop), ("tags.name", How::Redact)], r#"{"tags":[{"name":"x"}]}"#),
            r#"{"tags":null}"#
        );
    }

    #[test]
    fn a_path_that_ends_at_a_text_or_number_masks_that_and_a_path_that_leads_nowhere_is_told() {
        let text = r#"{"_id":"1","tags":["x",{"name":"y"},7,null,true],"email":"{\"a\":1}","note":5}"#;
        assert_eq!(
            on(&[("tags.name", How::Redact), ("email.a", How::Drop), ("_extra.note.b", How::Drop)], text),
            r#"{"_id":"1","tags":["[redacted]",{"name":"[redacted]"},"[redacted]",null,"[redacted]"],"email":null,"note":null}"#
        );
        let masks = masks(&[("tags.nam", How::Drop), ("tags.name", How::Drop)]);
        assert!(masks.unmet(Stream::Contacts).is_empty(), "nothing has gone through them");
        masks.on(Stream::Contacts, r#"{"tags":[{"name":"y"}]}"#);
        assert_eq!(masks.unmet(Stream::Contacts), [["tags".to_owned(), "nam".to_owned()]]);
    }

    #[test]
    fn a_conversation_is_told_apart_by_what_is_masked_and_only_with_the_key() {
        let mut masks = masks(&[]);
        masks.rules[Stream::Conversations] =
            vec![Rule { path: vec!["lastMessage".into()], how: How::Drop, met: Flag::default() }];
        let hash = |masks: &Masks, text: &str| {
            let row = Record::read("_id", text, 0, &Volatile::default()).expect("a record");
            let page = Records { body: text.to_owned().into(), rows: vec![row] };
            let masked = masks.on_records(Stream::Conversations, &page, &Volatile::default()).expect("masked");
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
        let hashed = |text: &str| on(&[("email", How::Hmac)], text);
        assert_eq!(hashed(r#"{"email":"aA"}"#), hashed(r#"{"email":"a\u0041"}"#));
        assert_ne!(hashed(r#"{"email":"a"}"#), hashed(r#"{"email":"b"}"#));
        assert_eq!(hashed(r#"{"email":null}"#), r#"{"email":null}"#);
        let mut other = masks(&[("email", How::Hmac)]);
        let fingerprint = other.fingerprint();
        assert_eq!(masks(&[("email", How::Hmac)]).fingerprint(), fingerprint);
        other.key = Secret::new("another key of some length".into());
        assert_ne!(other.on(Stream::Contacts, r#"{"email":"a"}"#), hashed(r#"{"email":"a"}"#));
        assert_ne!(other.fingerprint(), fingerprint);
        assert_eq!(Masks::default().fingerprint(), "");
    }

    #[test]
    fn masks_that_differ_in_anything_have_other_names() {
        let named = |stream: Stream, rules: &[(&str, How)]| {
            let mut masks = masks(rules);
            let rules = std::mem::take(&mut masks.rules[Stream::Contacts]);
            masks.rules[stream] = rules;
            masks.fingerprint()
        };
        let (email, phone) = (("email", How::Redact), ("phone", How::Drop));
        let both = named(Stream::Contacts, &[email, phone]);
        assert_eq!(named(Stream::Contacts, &[phone, email]), both, "their order is nothing");
        for (stream, rules) in [
            (Stream::CustomerPersons, &[email, phone][..]),
            (Stream::Contacts, &[email]),
            (Stream::Contacts, &[email, ("phone", How::Redact)]),
            (Stream::Contacts, &[email, ("phoneCode", How::Drop)]),
        ] {
            assert_ne!(named(stream, rules), both, "{stream} {rules:?}");
        }
    }

    #[test]
    fn what_lands_masked_is_told_apart_by_what_is_left_of_it() {
        let landed = |payload: &str| {
            let row = Record::read("_id", payload, 0, &Volatile::default()).expect("a record");
            let records = Records { body: payload.to_owned().into(), rows: vec![row] };
            let masks = masks(&[("email", How::Drop)]);
            let landed = masks.on_records(Stream::Contacts, &records, &Volatile::default()).expect("masked");
            let row = landed.rows[0].clone();
            (String::from_utf8(landed.payload(&row).to_vec()).expect("UTF-8"), row.hash)
        };
        let (text, hash) = landed(r#"{"_id":"1","email":"a@b","z":1}"#);
        assert_eq!(text, r#"{"_id":"1","email":null,"z":1}"#);
        // A hash of what was masked would let it be tried out, and tell a change where none can be seen.
        assert_eq!(landed(r#"{"_id":"1","email":"c@d","z":1}"#), (text.clone(), hash));
        assert_eq!(Volatile::default().hash(&text).0, hash);
        assert_ne!(landed(r#"{"_id":"1","email":"a@b","z":2}"#).1, hash);
    }
}
