//! Two copies of one mirror (a restored pod, or a second machine) give the same seqs to different changes. A
//! destination that one copy feeds refuses the other, even if the other's seqs would fit.

use std::path::{Path, PathBuf};

use crate::support::fed;
use crate::support::{Outcome, STREAMS, Sandbox, Work};

const BEFORE: &str = "2025-01-31T12:00:00Z";

/// A machine: a folder with its mirror and a feed of its own, and the feed that all machines share.
struct Machine {
    work: Work,
    shared: PathBuf,
}

impl Machine {
    fn new(shared: &Path) -> Machine {
        Machine { work: Work::with_job(""), shared: shared.to_owned() }
    }

    /// Returns a second machine with a copy of this one's mirror.
    fn copied(&self) -> Machine {
        let copy = Machine::new(&self.shared);
        std::fs::create_dir(copy.work.path("state")).expect("a folder");
        for name in ["qpien.db", "qpien.db-wal"] {
            let _ = std::fs::copy(self.work.path("state").join(name), copy.work.path("state").join(name));
        }
        copy
    }

    fn deliver_to(&self, places: &[&str]) {
        let of = |place: &&str| {
            let path = if *place == "shared" { self.shared.display().to_string() } else { (*place).to_owned() };
            match *place {
                "tables" => "[[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\n".to_owned(),
                _ => format!("[[destination]]\nkind = \"jsonl\"\npath = {path:?}\ncontent = \"changes\"\n"),
            }
        };
        let job = format!(
            "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
             client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n{}",
            places.iter().map(of).collect::<String>()
        );
        std::fs::write(self.work.path("job.toml"), job).expect("the job file");
    }

    fn run(&self, account: &Account, die_at: Option<u32>) -> Outcome {
        let mut run = self.work.command(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]);
        run.env("WAREHOUSE_URL", &account.database);
        if let Some(step) = die_at {
            run.env("QPIEN_TEST_DIE_AT", step.to_string());
        }
        Outcome::of(&run.env("QPIEN_TEST_NOW", &account.now).output().expect("a run"))
    }
}

struct Account {
    sandbox: Sandbox,
    now: String,
    database: String,
}

impl Account {
    fn new() -> Account {
        let size = ["--contacts", "80", "--persons", "5", "--conversations", "20", "--messages", "150"];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat());
        Account { sandbox, now: BEFORE.into(), database: String::new() }
    }

    fn night(&mut self, seed: u64) {
        let query = format!("/sandbox/night?seed={seed}&changed=3&new=1&contacts=6&status=2");
        let told: serde_json::Value = serde_json::from_str(&self.sandbox.bodiless("POST", &query)).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
    }

    #[track_caller]
    fn is_in(&self, feed: &Path) {
        for stream in STREAMS {
            fed::equal(feed, &self.sandbox, stream).unwrap_or_else(|why| panic!("{why}"));
        }
    }
}

#[track_caller]
fn is_refused(machine: &Machine, account: &Account) {
    let manifest = || std::fs::read(machine.shared.join("manifest.json")).expect("a manifest");
    let (before, asked) = (manifest(), account.sandbox.counts()["requests"].clone());
    let refused = machine.run(account, None).expect(2);
    assert!(refused.stderr.contains("another copy of it delivers there"), "{}", refused.stderr);
    assert_eq!((manifest(), account.sandbox.counts()["requests"].clone()), (before, asked), "before the first request");
    let check = machine.work.call(&["check", "job.toml", "--endpoint", &account.sandbox.endpoint]).expect(2);
    assert!(check.stdout.contains("another copy of it delivers there"), "{}", check.stdout);
}

#[test]
fn a_place_that_a_copy_feeds_in_step_is_refused_to_the_other() {
    let (mut account, folder) = (Account::new(), tempfile::tempdir().expect("a folder"));
    let shared = folder.path().join("feed");
    let one = Machine::new(&shared);
    one.deliver_to(&["own", "shared"]);
    one.run(&account, None).expect(0);
    let two = one.copied();
    // Until the two copies diverge, either of them may deliver.
    two.deliver_to(&["own", "shared"]);
    two.run(&account, None).expect(0);
    account.night(1);
    one.run(&account, None).expect(0);
    // The second machine reads the same night and delivers to a feed of its own, so its seqs reach as far as those of
    // the shared feed.
    two.deliver_to(&["own"]);
    two.run(&account, None).expect(0);
    two.deliver_to(&["own", "shared"]);
    is_refused(&two, &account);
    account.night(2);
    is_refused(&two, &account);
    one.run(&account, None).expect(0);
    account.is_in(&shared);
    // The second machine takes the shared feed over once it is emptied. From then on the first machine is refused.
    std::fs::remove_dir_all(&shared).expect("emptied");
    two.run(&account, None).expect(0);
    account.is_in(&shared);
    is_refused(&one, &account);
}

#[cfg(feature = "postgres")]
#[test]
fn tables_that_a_copy_feeds_in_step_are_refused_to_the_other() {
    let (mut account, folder) = (Account::new(), tempfile::tempdir().expect("a folder"));
    let server = crate::support::postgres::Server::start();
    account.database = server.url("postgres");
    let one = Machine::new(&folder.path().join("feed"));
    one.deliver_to(&["own", "tables"]);
    one.run(&account, None).expect(0);
    let two = one.copied();
    account.night(1);
    one.run(&account, None).expect(0);
    two.deliver_to(&["own"]);
    two.run(&account, None).expect(0);
    two.deliver_to(&["own", "tables"]);
    let marks = || server.ask("postgres", "SELECT * FROM qpien._qpien_delivered ORDER BY stream");
    let before = marks();
    let refused = two.run(&account, None).expect(2).stderr;
    assert!(refused.contains("another copy of it delivers there") && refused.contains("TRUNCATE"), "{refused}");
    assert_eq!(marks(), before);
    account.night(2);
    one.run(&account, None).expect(0);
    super::postgres::equal(&server, &account.sandbox, "fed by one of them");
}

#[test]
fn a_range_that_was_let_go_is_no_leave_to_go_on_behind_a_copy() {
    let (mut account, folder) = (Account::new(), tempfile::tempdir().expect("a folder"));
    let shared = folder.path().join("feed");
    let one = Machine::new(&shared);
    one.deliver_to(&["shared"]);
    one.run(&account, None).expect(0);
    let two = one.copied();
    account.night(1);
    one.run(&account, None).expect(0);
    // The second machine reads two nights at once and dies before it has delivered them. Its mirror cannot know
    // whether they arrived.
    account.night(2);
    two.deliver_to(&["own"]);
    let died = (4..40).find(|at| {
        let died = two.run(&account, Some(*at)).code == -1;
        let mirror = rusqlite::Connection::open(two.work.path("state/qpien.db")).expect("the mirror");
        let pinned: i64 = mirror.query_row("SELECT count(*) FROM pin", [], |r| r.get(0)).expect("pins");
        died && pinned > 0
    });
    assert!(died.is_some(), "no step at which ranges are pinned");
    two.deliver_to(&["shared"]);
    is_refused(&two, &account);
    one.run(&account, None).expect(0);
    account.is_in(&shared);
}
