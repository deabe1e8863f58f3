//! Personal data: what a job masks appears in no output and no log, and with `mask_at = "landing"` in no page of the
//! mirror.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::fed::Fed;
use crate::support::{Outcome, Sandbox, Work, ids};

const KEY: &str = "a long and random text";

const MASKS: &str = "[mask.contacts]\nemail = \"hmac\"\nphone = \"redact\"\nfirstName = \"drop\"\n\"tags.name\" = \"redact\"\n\
    [mask.customer_persons]\nemail = \"hmac\"\n\
    [mask.conversations]\n\"lastMessage.content\" = \"drop\"\n\
    [mask.messages]\ncontent = \"redact\"\ncontentHtml = \"drop\"\nsender = \"hmac\"\n";

fn job(mask_at: &str, masks: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n{mask_at}\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n{masks}\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\n\
         [[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n"
    )
}

struct Account {
    sandbox: Sandbox,
    work: Work,
}

impl Account {
    fn new(mask_at: &str) -> Account {
        Account::with(mask_at, MASKS)
    }

    fn with(mask_at: &str, masks: &str) -> Account {
        let size = ["--contacts", "120", "--persons", "9", "--conversations", "30", "--messages", "300"];
        let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
        Account { sandbox, work: Work::with_job(&job(mask_at, masks)) }
    }

    /// Replaces the job by another one with the same mirror and destinations.
    fn become_job(&self, mask_at: &str, masks: &str) {
        std::fs::write(self.work.path("job.toml"), job(mask_at, masks)).expect("the job file");
    }

    fn call(&self, args: &[&str], key: &str) -> Outcome {
        Outcome::of(&self.work.command(args).env("QPIEN_MASK_KEY", key).output().expect("a command"))
    }

    fn command(&self, args: &[&str], key: &str) -> Command {
        let mut command = self.work.command(args);
        command.env("QPIEN_MASK_KEY", key).env("QPIEN_LOG", "trace");
        command
    }

    fn run(&self, key: &str) -> Outcome {
        let args = ["run", "job.toml", "--endpoint", &self.sandbox.endpoint];
        Outcome::of(&self.command(&args, key).output().expect("a run"))
    }

    /// Returns the masked values that are long enough to be recognized and occur in no unmasked field.
    fn secrets(&self) -> Vec<String> {
        let (mut secrets, mut others) = (Vec::new(), String::new());
        for (stream, masked) in
            [("contacts", &["email", "phone"][..]), ("messages", &["content", "contentHtml"]), ("conversations", &[])]
        {
            for mut record in self.sandbox.truth(stream).into_values() {
                for name in masked {
                    if let serde_json::Value::String(text) = record[*name].take() {
                        secrets.push(text);
                    }
                }
                if record["lastMessage"].is_object() {
                    record["lastMessage"]["content"].take();
                }
                others.push_str(&record.to_string());
            }
        }
        let is_found = |s: &String| others.contains(serde_json::Value::from(s.as_str()).to_string().trim_matches('"'));
        secrets.retain(|s| s.chars().count() >= 9 && !is_found(s));
        secrets
    }
}

/// Returns every file under a folder.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry")) {
        if entry.file_type().expect("a type").is_dir() {
            all.extend(everything(&entry.path()));
        } else {
            all.insert(entry.path(), std::fs::read(entry.path()).expect("a file"));
        }
    }
    all
}

/// Returns the files delivered to a folder, without its lock, which contains the process that held it.
fn delivered(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = everything(folder);
    all.retain(|path, _| !path.to_string_lossy().contains("lock"));
    all
}

/// Returns the files that contain any of these texts, plain or as JSON and CSV write it.
fn found(files: &BTreeMap<PathBuf, Vec<u8>>, secrets: &[String]) -> Vec<PathBuf> {
    let forms: Vec<String> = secrets
        .iter()
        .flat_map(|s| {
            [s.clone(), serde_json::to_string(s).expect("JSON").trim_matches('"').to_owned(), s.replace('"', "\"\"")]
        })
        .collect();
    let holds = |bytes: &Vec<u8>| forms.iter().any(|form| memchr::memmem::find(bytes, form.as_bytes()).is_some());
    files.iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path.clone()).collect()
}

