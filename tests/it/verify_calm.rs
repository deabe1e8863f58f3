//! The `verify` command raises no alarm where nothing is damaged: a stream that is held beside a fresh one, a stream
//! that the job no longer names, an edited job. Real damage there is still reported.

use serde_json::Value;

use crate::support::{Outcome, Sandbox, Work};

const ACCOUNT: [&str; 10] =
    ["--contacts", "120", "--persons", "9", "--conversations", "40", "--messages", "400", "--requests-per-minute", "0"];

const OUT: &str = "[[destination]]\nkind = \"csv\"\npath = \"out\"\n";
const FEED: &str = "[[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n";
const ALL: &str = "streams = [\"contacts\", \"customer_persons\", \"conversations\", \"messages\"]\n";

/// Returns a job with these streams, lines of `[source]` and further tables.
fn job(streams: &str, source: &str, rest: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n{streams}[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n{source}{rest}"
    )
}

struct Account {
    sandbox: Sandbox,
    work: Work,
}

impl Account {
    fn delivered(rest: &str) -> Account {
        let account = Account { sandbox: Sandbox::start(&ACCOUNT), work: Work::with_job(&job(ALL, "", rest)) };
        account.run().expect(0);
        account
    }

    /// Starts the same server again at its address, with the original account and these further arguments.
    fn serve_anew(self, further: &[&str]) -> Account {
        let Account { sandbox, work } = self;
        let address = sandbox.address.clone();
        drop(sandbox);
        Account { sandbox: Sandbox::start_at(&address, &[&ACCOUNT[..], further].concat()), work }
    }

    fn become_job(&self, text: &str) {
        std::fs::write(self.work.path("job.toml"), text).expect("the job file");
    }

    fn run(&self) -> Outcome {
        self.work.run(&self.sandbox, &[])
    }

    fn verify(&self, target: &str) -> Outcome {
        self.work.call(&["verify", target])
    }

    fn manifest(&self, place: &str) -> Value {
        let bytes = std::fs::read(self.work.path(&format!("{place}/manifest.json"))).expect("a manifest");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Asserts that `verify` reports a file that has lost its last bytes.
    #[track_caller]
    fn damage_is_told(&self, file: &str) {
        let path = self.work.path(file);
        let before = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &before[..before.len() - 2]).expect("write");
        assert!(self.verify("job.toml").expect(7).stdout.contains("bytes, the manifest says"));
        std::fs::write(&path, before).expect("write");
    }
}

#[test]
fn a_stream_that_is_held_is_not_compared_with_one_that_is_newer() {
    let account = Account::delivered(&format!("{OUT}{FEED}"));
    let denied = account.serve_anew(&["--deny-scope", "read_messages"]);
    denied.sandbox.delete("conversations", 4, 3);
    denied.run().expect(3);
    assert_eq!(denied.manifest("out")["streams"]["messages"]["status"], "held");
    denied.verify("job.toml").expect(0);
    // The mirror goes on, and the messages of those conversations are deleted from it. The earlier places stay as
    // they were.
    let back = denied.serve_anew(&[]);
    back.sandbox.delete("conversations", 4, 3);
    back.become_job(&job(ALL, "", &OUT.replace("\"out\"", "\"elsewhere\"")));
    for _ in 0..3 {
        back.run();
    }
    back.run().expect(0);
    let mirror = rusqlite::Connection::open(back.work.path("state/qpien.db")).expect("the mirror");
    let gone: i64 = mirror
        .query_row("SELECT count(*) FROM record WHERE stream = 4 AND deleted = 1", [], |r| r.get(0))
        .expect("a count");
    assert!(gone > 4, "{gone} messages are gone");
    back.become_job(&job(ALL, "", &format!("{OUT}{FEED}")));
    let said = back.verify("job.toml").expect(0).stdout;
    assert!(said.contains("messages are of run 1, conversations of run 2"), "{said}");
    for place in ["out", "feed"] {
        back.verify(place).expect(0);
    }
    back.damage_is_told("out/messages.csv");
}

