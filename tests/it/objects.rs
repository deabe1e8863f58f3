//! Object storage: whole runs into an S3 server, through a proxy that cuts connections, loses answers and holds
//! requests.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::moto::Moto;
use crate::support::proxy::Proxy;
use crate::support::tls::SelfSigned;
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";
const FULL: &str = "full";
const FEED: &str = "feed/account=7";

/// An account, a store, and a job that delivers to the store twice.
struct Account {
    sandbox: Sandbox,
    moto: Moto,
    proxy: Proxy,
    bucket: String,
    work: Work,
    now: String,
}

fn job(destinations: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n{destinations}"
    )
}

fn both() -> String {
    job(&format!(
        "[[destination]]\nkind = \"csv\"\npath = \"s3://${{PLACE}}/{FULL}\"\nretry_for = \"5s\"\n\
         [[destination]]\nkind = \"jsonl\"\ncontent = \"changes\"\npath = \"s3://${{PLACE}}/{FEED}/\"\nretry_for = \"5s\"\n"
    ))
}

impl Account {
    fn new(messages: u32) -> Account {
        let messages = messages.to_string();
        Account::of(&["--contacts", "400", "--persons", "9", "--conversations", "60", "--messages", &messages])
    }

    fn of(size: &[&str]) -> Account {
        let sandbox = Sandbox::start_on(BEFORE, &[size, &["--requests-per-minute", "0"]].concat());
        let moto = Moto::start();
        let proxy = Proxy::start(&moto.address);
        let mut account =
            Account { sandbox, moto, proxy, bucket: String::new(), work: Work::with_job(&both()), now: BEFORE.into() };
        account.begin_anew("bucket");
        account
    }

    /// Starts again with an empty bucket of this name and an empty mirror.
    fn begin_anew(&mut self, bucket: &str) {
        self.moto.bucket(bucket);
        bucket.clone_into(&mut self.bucket);
        self.work = Work::with_job(&both());
    }

    fn command(&self, work: &Work, args: &[&str]) -> std::process::Command {
        let mut command = work.command(args);
        command.envs(Moto::variables(&self.proxy.address)).env("PLACE", &self.bucket).env("QPIEN_TEST_NOW", &self.now);
        if !["export", "verify"].contains(&args[0]) {
            command.args(["--endpoint", &self.sandbox.endpoint]);
        }
        command
    }

    fn call(&self, args: &[&str]) -> Outcome {
        let outcome = Outcome::of(&self.command(&self.work, args).output().expect("a run"));
        keeps_the_secret(&self.work, &outcome);
        outcome
    }

    fn run(&self) -> Outcome {
        self.call(&["run", "job.toml"])
    }

    /// Lets a night pass.
    fn night(&mut self, seed: u64) {
        let path =
            format!("/sandbox/night?seed={seed}&changed=20&new=5&contacts=9&new_contacts=4&status=3&old_edits=0");
        let told: Value = serde_json::from_str(&self.sandbox.bodiless("POST", &path)).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
    }

    fn manifest(&self, prefix: &str) -> Option<Value> {
        let bytes = self.moto.get(&self.bucket, &format!("{prefix}/manifest.json"))?;
        Some(serde_json::from_slice(&bytes).expect("a whole manifest"))
    }

    /// Returns every file that a manifest names; asserts that size and sum are the manifest's.
    fn files(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let manifest = self.manifest(prefix).unwrap_or_default();
        let mut files = BTreeMap::new();
        for entry in
            manifest["streams"].as_object().into_iter().flatten().filter_map(|(_, s)| s["files"].as_array()).flatten()
        {
            let path = entry["path"].as_str().expect("a path").to_owned();
            let bytes = self
                .moto
                .get(&self.bucket, &format!("{prefix}/{path}"))
                .unwrap_or_else(|| panic!("{path} is not there"));
            let sum = qpien_sync::hex::text(&Sha256::digest(&bytes));
            assert_eq!(
                (entry["bytes"].as_u64(), entry["sha256"].as_str()),
                (Some(bytes.len() as u64), Some(&*sum)),
                "{path}"
            );
            files.insert(path, bytes);
        }
        files
    }

