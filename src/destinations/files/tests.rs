use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::contract_tests::{self, FakeMirror, STREAM, Subject, deliver, delivery};
use super::super::csv_options::CsvOptions;
use super::super::folder::Folder;
use super::super::jsonl;
use super::*;
use crate::destinations::compression::Compression;
use crate::destinations::manifest::FileEntry;
use crate::verdict::Verdict;

const CHANGES: DestinationTerms = DestinationTerms { content: Content::Changes, publish_always: false };

/// A destination under test: change files in a folder.
struct InFolder {
    path: PathBuf,
    format: fn() -> Box<dyn Format>,
}

fn as_csv() -> Box<dyn Format> {
    Box::new(CsvOptions::default())
}

fn as_jsonl() -> Box<dyn Format> {
    Box::new(jsonl::JsonlOptions { compression: Compression::Zstd })
}

#[cfg(feature = "parquet")]
fn as_parquet() -> Box<dyn Format> {
    Box::new(super::super::parquet::ParquetOptions { is_compressed: true })
}

impl InFolder {
    fn manifest(&self) -> Option<Manifest> {
        let text = std::fs::read(self.path.join(NAME)).ok()?;
        Some(serde_json::from_slice(&text).expect("a manifest"))
    }

    fn files(&self) -> Vec<FileEntry> {
        let manifest = self.manifest();
        manifest.and_then(|m| m.streams.get(STREAM.name()).map(|e| e.files.clone())).unwrap_or_default()
    }
}

impl Subject for InFolder {
    fn open(&self) -> Box<dyn Destination> {
        let store = Box::new(Folder::new(&self.path));
        Box::new(Files::new(store, (self.format)(), CHANGES, None).with_span(6))
    }

    fn rows(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for file in self.files() {
            for mut row in read(&self.path.join(&file.path)) {
                let id = row["_id"].clone();
                if row["_op"] == "delete" {
                    all.remove(&id);
                } else {
                    row.retain(|name, _| name == "_extra" || !name.starts_with('_'));
                    all.insert(id, row);
                }
            }
        }
        all
    }

    fn bytes(&self) -> String {
        let sums: Vec<String> = self
            .files()
            .iter()
            .map(|f| {
                let bytes = std::fs::read(self.path.join(&f.path)).expect("a file");
                assert_eq!((bytes.len() as u64, sha256(&bytes)), (f.bytes, f.sha256.clone()), "{}", f.path);
                format!("{} {}", f.path, f.sha256)
            })
            .collect();
        sums.join("\n")
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    crate::hex::text(&sha2::Sha256::digest(bytes))
}

/// Returns the rows of a file, each with its cells that are not null.
pub(crate) fn read(path: &Path) -> Vec<BTreeMap<String, String>> {
    if path.to_string_lossy().ends_with(".jsonl.zst") {
        let packed = std::fs::read(path).expect("a file");
        let text = String::from_utf8(zstd::decode_all(&packed[..]).expect("zstd")).expect("UTF-8");
        let rows = text.split_terminator('\n').map(|line| {
            let row: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).expect("JSON");
            let told = |value: serde_json::Value| match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text),
                other => Some(other.to_string()),
            };
            row.into_iter().filter_map(|(name, value)| Some((name, told(value)?))).collect()
        });
        return rows.collect();
    }
    #[cfg(feature = "parquet")]
    if path.extension().is_some_and(|e| e == "parquet") {
        return super::super::parquet::read::texts(path);
    }
    // The csv crate does not distinguish an empty cell from `""`, so nulls are read from the text itself.
    let text = std::fs::read_to_string(path).expect("a file");
    let mut rows = crate::destinations::csv::cells_of(&text);
    let names: Vec<String> = rows.remove(0).into_iter().flatten().collect();
    rows.into_iter()
        .map(|cells| names.iter().cloned().zip(cells).filter_map(|(name, cell)| Some((name, cell?))).collect())
        .collect()
}

