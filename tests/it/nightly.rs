//! Nightly runs: they read what changed, do not ask for what did not, and after each night the files equal the truth.
//!
//! Between two runs the account changes by a seed. Each run is told the time, so that a night takes no time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";

struct Account {
    sandbox: Sandbox,
    work: Work,
    now: String,
}

fn job(mode: &str, source: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"{mode}\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         requests_per_minute = 0\n{source}\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    )
}

impl Account {
    /// Returns a job of this mode over an account of so many conversations and messages.
    fn new(mode: &str, source: &str, conversations: u32, messages: u32, args: &[&str]) -> Account {
        let (conversations, messages) = (conversations.to_string(), messages.to_string());
        let size = ["--contacts", "300", "--persons", "9", "--conversations", &conversations, "--messages", &messages];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"], args].concat());
        Account { sandbox, work: Work::with_job(&job(mode, source)), now: BEFORE.into() }
    }

    fn become_job(&self, mode: &str, source: &str) {
        std::fs::write(self.work.path("job.toml"), job(mode, source)).expect("the job file");
    }

    /// Lets a night pass and returns what it changed.
    fn night(&mut self, query: &str) -> Value {
        let told: Value =
            serde_json::from_str(&self.sandbox.bodiless("POST", &format!("/sandbox/night?{query}"))).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
        told
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

    fn requests(&self) -> u64 {
        self.sandbox.counts()["requests"].as_u64().expect("a count")
    }

    /// Returns the pages of messages asked for after the first `from` requests, by conversation.
    fn asked(&self, from: u64) -> BTreeMap<String, Vec<u64>> {
        let mut asked: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let from = usize::try_from(from).expect("few");
        for line in &self.sandbox.log()[from..] {
            for question in line["arguments"].as_array().into_iter().flatten() {
                if let Some(conversation) = question["conversationId"].as_str() {
                    asked.entry(conversation.to_owned()).or_default().push(question["page"].as_u64().expect("a page"));
                }
            }
        }
        asked
    }

    #[track_caller]
    fn equals_the_truth(&self, said: &str) {
        for stream in STREAMS {
            compared(&self.sandbox, &self.work, stream, "?objects=all").unwrap_or_else(|why| panic!("{said}: {why}"));
        }
    }

    /// Returns the messages' part of the last run's report.
    fn messages(&self) -> Value {
        let mirror = rusqlite::Connection::open(self.work.path("state/qpien.db")).expect("the mirror");
        let report: String =
            mirror.query_row("SELECT report FROM run ORDER BY id DESC LIMIT 1", [], |r| r.get(0)).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let streams = report["streams"].as_array().expect("streams");
        streams.iter().find(|s| s["stream"] == "messages").expect("messages").clone()
    }

    /// Returns the number of messages in each conversation.
    fn sizes(&self) -> BTreeMap<String, u64> {
        let mut sizes = BTreeMap::new();
        for message in self.sandbox.truth("messages").values() {
            *sizes.entry(message["conversation"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        sizes
    }
}

fn ids(told: &Value, kinds: &[&str]) -> BTreeSet<String> {
    let of = |kind: &&str| told[*kind].as_array().expect("ids").iter().map(|id| id.as_str().expect("an id").to_owned());
    kinds.iter().flat_map(of).collect()
}

fn keys(asked: &BTreeMap<String, Vec<u64>>) -> BTreeSet<String> {
    asked.keys().cloned().collect()
}

/// Returns a pseudo-random number for `seed` and `n`.
fn dice(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

/// Runs `count` nights of seeded changes; before each ends, `kills` runs are killed at seeded moments.
fn nights(seed: u64, count: u64, kills: u64) {
    let mut account = Account::new("incremental", "audit = 0", 120, 2500, &["--latency", "1ms"]);
    account.run().expect(0);
    account.equals_the_truth("before the first night");
    // These conversations may have new messages of the last nights. Within the lookback of three days, runs read them
    // again.
    let mut recent: Vec<BTreeSet<String>> = Vec::new();
    for night in 1..=count {
        let told = account.night(&format!("seed={seed}&changed=12&new=3&contacts=7&status=4"));
        let from = account.requests();
        for kill in 0..kills {
            account.run_and_kill(1 + dice(seed, night * 16 + kill) % 14);
        }
        let last = account.run().expect(0);
        account.equals_the_truth(&format!("seed {seed}, night {night}"));
        let asked = keys(&account.asked(from));
        let must = ids(&told, &["changed", "new", "status"]);
        recent.push(ids(&told, &["changed", "new"]));
        let may: BTreeSet<String> = recent.iter().rev().take(5).flatten().cloned().collect();
        assert!(asked.is_superset(&must), "seed {seed}, night {night}: not asked: {:?}", must.difference(&asked));
        // A run that is killed after it stored everything leaves nothing for the next run to read again.
        assert!(asked.is_subset(&may), "seed {seed}, night {night}: asked in vain: {:?}", asked.difference(&may));
        let report = account.messages();
        let lists = |name: &str| report[name].as_u64().expect("a number");
        let conversations = account.sandbox.truth("conversations").len() as u64;
        assert_eq!(lists("lists") + lists("skipped"), conversations, "seed {seed}, night {night}: {report}");
        assert!(lists("lists") < conversations / 2 + 10 * night, "{report}");
        assert!(last.stdout.contains(&format!("lists read, {} unchanged)", lists("skipped"))), "{}", last.stdout);
        assert_eq!((report["verdict"].as_str(), report["open_lists"].as_u64()), (Some("continuous"), Some(0)));
    }
}

fn soak() -> Option<u64> {
    std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok())
}

#[test]
fn every_night_the_files_equal_the_truth_and_what_is_unchanged_is_not_asked_for() {
    for seed in 1..=soak().unwrap_or(1) {
        nights(seed, if soak().is_some() { 30 } else { 5 }, 0);
    }
}

#[test]
fn nights_that_are_killed_come_to_the_same() {
    for seed in 1..=soak().unwrap_or(2) {
        nights(seed, if soak().is_some() { 30 } else { 4 }, 1 + seed % 3);
    }
}

#[test]
fn newest_first_is_read_from_its_newest_end_and_oldest_first_whole() {
    const SMALL: &str = "audit = 0\npage_size = 10";
    for (order, from_the_end) in [("newest-first", true), ("oldest-first", false)] {
        // `--order` takes effect only with `--drift`, and a rate of 0 moves nothing.
        let drift = ["--drift", "0:1", "--order", order, "--max-page-size", "10"];
        let mut account = Account::new("incremental", SMALL, 150, 9000, &drift);
        account.run().expect(0);
        let told = account.night("seed=3&changed=100&new=2");
        let from = account.requests();
        account.run().expect(0);
        account.equals_the_truth(order);
        let (asked, sizes) = (account.asked(from), account.sizes());
        assert_eq!(keys(&asked), ids(&told, &["changed", "new"]));
        let long: Vec<&String> = asked.keys().filter(|c| sizes.get(*c).copied().unwrap_or(0) > 50).collect();
        assert!(long.len() >= 4, "too few long conversations to tell: {}", long.len());
        for conversation in long {
            let (pages, size) = (asked[conversation].len() as u64, sizes[conversation]);
            if from_the_end {
                assert!(pages <= 3, "{pages} pages for {size} messages: {:?}", asked[conversation]);
            } else {
                assert!(pages >= size / 10, "{pages} pages for {size} messages");
            }
        }
        let report = account.messages();
        assert_eq!(report["verdict"], "continuous", "{report}");
    }
}

#[test]
fn an_invented_miss_is_found_at_the_rate_that_it_has() {
    const AUDIT: &str = "audit = 100";
    let mut account = Account::new("incremental", AUDIT, 300, 3000, &[]);
    account.run().expect(0);
    // In a calm night the audit finds nothing, and says so.
    account.night("seed=1&changed=5");
    let calm = account.run().expect(0);
    let audit = account.messages()["audit"].clone();
    assert_eq!((audit["lists"].as_u64(), audit["missed"].as_u64()), (Some(100), Some(0)), "{audit}");
    assert!(calm.stdout.contains("audit of messages: 0 of 100 unchanged lists"), "{}", calm.stdout);
    assert!(!calm.stdout.contains("note: messages: the audit"), "{}", calm.stdout);
    account.equals_the_truth("a calm night");
    // A 95 % interval may miss the rate in one of six samples. The six samples together must lie within their own
    // interval.
    let (mut outside, mut hits, mut expected) = (0, 0, 0.0);
    for (seed, edits) in [(2, 60), (3, 30), (4, 90), (5, 60), (6, 45), (7, 75)] {
        let told = account.night(&format!("seed={seed}&changed=5&old_edits={edits}"));
        let from = account.requests();
        let run = account.run().expect(0);
        let report = account.messages();
        let audit = &report["audit"];
        let number = |name: &str| audit[name].as_u64().expect("a count");
        let invented = ids(&told, &["old_edits"]);
        let hit = keys(&account.asked(from)).intersection(&invented).count() as u64;
        assert_eq!((number("lists"), number("missed"), number("records")), (100, hit, hit), "{audit}");
        let unchanged = report["skipped"].as_u64().expect("a count") + number("lists");
        let rate = invented.len() as f64 / unchanged as f64;
        let (low, high) = (audit["low"].as_f64().expect("low"), audit["high"].as_f64().expect("high"));
        outside += u32::from(rate < low || rate > high);
        hits += hit;
        expected += rate * 100.0;
        assert!(low > 0.0, "{audit}");
        assert!(run.stdout.contains("note: messages: the audit found"), "{}", run.stdout);
        // A backfill finds what the audit did not find. What the audit found is already stored.
        account.become_job("backfill", AUDIT);
        account.run().expect(0);
        account.equals_the_truth("a backfill");
        let after = account.messages();
        assert_eq!(after["changed"].as_u64(), Some(invented.len() as u64 - hit), "{after}");
        account.become_job("incremental", AUDIT);
    }
    assert!(outside <= 1, "{outside} of 6 intervals do not hold the rate");
    let (low, high) = qpien_sync::sync::incremental::audit::wilson(hits, 600);
    assert!((low..=high).contains(&(expected / 600.0)), "{hits} found, {expected} expected");
}

#[test]
fn an_audit_that_is_killed_is_the_same_audit() {
    let mut account = Account::new("incremental", "audit = 15", 60, 600, &["--latency", "2ms"]);
    account.run().expect(0);
    for night in 1..=3 {
        account.night(&format!("seed={night}&old_edits=20"));
        let from = account.requests();
        for kill in 0..4 {
            account.run_and_kill(2 + dice(night, kill) % 5);
        }
        account.run().expect(0);
        assert_eq!(account.messages()["audit"]["lists"], 15);
        // A run may end before its kill comes. Each complete run draws a new sample.
        let runs = 5;
        assert!(keys(&account.asked(from)).len() <= 15 * runs, "{:?}", account.asked(from));
    }
}

#[test]
fn without_a_lookback_recent_messages_are_not_read_again() {
    let mut account = Account::new("incremental", "audit = 0\nlookback = \"0\"", 80, 1200, &[]);
    account.run().expect(0);
    account.night("seed=1&changed=10&new=2");
    account.run().expect(0);
    let told = account.night("seed=2&changed=6&new=1&status=5");
    let from = account.requests();
    account.run().expect(0);
    let asked = keys(&account.asked(from));
    assert_eq!(asked, ids(&told, &["changed", "new"]));
    let missed = ids(&told, &["status"]).difference(&asked).count();
    assert!(missed > 0 && compared(&account.sandbox, &account.work, "messages", "").is_err(), "nothing to miss");
    // Once the job has a lookback, these messages are read again.
    account.become_job("incremental", "audit = 0");
    account.run().expect(0);
    account.equals_the_truth("with a lookback");
}

#[test]
fn what_one_lane_has_read_the_other_need_not() {
    const AUDIT: &str = "audit = 0";
    let mut account = Account::new("backfill", AUDIT, 90, 1500, &[]);
    account.run().expect(0);
    account.become_job("incremental", AUDIT);
    let from = account.requests();
    let run = account.run().expect(0);
    assert_eq!(account.asked(from), BTreeMap::new(), "the backfill's reading counts");
    assert!(run.stdout.contains("(0 lists read, 90 unchanged)"), "{}", run.stdout);
    account.equals_the_truth("nothing asked");
    let told = account.night("seed=4&changed=8&new=2&contacts=3");
    account.become_job("backfill", AUDIT);
    // A backfill that was killed has read only some of the lists. The incremental run after it reads the others.
    account.run_and_kill(6);
    account.become_job("incremental", AUDIT);
    let from = account.requests();
    account.run().expect(0);
    account.equals_the_truth("after half a backfill");
    let asked = keys(&account.asked(from));
    assert!(asked.is_superset(&ids(&told, &["changed", "new"])), "{asked:?}");
    account.become_job("backfill", AUDIT);
    account.run().expect(0);
    account.equals_the_truth("a backfill");
    assert_eq!(account.messages()["skipped"], 0, "a backfill reads whole");
    account.become_job("incremental", AUDIT);
    let from = account.requests();
    account.run().expect(0);
    let recent = ids(&told, &["changed", "new"]);
    assert_eq!(keys(&account.asked(from)), recent, "what is new may change yet, and nothing else");
    let status = account.work.call(&["status", "job.toml"]).expect(0).stdout;
    assert!(status.contains("unchanged"), "{status}");
}

#[test]
fn fields_that_change_are_told_and_nothing_is_skipped_for_them() {
    const DROP: &str = "audit = 0\n[source.dialect.streams.messages]\ndrop = [\"subject\"]";
    let account = Account::new("incremental", "audit = 0", 40, 500, &[]);
    account.run().expect(0);
    let run = account.run().expect(0);
    assert!(!run.stdout.contains("have changed since"), "{}", run.stdout);
    account.become_job("incremental", DROP);
    // Even if the first run with the other fields is killed, the next one reports the change.
    account.run_and_kill(3);
    let run = account.run().expect(0);
    assert!(
        run.stdout.contains("messages: the fields that are asked for have changed since the last run"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("contacts: the fields"), "{}", run.stdout);
    assert_eq!(account.messages()["skipped"], 0);
    let bytes = account.work.csv("messages");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let subject = reader.headers().expect("a header").iter().position(|n| n == "subject").expect("the column");
    assert!(
        reader.records().all(|r| r.expect("a row")[subject].is_empty()),
        "every message is read as it is asked for now"
    );
    let run = account.run().expect(0);
    assert!(!run.stdout.contains("have changed since"), "{}", run.stdout);
    assert_eq!(account.messages()["skipped"], 40);
}

#[test]
fn a_night_that_was_cut_short_is_not_finished_from_yesterdays_lists() {
    let mut account = Account::new("incremental", "aliases_per_request = 1", 60, 600, &[]);
    account.run().expect(0);
    account.night("seed=1&changed=10&new=2&contacts=5");
    account.run_and_kill(6);
    account.night("seed=2&changed=10&new=2&contacts=5");
    account.run().expect(0);
    account.equals_the_truth("the night after a night that was cut short");
}