#[test]
fn a_masked_value_is_in_no_output_and_no_log_and_at_landing_in_no_page_of_the_mirror() {
    for (mask_at, in_mirror) in [("", true), ("mask_at = \"landing\"", false)] {
        let account = Account::new(mask_at);
        let run = account.run(KEY).expect(0);
        let secrets = account.secrets();
        assert!(secrets.len() > 200, "{}", secrets.len());
        let mut files = everything(&account.work.path("out"));
        files.extend(everything(&account.work.path("feed")));
        files.insert("stdout".into(), run.stdout.into_bytes());
        files.insert("stderr".into(), run.stderr.into_bytes());
        assert_eq!(found(&files, &secrets), Vec::<PathBuf>::new(), "{mask_at}");
        assert_eq!(!found(&everything(&account.work.path("state")), &secrets).is_empty(), in_mirror, "{mask_at}");
        // Hashes can be joined on: equal values have equal hashes, different values have different ones, and no other
        // field changes.
        let truth = account.sandbox.truth("contacts");
        let fed = Fed::read(&account.work.path("feed"), "contacts");
        let mut by_hash: BTreeMap<String, String> = BTreeMap::new();
        for (id, record) in &truth {
            let row = &fed.rows[id];
            assert_eq!((&row["lastName"], &row["firstName"]), (&record["lastName"], &serde_json::Value::Null));
            let Some(email) = record["email"].as_str() else {
                assert!(row["email"].is_null());
                continue;
            };
            let hash = row["email"].as_str().expect("a hash").to_owned();
            assert_eq!((hash.len(), by_hash.entry(hash).or_insert_with(|| email.to_owned()).as_str()), (64, email));
        }
        assert!(by_hash.len() > 50, "{}", by_hash.len());
    }
}

#[test]
fn a_mirror_that_landed_with_other_masks_is_refused() {
    let account = Account::new("mask_at = \"landing\"");
    account.run(KEY).expect(0);
    let refused = account.run("another long and random text").expect(2);
    assert!(
        refused.stderr.contains("landed with other masks") && refused.stderr.contains("--mirror"),
        "{}",
        refused.stderr
    );
    account.run(KEY).expect(0);
    let short = account.run("short").expect(2);
    assert!(short.stderr.contains("QPIEN_MASK_KEY is too short"), "{}", short.stderr);
}

#[test]
fn a_delivery_that_was_cut_off_is_finished_with_its_masks_on_and_verified_with_them() {
    let pins = |account: &Account| {
        let mirror = rusqlite::Connection::open(account.work.path("state/qpien.db")).expect("the mirror");
        mirror.query_row("SELECT count(*) FROM pin", [], |r| r.get::<_, i64>(0)).unwrap_or(0)
    };
    // The run died with the ranges of its delivery pinned and no file of it in place.
    let cut = (10..60).find_map(|at: u32| {
        let account = Account::new("");
        let args = ["run", "job.toml", "--endpoint", &account.sandbox.endpoint];
        account.command(&args, KEY).env("QPIEN_TEST_DIE_AT", at.to_string()).output().expect("a run");
        (pins(&account) > 0).then_some(account)
    });
    let account = cut.expect("a step at which ranges are pinned");
    assert!(!account.work.path("feed/contacts").exists(), "the first such step is before the files");
    if account.run(KEY).code != 0 {
        // If the run that died had already read the list of conversations, a second run may be needed.
        account.run(KEY).expect(0);
    }
    let secrets = account.secrets();
    let mut files = everything(&account.work.path("out"));
    files.extend(everything(&account.work.path("feed")));
    assert_eq!(found(&files, &secrets), Vec::<PathBuf>::new());
    assert_eq!(Fed::read(&account.work.path("feed"), "contacts").rows.len(), 120);
    let verify = |key: &str| Outcome::of(&account.command(&["verify", "job.toml"], key).output().expect("it"));
    verify(KEY).expect(0);
    // With another key the snapshot would hold other hashes. `verify` says that the masks differ, and does not fail.
    let said = verify("another long and random text").expect(0).stdout;
    assert!(said.contains("contacts: the job says otherwise now than when it was delivered (masks"), "{said}");
}

#[test]
fn a_mirror_that_landed_otherwise_is_refused_by_every_command() {
    const LANDING: &str = "mask_at = \"landing\"";
    for (landed, now, said) in [("", LANDING, "landed without masks"), (LANDING, "", "landed with masks")] {
        let account = Account::new(landed);
        account.run(KEY).expect(0);
        account.become_job(now, MASKS);
        let before = delivered(&account.work.path("out"));
        for command in ["run", "export", "check", "verify"] {
            let endpoint = ["--endpoint", &account.sandbox.endpoint];
            let online = if ["run", "check"].contains(&command) { &endpoint[..] } else { &[] };
            let refused = account.call(&[&[command, "job.toml"], online].concat(), KEY).expect(2);
            let told = refused.stdout + &refused.stderr;
            assert!(told.contains(said) && told.contains("--mirror"), "{command}: {told}");
        }
        assert!(before == delivered(&account.work.path("out")), "nothing was delivered: {now}");
        account.become_job(landed, MASKS);
        account.call(&["export", "job.toml"], KEY).expect(0);
        account.call(&["verify", "job.toml"], KEY).expect(0);
    }
}

