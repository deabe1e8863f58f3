//! The change feed: one extraction feeds many destinations, each change exactly once, and a destination that is added
//! later is filled from the mirror.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::fed::{self, Fed};
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

/// The exit code that `Outcome` reports for a run that a signal ended.
const DIED: i32 = -1;

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";

const FEED: &str = "[[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n";

struct Account {
    sandbox: Sandbox,
    work: Work,
    now: String,
}

fn job(destinations: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         requests_per_minute = 0\naudit = 0\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n{destinations}"
    )
}

impl Account {
    fn new(destinations: &str) -> Account {
        let size = ["--contacts", "200", "--persons", "9", "--conversations", "60", "--messages", "900"];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat());
        Account { sandbox, work: Work::with_job(&job(destinations)), now: BEFORE.into() }
    }

    fn become_job(&self, destinations: &str) {
        std::fs::write(self.work.path("job.toml"), job(destinations)).expect("the job file");
    }

    fn night(&mut self, seed: u64) {
        let query = format!("/sandbox/night?seed={seed}&changed=8&new=2&contacts=6&status=4");
        let told: Value = serde_json::from_str(&self.sandbox.bodiless("POST", &query)).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.work.command(&["run", "job.toml", "--endpoint", &self.sandbox.endpoint]);
        command.env("QPIEN_TEST_NOW", &self.now);
        command
    }

    fn run(&self) -> Outcome {
        Outcome::of(&self.command().output().expect("a run"))
    }

    /// Returns every question so far, sorted, because their distribution over requests depends on timing.
    fn questions(&self) -> Vec<String> {
        self.sandbox.questions()
    }

    fn requests(&self) -> u64 {
        self.sandbox.counts()["requests"].as_u64().expect("a count")
    }

    #[track_caller]
    fn equals_the_truth(&self, said: &str) {
        for stream in STREAMS {
            compared(&self.sandbox, &self.work, stream, "?objects=all").unwrap_or_else(|why| panic!("{said}: {why}"));
            fed::equal(&self.work.path("feed"), &self.sandbox, stream).unwrap_or_else(|why| panic!("{said}: {why}"));
        }
    }
}

#[test]
fn nights_of_changes_merged_are_the_account_and_a_second_destination_costs_no_request() {
    let mut account = Account::new("");
    account.run().expect(0);
    let first = account.requests();
    // A destination that is added later is filled from the mirror.
    account.become_job(FEED);
    Outcome::of(&account.work.command(&["export", "job.toml"]).output().expect("an export")).expect(0);
    assert_eq!(account.requests(), first, "an export asks nothing");
    account.equals_the_truth("added later");
    // A twin account without the second destination asks the same questions.
    let mut alone = Account::new("");
    alone.run().expect(0);
    assert_eq!(alone.questions(), account.questions());
    for night in 1..=3 {
        account.night(night);
        alone.night(night);
        account.run().expect(0);
        alone.run().expect(0);
        assert_eq!(account.questions(), alone.questions(), "night {night}");
        account.equals_the_truth(&format!("night {night}"));
    }
    // A deleted record is deleted from the feed as well.
    account.sandbox.delete("contacts", 3, 1);
    account.run();
    account.run().expect(0);
    account.equals_the_truth("deleted");
    let deletes = Fed::read(&account.work.path("feed"), "contacts").ops["delete"];
    assert_eq!(deletes, 3);
}

#[test]
fn a_row_says_what_became_of_it_when_and_in_which_run() {
    let mut account = Account::new(FEED);
    account.run().expect(0);
    let fed = Fed::read(&account.work.path("feed"), "messages");
    assert_eq!(fed.ops.keys().map(String::as_str).collect::<Vec<_>>(), ["insert"]);
    account.night(1);
    account.run().expect(0);
    let fed = Fed::read(&account.work.path("feed"), "contacts");
    assert_eq!((fed.ops["update"], fed.ops["insert"]), (6, 200));
    let runs: BTreeMap<i64, String> = fed.runs;
    assert_eq!(runs.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!(runs[&1].starts_with("2025-01-31T12:00") && runs[&2] > runs[&1], "{runs:?}");
}

#[test]
fn what_is_held_goes_out_with_the_next_complete_run() {
    let account = Account::new(FEED);
    account.run().expect(0);
    let before = std::fs::read(account.work.path("feed/manifest.json")).expect("a manifest");
    account.sandbox.empty("contacts", true);
    let run = account.run();
    assert_ne!(run.code, 0, "an empty list is not believed");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(account.work.path("feed/manifest.json")).expect("it")).expect("JSON");
    let earlier: Value = serde_json::from_slice(&before).expect("JSON");
    assert_eq!(manifest["streams"]["contacts"]["status"], "held");
    assert_eq!(manifest["streams"]["contacts"]["files"], earlier["streams"]["contacts"]["files"]);
    account.sandbox.empty("contacts", false);
    account.run().expect(0);
    account.equals_the_truth("no longer held");
}

