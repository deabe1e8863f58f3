//! Tokens that live two seconds while eight requests are in flight.

use std::time::Instant;

use crate::support::{STREAMS, Sandbox, Work, ids};

fn short_lived(source: &str, latency: &str, more: &[&str]) {
    let account = ["--contacts", "1500", "--persons", "10", "--conversations", "1200", "--messages", "6000"];
    let slow = ["--requests-per-minute", "0", "--latency", latency, "--token-ttl", "2s"];
    let sandbox = Sandbox::start(&[&account[..], &slow, more].concat());
    let work = Work::new(&format!("in_flight = 8\n{source}"));
    let begun = Instant::now();
    work.run(&sandbox, &[]).expect(0);
    let (took, life, margin) = (begun.elapsed().as_secs_f64(), 2.0, 0.1);
    let generated = sandbox.counts()["tokens"].as_u64().expect("a count");
    // A slower machine only loosens this bound, because more time allows more tokens.
    let most = (took / (life - margin)).ceil() + 1.0;
    assert!(generated as f64 <= most, "{generated} tokens in {took:.1} s");
    assert!(generated >= 3, "the run was over before tokens expired: {generated} in {took:.1} s");
    for stream in STREAMS {
        let (mut ids, truth) = (ids(&work, stream), sandbox.truth(stream));
        let all = ids.len();
        ids.dedup();
        assert_eq!((ids.len(), all), (truth.len(), truth.len()), "{stream}: lost or doubled");
        assert!(ids.iter().all(|id| truth.contains_key(id)), "{stream}");
    }
}

#[test]
fn one_renewal_a_generation_and_no_page_lost() {
    short_lived("aliases_per_request = 1", "45ms", &[]);
}

#[test]
fn the_same_when_a_new_token_kills_the_older_one() {
    short_lived("", "350ms", &["--new-token-cancels-older"]);
}
