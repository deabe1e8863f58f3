//! A mirror whose bytes another program has changed. Either the delivered data is right, or the exit code is 7; in no
//! case does the program report a defect of its own.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Outcome, Sandbox, Work};

const ACCOUNT: [&str; 10] = [
    "--contacts",
    "300",
    "--persons",
    "20",
    "--conversations",
    "40",
    "--messages",
    "500",
    "--requests-per-minute",
    "0",
];

const JOB: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
    client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n[mirror]\nmax_deletes = \"50%\"\n\
    [[destination]]\nkind = \"csv\"\npath = \"out\"\n\
    [[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n";

/// A random number generator that depends only on its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % n as u64).expect("below n")
    }
}

type Files = BTreeMap<String, Vec<u8>>;

/// Returns the files below a folder, except manifests, which contain moments, and locks.
fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let Ok(all) = std::fs::read_dir(folder) else { return found };
    for entry in all.map(|entry| entry.expect("a file")) {
        let (name, path) = (entry.file_name().into_string().expect("a name"), entry.path());
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else if name != "manifest.json" && path.extension().is_none_or(|e| e != "lock") {
            found.insert(name, std::fs::read(path).expect("its bytes"));
        }
    }
    found
}

/// Returns the last change of each record, by stream and id, as a reader that merges changes sees it.
fn merged(feed: &Files) -> BTreeMap<(String, String), Value> {
    let mut last = BTreeMap::<(String, String), Value>::new();
    for (name, bytes) in feed {
        let stream: String = name.chars().take_while(|c| c.is_alphabetic() || *c == '_').collect();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_slice(line).expect("JSON");
            let key = (stream.clone(), row["_id"].as_str().expect("an id").to_owned());
            if last.get(&key).is_none_or(|before| before["_seq"].as_i64() < row["_seq"].as_i64()) {
                last.insert(key, row);
            }
        }
    }
    last
}

/// Returns `true` if the changes equal the earlier ones or say the same later: a record that is written again has
/// another seq.
fn says_the_same(feed: &Files, was: &Files) -> bool {
    let values = |row: &Value| -> Value {
        row.as_object()
            .expect("a row")
            .iter()
            .filter(|(name, _)| !META.contains(&name.as_str()))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    };
    let (is, was) = (merged(feed), merged(was));
    let is_gone = |row: &Value| row["_op"] == "delete";
    let is_same = |(is, was): (&Value, &Value)| {
        is == was
            || (is["_seq"].as_i64() > was["_seq"].as_i64() && values(is) == values(was) && is_gone(is) == is_gone(was))
    };
    is.keys().eq(was.keys()) && is.values().zip(was.values()).all(is_same)
}

/// The columns that describe the change, not the record.
const META: [&str; 4] = ["_seq", "_op", "_synced_at", "_run_id"];

/// An account that was read twice, has tombstones, and was delivered as a snapshot and as changes.
struct Mirrored {
    sandbox: Sandbox,
    work: Work,
    /// The bytes of the undamaged mirror.
    whole: Vec<u8>,
    /// The snapshot's files.
    out: Files,
    /// The change files for a destination that was never fed.
    feed: Files,
}

impl Mirrored {
    fn new() -> Mirrored {
        let (sandbox, work) = (Sandbox::start(&ACCOUNT), Work::with_job(JOB));
        work.run(&sandbox, &[]).expect(0);
        sandbox.delete("contacts", 12, 3);
        for _ in 0..3 {
            work.run(&sandbox, &["--allow-deletes"]);
        }
        let mirror = Connection::open(work.path("state/qpien.db")).expect("the mirror");
        let count = |sql: &str| mirror.query_row(sql, [], |r| r.get::<_, i64>(0)).expect(sql);
        assert!(count("SELECT count(*) FROM record WHERE deleted = 1") >= 12, "there are tombstones");
        assert!(count("SELECT count(*) FROM entry") > 20, "there are entries");
        drop(mirror);
        let whole = std::fs::read(work.path("state/qpien.db")).expect("the mirror");
        let mut mirrored = Mirrored { sandbox, work, whole, out: Files::new(), feed: Files::new() };
        mirrored.put(&mirrored.whole);
        mirrored.work.call(&["export", "job.toml"]).expect(0);
        (mirrored.out, mirrored.feed) = mirrored.given();
        assert!(mirrored.out.len() >= 4 && !mirrored.feed.is_empty(), "{:?}", mirrored.out.keys());
        mirrored
    }