    /// Returns the keys under a prefix that are neither its manifest nor named by it.
    fn strays(&self, prefix: &str) -> Vec<String> {
        let named = self.files(prefix);
        let below = format!("{prefix}/");
        let keys =
            self.moto.keys(&self.bucket).into_iter().filter_map(|key| Some(key.strip_prefix(&below)?.to_owned()));
        keys.filter(|name| name != "manifest.json" && !named.contains_key(name)).collect()
    }

    /// Asserts that both destinations hold what the server holds, and nothing else.
    #[track_caller]
    fn equals_the_truth(&self) {
        self.holds_the_truth();
        assert_eq!((self.strays(FULL), self.strays(FEED)), (Vec::new(), Vec::new()));
        assert_eq!(self.moto.uploads(&self.bucket), 0);
    }

    /// Asserts that both destinations hold what the server holds.
    #[track_caller]
    fn holds_the_truth(&self) {
        let full = self.files(FULL);
        std::fs::create_dir_all(self.work.path("out")).expect("a folder");
        let feed = self.files(FEED);
        for stream in STREAMS {
            let name = format!("{stream}.csv");
            std::fs::write(self.work.path("out").join(&name), &full[&name]).expect("a copy");
            compared(&self.sandbox, &self.work, stream, "?objects=all").unwrap_or_else(|differs| panic!("{differs}"));
            let rows = replayed(&feed, stream);
            let truth = self.sandbox.truth(stream);
            assert_eq!(rows.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>(), "{stream}");
            for (id, record) in &truth {
                for (name, value) in record.as_object().expect("a record") {
                    assert!(shows(&rows[id], name, value), "{stream} {id} {name}: {value} is {}", rows[id][name]);
                }
            }
        }
    }
}

/// Returns a stream's rows after all its change files are applied in order; a later row replaces an earlier one.
fn replayed(files: &BTreeMap<String, Vec<u8>>, stream: &str) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    let (mut seq, mut next) = (0, None);
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with(&format!("{stream}/"))) {
        let range: Vec<u64> = path.split(['-', '.']).filter_map(|part| part.parse().ok()).collect();
        assert!(next.is_none_or(|next| next == range[0]), "{path} does not begin where the one before it ends");
        next = Some(range[1] + 1);
        for line in std::str::from_utf8(bytes).expect("UTF-8").lines() {
            let row: Value = serde_json::from_str(line).expect("JSON");
            let id = row["_id"].as_str().expect("an id").to_owned();
            let own = row["_seq"].as_u64().expect("a seq");
            assert!(own > seq && (range[0]..=range[1]).contains(&own), "{path}: {own} after {seq}");
            seq = own;
            if row["_op"] == "delete" { drop(rows.remove(&id)) } else { drop(rows.insert(id, row)) }
        }
    }
    rows
}

/// Returns `true` if a row with typed columns shows this value of the API.
fn shows(row: &Value, name: &str, value: &Value) -> bool {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let extra = || {
        let extra: Value = serde_json::from_str(row["_extra"].as_str().unwrap_or("{}")).expect("JSON text");
        extra.get(name) == Some(value)
    };
    match (&row[name], value) {
        (Value::String(a), Value::String(b)) => a == b || (moment(a).is_some() && moment(a) == moment(b)),
        (Value::String(text), Value::Object(_) | Value::Array(_)) => {
            serde_json::from_str::<Value>(text).is_ok_and(|shown| shown == *value)
        }
        (Value::Null, value) => value.is_null() || extra(),
        (shown, value) => shown == value,
    }
}

/// Returns the request line that stores the feed's manifest.
fn put_manifest(bucket: &str) -> String {
    format!("PUT /{bucket}/{}/manifest.json", FEED.replace('=', "%3D"))
}

/// Asserts that no output and no kept file contains the secret.
#[track_caller]
fn keeps_the_secret(work: &Work, outcome: &Outcome) {
    let mirror = std::fs::read(work.path("state/qpien.db")).unwrap_or_default();
    for text in [outcome.stdout.as_bytes(), outcome.stderr.as_bytes(), &mirror] {
        assert!(!text.windows(12).any(|w| w == b"SECRETMARKER"), "{outcome:?}");
    }
}

