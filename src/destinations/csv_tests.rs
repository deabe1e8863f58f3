use std::path::Path;

use sha2::{Digest, Sha256};

use super::*;
use crate::destinations::compression::Compression;
use crate::destinations::contract_tests::FakeMirror;
use crate::destinations::files::Files;
use crate::destinations::folder::Folder;
use crate::destinations::manifest::{Manifest, NAME};
use crate::destinations::{Content, Delivery, Destination, DestinationTerms, Offer, Receipt};
use crate::error::Kind;
use crate::streams::{DateForm, Stream};
use crate::verdict::{Moved, Verdict};

fn persons(names: &[&str]) -> FakeMirror {
    let payloads = names.iter().map(|n| format!(r#"{{"_id":"x","firstName":{n}}}"#));
    FakeMirror::of((1..).zip(payloads).map(|(seq, payload)| (seq, "x".to_owned(), Some(payload))).collect())
}

fn offer(verdict: Verdict) -> Delivery {
    let streams = vec![Offer {
        stream: Stream::CustomerPersons,
        columns: Stream::CustomerPersons.columns().to_vec(),
        collects: false,
        unasked: Vec::new(),
        verdict,
        is_damaged: false,
        set_aside: Vec::new(),
        moved: Moved::default(),
        suspects: 0,
        ignored: Vec::new(),
        masks: String::new(),
        as_of: Some("2026-01-01T00:00:00Z".into()),
        range: None,
    }];
    Delivery {
        job: "j".into(),
        run: 7,
        mirror: "m".into(),
        dates: DateForm::Iso8601.into(),
        id: "an id".into(),
        is_collect_named: false,
        time_zone: "UTC".into(),
        of_job: crate::streams::ALL.to_vec(),
        streams,
    }
}

struct Written {
    options: CsvOptions,
    split: Option<u64>,
    publish_always: bool,
}

impl From<CsvOptions> for Written {
    fn from(options: CsvOptions) -> Written {
        Written { options, split: None, publish_always: false }
    }
}

fn open(dir: &Path, written: Written) -> Files {
    let terms = DestinationTerms { content: Content::Snapshot, publish_always: written.publish_always };
    Files::new(Box::new(Folder::new(dir)), Box::new(written.options), terms, written.split)
}

fn deliver(dir: &Path, written: impl Into<Written>, reader: &FakeMirror, verdict: Verdict) -> Vec<Receipt> {
    let mut csv = open(dir, written.into());
    csv.check("a test").expect("check");
    csv.deliver(&offer(verdict), reader).expect("deliver")
}

/// Delivers persons with these names, and returns the cells of column `firstName`.
fn names(dir: &Path, options: CsvOptions, values: &[&str]) -> Vec<String> {
    deliver(dir, options, &persons(values), Verdict::Continuous);
    let text = std::fs::read_to_string(dir.join("customer_persons.csv")).expect("file");
    let cut = |row: &str| row.strip_prefix("x,,,,").and_then(|r| r.strip_suffix(",,,,,")).map(str::to_owned);
    let marked = text.replace("\r\nx,", "\u{1}x,").replace("\nx,", "\u{1}x,");
    marked
        .split('\u{1}')
        .skip(1)
        .map(|row| cut(row.trim_end_matches(['\r', '\n'])).unwrap_or_else(|| row.to_owned()))
        .collect()
}

#[test]
fn null_and_empty_are_told_apart_and_quoting_is_rfc_4180() {
    let dir = tempfile::tempdir().expect("dir");
    let values = ["null", r#""""#, r#""a""#, r#""a,b""#, r#""a\"b""#, r#""a\nb""#, r#""\r""#, r#"" ""#, "17", "[1, 2]"];
    let cells = names(dir.path(), CsvOptions::default(), &values);
    assert_eq!(cells, ["", "\"\"", "a", "\"a,b\"", "\"a\"\"b\"", "\"a\nb\"", "\"\r\"", " ", "17", "\"[1,2]\""]);
    let header = std::fs::read_to_string(dir.path().join("customer_persons.csv")).expect("file");
    let names = "_id,customer,type,status,firstName,lastName,profilePhoto,email,phone,language";
    let quoted: Vec<String> = names.split(',').map(|name| format!("\"{name}\"")).collect();
    assert_eq!(header.lines().next(), Some(&*quoted.join(",")));
}

#[test]
fn options_change_delimiter_line_ends_and_formulas() {
    let dir = tempfile::tempdir().expect("dir");
    let options = CsvOptions { formula_safe: true, crlf: true, ..CsvOptions::default() };
    assert_eq!(
        names(dir.path(), options, &[r#""=1+1""#, r#""-x,""#, "-5", r#""ok""#]),
        ["'=1+1", "\"'-x,\"", "-5", "ok"]
    );
    let options = CsvOptions { delimiter: b';', ..CsvOptions::default() };
    deliver(dir.path(), options, &persons(&[r#""a;b,c""#]), Verdict::Continuous);
    let text = std::fs::read_to_string(dir.path().join("customer_persons.csv")).expect("file");
    assert!(text.ends_with("\nx;;;;\"a;b,c\";;;;;\n"), "{text}");
}

#[test]
fn compressed_and_split_files_are_summed_in_the_manifest() {
    use std::io::Read as _;
    let dir = tempfile::tempdir().expect("dir");
    let many: Vec<String> = (0..50).map(|i| format!("\"name {i}\"")).collect();
    let reader = persons(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let options = CsvOptions { compression: Compression::Gzip, ..CsvOptions::default() };
    let written = Written { options, split: Some(300), publish_always: false };
    let receipts = deliver(dir.path(), written, &reader, Verdict::Proven);
    assert!(receipts[0].files.len() > 3 && receipts[0].records == 50, "{receipts:?}");
    let manifest: Manifest =
        serde_json::from_slice(&std::fs::read(dir.path().join(NAME)).expect("manifest")).expect("JSON");
    let entry = &manifest.streams["customer_persons"];
    let mut rows = 0;
    for file in &entry.files {
        let bytes = std::fs::read(dir.path().join(&file.path)).expect("part");
        assert_eq!(file.bytes, bytes.len() as u64);
        assert_eq!(file.sha256, crate::hex::text(&Sha256::digest(&bytes)));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
        assert!(text.len() <= 300 && text.starts_with("\"_id\","), "{}", text.len());
        rows += text.lines().count() as u64 - 1;
    }
    assert_eq!((rows, entry.rows, entry.verdict.as_str()), (50, 50, "proven"));
    // A delivery in one file removes the earlier parts.
    deliver(
        dir.path(),
        CsvOptions { compression: Compression::Zstd, ..CsvOptions::default() },
        &reader,
        Verdict::Proven,
    );
    let left: Vec<String> = std::fs::read_dir(dir.path())
        .expect("dir")
        .map(|e| e.expect("entry").file_name().into_string().expect("name"))
        .filter(|n| !n.starts_with('.'))
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let packed = std::fs::read(dir.path().join("customer_persons.csv.zst")).expect("zstd");
    assert_eq!(String::from_utf8(zstd::decode_all(&packed[..]).expect("zstd")).expect("UTF-8").lines().count(), 51);
}

#[test]
fn a_stream_that_did_not_end_complete_is_held() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("customer_persons.csv");
    let entry = || {
        let manifest: Manifest =
            serde_json::from_slice(&std::fs::read(dir.path().join(NAME)).expect("manifest")).expect("JSON");
        manifest.streams["customer_persons"].clone()
    };
    let incomplete = || Verdict::Incomplete("the order is not stable".into());
    deliver(dir.path(), CsvOptions::default(), &persons(&[r#""1""#]), incomplete());
    assert!(!file.exists() && entry().status == "held" && entry().files.is_empty());
    deliver(dir.path(), CsvOptions::default(), &persons(&[r#""2""#]), Verdict::Continuous);
    let good = std::fs::read(&file).expect("file");
    let receipts = deliver(dir.path(), CsvOptions::default(), &persons(&[r#""3""#, r#""4""#]), incomplete());
    assert!(receipts[0].held);
    assert_eq!(std::fs::read(&file).expect("file"), good, "the last good file stays");
    assert_eq!((entry().status.as_str(), entry().rows, entry().verdict.as_str()), ("held", 1, "incomplete"));
    deliver(
        dir.path(),
        Written { options: CsvOptions::default(), split: None, publish_always: true },
        &persons(&[r#""3""#, r#""4""#]),
        incomplete(),
    );
    assert_eq!((entry().status.as_str(), entry().rows), ("incomplete", 2));
}

#[test]
fn a_second_run_into_the_folder_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let mut one = open(dir.path(), CsvOptions::default().into());
    one.check("job one").expect("check");
    let refused = open(dir.path(), CsvOptions::default().into()).check("job two").expect_err("locked");
    assert!(refused.kind == Kind::Locked && refused.detail.contains("job one"), "{refused}");
}

#[test]
fn a_folder_that_cannot_be_made_is_a_clear_error() {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(dir.path().join("file"), "x").expect("write");
    let refused =
        open(&dir.path().join("file/out"), CsvOptions::default().into()).check("j").expect_err("not a folder");
    assert!(refused.kind == Kind::Usage && refused.detail.contains("file/out"), "{refused}");
}
