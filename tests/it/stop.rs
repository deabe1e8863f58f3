//! A run that is stopped on request.

use crate::support::{STREAMS, Sandbox, Work};

#[test]
fn sigterm_stops_at_a_page_boundary_and_the_next_run_goes_on() {
    let sandbox = Sandbox::start(&[
        "--contacts",
        "3000",
        "--persons",
        "10",
        "--conversations",
        "300",
        "--messages",
        "6000",
        "--requests-per-minute",
        "0",
        "--latency",
        "20ms",
    ]);
    let work = Work::new("");
    let child = work
        .command(&["run", "job.toml", "--endpoint", &sandbox.endpoint])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a run");
    while sandbox.counts()["requests"].as_u64().expect("a count") < 30 {
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Run the same command again"));
    assert!(!work.path("out/manifest.json").exists(), "a stopped run delivers nothing");
    let before = sandbox.counts()["requests"].as_u64().expect("a count");
    let resumed = work.run(&sandbox, &[]).expect(0);
    assert!(resumed.stdout.contains("going on where an earlier run stopped"), "{}", resumed.stdout);
    let whole = sandbox.counts()["requests"].as_u64().expect("a count");
    for stream in STREAMS {
        assert_eq!(crate::support::ids(&work, stream).len(), sandbox.truth(stream).len(), "{stream}");
    }
    // The second run reads nothing again that was read before the stop, so both together cost about as much as one
    // run.
    let fresh = Work::new("");
    fresh.run(&sandbox, &[]).expect(0);
    let one = sandbox.counts()["requests"].as_u64().expect("a count") - whole;
    assert!(whole <= one + 12, "{before} before the stop, {whole} in all, {one} in one run");
}
