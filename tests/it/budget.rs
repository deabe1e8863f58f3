//! Two processes with one key stay under its limit together. (`make bench` measures how much of the budget is used.)

use std::process::Stdio;

use crate::support::{Sandbox, Work};

#[test]
fn two_processes_on_one_key_share_its_budget() {
    // Together the two processes need more requests than one minute allows. Each alone would stay below the limit.
    let sandbox = Sandbox::start(&[
        "--contacts",
        "100",
        "--persons",
        "10",
        "--conversations",
        "260",
        "--messages",
        "700",
        "--requests-per-minute",
        "600",
    ]);
    let (one, other) = (Work::new("aliases_per_request = 1"), Work::new("aliases_per_request = 1"));
    let shared = one.path("shared");
    let start = |work: &Work| {
        work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint, "--requests-per-minute", "600"])
            .env("QPIEN_STATE_DIR", &shared)
            .stdout(Stdio::null())
            .spawn()
            .expect("a run")
    };
    let children = [start(&one), start(&other)];
    for mut child in children {
        assert_eq!(child.wait().expect("ended").code(), Some(0));
    }
    let counts = sandbox.counts();
    let requests = counts["requests"].as_u64().expect("a count");
    assert!(requests > 600, "{requests} requests do not need a second window");
    assert_eq!(counts["over_limit"].as_u64(), Some(0), "the limit was exceeded: {counts}");
}
