//! The contract of every destination, as tests. [`hold_to_the_contract`] runs them all on a destination of changes.

use std::collections::BTreeMap;

use serde::Deserialize as _;

use super::*;
use crate::config::job::DestinationKind;
use crate::error::Kind;
use crate::record::{Change, Extent, ForgottenUpTo, Op};
use crate::streams::DateForm;

/// The stream of these tests.
pub const STREAM: Stream = Stream::Contacts;

/// Records and tombstones with their seqs. As in the mirror, a later seq of an id replaces the earlier one.
#[derive(Clone, Default)]
pub struct FakeMirror {
    rows: Vec<(i64, String, Option<String>)>,
    /// What was dropped and forgotten of them.
    pub past: ForgottenUpTo,
}

impl FakeMirror {
    /// Returns a mirror of these rows, which are in the order of their seqs.
    pub fn of(rows: Vec<(i64, String, Option<String>)>) -> FakeMirror {
        FakeMirror { rows, past: ForgottenUpTo::default() }
    }

    /// Adds a change, or a deletion if `payload` is `None`.
    pub fn put(&mut self, id: &str, payload: Option<&str>) {
        let seq = self.last() + 1;
        self.rows.retain(|r| r.1 != id);
        self.rows.push((seq, id.to_owned(), payload.map(str::to_owned)));
    }

    /// Returns the last seq.
    pub fn last(&self) -> i64 {
        self.rows.iter().map(|r| r.0).max().unwrap_or(0).max(self.past.forgotten)
    }

    /// Returns the current records: id to payload.
    pub fn truth(&self) -> BTreeMap<String, serde_json::Value> {
        let live = self.rows.iter().filter_map(|(_, id, payload)| Some((id, payload.as_ref()?)));
        live.map(|(id, payload)| (id.clone(), serde_json::from_str(payload).expect("JSON"))).collect()
    }

    /// Forgets the tombstones up to a seq.
    pub fn forget(&mut self, up_to: i64) {
        self.rows.retain(|(seq, _, payload)| payload.is_some() || *seq > up_to);
        self.past.forgotten = up_to;
    }
}

impl Reader for FakeMirror {
    fn extent(&self, _: Stream) -> Result<Extent> {
        let live = || self.rows.iter().filter(|r| r.2.is_some());
        let seqs = live().map(|r| r.0).min().zip(live().map(|r| r.0).max());
        Ok(Extent { records: live().count() as u64, seqs })
    }

    fn snapshot(&self, _: Stream, each: &mut dyn FnMut(&str, &str) -> Result<()>) -> Result<()> {
        let mut live: Vec<(&String, &String)> =
            self.rows.iter().filter_map(|(_, id, payload)| Some((id, payload.as_ref()?))).collect();
        live.sort_by_key(|(id, _)| *id);
        live.into_iter().try_for_each(|(id, payload)| each(id, payload))
    }

    fn changes(
        &self,
        _: Stream,
        range: SeqRange,
        _: i64,
        each: &mut dyn FnMut(&Change<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut rows: Vec<_> = self.rows.iter().filter(|r| (range.first..=range.last).contains(&r.0)).collect();
        rows.sort();
        rows.into_iter().try_for_each(|(seq, id, payload)| {
            let op = if payload.is_some() { Op::Insert } else { Op::Delete };
            each(&Change { seq: *seq, id, payload: payload.as_deref(), op, synced_at: Some(0), run: Some(7) })
        })
    }

    fn last_seq(&self) -> Result<i64> {
        Ok(self.last())
    }

    fn first_change(&self, _: Stream, range: SeqRange) -> Result<Option<i64>> {
        Ok(self.rows.iter().map(|r| r.0).filter(|seq| (range.first..=range.last).contains(seq)).min())
    }

    fn nth(&self, _: Stream, range: SeqRange, n: i64) -> Result<Option<i64>> {
        let live = self.rows.iter().filter(|r| r.2.is_some() && (range.first..=range.last).contains(&r.0));
        let mut seqs: Vec<i64> = live.map(|r| r.0).collect();
        seqs.sort_unstable();
        Ok(usize::try_from(n - 1).ok().and_then(|n| seqs.get(n).copied()))
    }

    fn past(&self, _: Stream) -> Result<ForgottenUpTo> {
        Ok(self.past)
    }
}

/// A destination of changes under test, with a second way to read its data.
pub trait Subject {
    /// Opens the same place anew, as a later run does.
    fn open(&self) -> Box<dyn Destination>;