    /// Replaces the mirror by these bytes, and empties the destinations.
    fn put(&self, bytes: &[u8]) {
        for folder in ["state", "out", "feed"] {
            let _ = std::fs::remove_dir_all(self.work.path(folder));
        }
        std::fs::create_dir(self.work.path("state")).expect("a folder");
        std::fs::write(self.work.path("state/qpien.db"), bytes).expect("a mirror");
    }

    fn given(&self) -> (Files, Files) {
        (files(&self.work.path("out")), files(&self.work.path("feed")))
    }

    fn run(&self) -> Outcome {
        self.work.run(&self.sandbox, &["--allow-deletes"])
    }

    /// Asserts that the delivered data is right, or that the exit code is 7.
    #[track_caller]
    fn is_right_or_7(&self, outcome: &Outcome, what: &str) {
        let told = format!("{what}\n{}\n{}", outcome.stdout, outcome.stderr);
        assert!(!told.contains("defect") && !told.contains("panicked"), "{told}");
        match outcome.code {
            0 => {
                let (out, feed) = self.given();
                let differs = |is: &Files, was: &Files| is.iter().any(|(name, bytes)| was.get(name) != Some(bytes));
                assert!(out.keys().eq(self.out.keys()) && !differs(&out, &self.out), "other cells: {told}");
                assert!(says_the_same(&feed, &self.feed), "other changes: {told}");
            }
            7 => {
                // Files that were delivered all the same belong to other streams, and are right.
                let (out, _) = self.given();
                for (name, bytes) in &out {
                    assert_eq!(self.out.get(name), Some(bytes), "{name}: {told}");
                }
            }
            code => panic!("exit code {code}: {told}"),
        }
    }

    /// Exports, runs and verifies with a damaged mirror; returns the three exit codes.
    fn all_three(&self, bytes: &[u8], what: &str) -> [i32; 3] {
        self.put(&self.whole);
        self.work.call(&["export", "job.toml"]).expect(0);
        std::fs::write(self.work.path("state/qpien.db"), bytes).expect("a mirror");
        let verified = self.work.call(&["verify", "job.toml"]);
        assert!([0, 7].contains(&verified.code) && !format!("{verified:?}").contains("defect"), "{what}: {verified:?}");
        self.put(bytes);
        let exported = self.work.call(&["export", "job.toml"]);
        self.is_right_or_7(&exported, &format!("export: {what}"));
        self.put(bytes);
        let run = self.run();
        self.is_right_or_7(&run, &format!("run: {what}"));
        // The next run writes again what this one marked as damaged.
        let again = self.run();
        self.is_right_or_7(&again, &format!("the run after: {what}"));
        [verified.code, exported.code, run.code]
    }
}

