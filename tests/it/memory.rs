//! Memory does not grow with the account. The run says itself what its peak was (the system's own count).

use crate::support::{Sandbox, Work, ids};

/// An account of so many conversations of 200 messages each.
fn peak_mib(conversations: u64) -> f64 {
    let [messages, contacts, conversations] = [200, 4, 1].map(|each| (each * conversations).to_string());
    let size = ["--messages", &messages, "--contacts", &contacts, "--conversations", &conversations];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::new("");
    let shown = work.run(&sandbox, &[]).expect(0).stdout;
    let line = shown.lines().find(|l| l.contains("peak memory")).expect("a line with the peak");
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|w| *w == "memory").expect("the word");
    words[at + 1].parse().expect("a number of MiB")
}

#[test]
fn the_peak_is_small_and_flat() {
    let (small, large) = (peak_mib(1_000), peak_mib(5_000));
    assert!(small <= 64.0, "{small} MiB at 200,000 messages");
    // Sorting an export keeps bounded buffers, which a small account does not fill.
    assert!(large <= 72.0 && large <= small + 16.0, "{small} MiB at 200,000 messages, {large} MiB at 1,000,000");
}

#[test]
fn however_few_bytes_may_be_under_way_the_run_ends() {
    let size = ["--contacts", "3000", "--persons", "300", "--conversations", "200", "--messages", "20000"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::new("bytes_in_flight = \"64KiB\"");
    work.run(&sandbox, &[]).expect(0);
    for (stream, rows) in [("contacts", 3_000), ("messages", 20_000)] {
        assert_eq!(ids(&work, stream).len(), rows, "{stream}");
    }
}
