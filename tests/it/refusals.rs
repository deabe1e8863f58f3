//! Deletions that a run refuses: `run` and `export` hold the stream at every destination and in either lane, until
//! the operator allows the deletions or a reading shows the records again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

const ACCOUNT: [&str; 10] =
    ["--contacts", "90", "--persons", "12", "--conversations", "40", "--messages", "300", "--requests-per-minute", "0"];

/// A snapshot and a feed of changes.
const PLACES: &str = "[[destination]]\nkind = \"csv\"\npath = \"out\"\n\
    [[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n";

fn job(mode: &str, mirror: &str, places: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"{mode}\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         requests_per_minute = 0\nlookback = \"36500d\"\n[mirror]\npath = \"m.db\"\n{mirror}\n{places}"
    )
}

struct Account {
    sandbox: Sandbox,
    work: Work,
}

impl Account {
    fn new(mode: &str) -> Account {
        let account = Account { sandbox: Sandbox::start(&ACCOUNT), work: Work::with_job(&job(mode, "", PLACES)) };
        account.run(&[]).expect(0);
        account
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.work.run(&self.sandbox, args)
    }

    fn become_job(&self, text: &str) {
        std::fs::write(self.work.path("job.toml"), text).expect("the job file");
    }

    /// Starts the same server again at its address, with the original account and these further arguments.
    fn serve_anew(self, further: &[&str]) -> Account {
        let Account { sandbox, work } = self;
        let address = sandbox.address.clone();
        drop(sandbox);
        Account { sandbox: Sandbox::start_at(&address, &[&ACCOUNT[..], further].concat()), work }
    }

    fn entry(&self, place: &str, stream: &str) -> Value {
        let bytes = std::fs::read(self.work.path(&format!("{place}/manifest.json"))).expect("a manifest");
        let manifest: Value = serde_json::from_slice(&bytes).expect("JSON");
        manifest["streams"][stream].clone()
    }

    /// Returns the files of every destination and stream, as their manifests name them.
    fn delivered(&self, streams: &[&str]) -> BTreeMap<String, Value> {
        let of = |place: &str, stream: &&str| (format!("{place} {stream}"), self.entry(place, stream)["files"].clone());
        ["out", "feed"].into_iter().flat_map(|place| streams.iter().map(move |stream| of(place, stream))).collect()
    }

    /// Asserts that the stream is held at each destination, and that manifest and messages say how many records and
    /// what to type.
    #[track_caller]
    fn is_held(&self, said: &Outcome, stream: &str, suspects: u64) {
        assert_eq!(said.code, 7, "{}", said.stderr);
        assert!(
            said.stderr.contains(&format!("{stream}: ")) && said.stderr.contains("--allow-deletes"),
            "{}",
            said.stderr
        );
        for place in ["out", "feed"] {
            let entry = self.entry(place, stream);
            assert_eq!((&entry["status"], &entry["verdict"]), (&"held".into(), &"incomplete".into()), "{place}");
            assert_eq!(entry["suspects"], suspects, "{place}");
            assert!(entry["why"].as_str().is_some_and(|why| why.contains("run JOB --allow-deletes")), "{entry}");
        }
    }

    #[track_caller]
    fn equals_the_truth(&self) {
        for stream in STREAMS {
            compared(&self.sandbox, &self.work, stream, "?objects=all").unwrap_or_else(|differs| panic!("{differs}"));
            for place in ["out", "feed"] {
                let entry = self.entry(place, stream);
                assert_eq!((&entry["status"], &entry["suspects"]), (&"published".into(), &Value::Null), "{stream}");
            }
        }
    }

    fn export(&self) -> Outcome {
        self.work.call(&["export", "job.toml"])
    }
}

#[test]
fn a_refused_stream_is_held_by_every_run_and_export_until_the_operator_allows_it() {
    for mode in ["incremental", "backfill"] {
        let account = Account::new(mode);
        let before = account.delivered(&["contacts"]);
        account.sandbox.delete("contacts", 40, 3);
        for night in 0..2 {
            let run = account.run(&[]);
            account.is_held(&run, "contacts", 40);
            assert!(run.stdout.contains("finished, but deletions were refused"), "{}", run.stdout);
            let export = account.export();
            account.is_held(&export, "contacts", 40);
            assert!(!export.stderr.contains("publish"), "{}", export.stderr);
            assert_eq!(account.delivered(&["contacts"]), before, "{mode}, night {night}");
        }
        let status = account.work.call(&["status", "job.toml"]).expect(0).stdout;
        assert!(status.contains("contacts: 40 records of 90 are probably gone"), "{status}");
        account.run(&["--allow-deletes"]).expect(0);
        account.export().expect(0);
        account.equals_the_truth();
    }
}

#[test]
fn a_reading_that_shows_the_records_again_settles_it_and_one_that_shows_nothing_does_not() {
    let account = Account::new("incremental");
    account.sandbox.delete("contacts", 40, 3);
    account.run(&[]).expect(7);
    // The list cannot be read, so the refusal of the night before stands.
    let denied = account.serve_anew(&["--deny-scope", "read_contacts"]);
    denied.is_held(&denied.run(&[]), "contacts", 40);
    denied.is_held(&denied.export(), "contacts", 40);
    let back = denied.serve_anew(&[]);
    back.run(&[]).expect(0);
    back.export().expect(0);
    back.equals_the_truth();
}