/// Returns a pseudo-random number for `seed` and `n`.
fn dice(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

/// Kills deliveries at random steps of a seed: `QPIEN_TEST_DIE_AT` names the write or rename at which the process
/// dies.
fn killed(seed: u64, kills: u64) {
    let mut account = Account::new(FEED);
    let mut died = 0;
    for night in 0..kills {
        if night > 0 {
            account.night(night);
        }
        let mut command = account.command();
        command.env("QPIEN_TEST_DIE_AT", (dice(seed, night) % 24).to_string());
        let outcome = Outcome::of(&command.output().expect("a run"));
        died += u64::from(outcome.code == DIED);
        if dice(seed, night + 1000).is_multiple_of(3) {
            // This run dies too, while it finishes the delivery that was cut off.
            let mut command = account.command();
            command.env("QPIEN_TEST_DIE_AT", (dice(seed, night + 2000) % 12).to_string());
            Outcome::of(&command.output().expect("a run"));
        }
        let mut run = account.run();
        // If the run that died had already read the list of conversations, a second run may be needed.
        if run.code != 0 {
            run = account.run();
        }
        run.expect(0);
        account.equals_the_truth(&format!("seed {seed}, night {night}"));
    }
    assert!(died * 2 >= kills, "only {died} of {kills} died: the moments are too late");
}

#[test]
fn a_delivery_that_is_killed_anywhere_is_made_whole_by_the_next_run() {
    let seeds = std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    for seed in 0..seeds {
        killed(seed, 10);
    }
}

/// Returns the feed's change files with their bytes, whether a manifest names them or not.
fn files(work: &Work) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for stream in STREAMS {
        let Ok(entries) = std::fs::read_dir(work.path("feed").join(stream)) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let bytes = std::fs::read(&path).expect("a file");
            all.insert(path, bytes);
        }
    }
    all
}

#[test]
fn what_was_cut_off_is_made_again_with_the_same_bytes_before_anything_new_goes_out() {
    // The run died with every change file in place and no manifest that names one.
    let is_cut = |account: &Account| {
        let manifest = std::fs::read(account.work.path("feed/manifest.json")).unwrap_or_default();
        files(&account.work).len() == STREAMS.len() && !String::from_utf8_lossy(&manifest).contains("changes-")
    };
    let cut = (20..60).find_map(|at: u32| {
        let account = Account::new(FEED);
        let outcome = Outcome::of(&account.command().env("QPIEN_TEST_DIE_AT", at.to_string()).output().expect("a run"));
        (outcome.code == DIED && is_cut(&account)).then_some(account)
    });
    let mut account = cut.expect("a step at which it is cut off so");
    let before = files(&account.work);
    account.night(1);
    let mut run = account.run();
    // If the run that died had already read the list of conversations, a second run may be needed.
    if run.code != 0 {
        run = account.run();
    }
    run.expect(0);
    let after = files(&account.work);
    for (path, bytes) in &before {
        assert!(after.get(path) == Some(bytes), "{}", path.display());
    }
    assert!(after.len() > before.len(), "what the night has changed is in files of its own");
    account.equals_the_truth("cut off");
}

/// Replaces a folder's files by those of another folder.
fn replace(folder: &std::path::Path, by: &std::path::Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    for entry in std::fs::read_dir(by).expect("a folder") {
        let (from, to) = {
            let entry = entry.expect("an entry");
            (entry.path(), folder.join(entry.file_name()))
        };
        if from.is_dir() {
            replace(&to, &from);
        } else {
            std::fs::copy(from, to).expect("a copy");
        }
    }
}

impl Account {
    /// Asserts that run and export refuse, that check says why, and that nothing is asked or written.
    #[track_caller]
    fn is_refused(&self, told: &str) {
        let manifest = || std::fs::read(self.work.path("feed/manifest.json")).expect("a manifest");
        let before = (self.requests(), manifest());
        let export = Outcome::of(&self.work.command(&["export", "job.toml"]).output().expect("an export"));
        for refused in [self.run(), export] {
            assert!(refused.stderr.contains(told), "{}", refused.stderr);
            refused.expect(2);
        }
        assert!(before == (self.requests(), manifest()), "asked {} requests", self.requests() - before.0);
        let check = self.work.call(&["check", "job.toml", "--endpoint", &self.sandbox.endpoint]).expect(2);
        assert!(check.stdout.contains(told), "{}", check.stdout);
    }
}

