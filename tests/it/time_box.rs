//! A run with a time box ends by itself at a page boundary: it delivers what is proven and exits with 4. The next run
//! continues where it stopped, and fetches nothing twice except requests that were under way.

use crate::support::{STREAMS, Sandbox, Work, ids};

const ACCOUNT: [&str; 8] = ["--contacts", "900", "--persons", "50", "--conversations", "400", "--messages", "6000"];

fn account() -> Sandbox {
    Sandbox::start(&[&ACCOUNT[..], &["--requests-per-minute", "0"]].concat())
}

#[test]
fn a_backfill_in_pieces_of_some_requests_is_whole_in_the_end() {
    let sandbox = account();
    let work = Work::new("in_flight = 2\naliases_per_request = 2");
    let (mut runs, mut delivered_early) = (0, false);
    loop {
        runs += 1;
        let before = sandbox.counts()["requests"].as_u64().expect("a count");
        let run = work.call(&["run", "job.toml", "--endpoint", &sandbox.endpoint, "--max-requests", "60"]);
        let made = sandbox.counts()["requests"].as_u64().expect("a count") - before;
        assert!(made <= 60, "{made} requests in one run");
        if run.code == 0 {
            break;
        }
        let run = run.expect(4);
        assert!(run.stdout.contains("stopped by itself: the requests allowed are made"), "{}", run.stdout);
        delivered_early |= work.path("out/customer_persons.csv").exists();
        assert!(runs < 30, "it does not come to an end");
    }
    assert!(runs > 3, "{runs} runs: the box is too large to show anything");
    assert!(delivered_early, "what is proven is delivered before the rest");
    for stream in STREAMS {
        assert_eq!(ids(&work, stream), sandbox.truth(stream).keys().cloned().collect::<Vec<_>>(), "{stream}");
    }
    let all = sandbox.counts()["requests"].as_u64().expect("a count");
    let whole = Work::new("in_flight = 2\naliases_per_request = 2");
    whole.run(&sandbox, &[]).expect(0);
    let at_once = sandbox.counts()["requests"].as_u64().expect("a count") - all;
    assert!(all <= at_once * 13 / 10 + runs * 4, "{all} requests in {runs} runs, {at_once} in one");
}

#[test]
fn time_is_over_at_once_or_at_a_time_of_day() {
    let sandbox = Sandbox::start(&[&ACCOUNT[..], &["--requests-per-minute", "0", "--latency", "100ms"]].concat());
    let work = Work::new("in_flight = 1\naliases_per_request = 1");
    let run = work.run(&sandbox, &["--max-runtime", "3s"]).expect(4);
    assert!(run.stdout.contains("--max-runtime"), "{}", run.stdout);
    assert_eq!(work.manifest()["streams"]["messages"]["status"], "held");
    work.run(&sandbox, &["--until", "25:00"]).expect(2);
    work.run(&sandbox, &["--max-runtime", "soon"]).expect(2);
}

#[test]
fn two_lanes_take_turns_on_one_mirror() {
    let sandbox = account();
    let work = Work::new("in_flight = 2\naliases_per_request = 2");
    let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
    std::fs::write(work.path("nightly.toml"), text.replace("backfill", "incremental")).expect("another job");
    let run = |job: &str, box_: &[&str]| work.call(&[&["run", job, "--endpoint", &sandbox.endpoint], box_].concat());
    run("job.toml", &["--max-requests", "60"]).expect(4);
    run("nightly.toml", &[]).expect(0);
    let mut runs = 0;
    while run("job.toml", &["--max-requests", "60"]).code != 0 {
        runs += 1;
        assert!(runs < 30);
    }
    for stream in STREAMS {
        assert_eq!(ids(&work, stream).len(), sandbox.truth(stream).len(), "{stream}");
    }
}

#[test]
fn the_smallest_box_comes_forward_too() {
    let size = ["--contacts", "150", "--persons", "5", "--conversations", "20", "--messages", "200"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let made = || sandbox.counts()["requests"].as_u64().expect("a count");
    for requests in ["5", "9"] {
        let work = Work::new("");
        let run = || {
            let before = made();
            let run = work.call(&["run", "job.toml", "--endpoint", &sandbox.endpoint, "--max-requests", requests]);
            assert!(made() - before <= requests.parse().expect("a number"), "{} requests", made() - before);
            run
        };
        let ended = (0..40).map(|_| run()).find(|run| run.code != 4).expect("it does not come to an end");
        assert_eq!(ended.code, 0, "{requests}: {}", ended.stderr);
        assert_eq!(ids(&work, "messages").len(), 200, "{requests}");
    }
    let refused = Work::new("").call(&["run", "job.toml", "--endpoint", &sandbox.endpoint, "--max-requests", "4"]);
    assert!(refused.code == 2 && refused.stderr.contains("at least 5"), "{} {}", refused.code, refused.stderr);
}