#[test]
fn a_stream_that_left_the_job_is_told_as_that_and_checked_as_what_it_is() {
    let account = Account::delivered(&format!("{OUT}{FEED}"));
    let fewer = "streams = [\"contacts\", \"customer_persons\", \"conversations\"]\n";
    account.become_job(&job(fewer, "", &format!("{OUT}{FEED}")));
    for night in 1..=3 {
        account.sandbox.delete("conversations", 2, night);
        account.sandbox.bodiless("POST", &format!("/sandbox/night?seed={night}&changed=8&new=2&contacts=6"));
        account.run().expect(0);
        account.verify("job.toml").expect(0);
        for place in ["out", "feed"] {
            let entry = &account.manifest(place)["streams"]["messages"];
            assert_eq!((&entry["status"], &entry["run_id"]), (&"not in the job".into(), &1.into()), "{place}");
            account.verify(place).expect(0);
        }
    }
    account.damage_is_told("out/messages.csv");
    account.become_job(&job(ALL, "", &format!("{OUT}{FEED}")));
    account.run();
    account.run().expect(0);
    for place in ["out", "feed"] {
        assert_eq!(account.manifest(place)["streams"]["messages"]["status"], "published");
    }
    account.verify("job.toml").expect(0);
}

#[test]
fn a_job_that_was_edited_is_told_as_that() {
    let lines = "[[destination]]\nkind = \"jsonl\"\npath = \"out\"\n";
    let masked = format!("[mask.contacts]\nphone = \"redact\"\n{OUT}");
    for (source, rest, told) in [
        ("", format!("{OUT}delimiter = \";\"\n"), "(format)"),
        ("", format!("{OUT}line_end = \"crlf\"\n"), "(format)"),
        ("", format!("{OUT}formula_safe = true\n"), "(format)"),
        ("", format!("{OUT}compression = \"gzip\"\n"), "(format)"),
        ("", format!("{OUT}split = \"5KB\"\n"), "(split)"),
        ("", lines.to_owned(), "(format, columns)"),
        ("", format!("{lines}split = \"5KB\"\ncompression = \"zstd\"\n"), "(format, split, columns)"),
        ("extra_fields = \"collect\"\n", OUT.to_owned(), "(columns)"),
        ("", masked, "contacts: the job says otherwise now than when it was delivered (masks"),
        ("", OUT.replace("\"out\"\n", "\"out\"\ncontent = \"changes\"\n"), ""),
    ] {
        let account = Account::delivered(OUT);
        account.become_job(&job(ALL, source, &rest));
        let said = account.verify("job.toml").expect(0).stdout;
        assert!(said.contains(told) && said.contains("out: as it should be"), "{rest}: {said}");
        account.damage_is_told("out/contacts.csv");
        if told.is_empty() {
            // A run does not deliver changes where a snapshot lies.
            account.run().expect(2);
            continue;
        }
        account.run().expect(0);
        let said = account.verify("job.toml").expect(0).stdout;
        assert!(!said.contains("otherwise now"), "{rest}: {said}");
    }
}

#[test]
fn each_stream_says_how_its_own_files_are_written() {
    let account = Account::delivered(OUT);
    let denied = account.serve_anew(&["--deny-scope", "read_messages"]);
    let lines = "[[destination]]\nkind = \"jsonl\"\npath = \"out\"\ncompression = \"zstd\"\nsplit = \"5KB\"\n";
    denied.become_job(&job(ALL, "", lines));
    denied.sandbox.bodiless("POST", "/sandbox/night?seed=1&changed=5");
    denied.run().expect(3);
    let manifest = denied.manifest("out");
    let format = |stream: &str, what: &str| manifest["streams"][stream]["format"][what].clone();
    assert_eq!((format("messages", "kind"), format("messages", "delimiter")), ("csv".into(), ",".into()));
    assert_eq!((format("contacts", "kind"), format("contacts", "split")), ("jsonl".into(), 5_000.into()));
    assert_eq!((&manifest["format"]["kind"], &manifest["format"]["compression"]), (&"jsonl".into(), &"zstd".into()));
    let path = manifest["streams"]["messages"]["files"][0]["path"].clone();
    assert_eq!(path, "messages.csv");
    for target in ["job.toml", "out"] {
        denied.verify(target).expect(0);
    }
    denied.damage_is_told("out/messages.csv");
    // An earlier version wrote one format for all streams.
    let mut before = manifest;
    for (_, entry) in before["streams"].as_object_mut().expect("streams") {
        entry.as_object_mut().expect("an entry").remove("format");
    }
    before["format"] =
        serde_json::json!({ "kind": "csv", "delimiter": ",", "line_end": "lf", "compression": "none", "null": "" });
    before["streams"].as_object_mut().expect("streams").retain(|name, _| name == "messages");
    std::fs::write(denied.work.path("out/manifest.json"), before.to_string()).expect("a manifest");
    denied.run().expect(3);
    assert_eq!(denied.manifest("out")["streams"]["messages"]["format"]["kind"], "csv");
    denied.verify("job.toml").expect(0);
}