#[test]
fn some_that_are_back_settle_nothing_as_long_as_too_many_are_gone() {
    let account = Account::new("incremental");
    account.sandbox.delete("contacts", 40, 3);
    account.run(&[]).expect(7);
    let fewer = account.serve_anew(&[]);
    fewer.sandbox.delete("contacts", 20, 3);
    fewer.is_held(&fewer.run(&[]), "contacts", 20);
    // Seven deletions are always allowed, and they end the earlier refusal.
    let few = fewer.serve_anew(&[]);
    few.sandbox.delete("contacts", 7, 3);
    few.run(&[]).expect(0);
    few.export().expect(0);
    few.equals_the_truth();
}

#[test]
fn what_belongs_to_refused_records_is_held_with_them_and_other_streams_are_not() {
    let account = Account::new("incremental");
    let before = account.delivered(&["conversations", "messages"]);
    account.sandbox.delete("conversations", 25, 3);
    account.sandbox.delete("contacts", 3, 3);
    account.is_held(&account.run(&[]), "conversations", 25);
    account.is_held(&account.export(), "conversations", 25);
    assert_eq!(account.delivered(&["conversations", "messages"]), before);
    let messages = account.entry("out", "messages");
    assert_eq!(messages["status"], "held");
    assert!(messages["why"].as_str().is_some_and(|why| why.starts_with("of conversations, 25 records")), "{messages}");
    assert_eq!(
        (&account.entry("out", "contacts")["status"], &account.entry("out", "contacts")["rows"]),
        (&"published".into(), &87.into())
    );
    account.run(&["--allow-deletes"]).expect(0);
    account.equals_the_truth();
}

#[test]
fn a_list_that_came_out_empty_holds_its_stream_until_it_is_read_whole() {
    let account = Account::new("incremental");
    let before = account.delivered(&["contacts"]);
    account.sandbox.empty("contacts", true);
    for _ in 0..2 {
        account.is_held(&account.run(&[]), "contacts", 90);
        account.is_held(&account.export(), "contacts", 90);
    }
    assert_eq!(account.delivered(&["contacts"]), before);
    account.sandbox.empty("contacts", false);
    account.run(&[]).expect(0);
    account.export().expect(0);
    account.equals_the_truth();
}

#[test]
fn a_job_of_the_other_lane_on_the_same_mirror_holds_it_too_and_one_that_deletes_nothing_does_not() {
    let account = Account::new("backfill");
    account.become_job(&job("incremental", "", PLACES));
    account.run(&[]).expect(0);
    let before = account.delivered(&["contacts"]);
    account.sandbox.delete("contacts", 40, 3);
    account.run(&[]).expect(7);
    // The backfill's own reading is complete, but older than the deletions.
    account.become_job(&job("backfill", "", PLACES));
    account.is_held(&account.export(), "contacts", 40);
    assert_eq!(account.delivered(&["contacts"]), before);
    account.become_job(&job("incremental", "deletes = \"off\"", PLACES));
    account.export().expect(0);
    assert_eq!(account.entry("out", "contacts")["status"], "published");
    // The job that deletes nothing has not ended the refusal for a job that deletes.
    account.become_job(&job("incremental", "", PLACES));
    account.is_held(&account.export(), "contacts", 40);
}

#[test]
fn a_run_that_is_cut_off_before_it_finds_out_what_is_gone_leaves_nothing_that_an_export_calls_proven() {
    let account = Account::new("incremental");
    let before = account.delivered(&STREAMS);
    account.sandbox.delete("contacts", 40, 3);
    account.sandbox.delete("messages", 5, 3);
    let mut run = account.work.command(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]);
    let killed = run.env("QPIEN_TEST_DELETION_STEPS", "1").output().expect("a run");
    assert_eq!(killed.status.code(), None, "killed");
    let export = account.export().expect(3);
    assert!(export.stderr.contains("held back, not proven complete: contacts, messages"), "{}", export.stderr);
    for stream in ["contacts", "messages"] {
        let entry = account.entry("feed", stream);
        assert_eq!((&entry["status"], &entry["verdict"]), (&"held".into(), &"incomplete".into()));
    }
    assert_eq!(account.entry("out", "customer_persons")["status"], "published");
    assert_eq!(account.delivered(&STREAMS), before);
    account.is_held(&account.run(&[]), "contacts", 40);
}

#[test]
fn a_place_that_wants_incomplete_streams_is_given_it_and_told_so() {
    let account = Account::new("incremental");
    account.become_job(&job(
        "incremental",
        "",
        &PLACES.replace("path = \"out\"", "path = \"out\"\npublish = \"always\""),
    ));
    account.sandbox.delete("contacts", 40, 3);
    account.run(&[]).expect(7);
    let entry = account.entry("out", "contacts");
    assert_eq!(
        (&entry["status"], &entry["verdict"], &entry["suspects"]),
        (&"incomplete".into(), &"incomplete".into(), &40.into())
    );
    account.export().expect(7);
    assert_eq!(account.entry("feed", "contacts")["status"], "held");
}
