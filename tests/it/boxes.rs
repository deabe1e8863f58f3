//! Boxes (limits on requests) that are too small for a night. Every stream still gets its turn, the run tells a
//! person what a complete reading takes, and no run exceeds its box.

use crate::support::edited::{ids, job, server};
use crate::support::qpien::Qpien;
use crate::support::simulated::date;
use crate::support::{Outcome, STREAMS, Work};

/// Allows every deletion, because a contact is deleted each day.
const DELETES: &str = "[mirror]\nmax_deletes = \"100%\"";

/// Runs at 02:00 of day `night` after 2026-01-01; asserts that it makes at most `requests` requests.
fn night(server: &Qpien, work: &Work, night: usize, requests: Option<u64>, quiet: bool) -> Outcome {
    let mut command = work.command(&["run", "job.toml", "--endpoint", server.endpoint()]);
    command.env("QPIEN_TEST_NOW", format!("{}T02:00:00Z", date(night)));
    if let Some(requests) = requests {
        command.args(["--max-requests", &requests.to_string()]);
    }
    if quiet {
        command.arg("--quiet");
    }
    let before = server.requests();
    let ended = Outcome::of(&command.output().expect("a run"));
    let made = server.requests() - before;
    if let Some(most) = requests {
        assert!(made as u64 <= most, "night {night}: {made} requests of {most}");
    }
    ended
}

/// Lets a day pass: a contact is added, another is deleted, and a conversation with messages begins.
fn day(server: &Qpien, day: usize) {
    let mut account = server.account();
    let contacts = account.lists.get_mut("getContactList").expect("the list");
    contacts.remove(day * 7 % contacts.len());
    let mut new = contacts[0].clone();
    new["_id"] = serde_json::json!(format!("new-{day:03}"));
    contacts.insert(0, new);
    account.talk(&format!("conversation-new-{day:03}"), 3);
}

fn as_of(work: &Work, stream: &str) -> Option<String> {
    let manifest = work.path("out/manifest.json").exists().then(|| work.manifest())?;
    let entry = &manifest["streams"][stream];
    (entry["files"].as_array().is_some_and(|files| !files.is_empty()))
        .then(|| entry["as_of"].as_str().expect("a moment").to_owned())
}

/// Returns the number of requests that a night without a box takes for this account.
fn takes(job: &str) -> u64 {
    let (server, work) = (server(), Work::with_job(job));
    night(&server, &work, 0, None, false).expect(0);
    let before = server.requests();
    night(&server, &work, 1, None, false).expect(0);
    (server.requests() - before) as u64
}

#[test]
fn a_box_that_holds_no_night_reads_every_stream_in_turn_and_a_person_is_told() {
    let job = job("out", "incremental", &format!("lookback = \"9999d\"\n{DELETES}"));
    let takes = takes(&job);
    let most = takes / 4;
    let (server, work) = (server(), Work::with_job(&job));
    let (mut moments, mut starved, mut said_what) = (vec![Vec::new(); STREAMS.len()], 0, String::new());
    for n in 0..40 {
        let ended = night(&server, &work, n, Some(most), true);
        assert!([0, 3, 4].contains(&ended.code), "night {n}: {} {}", ended.code, ended.stderr);
        let is_told = ended.stderr.contains("not read to the end in the last 3 runs");
        // A reading that is spread over many nights may stay unproven, because records move meanwhile.
        let is_unproven = ended.stderr.contains("records keep moving");
        assert_eq!(is_told || is_unproven, ended.code == 3, "night {n}: {}", ended.stderr);
        if is_told {
            starved += 1;
            said_what = ended.stderr;
        }
        for (stream, moments) in STREAMS.iter().zip(&mut moments) {
            moments.extend(as_of(&work, stream).filter(|moment| moments.last() != Some(moment)));
        }
        day(&server, n);
    }
    for (stream, moments) in STREAMS.iter().zip(&moments) {
        assert!(moments.len() > 1, "{stream} was published as of {moments:?}: {said_what}");
        assert!(moments.is_sorted(), "{stream}: {moments:?}");
    }
    assert!(starved > 0, "nobody was told");
    assert!(
        said_what.contains(&format!("--max-requests allows {most}")) && said_what.contains("hint: allow each run more")
    );
    let needs: u64 = said_what
        .split_once("a reading takes about ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{said_what}"));
    assert!((takes / 2..takes * 4).contains(&needs), "{needs} of {takes}: {said_what}");
    // A run without a box reads tonight's lists, and not only the rest of an earlier reading.
    night(&server, &work, 40, None, false).expect(0);
    for stream in STREAMS {
        assert_eq!(ids(&work, "out", stream), server.account().ids(stream), "{stream}");
    }
}

