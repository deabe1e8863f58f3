//! A destination's identity: two spellings of one place are one place, and one spelling in two working directories
//! means two. What a destination was filled with is recorded in the destination itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::fed::{self, Fed};
use crate::support::{Outcome, STREAMS, Sandbox, Work, by_hand};

const KEY: &str = "a long and random text";
const MASKS: &str = "[mask.contacts]\nemail = \"hmac\"\nphone = \"redact\"\n[mask.messages]\ncontent = \"drop\"\n";

fn job(mirror: &Path, feed: &str, masks: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n[mirror]\npath = \"{}\"\n{masks}\
         [[destination]]\nkind = \"jsonl\"\npath = \"{feed}\"\ncontent = \"changes\"\n",
        mirror.display()
    )
}

struct Account {
    sandbox: Sandbox,
    work: Work,
    now: RefCell<String>,
}

/// The time of the first reading.
const BEFORE: &str = "2025-01-31T12:00:00Z";

impl Account {
    /// Returns an account with a feed that was filled with masks.
    fn masked() -> Account {
        let size = ["--contacts", "60", "--persons", "5", "--conversations", "20", "--messages", "150"];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat());
        let account = Account { sandbox, work: Work::with_job(""), now: RefCell::new(BEFORE.into()) };
        account.become_job("feed", MASKS);
        account.call("run").expect(0);
        account
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path(name)
    }

    fn become_job(&self, feed: &str, masks: &str) {
        std::fs::write(self.path("job.toml"), job(&self.path("m.db"), feed, masks)).expect("the job file");
    }

    fn command(&self, what: &str) -> Command {
        let mut command = self.work.command(&[what]);
        command.arg(self.path("job.toml")).env("QPIEN_MASK_KEY", KEY).env("QPIEN_TEST_NOW", &*self.now.borrow());
        if ["run", "check"].contains(&what) {
            command.args(["--endpoint", &self.sandbox.endpoint]);
        }
        command
    }

    fn call(&self, what: &str) -> Outcome {
        Outcome::of(&self.command(what).output().expect("a command"))
    }

    fn night(&self, seed: u64) {
        let path = format!("/sandbox/night?seed={seed}&changed=4&new=1&contacts=5&status=2");
        let told: Value = serde_json::from_str(&self.sandbox.bodiless("POST", &path)).expect("JSON");
        self.now.replace(told["now"].as_str().expect("a moment").to_owned());
    }

    /// Asserts that every command that would write refuses the job, that check says so, and that the feed stays
    /// unchanged.
    #[track_caller]
    fn is_refused(&self, folder: &str, told: &str) {
        let (before, asked) = (files(&self.path(folder)), self.sandbox.counts()["requests"].clone());
        for what in ["run", "export"] {
            let refused = self.call(what).expect(2);
            assert!(refused.stderr.contains(told) && refused.stderr.contains("empty that place"), "{}", refused.stderr);
        }
        assert_eq!(self.sandbox.counts()["requests"], asked, "nothing is asked");
        assert!(self.call("check").expect(2).stdout.contains(told));
        assert!(files(&self.path(folder)) == before, "the place is as it was");
    }

    /// Asserts that every row of a feed is masked.
    #[track_caller]
    fn holds_masked_rows_alone(&self, folder: &str) {
        let fed = Fed::read(&self.path(folder), "contacts");
        assert_eq!(fed.rows.len(), self.sandbox.truth("contacts").len());
        let plain = |row: &&Value| row["phone"].as_str().is_some_and(|phone| phone != "[redacted]");
        assert_eq!(fed.rows.values().filter(plain).count(), 0);
    }
}

/// Returns the files of a folder with their bytes, without its lock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            all.extend(files(&entry));
        } else if !entry.ends_with(".qpien-sync.lock") {
            let bytes = std::fs::read(&entry).expect("a file");
            all.insert(entry, bytes);
        }
    }
    all
}

const OTHERWISE: &str = "were delivered under other masks";

