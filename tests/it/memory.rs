//! Memory does not grow with the account. The run says itself what its peak was (the system's own count).

use crate::support::{Sandbox, Work};

fn peak_mib(messages: &str) -> f64 {
    let sandbox = Sandbox::start(&["--messages", messages, "--requests-per-minute", "0"]);
    let work = Work::new("");
    let shown = work.run(&sandbox, &[]).expect(0).stdout;
    let line = shown.lines().find(|l| l.contains("peak memory")).expect("a line with the peak");
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|w| *w == "memory").expect("the word");
    words[at + 1].parse().expect("a number of MiB")
}

#[test]
fn the_peak_is_small_and_flat() {
    let (small, large) = (peak_mib("200000"), peak_mib("1000000"));
    assert!(small <= 64.0, "{small} MiB at 200,000 messages");
    assert!(large <= small + 8.0, "{small} MiB at 200,000 messages, {large} MiB at 1,000,000");
}
