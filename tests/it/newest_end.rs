//! Lists of which a night asks only for the changes since a moment: with an API that accepts the moment and obeys it,
//! and with one that accepts and ignores it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Outcome, Sandbox, Work, compared};

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";
const CONTACTS: usize = 600;

struct Account {
    sandbox: Sandbox,
    work: Work,
    now: String,
}

fn job(source: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\nstreams = [\"contacts\"]\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\npage_size = 50\nlookback = \"1d\"\n{source}\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    )
}

impl Account {
    fn new(source: &str, args: &[&str]) -> Account {
        let contacts = CONTACTS.to_string();
        let size = ["--contacts", &contacts, "--persons", "1", "--conversations", "1", "--messages", "1"];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"], args].concat());
        Account { sandbox, work: Work::with_job(&job(source)), now: BEFORE.into() }
    }

    fn become_job(&self, source: &str) {
        std::fs::write(self.work.path("job.toml"), job(source)).expect("the job file");
    }

    /// Lets a night pass and returns the ids of contacts that were edited or added.
    fn night(&mut self, query: &str) -> BTreeSet<String> {
        let told: Value =
            serde_json::from_str(&self.sandbox.bodiless("POST", &format!("/sandbox/night?{query}"))).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
        let ids = ["contacts", "new_contacts"].into_iter().flat_map(|kind| told[kind].as_array().expect("ids"));
        ids.map(|id| id.as_str().expect("an id").to_owned()).collect()
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.work.command(&["run", "job.toml", "--endpoint", &self.sandbox.endpoint]);
        command.env("QPIEN_TEST_NOW", &self.now);
        command
    }

    fn run(&self) -> Outcome {
        Outcome::of(&self.command().output().expect("a run"))
    }

    /// Starts a run and kills it once the sandbox has seen `after` more requests.
    fn run_and_kill(&self, after: u64) {
        self.sandbox.kill_run(&mut self.command(), after);
    }

    /// Runs; returns the result and the questions for contacts.
    #[track_caller]
    fn asked(&self) -> (Outcome, Vec<Value>) {
        let from = self.sandbox.log().len();
        let run = self.run().expect(0);
        let log = self.sandbox.log();
        let lists = log[from..].iter().filter(|line| line["operation"] == "getContactList");
        (run, lists.flat_map(|line| line["arguments"].as_array().expect("arguments").clone()).collect())
    }

    #[track_caller]
    fn equals_the_truth(&self, said: &str) {
        compared(&self.sandbox, &self.work, "contacts", "?objects=all").unwrap_or_else(|why| panic!("{said}: {why}"));
    }

    fn files_hold(&self, id: &str) -> bool {
        String::from_utf8(self.work.csv("contacts")).expect("UTF-8").contains(id)
    }

    /// Returns the contacts' part of the last run's report.
    fn report(&self) -> Value {
        let mirror = rusqlite::Connection::open(self.work.path("state/qpien.db")).expect("the mirror");
        let report: String =
            mirror.query_row("SELECT report FROM run ORDER BY id DESC LIMIT 1", [], |r| r.get(0)).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        report["streams"][0].clone()
    }
}

/// Returns the questions of a walk. The other questions check something with one or two rows.
fn pages(asked: &[Value]) -> Vec<&Value> {
    asked.iter().filter(|q| q["limit"].as_u64() > Some(2)).collect()
}

fn is_tail(asked: &[Value]) -> bool {
    let since = |q: &&Value| q["updatedAfter"].is_string();
    assert!(pages(asked).iter().all(since) || !pages(asked).iter().any(since), "{asked:?}");
    pages(asked).first().is_some_and(since)
}

#[test]
fn a_night_asks_for_what_changed_alone_and_the_files_equal_the_truth() {
    let mut account = Account::new("full_every = \"30d\"", &["--updated-after", "obeyed"]);
    let (_, first) = account.asked();
    assert!(!is_tail(&first) && pages(&first).len() > 12, "{first:?}");
    let mut changed: Vec<BTreeSet<String>> = Vec::new();
    for night in 1..=4 {
        changed.push(account.night(&format!("seed={night}&contacts=7&new_contacts=2")));
        let (run, asked) = account.asked();
        account.equals_the_truth(&format!("night {night}"));
        assert!(is_tail(&asked) && pages(&asked).len() <= 2, "night {night}: {asked:?}");
        assert_eq!(asked.len() > pages(&asked).len(), night == 1, "it is made sure of once: {asked:?}");
        assert!(run.stdout.contains("contacts: only what changed since 2025-0"), "{}", run.stdout);
        let report = account.report();
        assert_eq!(report["verdict"], "continuous", "{report}");
        // The lookback is a day, plus an hour for clocks that differ. So a night sees tonight's nine changes, and
        // again those of the nights before.
        let may: BTreeSet<&String> = changed.iter().rev().take(3).flatten().collect();
        let seen = report["seen"].as_u64().expect("a count");
        assert!((9..=may.len() as u64 + 9).contains(&seen), "night {night}: {report}");
    }
    // Three nights without a change, twice: the lookback still covers the last changes at first, and then no longer.
    for seen in [18, 0] {
        (0..3).for_each(|_| drop(account.night("seed=9")));
        let (_, asked) = account.asked();
        assert!(is_tail(&asked), "{asked:?}");
        assert_eq!(account.report()["seen"], seen, "that nothing has changed is believed");
    }
    account.equals_the_truth("nothing changed");
}

#[test]
fn what_is_gone_is_found_by_the_whole_reading_that_comes_in_its_turn() {
    let mut account = Account::new("full_every = \"3d\"", &["--updated-after", "obeyed"]);
    account.run().expect(0);
    account.night("seed=1&contacts=5");
    let gone = account.sandbox.delete("contacts", 2, 1);
    for night in 2..=3 {
        let (_, asked) = account.asked();
        assert!(is_tail(&asked), "night {night}: {asked:?}");
        assert!(gone.iter().all(|id| account.files_hold(id)), "a tail says nothing of what it does not show");
        account.night(&format!("seed={night}&contacts=5"));
    }
    let (_, asked) = account.asked();
    assert!(!is_tail(&asked), "three days after the first: {asked:?}");
    assert!(!gone.iter().any(|id| account.files_hold(id)));
    account.equals_the_truth("after the whole reading");
    account.night("seed=7&contacts=5");
    assert!(is_tail(&account.asked().1), "and changes alone again");
    account.equals_the_truth("after it");
    account.become_job("full_every = \"0\"");
    assert!(!is_tail(&account.asked().1), "always whole");
    // Other fields must be read of every record, so the list is read whole.
    account.become_job("[source.dialect.streams.contacts]\ndrop = [\"gender\"]");
    assert!(!is_tail(&account.asked().1));
    account.night("seed=8&contacts=5");
    assert!(is_tail(&account.asked().1));
}

#[test]
fn a_filter_that_is_ignored_is_noticed_and_the_list_is_read_whole() {
    let mut account = Account::new("", &["--updated-after", "ignored"]);
    account.run().expect(0);
    for night in 1..=2 {
        account.night(&format!("seed={night}&contacts=7&new_contacts=2"));
        let gone = account.sandbox.delete("contacts", 1, night);
        let (run, asked) = account.asked();
        account.equals_the_truth(&format!("night {night}"));
        assert!(!is_tail(&asked) && !account.files_hold(&gone[0]), "{asked:?}");
        assert_eq!(asked.iter().filter(|q| q["updatedAfter"].is_string()).count(), if night == 1 { 2 } else { 0 });
        assert!(run.stdout.contains("contacts: the server does not obey `updatedAfter`"), "{}", run.stdout);
    }
}

#[test]
fn what_a_backfill_has_read_whole_a_night_need_not() {
    let mut account = Account::new("", &["--updated-after", "obeyed"]);
    let text = job("").replace("incremental", "backfill");
    std::fs::write(account.work.path("job.toml"), text).expect("the job file");
    account.run().expect(0);
    account.night("seed=1&contacts=7&new_contacts=2");
    account.become_job("");
    assert!(is_tail(&account.asked().1));
    account.equals_the_truth("after a backfill");
    // A line of the job wins over the schema.
    account.night("seed=2&contacts=7");
    account.become_job("[source.dialect.streams.contacts.list]\nsince = \"\"");
    for _ in 0..2 {
        assert!(!is_tail(&account.asked().1));
        account.equals_the_truth("without the filter");
    }
}

#[test]
fn nights_that_are_killed_come_to_the_same() {
    for seed in 1..=3 {
        let args = ["--updated-after", "obeyed", "--max-page-size", "5", "--latency", "2ms"];
        let mut account = Account::new("aliases_per_request = 1", &args);
        account.run().expect(0);
        for night in 1..=3 {
            account.night(&format!("seed={}&contacts=40&new_contacts=5", seed * 10 + night));
            for kill in 0..3 {
                account.run_and_kill(2 + (seed * 7 + night * 3 + kill * 5) % 13);
            }
            let (_, asked) = account.asked();
            account.equals_the_truth(&format!("seed {seed}, night {night}"));
            assert!(asked.is_empty() || is_tail(&asked), "{asked:?}");
        }
    }
}
