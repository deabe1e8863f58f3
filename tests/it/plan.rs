//! What `plan` says before a run is what the run then takes.

use crate::support::{Sandbox, Work};

/// What was planned and what was taken, in requests.
fn planned_and_taken(size: [&str; 8], source: &str) -> (f64, f64) {
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::new(source);
    let said = work.call(&["plan", "job.toml", "--endpoint", &sandbox.endpoint, "--format", "json"]).expect(0).stdout;
    let plan: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let made = sandbox.counts()["requests"].as_f64().expect("a count");
    assert_eq!(plan["made"].as_f64(), Some(made), "it says what it took itself");
    assert!(!work.path("state").exists() && !work.path("out").exists(), "it writes nothing");
    work.run(&sandbox, &[]).expect(0);
    let taken = sandbox.counts()["requests"].as_f64().expect("a count") - made;
    (plan["requests"].as_f64().expect("a number"), taken)
}

#[test]
fn a_plan_is_within_a_tenth_of_what_the_run_takes() {
    for (size, source) in [
        (["--contacts", "20000", "--persons", "200", "--conversations", "2000", "--messages", "12000"], ""),
        (
            ["--contacts", "3000", "--persons", "20", "--conversations", "600", "--messages", "4000"],
            "aliases_per_request = 1",
        ),
    ] {
        let (planned, taken) = planned_and_taken(size, source);
        assert!((planned - taken).abs() <= taken / 10.0, "{size:?} {source}: planned {planned}, taken {taken}");
    }
}

#[test]
fn a_plan_is_told_to_people_too() {
    let sandbox =
        Sandbox::start(&["--contacts", "300", "--persons", "9", "--conversations", "40", "--messages", "300"]);
    let work = Work::new("");
    let said =
        work.call(&["plan", "job.toml", "--endpoint", &sandbox.endpoint, "--requests-per-minute", "100"]).expect(0);
    for words in ["contacts", "messages", "about ", "at 100 a minute"] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
}
