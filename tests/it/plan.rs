//! The `plan` command predicts what the run then takes.

use crate::support::{Outcome, Sandbox, Work};

/// Plans a run, makes it, and returns the planned and the actual number of requests.
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

#[test]
fn a_night_is_planned_from_what_the_mirror_remembers_and_a_look_at_what_has_changed() {
    let size = ["--contacts", "4000", "--persons", "50", "--conversations", "6000", "--messages", "60000"];
    let sandbox = Sandbox::start_on("2025-01-31T12:00:00Z", &[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::with_job(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    );
    let now = std::cell::RefCell::new("2025-01-31T12:00:00Z".to_owned());
    let call = |args: &[&str]| {
        let mut command = work.command(&[&[args[0], "job.toml", "--endpoint", &sandbox.endpoint], &args[1..]].concat());
        command.env("QPIEN_TEST_NOW", &*now.borrow());
        Outcome::of(&command.output().expect("a call")).expect(0)
    };
    let requests = || sandbox.counts()["requests"].as_f64().expect("a count");
    call(&["run"]);
    for night in ["seed=1&changed=60&new=10&status=40", "seed=2&changed=900&status=200", "seed=3"] {
        let told: serde_json::Value =
            serde_json::from_str(&sandbox.bodiless("POST", &format!("/sandbox/night?{night}"))).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut now.borrow_mut());
        let before = requests();
        let said = call(&["plan", "--format", "json"]).stdout;
        let plan: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let made = requests() - before;
        call(&["run"]);
        let (planned, taken) = (plan["requests"].as_f64().expect("a number"), requests() - before - made);
        assert!((planned - taken).abs() <= taken / 10.0 + 2.0, "{night}: planned {planned}, taken {taken}: {said}");
        assert!(made <= taken, "{night}: it took {made} to plan {taken}");
    }
}

#[test]
fn what_is_read_already_is_not_planned_again() {
    let size = ["--contacts", "4000", "--persons", "50", "--conversations", "3000", "--messages", "30000"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::new("");
    let requests = || sandbox.counts()["requests"].as_f64().expect("a count");
    work.run(&sandbox, &["--max-requests", "150"]).expect(4);
    let before = requests();
    let said = work.call(&["plan", "job.toml", "--endpoint", &sandbox.endpoint, "--format", "json"]).expect(0).stdout;
    let plan: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let made = requests() - before;
    work.run(&sandbox, &[]).expect(0);
    let (planned, taken) = (plan["requests"].as_f64().expect("a number"), requests() - before - made);
    assert!((planned - taken).abs() <= taken / 10.0 + 2.0, "planned {planned}, taken {taken}: {said}");
}

/// The plan of a small account is as good as that of a large one. In a small account the steps of a list count,
/// because no page is asked for before the page before it has come.
#[test]
fn a_small_account_is_planned_as_well_as_a_large_one() {
    for (contacts, conversations, messages) in [("60", "20", "200"), ("300", "60", "900"), ("1000", "200", "3000")] {
        let size =
            ["--contacts", contacts, "--persons", "10", "--conversations", conversations, "--messages", messages];
        let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--latency", "100ms"]].concat());
        let work = Work::with_job(
            "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
             client_secret = \"sandbox-secret\"\nrequests_per_minute = 400\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
        );
        let requests = || sandbox.counts()["requests"].as_f64().expect("a count");
        for night in 0..2 {
            let args = ["plan", "job.toml", "--endpoint", &sandbox.endpoint, "--format", "json"];
            let plan: serde_json::Value = serde_json::from_str(&work.call(&args).expect(0).stdout).expect("JSON");
            let before = requests();
            work.run(&sandbox, &[]).expect(0);
            let (planned, taken) = (plan["requests"].as_f64().expect("a number"), requests() - before);
            let told = format!("{contacts} contacts, night {night}: planned {planned}, taken {taken}");
            // Questions that wait for one another share a request less often on a slow machine.
            assert!((planned - taken).abs() <= taken / 10.0 + 3.0, "{told}");
        }
    }
}