#[test]
fn a_snapshot_and_changes_in_a_bucket_equal_the_truth_night_after_night() {
    let mut account = Account::new(3_000);
    for seed in 0..3 {
        account.run().expect(0);
        account.equals_the_truth();
        account.night(seed);
    }
    let requests = account.sandbox.counts()["requests"].clone();
    account.run().expect(0);
    account.equals_the_truth();
    assert_ne!(account.sandbox.counts()["requests"], requests);
    // A second export changes nothing but the dates of the manifests, and sends no request to the API.
    let before = (account.files(FULL), account.files(FEED), account.sandbox.counts()["requests"].clone());
    account.call(&["export", "job.toml"]).expect(0);
    assert_eq!((account.files(FULL), account.files(FEED), account.sandbox.counts()["requests"].clone()), before);
    account.call(&["verify", "job.toml"]).expect(0);
    let object = before.1.keys().next().expect("a file");
    account.moto.put(&account.bucket, &format!("{FEED}/{object}"), b"{}");
    let outcome = account.call(&["verify", "job.toml"]).expect(7);
    assert!(format!("{}{}", outcome.stdout, outcome.stderr).contains(object), "{outcome:?}");
}

/// Returns a pseudo-random number for `seed` and `n`.
fn dice(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

#[test]
fn connections_that_are_cut_cost_tries_or_an_export_and_never_a_file_that_is_not_whole() {
    let mut account = Account::new(40_000);
    account.run().expect(0);
    let (sent, asked) = (account.proxy.sent(), account.proxy.requests());
    assert!(asked.iter().any(|r| r.contains("partNumber=2")), "large enough for parts: {sent} bytes");
    let seeds = std::env::var("SOAK_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let mut failed = 0;
    for seed in 0..seeds {
        account.begin_anew(&format!("seed-{seed}"));
        account.proxy.cut_after((0..8).map(|n| dice(seed, n) % sent));
        let mut outcome = account.run();
        while outcome.code != 0 {
            failed += 1;
            assert_eq!(outcome.code, 1, "seed {seed}: {}", outcome.stderr);
            assert!(outcome.stderr.contains("qpien-sync export JOB"), "seed {seed}: {}", outcome.stderr);
            account.files(FULL);
            account.files(FEED);
            let is_read = outcome.stderr.contains("not delivered");
            outcome = if is_read { account.call(&["export", "job.toml"]) } else { account.run() };
        }
        assert_eq!(account.proxy.cuts_left(), 0, "seed {seed}");
        account.holds_the_truth();
        assert_eq!((account.strays(FULL), account.strays(FEED)), (Vec::new(), Vec::new()), "seed {seed}");
    }
    println!("{failed} of {seeds} runs were mended by an export");
}

#[test]
fn killed_between_the_files_and_their_manifest_a_run_begins_where_the_manifest_ends() {
    let mut account = Account::new(3_000);
    let kill = |account: &Account, at: &str| {
        let held = account.proxy.hold(at);
        let mut command = account.command(&account.work, &["run", "job.toml"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a run");
        held.wait();
        child.kill().expect("SIGKILL");
        child.wait().expect("dead");
        held.cut();
        account.files(FEED);
    };
    let manifest = put_manifest("bucket");
    account.proxy.let_pass(&manifest); // it names no file yet
    kill(&account, &manifest);
    assert_eq!((account.files(FEED).len(), account.strays(FEED).len()), (0, 4), "files that nothing names");
    account.night(1);
    account.run().expect(0);
    account.equals_the_truth();
    // The same again: with a manifest in place, between the files of the feed, and between those of the snapshot.
    for (seed, at) in [(2, manifest.as_str()), (3, "/messages/changes-"), (4, "PUT /bucket/full/messages.csv")] {
        account.night(seed);
        let before = account.manifest(FEED);
        kill(&account, at);
        assert_eq!(account.manifest(FEED), before, "{at}");
        account.night(seed + 10);
        account.run().expect(0);
        account.equals_the_truth();
    }
}

#[test]
fn killed_at_any_step_the_next_run_makes_it_whole() {
    let mut account = Account::new(1_000);
    let (nights, mut died) = (10, 0);
    for night in 0..nights {
        let mut command = account.command(&account.work, &["run", "job.toml"]);
        command.env("QPIEN_TEST_DIE_AT", (dice(3, night) % 34).to_string());
        let outcome = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a run");
        died += u64::from(outcome.code().is_none());
        account.files(FEED);
        let run = account.run();
        // If the run that died had already read the list of conversations, a second run may be needed.
        if run.code == 0 { run } else { account.run() }.expect(0);
        account.equals_the_truth();
        account.night(night);
    }
    assert!(died * 2 >= nights, "only {died} of {nights} died: the moments are too late");
}

#[test]
fn a_large_delivery_takes_little_memory() {
    let account = Account::of(&["--contacts", "4000", "--conversations", "1000", "--messages", "200000"]);
    let shown = account.run().expect(0).stdout;
    let words: Vec<&str> = shown.split_whitespace().collect();
    let at = words.iter().position(|w| *w == "memory").expect("the peak");
    let peak: f64 = words[at + 1].parse().expect("a number of MiB");
    let asked = account.proxy.requests();
    let parts = asked.iter().filter(|r| r.contains("messages.csv?partNumber=")).count();
    assert!(parts > 4, "large enough: {parts} parts");
    assert!(peak < 112.0, "{peak} MiB, with {parts} parts");
}

#[test]
fn of_two_writers_one_is_refused() {
    let mut account = Account::new(2_000);
    // In an empty place the first manifest names no file. With `passed` = 0 both writers are about to put that one,
    // with 1 the complete one.
    for (bucket, passed) in [("at-the-beginning", 0), ("at-the-end", 1)] {
        account.begin_anew(bucket);
        let theirs = Work::with_job(&both().replace("\"test\"", "\"theirs\""));
        let put = put_manifest(bucket);
        (0..passed).for_each(|_| account.proxy.let_pass(&put));
        let held = account.proxy.hold(&put);
        let mut command = account.command(&account.work, &["run", "job.toml"]);
        let late = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
        held.wait();
        Outcome::of(&account.command(&theirs, &["run", "job.toml"]).output().expect("a run")).expect(0);
        let manifest = account.manifest(FEED);
        drop(held);
        let late = Outcome::of(&late.wait_with_output().expect("ended")).expect(11);
        let told = format!("s3://{bucket}/{FEED}/manifest.json was written by somebody else");
        assert!(late.stderr.contains(&told) && late.stderr.contains("by job theirs, run 1"), "{}", late.stderr);
        assert_eq!(account.manifest(FEED), manifest);
        account.equals_the_truth();
        // Later commands are refused too, because the place is fed from another mirror.
        let outcome = account.call(&["export", "job.toml"]).expect(2);
        assert!(outcome.stderr.contains("holds changes from another mirror"), "{}", outcome.stderr);
        assert_eq!(account.manifest(FEED), manifest);
    }
}

#[test]
fn a_store_that_goes_away_in_the_middle_costs_an_export_and_no_request() {
    let account = Account::new(40_000);
    let held = account.proxy.hold("partNumber=2");
    let mut command = account.command(&account.work, &["run", "job.toml"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    held.wait();
    account.proxy.down(true);
    drop(held);
    let outcome = Outcome::of(&run.wait_with_output().expect("ended")).expect(1);
    keeps_the_secret(&account.work, &outcome);
    for told in ["not delivered", "s3://bucket/full/messages.csv", "does not answer", "qpien-sync export JOB"] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
    account.proxy.down(false);
    assert_eq!(account.moto.keys("bucket"), Vec::<String>::new(), "nothing appeared");
    let requests = account.sandbox.counts()["requests"].clone();
    account.call(&["export", "job.toml"]).expect(0);
    account.holds_the_truth();
    assert_eq!(account.sandbox.counts()["requests"], requests);
}

#[test]
fn every_place_that_cannot_be_written_is_told_before_the_first_request() {
    let account = Account::new(100);
    let with = |changed: &[(&str, &str)], job: &str, code: i32, words: &[&str]| {
        std::fs::write(account.work.path("job.toml"), job).expect("the job file");
        for (args, name) in [(&["run", "job.toml"], "run"), (&["check", "job.toml"], "check")] {
            let before = account.sandbox.counts()["requests"].clone();
            let mut command = account.command(&account.work, args);
            for (name, value) in changed {
                if value.is_empty() {
                    command.env_remove(name)
                } else {
                    command.env(name, value)
                };
            }
            let outcome = Outcome::of(&command.output().expect("a run")).expect(code);
            keeps_the_secret(&account.work, &outcome);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            for word in words {
                assert!(said.contains(word), "{name}: `{word}` is not in {said}");
            }
            if name == "run" {
                assert_eq!(account.sandbox.counts()["requests"], before);
            }
        }
    };
    let one = |path: &str| job(&format!("[[destination]]\nkind = \"csv\"\npath = \"{path}\"\n"));
    let here = one("s3://bucket/p");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let at_closed = format!("http://{closed}");

    with(
        &[],
        &one("s3://no-such-bucket/p"),
        1,
        &["s3://no-such-bucket/p: there is no bucket `no-such-bucket` at http://"],
    );
    let untrusted = SelfSigned::start();
    let at_untrusted = [("AWS_ENDPOINT_URL", untrusted.endpoint.as_str())];
    with(&at_untrusted, &here, 1, &["s3://bucket/p", "cannot be reached", "certificate"]);
    assert_eq!(untrusted.heard(), b"");
    let none =
        [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_METADATA_ENDPOINT", at_closed.as_str())];
    with(&none, &here, 1, &["there are no credentials", "AWS_ACCESS_KEY_ID"]);
    let two_lines = [("AWS_SECRET_ACCESS_KEY", "SECRETMARKER\nof two lines")];
    with(&two_lines, &here, 2, &["the variable AWS_SECRET_ACCESS_KEY holds a line break"]);
    with(&[("AWS_ALLOW_HTTP", "")], &here, 2, &["is not encrypted", "AWS_ALLOW_HTTP=true"]);
    account.moto.must_be_known(true);
    with(&[], &here, 1, &["s3://bucket/p: the store does not know this key", "InvalidAccessKeyId"]);
    account.moto.must_be_known(false);

    with(&[], &one("gs://bucket/p"), 2, &["job.toml", "destination[0].path", "no way to gs://"]);
    with(&[], &one("s3://"), 2, &["names no bucket"]);
    with(&[], &one("s3:/bucket/p"), 2, &["destination[0].path", "s3://bucket/prefix", "./s3:..."]);
    with(&[], &one("~/out"), 2, &["destination[0].path", "${HOME}"]);
    let one_folder = format!("{}[[destination]]\nkind = \"jsonl\"\npath = \"./out/../out/x\"\n", one("out/x"));
    with(&[], &one_folder, 2, &["two destinations share the folder ./out/../out/x"]);
    let two = format!("{here}[[destination]]\nkind = \"jsonl\"\npath = \"s3://bucket/p/\"\n");
    with(&[], &two, 2, &["two destinations share", "s3://bucket/p"]);
    with(&[], &format!("{here}retry_for = \"2h\"\n"), 2, &["destination[0].retry_for", "5m at most"]);
    with(&[], &format!("{}retry_for = \"2m\"\n", one("out")), 2, &["destination[0].retry_for", "PostgreSQL alone"]);

    std::fs::write(account.work.path("job.toml"), &here).expect("the job file");
    let said = account.call(&["check", "job.toml"]).expect(0).stdout;
    assert!(said.contains("s3://bucket/p can be written, read and listed"), "{said}");
    assert_eq!(account.moto.keys("bucket"), Vec::<String>::new());
}

#[test]
fn a_store_that_cannot_be_reached_keeps_nobody_else_from_theirs() {
    let mut account = Account::new(300);
    let both = format!("{}[[destination]]\nkind = \"csv\"\npath = \"out\"\n", both());
    std::fs::write(account.work.path("job.toml"), both.replace("\"5s\"", "\"1s\"")).expect("the job file");
    account.run().expect(0);
    account.night(1);
    account.proxy.down(true);
    let run = account.run().expect(1);
    assert_eq!(run.stderr.matches("not served now").count(), 2, "one for each: {}", run.stderr);
    assert!(run.stderr.contains("not delivered") && run.stderr.contains("qpien-sync export JOB"), "{}", run.stderr);
    for stream in STREAMS {
        compared(&account.sandbox, &account.work, stream, "?objects=all").expect("the files");
    }
    account.proxy.down(false);
    let requests = account.sandbox.counts()["requests"].clone();
    account.call(&["export", "job.toml"]).expect(0);
    account.equals_the_truth();
    assert_eq!(account.sandbox.counts()["requests"], requests);
}

#[test]
fn variables_that_end_in_a_line_break_are_what_stands_before_it() {
    let account = Account::new(100);
    let mut command = account.command(&account.work, &["run", "job.toml"]);
    for (name, value) in Moto::variables(&account.proxy.address) {
        command.env(name, format!("{value}\n"));
    }
    let outcome = Outcome::of(&command.output().expect("a run")).expect(0);
    keeps_the_secret(&account.work, &outcome);
    account.equals_the_truth();
}
