//! Measures how much of the budget a steady run uses. The limit is scaled to 6,000 requests a minute, and the run
//! takes about two and a half minutes.

use crate::support::{Sandbox, Work};

pub fn measure() {
    let account = ["--contacts", "2000", "--persons", "10", "--conversations", "13500", "--messages", "40000"];
    let sandbox = Sandbox::start(&[&account[..], &["--requests-per-minute", "6000", "--latency", "5ms"]].concat());
    let work = Work::new("");
    let shown = work.run(&sandbox, &["--requests-per-minute", "6000"]).expect(0);
    // The time from the first to the last request, as the server saw them.
    let log = sandbox.log();
    let times: Vec<f64> = log.iter().filter_map(|l| l["t_ms"].as_f64()).collect();
    let (first, last) = (times.iter().copied().fold(f64::MAX, f64::min), times.iter().copied().fold(0.0, f64::max));
    let minutes = (last - first) / 60_000.0;
    let used = times.len() as f64 / minutes / 6_000.0;
    let counts = sandbox.counts();
    println!(
        "budget: {} requests in {minutes:.2} min under 6,000 a minute: {:.1} % of the budget (promised: 97 %), {} refused with 429 (promised: 0)",
        times.len(),
        used * 100.0,
        counts["over_limit"]
    );
    assert!(shown.stdout.contains("0 refused with 429"), "{}", shown.stdout);
}