#[test]
fn a_reading_that_was_cut_is_ended_the_next_night_and_tonights_is_read_too() {
    let job = job("out", "incremental", "");
    let takes = takes(&job);
    let (server, work) = (server(), Work::with_job(&job));
    night(&server, &work, 0, None, false).expect(0);
    day(&server, 0);
    night(&server, &work, 1, Some(takes / 2), false).expect(4);
    day(&server, 1);
    let ended = night(&server, &work, 2, Some(takes * 8), false).expect(0);
    assert!(ended.stdout.contains("came to the end of the reading before this one"), "{}", ended.stdout);
    for stream in STREAMS {
        assert_eq!(ids(&work, "out", stream), server.account().ids(stream), "{stream}");
        assert!(as_of(&work, stream).is_some_and(|moment| moment.starts_with(&date(2))), "{stream}");
    }
    // A second run of the same night goes on where the first was cut, and reads nothing a second time.
    night(&server, &work, 3, Some(takes / 2), false).expect(4);
    let ended = night(&server, &work, 3, Some(takes * 3), false).expect(0);
    assert!(!ended.stdout.contains("the reading before this one"), "{}", ended.stdout);
}

#[test]
fn a_backfill_in_small_boxes_is_no_reason_to_worry() {
    let (server, work) = (server(), Work::with_job(&job("out", "backfill", "")));
    let mut runs = 0;
    while night(&server, &work, runs, Some(30), true).code == 4 {
        runs += 1;
        assert!(runs < 28, "it does not come to an end: {}", night(&server, &work, runs, Some(30), false).stdout);
    }
    assert!(runs > 3, "{runs} runs: the box is too large to show anything");
    for stream in STREAMS {
        assert_eq!(ids(&work, "out", stream), server.account().ids(stream), "{stream}");
    }
}

#[test]
fn a_reading_of_a_clock_that_was_ahead_is_told() {
    for mode in ["backfill", "incremental"] {
        let (server, work) = (server(), Work::with_job(&job("out", mode, "")));
        let run = |now: &str, more: &[&str]| {
            let mut command = work.command(&["run", "job.toml", "--endpoint", server.endpoint()]);
            Outcome::of(&command.env("QPIEN_TEST_NOW", now).args(more).output().expect("a run"))
        };
        run("2027-06-01T02:00:00Z", &["--max-requests", "60"]).expect(4);
        let ended = run("2026-06-01T02:00:00Z", &["--max-requests", "600"]).expect(0);
        // A backfill keeps what it has read, and reports the clock. A nightly run begins anew.
        assert_eq!(ended.stdout.contains("by a clock that was ahead"), mode == "backfill", "{}", ended.stdout);
        for stream in STREAMS {
            assert_eq!(ids(&work, "out", stream), server.account().ids(stream), "{mode} {stream}");
        }
    }
}

/// If a backfill in small boxes alternates with nightly runs of the same job, no published stream goes back to an
/// older state.
#[test]
fn a_backfill_that_ends_a_month_later_sets_nothing_back() {
    let (server, work) = (server(), Work::with_job(&job("out", "backfill", DELETES)));
    std::fs::write(work.path("nightly.toml"), job("out", "incremental", DELETES)).expect("another job");
    let run = |file: &str, day: usize, more: &[&str]| {
        let mut command = work.command(&["run", file, "--endpoint", server.endpoint()]);
        command.env("QPIEN_TEST_NOW", format!("2026-06-{day:02}T02:00:00Z"));
        Outcome::of(&command.args(more).output().expect("a run"))
    };
    run("job.toml", 1, &["--max-requests", "60"]).expect(4);
    let mut latest = vec![String::new(); STREAMS.len()];
    for n in 2..28 {
        day(&server, n);
        if n == 12 || n == 24 {
            run("nightly.toml", n, &[]).expect(0);
        } else {
            run("job.toml", n, &["--max-requests", "20"]);
        }
        for (stream, latest) in STREAMS.iter().zip(&mut latest) {
            let Some(now) = as_of(&work, stream) else { continue };
            assert!(now >= *latest, "{stream} on day {n}: as of {now}, after {latest}");
            *latest = now;
        }
    }
    assert!(latest.iter().all(|moment| moment.as_str() >= "2026-06-24"), "{latest:?}");
    run("nightly.toml", 28, &[]).expect(0);
    for stream in STREAMS {
        assert_eq!(ids(&work, "out", stream), server.account().ids(stream), "{stream}");
    }
}