    /// Returns the current records that the stored data shows: id to its columns that are not null, as the texts in
    /// which they are written.
    fn rows(&self) -> BTreeMap<String, BTreeMap<String, String>>;

    /// Returns everything that is stored, as text. Two such texts are equal if and only if nothing has changed.
    fn bytes(&self) -> String;

    /// Returns a text as the destination writes it. The default is the text itself.
    fn substituted(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Returns a delivery of `range` of the one stream.
pub fn delivery(range: Option<SeqRange>, verdict: Verdict, mirror: &str) -> Delivery {
    let columns = STREAM.columns().to_vec();
    let streams = vec![Offer {
        stream: STREAM,
        columns,
        collects: false,
        unasked: Vec::new(),
        verdict,
        is_damaged: false,
        set_aside: Vec::new(),
        moved: crate::verdict::Moved::default(),
        suspects: 0,
        ignored: Vec::new(),
        masks: String::new(),
        as_of: None,
        range,
    }];
    Delivery {
        job: "j".into(),
        run: 7,
        mirror: mirror.into(),
        dates: DateForm::Iso8601.into(),
        id: "an id".into(),
        is_collect_named: false,
        time_zone: "UTC".into(),
        of_job: crate::streams::ALL.to_vec(),
        streams,
    }
}

/// Delivers everything that is new, as a run does.
pub fn deliver(subject: &dyn Subject, held: &FakeMirror) -> Vec<Receipt> {
    let mut destination = subject.open();
    destination.check("a test").expect("check");
    let first = destination.delivered("m", STREAM).expect("delivered") + 1;
    let range = SeqRange { first, last: held.last() };
    let is_new = held.first_change(STREAM, range).expect("a look").is_some();
    let delivery = delivery(is_new.then_some(range), Verdict::Continuous, "m");
    destination.deliver(&delivery, held).expect("deliver")
}

/// Returns values that have broken exports before.
pub fn nasty() -> Vec<(&'static str, String)> {
    let texts = [
        ("empty", ""),
        ("spaces", "  \t "),
        ("quotes", "'\"`\\\\ ''"),
        ("lines", "a\r\nb\nc\rd\u{2028}e\u{85}"),
        ("commas", "a,b;c\td|e"),
        ("null", "NULL"),
        ("copy", "\\N\\."),
        ("formula", "=cmd|'/c calc'!A0"),
        ("emoji", "👩‍👩‍👧 é e\u{301} \u{202e}abc"),
        ("bom", "\u{feff}x"),
        ("controls", "\u{1}\u{7f}\u{1b}[31m"),
        ("zero", "a\0b"),
        ("replacement", "\u{fffd}\u{ffff}\u{10ffff}"),
        ("html", "<script>alert(1)</script>&amp;"),
        ("sql", "'); DROP TABLE contacts;--"),
    ];
    texts.into_iter().map(|(id, text)| (id, text.to_owned())).chain([("long", "ü".repeat(70_000))]).collect()
}

fn contact(id: &str, name: &str) -> String {
    serde_json::json!({ "_id": id, "firstName": name, "tags": [{ "name": name }] }).to_string()
}

fn assert_equal(subject: &dyn Subject, held: &FakeMirror, when: &str) {
    let rows = subject.rows();
    let truth = held.truth();
    assert_eq!(rows.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>(), "{when}");
    for (id, record) in &truth {
        let name = record["firstName"].as_str().expect("a name");
        let told = rows[id].get("firstName").map(String::as_str);
        assert_eq!(told, Some(subject.substituted(name).as_str()), "{when}: {id}");
        let tags: serde_json::Value = serde_json::from_str(&rows[id]["tags"]).expect("JSON text");
        assert_eq!(tags[0]["name"], serde_json::Value::String(subject.substituted(name)), "{when}: {id}");
    }
}

/// Tests a destination of changes against every part of the contract that shows without killing it.
pub fn hold_to_the_contract(subject: &dyn Subject) {
    let mut held = FakeMirror::default();
    for (id, text) in nasty() {
        held.put(id, Some(&contact(id, &text)));
    }
    // A stream that did not end complete is held, and none of its rows arrives.
    let mut destination = subject.open();
    destination.check("a test").expect("check");
    assert_eq!(destination.delivered("m", STREAM).expect("nothing yet"), 0);
    let incomplete = delivery(None, Verdict::Incomplete("why".into()), "m");
    let receipts = destination.deliver(&incomplete, &held).expect("held");
    assert!(receipts[0].held && receipts[0].records == 0, "{receipts:?}");
    drop(destination);
    assert!(subject.rows().is_empty());

    let receipts = deliver(subject, &held);
    assert_eq!((receipts[0].records, receipts[0].up_to_seq), (nasty().len() as u64, held.last()));
    assert_equal(subject, &held, "everything, as it was sent");

    // A later run reads from the data itself how far the destination has come. A delivery without a range changes
    // nothing.
    let mut destination = subject.open();
    destination.check("a test").expect("check");
    assert_eq!(destination.delivered("m", STREAM).expect("delivered"), held.last());
    drop(destination);
    again(subject, &held);

    // Changes, deletions, and an id that comes back.
    held.put("quotes", Some(&contact("quotes", "changed")));
    held.put("null", None);
    held.put("never seen", None);
    held.put("new", Some(&contact("new", "new")));
    let receipts = deliver(subject, &held);
    assert_eq!((receipts[0].records, receipts[0].up_to_seq), (4, held.last()));
    assert_equal(subject, &held, "changed, deleted, new");
    held.put("null", Some(&contact("null", "back")));
    held.put("new", Some(&contact("new", "newer")));
    deliver(subject, &held);
    assert_equal(subject, &held, "back again");
    again(subject, &held);

    // If nothing is new, nothing is delivered.
    let receipts = deliver(subject, &held);
    assert_eq!(receipts[0].records, 0);
    assert_equal(subject, &held, "nothing new");

    // Another mirror is refused, because its seqs mean nothing here.
    let mut destination = subject.open();
    destination.check("a test").expect("check");
    assert_eq!(destination.delivered("another", STREAM).expect_err("refused").kind, Kind::DestinationOfAnother);
}

#[test]
fn every_kind_of_destination_is_held_to_the_contract() {
    let files = ("files/tests.rs", include_str!("files/tests.rs"));
    let postgres = ("postgres/tests.rs", include_str!("postgres/tests.rs"));
    for kind in crate::config::keys_tests::known("[[destination]]\nkind = \"zzz\"") {
        let kind = DestinationKind::deserialize(toml::Value::String(kind)).expect("a kind");
        let ((file, text), subject) = match kind {
            DestinationKind::Csv => (files, "as_csv"),
            DestinationKind::Jsonl => (files, "as_jsonl"),
            DestinationKind::Parquet => (files, "as_parquet"),
            DestinationKind::Postgres => (postgres, "InSchema::of"),
        };
        let is_held = text.contains("hold_to_the_contract(") && text.contains(subject);
        assert!(is_held, "src/destinations/{file} does not hold {kind:?} to the contract");
    }
}

/// Asserts that everything is delivered, and that a further delivery, without a range, changes nothing.
fn again(subject: &dyn Subject, held: &FakeMirror) {
    let before = subject.bytes();
    let mut destination = subject.open();
    destination.check("a test").expect("check");
    let whole = SeqRange { first: destination.delivered("m", STREAM).expect("delivered") + 1, last: held.last() };
    assert!(whole.first > whole.last, "everything is delivered");
    let none = delivery(None, Verdict::Continuous, "m");
    let receipts = destination.deliver(&none, held).expect("again");
    assert_eq!(receipts[0].records, 0);
    drop(destination);
    assert_eq!(subject.bytes(), before, "delivering again changes nothing");
}