#[test]
fn one_flipped_bit_anywhere_gives_right_cells_or_exit_code_7() {
    let flips = std::env::var("SOAK_SEEDS").map_or(50, |_| 200);
    let mirrored = Mirrored::new();
    let seed = std::env::var("FLIP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut dice, mut told) = (Dice(seed), 0);
    for _ in 0..flips {
        let mut bytes = mirrored.whole.clone();
        let (at, bit) = (dice.below(bytes.len()), dice.below(8));
        bytes[at] ^= 1 << bit;
        let codes = mirrored.all_three(&bytes, &format!("bit {bit} of byte {at} of {}", bytes.len()));
        told += usize::from(codes.contains(&7));
    }
    assert!(told * 3 > flips, "only {told} of {flips} were noticed");
}

#[test]
fn one_flipped_bit_of_the_header_or_the_schema_gives_right_cells_or_exit_code_7() {
    let flips = std::env::var("SOAK_SEEDS").map_or(16, |_| 200);
    let mirrored = Mirrored::new();
    let mut dice = Dice(11);
    for n in 0..flips {
        let mut bytes = mirrored.whole.clone();
        // A byte of the header, or of the page in which the schema begins.
        let (at, bit) = (dice.below(if n % 2 == 0 { 100 } else { 4096 }), dice.below(8));
        bytes[at] ^= 1 << bit;
        mirrored.all_three(&bytes, &format!("bit {bit} of byte {at}"));
    }
}

#[test]
fn a_page_of_zeros_a_cut_file_and_swapped_pages_are_exit_code_7_or_nothing_that_is_read() {
    let mirrored = Mirrored::new();
    let (whole, page) = (&mirrored.whole, 4096);
    let pages = whole.len() / page;
    let mut dice = Dice(7);
    for n in 0..8 {
        let (one, other) = (1 + dice.below(pages - 1), 1 + dice.below(pages - 1));
        let mut zeros = whole.clone();
        zeros[one * page..][..page].fill(0);
        mirrored.all_three(&zeros, &format!("page {one} is zeros"));
        let mut swapped = whole.clone();
        swapped[one * page..][..page].copy_from_slice(&whole[other * page..][..page]);
        swapped[other * page..][..page].copy_from_slice(&whole[one * page..][..page]);
        mirrored.all_three(&swapped, &format!("pages {one} and {other} are swapped"));
        let cut = &whole[..dice.below(whole.len() - page) + page - n];
        let codes = mirrored.all_three(cut, &format!("cut after {}", cut.len()));
        assert_eq!(codes, [7, 7, 7], "cut after {}", cut.len());
    }
}

/// Returns the mirror's bytes after an SQL statement that leaves its sums unchanged, as another program would.
fn edited(mirrored: &Mirrored, sql: &str) -> Vec<u8> {
    mirrored.put(&mirrored.whole);
    let path = mirrored.work.path("state/qpien.db");
    let mirror = Connection::open(&path).expect("the mirror");
    mirror.execute_batch(sql).expect(sql);
    assert!(mirror.changes() > 0, "{sql}");
    drop(mirror);
    std::fs::read(&path).expect("its bytes")
}

/// Returns SQL for the id of a current record in the middle of a stream.
fn one(stream: u8) -> String {
    format!("(SELECT id FROM record WHERE stream = {stream} AND deleted = 0 ORDER BY id LIMIT 1 OFFSET 30)")
}

#[test]
fn a_record_that_was_edited_or_removed_by_hand_is_named_held_and_written_again() {
    let mirrored = Mirrored::new();
    for (number, stream, other) in
        [(1, "contacts", "messages"), (4, "messages", "contacts"), (3, "conversations", "contacts")]
    {
        let one = one(number);
        let mirror = Connection::open(mirrored.work.path("state/qpien.db")).expect("the mirror");
        let id: String = mirror.query_row(&format!("SELECT {one}"), [], |r| r.get(0)).expect("an id");
        drop(mirror);
        for sql in [
            format!("UPDATE body_{stream} SET payload = replace(payload, 'e', 'a') WHERE id = {one}"),
            format!("UPDATE body_{stream} SET first_seq = 1 WHERE id = {one}"),
            format!("UPDATE body_{stream} SET id = 'somebody' WHERE id = {one}"),
            format!("DELETE FROM body_{stream} WHERE id = {one}"),
            format!(
                "DELETE FROM payload_sum WHERE seq = (SELECT seq FROM record WHERE stream = {number} AND id = {one})"
            ),
        ] {
            let bytes = edited(&mirrored, &sql);
            let codes = mirrored.all_three(&bytes, &sql);
            assert_eq!(codes, [7, 7, 7], "{sql}");
            assert_eq!(mirrored.run().expect(0).code, 0, "{sql}");
            mirrored.put(&bytes);
            let first = mirrored.work.call(&["export", "job.toml"]).expect(7);
            assert!(first.stderr.contains(&format!("{stream} {id}")), "{sql}: {}", first.stderr);
            assert!(files(&mirrored.work.path("out")).is_empty(), "{sql}: nothing is published");
            // From now on the stream is held back, and the others are delivered.
            let second = mirrored.work.call(&["export", "job.toml"]).expect(7);
            assert!(second.stderr.contains(&id) && second.stderr.contains("not read again yet"), "{}", second.stderr);
            let there = files(&mirrored.work.path("out"));
            let has = |stream: &str| there.contains_key(&format!("{stream}.csv"));
            assert!(!has(stream) && has(other), "{:?}", there.keys());
            mirrored.work.call(&["verify", "job.toml"]).expect(7);
            let healed = mirrored.run().expect(0);
            assert_eq!(files(&mirrored.work.path("out")), mirrored.out, "{sql}: {}", healed.stdout);
            mirrored.work.call(&["verify", "job.toml"]).expect(0);
        }
        mirrored.put(&mirrored.whole);
    }
}

#[test]
fn a_row_of_the_ledger_is_made_from_its_body_or_the_mirror_is_beyond_repair() {
    let (mirrored, one) = (Mirrored::new(), one(1));
    let is = |sql: &str, heals: bool| {
        let bytes = edited(&mirrored, sql);
        assert_eq!(mirrored.all_three(&bytes, sql), [7, 7, 7], "{sql}");
        let after = mirrored.run();
        assert_eq!(after.code == 0, heals, "{sql}: {after:?}");
    };
    is(&format!("UPDATE record SET last_run = 4711 WHERE stream = 1 AND id = {one}"), true);
    is(&format!("UPDATE record SET suspect_run = 1 WHERE stream = 1 AND id = {one}"), true);
    is(&format!("UPDATE record SET seq = seq + 100000 WHERE stream = 1 AND id = {one}"), true);
    is(&format!("DELETE FROM record WHERE stream = 1 AND id = {one}"), true);
    is(
        "UPDATE record SET id = id || 'x' WHERE stream = 4 AND id = (SELECT min(id) FROM record WHERE stream = 4)",
        true,
    );
    is("UPDATE payload_block SET sum = sum + 1 WHERE stream = 1 AND block = 0", true);
    is("INSERT INTO payload_sum VALUES (100000, 5)", true);
    is("UPDATE record SET seq = seq + 1 WHERE stream = 1 AND deleted = 1", false);
    is("DELETE FROM record WHERE stream = 1 AND deleted = 1", false);
    is("INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, 'x', x'00', 1, 1, 1)", false);
    is("UPDATE sequence SET last = last - 5", false);
    is("UPDATE stamp SET at = at + 60000", false);
    is("UPDATE entry SET whole = 1 - whole", false);
    is("UPDATE delivery SET up_to_seq = up_to_seq + 1", false);
    is("DELETE FROM judgement", false);
    is("DROP TRIGGER checkpoint_only_forward; UPDATE checkpoint SET seen = seen + 1", false);
}

#[test]
fn a_body_of_a_large_mirror_is_compared_when_it_is_delivered() {
    let (mirrored, one) = (Mirrored::new(), one(1));
    for (sql, is_named) in [
        (format!("UPDATE body_contacts SET payload = replace(payload, 'e', 'a') WHERE id = {one}"), true),
        (format!("DELETE FROM body_contacts WHERE id = {one}"), false),
    ] {
        // A large table of another program makes the file too large to be checked in full at each opening.
        let large = format!("CREATE TABLE notes (x); INSERT INTO notes VALUES (zeroblob(140000000)); {sql}");
        let bytes = edited(&mirrored, &large);
        mirrored.put(&bytes);
        let exported = mirrored.work.call(&["export", "job.toml"]).expect(7);
        assert!(exported.stderr.contains("contacts"), "{}", exported.stderr);
        let there = files(&mirrored.work.path("out"));
        assert!(!there.contains_key("contacts.csv") && there.contains_key("messages.csv"), "{sql}: {:?}", there.keys());
        let fed = files(&mirrored.work.path("feed"));
        assert!(!fed.keys().any(|name| name.contains("contacts")), "{sql}, {is_named}: {:?}", fed.keys());
        mirrored.run().expect(0);
        assert_eq!(files(&mirrored.work.path("out")), mirrored.out, "{sql}");
        // A run finds the damage when it delivers, and the next run reads the record again.
        mirrored.put(&bytes);
        let run = mirrored.run().expect(7);
        assert!(run.stdout.contains("its stream is delivered to nobody"), "{}", run.stdout);
        mirrored.run().expect(0);
        assert_eq!(files(&mirrored.work.path("out")), mirrored.out, "{sql}");
        mirrored.put(&bytes);
        mirrored.work.call(&["verify", "out", "--mirror", "state/qpien.db"]).expect(7);
    }
}