#[test]
fn an_older_copy_of_a_mirror_is_refused_before_anything_is_asked() {
    let mut account = Account::new(FEED);
    account.run().expect(0);
    let path = |name: &str| account.work.path(name);
    let (state, feed, older, older_feed, newer) =
        (path("state"), path("feed"), path("older"), path("older-feed"), path("newer"));
    replace(&older, &state);
    replace(&older_feed, &feed);
    account.night(1);
    account.run().expect(0);
    replace(&newer, &state);
    replace(&state, &older);
    account.is_refused("which this mirror never delivered there: the mirror is an older copy");
    // The newer mirror goes on. It also brings an older copy of the folder up to date, even if that copy was moved.
    replace(&state, &newer);
    account.night(2);
    account.run().expect(0);
    account.equals_the_truth("the newer mirror");
    replace(&feed, &older_feed);
    account.run().expect(0);
    account.equals_the_truth("an older folder");
    replace(&account.work.path("moved"), &older_feed);
    account.become_job(&FEED.replace("\"feed\"", "\"moved\""));
    account.run().expect(0);
    replace(&feed, &account.work.path("moved"));
    account.equals_the_truth("an older folder that was moved");
    // The older copy of the mirror may fill a folder that was emptied.
    account.become_job(FEED);
    replace(&state, &older);
    std::fs::remove_dir_all(&feed).expect("emptied");
    account.run().expect(0);
    account.equals_the_truth("emptied");
}

#[test]
fn a_lost_mirror_is_refused_before_anything_is_asked() {
    let account = Account::new(FEED);
    account.run().expect(0);
    std::fs::remove_dir_all(account.work.path("state")).expect("lost");
    let (check, before) = (["check", "job.toml", "--endpoint", &account.sandbox.endpoint], account.requests());
    assert!(account.run().expect(2).stderr.contains("feed holds changes from another mirror"));
    assert_eq!(account.requests(), before, "nothing was asked");
    // The run is refused with the new mirror that the first attempt left, and also without a mirror.
    account.is_refused("feed holds changes from another mirror");
    std::fs::remove_dir_all(account.work.path("state")).expect("lost");
    assert!(account.work.call(&check).expect(2).stdout.contains("feed holds changes from another mirror"));
    account.run().expect(2);
    account.is_refused("feed holds changes from another mirror");
}

#[test]
fn what_was_handed_over_and_let_go_before_it_was_logged_is_this_mirrors() {
    let mut account = Account::new(FEED);
    account.run().expect(0);
    let manifest = |account: &Account| std::fs::read(account.work.path("feed/manifest.json")).expect("a manifest");
    let mut unlogged = 0;
    for at in 4..26 {
        account.night(at);
        let before = manifest(&account);
        let mut command = account.command();
        let died = Outcome::of(&command.env("QPIEN_TEST_DIE_AT", at.to_string()).output().expect("a run")).code == DIED;
        unlogged += u64::from(died && manifest(&account) != before);
        account.become_job("");
        account.run().expect(0);
        account.become_job(FEED);
        account.run().expect(0);
        account.equals_the_truth(&format!("died at {at}"));
    }
    assert!(unlogged > 0, "the moments are too early, or too late");
}

#[test]
fn a_mirror_may_drop_what_every_destination_has() {
    let only = |retain: &str| {
        format!(
            "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
             client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n[mirror]\n{retain}\n{FEED}"
        )
    };
    let mut account = Account::new("");
    std::fs::write(account.work.path("job.toml"), only("retain = \"until-delivered\"")).expect("the job");
    let mirror = account.work.path("state/qpien.db");
    let payloads = || {
        let mirror = rusqlite::Connection::open(&mirror).expect("the mirror");
        mirror.query_row("SELECT count(*) FROM body_messages", [], |r| r.get::<_, i64>(0)).expect("a count")
    };
    let fed = |account: &Account, said: &str| {
        for stream in STREAMS {
            let feed = account.work.path("feed");
            fed::equal(&feed, &account.sandbox, stream).unwrap_or_else(|why| panic!("{said}: {why}"));
        }
    };
    for night in 1..=3 {
        let mut command = account.command();
        // A run that is killed at any step drops no payload that is not yet delivered.
        command.env("QPIEN_TEST_DIE_AT", (7 + 9 * night).to_string());
        Outcome::of(&command.output().expect("a run"));
        account.run().expect(0);
        fed(&account, &format!("night {night}"));
        assert_eq!(payloads(), 0);
        account.night(night);
    }
    account.sandbox.delete("contacts", 3, 1);
    account.run();
    account.run().expect(0);
    fed(&account, "deleted");
    // A destination that is added later would lack the dropped payloads.
    let later = FEED.replace("\"feed\"", "\"later\"");
    std::fs::write(account.work.path("job.toml"), format!("{}{later}", only("retain = \"until-delivered\"")))
        .expect("it");
    let before = account.requests();
    let refused = account.run().expect(2);
    assert!(
        refused.stderr.contains("later lacks contacts") && refused.stderr.contains("a backfill"),
        "{}",
        refused.stderr
    );
    assert_eq!(account.requests(), before, "refused before the first request");
}
