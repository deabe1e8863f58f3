//! Many questions in one request: fewer requests for the same bytes, and only as many questions as the server
//! accepts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::foreign::Answer;
use crate::support::qpien::{Account, Qpien, job};
use crate::support::{STREAMS, Sandbox, Work, ids};

const ACCOUNT: [&str; 8] = ["--contacts", "3000", "--persons", "50", "--conversations", "600", "--messages", "9000"];

fn account(more: &[&str]) -> Sandbox {
    Sandbox::start(&[&ACCOUNT[..], more].concat())
}

/// Returns the requests for records after the first `after` requests, without those that only find out the API's
/// spelling.
fn requests(sandbox: &Sandbox, after: usize) -> Vec<serde_json::Value> {
    let is_list = |l: &serde_json::Value| {
        l["operation"].as_str().is_some_and(|o| o.contains("List") || o.contains("getMessages"))
    };
    sandbox.log().into_iter().skip(after).filter(is_list).collect()
}

fn questions(line: &serde_json::Value) -> u64 {
    line["questions"].as_u64().expect("a number")
}

#[test]
fn ten_at_a_time_are_an_eighth_of_the_requests_and_the_same_bytes() {
    let sandbox = account(&["--requests-per-minute", "0"]);
    let (ten, one) = (Work::new(""), Work::new("aliases_per_request = 1"));
    ten.run(&sandbox, &[]).expect(0);
    let with_ten = requests(&sandbox, 0);
    let before = sandbox.log().len();
    one.run(&sandbox, &[]).expect(0);
    let with_one = requests(&sandbox, before);
    assert!(with_one.iter().all(|l| questions(l) == 1));
    assert!(with_ten.len() * 8 <= with_one.len(), "{} requests with ten, {} with one", with_ten.len(), with_one.len());
    for stream in STREAMS {
        assert!(ten.csv(stream) == one.csv(stream), "{stream}.csv differs");
        assert_eq!(ids(&ten, stream).len(), sandbox.truth(stream).len(), "{stream}");
    }
}

#[test]
fn a_server_that_bears_three_is_asked_for_three_and_this_is_remembered() {
    let sandbox = account(&["--requests-per-minute", "0", "--max-questions", "3"]);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    let counts = sandbox.counts();
    assert!(counts["refused"].as_u64().is_some_and(|n| (1..=20).contains(&n)), "{counts}");
    let all = requests(&sandbox, 0);
    let threes = all.iter().filter(|l| questions(l) == 3).count();
    assert!(threes * 10 > all.len() * 6, "{threes} of {} requests carry three", all.len());
    for stream in STREAMS {
        assert_eq!(ids(&work, stream).len(), sandbox.truth(stream).len(), "{stream}");
    }
    let refused = || sandbox.counts()["refused"].as_u64().expect("a count");
    let before = refused();
    work.run(&sandbox, &[]).expect(0);
    assert!(refused() <= before + 1, "the second run tries more with one request");
}

#[test]
fn where_questions_are_counted_they_travel_alone() {
    let sandbox = account(&["--requests-per-minute", "6000", "--window", "2s", "--count-questions"]);
    let work = Work::new("");
    let said = work.run(&sandbox, &["--requests-per-minute", "6000"]).expect(0).stderr;
    assert!(said.contains("questions travel alone"), "{said}");
    let all = requests(&sandbox, 0);
    let last = &all[all.len() / 2..];
    assert!(last.iter().all(|l| questions(l) == 1), "late requests carry several");
}

#[test]
fn pages_that_are_cut_short_are_asked_for_in_that_size_the_next_time() {
    let sandbox = account(&["--requests-per-minute", "0", "--max-page-size", "40"]);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    let before = sandbox.log().len();
    work.run(&sandbox, &[]).expect(0);
    let sizes: Vec<u64> = requests(&sandbox, before)
        .iter()
        .filter(|l| l["operation"] == "getContactList")
        .flat_map(|l| l["arguments"].as_array().cloned().unwrap_or_default())
        .filter_map(|a| a["limit"].as_u64())
        .collect();
    let larger = sizes.iter().filter(|size| **size > 40).count();
    assert!(sizes.len() > 20 && larger <= 1, "one page a run tries more: {sizes:?}");
}