#[test]
fn a_place_of_changes_holds_rows_of_one_key_and_of_the_same_masks() {
    const OTHER: &str = "another long and random text";
    let account = Account::new("");
    account.run(KEY).expect(0);
    let fed = delivered(&account.work.path("feed"));
    // Only the feed is refused. The other destination is still served.
    let refused = |outcome: Outcome| {
        let told = outcome.expect(1).stderr;
        assert!(told.contains("feed") && told.contains("empty that place") && !told.contains(OTHER), "{told}");
        assert!(fed == delivered(&account.work.path("feed")), "the place is as it was");
    };
    refused(account.run(OTHER));
    let before = account.sandbox.counts()["requests"].clone();
    refused(account.call(&["export", "job.toml"], OTHER));
    account.become_job("", &MASKS.replace("phone = \"redact\"", "phone = \"drop\""));
    refused(account.call(&["export", "job.toml"], KEY));
    account.become_job("", MASKS);
    account.call(&["export", "job.toml"], KEY).expect(0);
    // An emptied folder accepts the other key, and the export fills it without a request.
    std::fs::remove_dir_all(account.work.path("feed")).expect("emptied");
    account.call(&["export", "job.toml"], OTHER).expect(0);
    let again = Fed::read(&account.work.path("feed"), "contacts").rows;
    assert_eq!(again.len(), account.sandbox.truth("contacts").len());
    assert_eq!(account.sandbox.counts()["requests"], before);
    account.call(&["export", "job.toml"], KEY).expect(1);
    account.run(OTHER).expect(0);
    // The mirror stores neither key.
    let mirror = everything(&account.work.path("state"));
    assert_eq!(found(&mirror, &[KEY.to_owned(), OTHER.to_owned()]), Vec::<PathBuf>::new());
}

#[test]
fn a_mask_that_names_nothing_is_told_at_either_place() {
    for mask_at in ["", "mask_at = \"landing\""] {
        let account =
            Account::with(mask_at, "[mask.contacts]\n\"tags.nam\" = \"redact\"\n\"tags.name\" = \"redact\"\n");
        let told = account.run(KEY).expect(0).stdout;
        let notes: Vec<&str> = told.lines().filter(|line| line.contains("[mask")).collect();
        assert_eq!(notes, ["note: contacts: [mask.contacts] names tags.nam, which no record of this run has"]);
    }
}

#[test]
fn a_mask_at_landing_does_not_hide_that_a_conversation_has_new_messages() {
    let size = ["--contacts", "120", "--persons", "9", "--conversations", "60", "--messages", "900"];
    let sandbox = Sandbox::start_on("2025-01-01T00:00:00Z", &[&size[..], &["--requests-per-minute", "0"]].concat());
    let clear = Work::with_job(&job("", ""));
    let masked = Work::with_job(&job("mask_at = \"landing\"", "[mask.conversations]\nlastMessage = \"drop\"\n"));
    let mut now = "2025-01-01T00:00:00Z".to_owned();
    for night in 0..3 {
        if night > 0 {
            let path = format!("/sandbox/night?seed={night}&changed=8&new=2&contacts=6&status=4");
            let told: serde_json::Value = serde_json::from_str(&sandbox.bodiless("POST", &path)).expect("JSON");
            told["now"].as_str().expect("a moment").clone_into(&mut now);
        }
        for work in [&clear, &masked] {
            let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
            command.env("QPIEN_TEST_NOW", &now).env("QPIEN_MASK_KEY", KEY);
            let ran = Outcome::of(&command.output().expect("a run")).expect(0);
            assert!(night == 0 || ran.stdout.contains(" unchanged)"), "lists are skipped: {}", ran.stdout);
        }
        let all: Vec<String> = sandbox.truth("messages").into_keys().collect();
        assert_eq!(ids(&clear, "messages"), all, "night {night}");
        assert_eq!(ids(&masked, "messages").len(), all.len(), "night {night}");
        assert_eq!(masked.csv("messages"), clear.csv("messages"), "night {night}");
    }
}