#[test]
fn csv_and_json_lines_in_a_folder_hold_to_the_contract() {
    for format in [as_csv as fn() -> Box<dyn Format>, as_jsonl] {
        let dir = tempfile::tempdir().expect("dir");
        contract_tests::hold_to_the_contract(&InFolder { path: dir.path().to_owned(), format });
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_in_a_folder_holds_to_the_contract() {
    let dir = tempfile::tempdir().expect("dir");
    contract_tests::hold_to_the_contract(&InFolder { path: dir.path().to_owned(), format: as_parquet });
}

#[test]
fn ranges_adjoin_and_what_a_killed_delivery_left_is_written_over_or_removed() {
    let dir = tempfile::tempdir().expect("dir");
    let subject = InFolder { path: dir.path().to_owned(), format: as_jsonl };
    let mut held = FakeMirror::default();
    for n in 0..20 {
        held.put(&format!("id {n}"), Some(&format!(r#"{{"_id":"id {n}"}}"#)));
    }
    held.put("id 3", None);
    deliver(&subject, &held);
    let ranges = |subject: &InFolder| {
        subject.files().iter().filter_map(|f| f.seq).map(|s| (s.first, s.last)).collect::<Vec<_>>()
    };
    assert_eq!(ranges(&subject), [(1, 6), (7, 12), (13, 18), (19, 21)]);
    // A delivery was killed before its manifest: it leaves a file of a range that no manifest names.
    held.put("id 5", None);
    let manifest = std::fs::read(dir.path().join(NAME)).expect("a manifest");
    deliver(&subject, &held);
    std::fs::write(dir.path().join(NAME), manifest).expect("the manifest of before");
    let orphan = dir.path().join("contacts/changes-000000000022-000000000022.jsonl.zst");
    assert!(orphan.exists());
    // The next delivery finishes that range with the same bytes.
    let before = std::fs::read(&orphan).expect("a file");
    deliver(&subject, &held);
    assert_eq!(std::fs::read(&orphan).expect("a file"), before);
    assert_eq!(ranges(&subject).last(), Some(&(22, 22)));
    // A file of a range that was given up is removed.
    let stray = dir.path().join("contacts/changes-000000000023-000000000029.jsonl.zst");
    std::fs::write(&stray, before).expect("a file");
    held.put("id 6", None);
    deliver(&subject, &held);
    assert!(!stray.exists() && orphan.exists());
    // A stream without changes gets no file, and its next range begins where the last one ended.
    held.put("id 7", None);
    let mut destination = subject.open();
    destination.check("a test").expect("check");
    let nothing = delivery(None, Verdict::Continuous, "m");
    destination.deliver(&nothing, &held).expect("nothing");
    assert_eq!(destination.delivered("m", STREAM).expect("delivered"), 23);
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let mut held = FakeMirror::default();
    held.put("a", Some(r#"{"_id":"a"}"#));
    deliver(&InFolder { path: dir.path().to_owned(), format: as_csv }, &held);
    let refused = |format: Box<dyn Format>, content| {
        let terms = DestinationTerms { content, publish_always: false };
        let mut files = Files::new(Box::new(Folder::new(dir.path())), format, terms, None);
        files.check("a test").expect_err("refused")
    };
    assert!(refused(as_csv(), Content::Snapshot).detail.contains("is of changes"));
    assert!(refused(as_jsonl(), Content::Changes).detail.contains("written otherwise"));
    std::fs::write(dir.path().join(NAME), "{").expect("write");
    assert_eq!(refused(as_csv(), Content::Changes).kind, Kind::DestinationRefused);
}

/// Returns a feed of at most six files a stream, of at most ten records each.
fn folding(path: &Path) -> Files {
    Files::new(Box::new(Folder::new(path)), as_jsonl(), CHANGES, None).with_span(10).with_max_files(6)
}

struct Folding(PathBuf);

impl Folding {
    fn as_subject(&self) -> InFolder {
        InFolder { path: self.0.clone(), format: as_jsonl }
    }

    /// Returns the ids that a reader finds who reads every file in the folder, whatever the manifest says.
    fn by_name(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.0.join("contacts")).expect("files").flatten().collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        let mut rows: Vec<_> = names.iter().flat_map(|name| read(&name.path())).collect();
        rows.sort_by_key(|row| row["_seq"].parse::<i64>().expect("a seq"));
        let mut live = std::collections::BTreeSet::new();
        for row in rows {
            let id = row["_id"].clone();
            let _ = if row["_op"] == "delete" { live.remove(&id) } else { live.insert(id) };
        }
        live.into_iter().collect()
    }
}

impl Subject for Folding {
    fn open(&self) -> Box<dyn Destination> {
        Box::new(folding(&self.0))
    }
    fn rows(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        self.as_subject().rows()
    }
    fn bytes(&self) -> String {
        self.as_subject().bytes()
    }
}

#[test]
fn older_files_are_folded_and_the_rest_merges_to_the_same() {
    for seed in 0..20 {
        let mut dice = crate::any_input::Random::of(seed);
        let dir = tempfile::tempdir().expect("dir");
        let (subject, mut held) = (Folding(dir.path().to_owned()), FakeMirror::default());
        let (mut folds, mut before, mut most) = (0, Vec::new(), 0);
        for night in 0..60 {
            for _ in 0..=dice.below(4) {
                let id = format!("id {:02}", dice.below(12));
                let body = format!(r#"{{"_id":"{id}","firstName":"{night}"}}"#);
                held.put(&id, (dice.below(3) > 0).then_some(body.as_str()));
            }
            deliver(&subject, &held);
            let files: Vec<_> = subject.as_subject().files().iter().map(|file| file.seq.expect("a range")).collect();
            let live: Vec<String> = subject.rows().into_keys().collect();
            assert_eq!(live, held.truth().into_keys().collect::<Vec<_>>(), "seed {seed}, night {night}: {files:?}");
            assert_eq!(subject.by_name(), live, "seed {seed}, night {night}: {files:?}");
            assert!(files.windows(2).all(|two| two[0].last + 1 == two[1].first) && files[0].first == 1, "{files:?}");
            // `bytes` below compares each file with the manifest, so a file that stays is what it was.
            folds += usize::from(files.len() < before.len());
            (before, most) = (files, most.max(before.len()));
            subject.bytes();
            if dice.below(4) == 0 {
                held.forget(held.last());
            }
        }
        assert!(folds > 5 && most <= 6, "seed {seed}: {folds} folds, {most} files");
        let manifest = subject.as_subject().manifest().expect("a manifest");
        assert!(manifest.streams[STREAM.name()].deletions_since.is_some());
    }
}

#[test]
fn a_fold_that_was_cut_off_leaves_what_the_manifest_names_and_is_done_again() {
    let dir = tempfile::tempdir().expect("dir");
    let (subject, mut held) = (Folding(dir.path().to_owned()), FakeMirror::default());
    let one_more = |held: &mut FakeMirror, n: usize| {
        held.put(&format!("id {}", n % 4), Some(&format!(r#"{{"_id":"id {}"}}"#, n % 4)));
        deliver(&subject, held);
    };
    (0..6).for_each(|n| one_more(&mut held, n));
    let copy = |from: &str| (from.to_owned(), std::fs::read(dir.path().join(from)).expect("a file"));
    let names: Vec<String> = subject.as_subject().files().iter().map(|f| f.path.clone()).collect();
    let old: Vec<_> = names.iter().map(String::as_str).chain([NAME]).map(copy).collect();
    one_more(&mut held, 6);
    let folded = subject.as_subject().files();
    assert!(folded.len() < 6 && folded[0].seq.is_some_and(|s| (s.first, s.last) == (1, 4)), "{folded:?}");
    // All files of the fold have appeared, but the manifest is still the one before.
    for (name, bytes) in old {
        std::fs::write(dir.path().join(name), bytes).expect("put back");
    }
    assert_eq!(subject.rows().len(), 4);
    subject.bytes();
    let receipts = deliver(&subject, &held);
    assert_eq!(receipts[0].records, 1, "what was folded is none of what is new");
    assert_eq!(subject.as_subject().files(), folded);
    let there = std::fs::read_dir(dir.path().join("contacts")).expect("files").count();
    assert_eq!(there, folded.len());
}

#[test]
fn what_the_mirror_has_dropped_and_large_files_are_not_folded() {
    for (dropped, records) in [(1, 1), (0, 9)] {
        let dir = tempfile::tempdir().expect("dir");
        let (subject, mut held) = (Folding(dir.path().to_owned()), FakeMirror::default());
        held.past.dropped = dropped;
        for n in 0..12 * records {
            held.put(&format!("id {n}"), Some(&format!(r#"{{"_id":"id {n}"}}"#)));
            if n % records == 0 {
                deliver(&subject, &held);
            }
        }
        assert_eq!(subject.as_subject().files().len(), 12, "{dropped} {records}");
    }
}