#[test]
fn pages_that_are_refused_as_too_large_are_asked_for_smaller_and_this_is_remembered() {
    let sandbox = account(&["--requests-per-minute", "0", "--refuse-page-size", "40"]);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    for stream in STREAMS {
        assert_eq!(ids(&work, stream).len(), sandbox.truth(stream).len(), "{stream}");
    }
    let before = sandbox.log().len();
    work.run(&sandbox, &[]).expect(0);
    let later = requests(&sandbox, before);
    let asked = |l: &serde_json::Value| l["arguments"].as_array().cloned().unwrap_or_default();
    let sizes: Vec<u64> = later.iter().flat_map(asked).filter_map(|a| a["limit"].as_u64()).collect();
    let larger = sizes.iter().filter(|size| **size > 40).count();
    assert!(sizes.len() > 20 && larger <= STREAMS.len(), "once refused, nothing tries more: {sizes:?}");
}

/// After one bad night the run tries large requests again: the next night costs less than three times the usual
/// number of requests, and later nights at most a quarter more than usual. If the server stays bad, each later night
/// still costs less than the first bad one.
#[test]
fn one_bad_night_makes_no_later_night_dearer() {
    let night = Arc::new(AtomicUsize::new(0));
    for is_bad in [|night: usize| night == 2, |night: usize| night >= 2] {
        let shown = night.clone();
        let server = Qpien::whole(
            Account::new(300, 300, 30),
            {
                let night = night.clone();
                move |account, field| {
                    let mut fewer = field.clone();
                    let rows = field.number("limit")?.min(10);
                    fewer.arguments.insert("limit".into(), rows.to_string());
                    is_bad(night.load(Ordering::Relaxed)).then(|| account.answer(&fewer))
                }
            },
            move |_, fields, body| {
                if fields.len() > 2 && is_bad(shown.load(Ordering::Relaxed)) {
                    return Answer::json(400, &json!({"errors": [{"message": "Query is too complex"}]}));
                }
                Answer::json(200, &body)
            },
        );
        // Each run is a backfill, which reads everything.
        let work = job("backfill", "audit = 0");
        let mut costs = Vec::new();
        for n in 0..7 {
            night.store(n, Ordering::Relaxed);
            let before = server.requests();
            server.run(&work).expect(0);
            costs.push(server.requests() - before);
        }
        let (usual, bad) = (costs[1], costs[2]);
        assert!(bad > usual * 5, "{costs:?}");
        if is_bad(3) {
            // The mirror remembers the limits, so a later night does not find them out again.
            assert!(costs[3..].iter().all(|cost| *cost < bad), "{costs:?}");
        } else {
            assert!(costs[3] < usual * 3 && costs[4..].iter().all(|cost| *cost <= usual + usual / 4), "{costs:?}");
        }
    }
}

#[test]
fn answers_that_are_too_long_are_asked_for_with_fewer_rows() {
    let sandbox = account(&["--requests-per-minute", "0", "--max-page-size", "1000"]);
    let work = Work::new("max_response = \"256KiB\"\npage_size = 1000");
    work.run(&sandbox, &[]).expect(0);
    for stream in STREAMS {
        assert_eq!(ids(&work, stream).len(), sandbox.truth(stream).len(), "{stream}");
    }
    let refused = |l: &serde_json::Value| l["arguments"][0]["limit"].as_u64().is_some_and(|size| size > 900);
    let all = requests(&sandbox, 0);
    assert!(all.iter().any(refused), "no page was too long: the test shows nothing");
}
