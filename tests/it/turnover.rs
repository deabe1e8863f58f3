//! Turnover: nearly the whole account is deleted and replaced within a fortnight, for more than a year. The mirror, a
//! feed's manifest and the requests of a night stay small although the nights add up. Deletions reach every
//! destination that is fed; one that was left out for a year is refused.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::fed::Fed;
use crate::support::qpien::Qpien;
use crate::support::simulated::{self, Habits, Life, date};
use crate::support::{Outcome, Work};

/// Days between two nights, so that sixty nights are more than a year.
const DAYS: usize = 7;
const NIGHTS: usize = 60;
/// Most files of a stream in the feed.
const MAX_FILES: usize = 8;

const SOURCE: &str = "mode = \"incremental\"\n[source]\nclient_id = \"c\"\nclient_secret = \"s\"\nrequests_per_minute = 0\n\
                      audit = 0\nretry_for = \"1s\"\n[mirror]\nmax_deletes = \"90%\"\n";

fn feed(path: &str) -> String {
    format!("[[destination]]\nkind = \"jsonl\"\npath = \"{path}\"\ncontent = \"changes\"\nmax_files = {MAX_FILES}\n")
}

struct Nights {
    server: Qpien,
    work: Work,
    night: usize,
}

impl Nights {
    fn call(&self, work: &Work, args: &[&str]) -> Outcome {
        let mut command = work.command(args);
        command.env("QPIEN_TEST_NOW", format!("{}T23:30:00Z", date(self.night * DAYS)));
        Outcome::of(&command.output().expect("it runs"))
    }

    /// Runs; returns the result and the number of requests.
    fn run(&self, work: &Work, job: &str, code: i32) -> (Outcome, usize) {
        let before = self.server.requests();
        let ended = self.call(work, &["run", job, "--endpoint", self.server.endpoint()]).expect(code);
        (ended, self.server.requests() - before)
    }

    fn ids(&self, list: &str) -> BTreeSet<String> {
        let account = self.server.account();
        let rows = account.lists[list].iter();
        rows.map(|row| row["_id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Asserts that the merged feed equals the account, and that `verify` agrees.
    fn is_true(&self) {
        for (stream, list) in [("contacts", "getContactList"), ("conversations", "getConversationList")] {
            let fed: BTreeSet<String> = Fed::read(&self.work.path("feed"), stream).rows.into_keys().collect();
            assert_eq!(fed, self.ids(list), "night {}: {stream}", self.night);
        }
        let truth: BTreeSet<String> = {
            let account = self.server.account();
            let all = account.messages.values().flatten();
            all.map(|row| row["_id"].as_str().expect("an id").to_owned()).collect()
        };
        let fed: BTreeSet<String> = Fed::read(&self.work.path("feed"), "messages").rows.into_keys().collect();
        assert_eq!(fed, truth, "night {}: messages", self.night);
        self.call(&self.work, &["verify", "job.toml"]).expect(0);
    }
}

fn bytes(work: &Work) -> u64 {
    std::fs::metadata(work.path("state/qpien.db")).expect("the mirror").len()
}

fn most_files(folder: &Path) -> usize {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).expect("a manifest")).expect("JSON");
    let streams = manifest["streams"].as_object().expect("streams").values();
    streams.filter_map(|entry| Some(entry["files"].as_array()?.len())).max().unwrap_or(0)
}

#[test]
fn a_year_of_turnover_leaves_the_mirror_the_manifest_and_a_night_as_small_as_they_were() {
    let (mut life, account) = Life::begin(3, Habits { by_activity: true }, 200, 200);
    let job = format!("{SOURCE}{}", feed("feed"));
    let mut nights = Nights { server: simulated::serve(account), work: Work::with_job(&job), night: 0 };
    let (mut requests, mut files) = (Vec::new(), 0);
    for night in 1..=NIGHTS {
        nights.night = night;
        life.turn_over(&mut nights.server.account(), 25, night * DAYS);
        if night == 2 {
            // On one night another job feeds another folder, which no later night feeds.
            std::fs::write(nights.work.path("once.toml"), format!("{SOURCE}{}", feed("left"))).expect("a job");
            nights.run(&nights.work, "once.toml", 0);
        }
        requests.push(nights.run(&nights.work, "job.toml", 0).1);
        files = files.max(most_files(&nights.work.path("feed")));
        if night % 5 == 0 {
            nights.is_true();
        }
    }
    let mean = |of: &[usize]| of.iter().sum::<usize>() as f64 / of.len() as f64;
    let (early, late) = (mean(&requests[5..20]), mean(&requests[NIGHTS - 15..]));
    assert!(late <= early * 1.15, "a night took {early} requests, and {late} a year later: {requests:?}");
    assert!(files <= MAX_FILES, "{files} files a stream");
    let fresh = Work::with_job(&format!("{SOURCE}{}", feed("feed")));
    nights.run(&fresh, "job.toml", 0);
    let (old, new) = (bytes(&nights.work), bytes(&fresh));

    assert!(old <= 2 * new, "the mirror has {old} bytes, a fresh one {new}");

    // The mirror has forgotten deletions that the abandoned folder was never told.
    let refused = nights.run(&nights.work, "once.toml", 2).0;
    assert!(refused.stderr.contains("the mirror has forgotten deletions"), "{}", refused.stderr);
    std::fs::remove_dir_all(nights.work.path("left")).expect("emptied");
    nights.run(&nights.work, "once.toml", 0);
    let left: BTreeSet<String> = Fed::read(&nights.work.path("left"), "contacts").rows.into_keys().collect();
    assert_eq!(left, nights.ids("getContactList"));
    nights.call(&nights.work, &["verify", "once.toml"]).expect(0);
}
