//! Servers that spell this API in ways that nobody told us: each shape that the sandbox ships, with introspection on. A
//! run on a fresh mirror, with no line in the job file, ends complete with the files that the server's truth demands.

use std::process::Command;

use crate::support::{Sandbox, Work};

const ACCOUNT: [&str; 8] = [
    "--contacts",
    "230",
    "--persons",
    "7",
    "--conversations",
    "60",
    "--messages",
    "900",
];
const ALL: [&str; 6] = [
    "contacts",
    "customer_persons",
    "conversations",
    "messages",
    "channels",
    "whatsapp_business_templates",
];

const TEMPLATES: &str = "whatsapp_business_templates";

/// Requests that settled something, as the first run's summary counts them.
fn negotiated(stdout: &str) -> u64 {
    let line = stdout
        .lines()
        .find(|l| l.contains("was made sure of in"))
        .unwrap_or_else(|| panic!("{stdout}"));
    let number = line.split(" in ").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

fn equal(sandbox: &Sandbox, work: &Work, stream: &str, objects: &str) {
    let truth = sandbox.get(&format!("/truth/{stream}{objects}"));
    let file = work.path(&format!("{stream}.jsonl"));
    std::fs::write(&file, truth).expect("the truth");
    let python = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/compare.py"))
        .args([work.path(&format!("out/{stream}.csv")), file])
        .output()
        .expect("python3 (make test installs it)");
    let said = String::from_utf8_lossy(&python.stdout).into_owned() + &String::from_utf8_lossy(&python.stderr);
    assert!(python.status.success(), "{stream}: {said}");
}

fn settles(dialect: &str, without: &[&str], objects: &str, most: u64) {
    let sandbox = Sandbox::start(&[&ACCOUNT[..], &["--requests-per-minute", "0", "--dialect", dialect]].concat());
    let work = Work::with_job(&format!(
        "streams = {ALL:?}\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n[mirror]\npath = \"mirror.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ));
    let run = work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
    let absent = |stream: &str| {
        run.stdout
            .contains(&format!("{stream}: this server has no such list; skipped"))
    };
    for stream in ALL {
        assert_eq!(absent(stream), without.contains(&stream), "{stream}: {}", run.stdout);
        if !without.contains(&stream) {
            equal(&sandbox, &work, stream, objects);
        }
    }
    let requests = negotiated(&run.stdout);
    assert!(
        requests <= most,
        "{dialect}: {requests} requests to settle\n{}",
        run.stdout
    );
    let asked = sandbox.log().len();
    let again = work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
    assert!(!again.stdout.contains("was made sure of"), "{}", again.stdout);
    let second = &sandbox.log()[asked..];
    assert!(
        second
            .iter()
            .all(|l| !l["query"].as_str().is_some_and(|q| q.contains("__schema")))
    );
}

#[test]
fn the_default_shape_is_taken_as_shipped() {
    settles("default", &[], "", 20);
}

#[test]
fn prefixed_names_and_a_flat_token() {
    settles("prefixed", &[TEMPLATES], "?objects=all", 40);
}

#[test]
fn one_input_object_a_list() {
    settles("input", &[TEMPLATES], "?objects=all", 40);
}

#[test]
fn relay_connections() {
    settles("relay", &[], "?objects=all", 40);
}

#[test]
fn offsets_bare_lists_and_a_silent_clamp() {
    settles("offset", &[], "?objects=all", 40);
}

#[test]
fn pages_from_zero_one_list_of_messages_and_missing_fields() {
    settles("zero", &[], "?objects=all", 40);
}