#[test]
fn a_masked_feed_takes_no_plain_rows_however_its_folder_is_written() {
    let account = Account::masked();
    std::os::unix::fs::symlink("feed", account.path("link")).expect("a link");
    std::os::unix::fs::symlink(".", account.path("here")).expect("a link");
    account.night(1);
    let whole = account.path("feed").display().to_string();
    for spelled in ["feed", "./feed", "feed/", ".//feed/.", "link", "link/", "here/feed", "feed/../feed", &whole] {
        account.become_job(spelled, "");
        account.is_refused("feed", OTHERWISE);
    }
    // With the same masks, the place takes new rows under whatever name the job gives it.
    account.become_job("here/link", MASKS);
    account.call("run").expect(0);
    account.become_job(&whole, MASKS);
    account.night(2);
    account.call("run").expect(0);
    account.holds_masked_rows_alone("feed");
    account.call("verify").expect(0);
}

#[test]
fn a_folder_that_was_moved_takes_its_masks_along() {
    let account = Account::masked();
    account.night(1);
    std::fs::rename(account.path("feed"), account.path("moved")).expect("moved");
    account.become_job("moved", "");
    account.is_refused("moved", OTHERWISE);
    account.become_job("moved", &MASKS.replace("redact", "drop"));
    account.is_refused("moved", OTHERWISE);
    account.become_job("moved", MASKS);
    account.call("run").expect(0);
    account.holds_masked_rows_alone("moved");
    // At the old path there is no feed any more, so plain rows may go there.
    account.become_job("feed", "");
    account.call("export").expect(0);
    for stream in STREAMS {
        fed::equal(&account.path("feed"), &account.sandbox, stream).expect("in the clear");
    }
}

#[test]
fn a_feed_that_does_not_say_what_it_was_filled_with_is_refused_unless_the_mirror_remembers_it() {
    let account = Account::masked();
    account.night(1);
    // This is how an earlier version left it: the masks are in the mirror, under the name that the job wrote.
    let place = account.path("feed/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&place).expect("a manifest")).expect("JSON");
    for (n, stream) in STREAMS.iter().enumerate() {
        let masks = manifest["streams"][stream].as_object_mut().expect("an entry").remove("masks").expect("masks");
        let (number, masks) = (n + 1, masks.as_str().expect("a name"));
        let remember =
            format!("INSERT INTO masked_place (destination, stream, masks) VALUES ('feed', {number}, '{masks}')");
        by_hand(&account.path("m.db"), &remember);
    }
    std::fs::write(&place, manifest.to_string()).expect("the manifest");
    account.become_job("feed", "");
    account.is_refused("feed", OTHERWISE);
    for masks in ["", MASKS] {
        account.become_job("./feed", masks);
        account.is_refused("feed", "nothing says under which masks");
    }
    account.become_job("feed", MASKS);
    account.call("run").expect(0);
    // From now on the place itself names its masks.
    account.become_job("./feed", MASKS);
    account.call("export").expect(0);
    account.holds_masked_rows_alone("feed");
}

#[test]
fn one_name_in_two_working_directories_is_two_places() {
    let account = Account::masked();
    let away = account.path("away");
    std::fs::create_dir(&away).expect("a folder");
    let masked = |what: &str| account.call(what);
    let plain = |what: &str, die_at: Option<u32>| {
        account.become_job("feed", "");
        let mut command = account.command(what);
        if let Some(step) = die_at {
            command.env("QPIEN_TEST_DIE_AT", step.to_string());
        }
        let outcome = Outcome::of(&command.current_dir(&away).output().expect("a command"));
        account.become_job("feed", MASKS);
        outcome
    };
    plain("export", None).expect(0);
    for night in 1..=2 {
        account.night(night);
        masked("run").expect(0);
        // This export dies with ranges pinned for its place. The other place must not get them.
        plain("export", Some(2));
        masked("export").expect(0);
        plain("run", None).expect(0);
    }
    masked("export").expect(0);
    for what in [masked("verify"), plain("verify", None)] {
        what.expect(0);
    }
    account.holds_masked_rows_alone("feed");
    for stream in STREAMS {
        fed::equal(&away.join("feed"), &account.sandbox, stream).expect("in the clear");
    }
}

#[test]
fn two_destinations_that_a_link_makes_one_are_refused() {
    let account = Account::masked();
    std::os::unix::fs::symlink("feed", account.path("link")).expect("a link");
    let both =
        format!("{}[[destination]]\nkind = \"csv\"\npath = \"link\"\n", job(&account.path("m.db"), "feed", MASKS));
    std::fs::write(account.path("job.toml"), both).expect("the job file");
    let refused = account.call("export").expect(2);
    assert!(refused.stderr.contains("two destinations share the folder"), "{}", refused.stderr);
}
