//! Servers that spell this API in unknown ways: every schema that comes with the sandbox, with introspection on. A
//! run on a fresh mirror, without a line of dialect in the job file, ends complete with the files of the server's
//! truth.

use crate::support::{Sandbox, Work, compared};
use qpien_sync::streams::NAMES as ALL;

const ACCOUNT: [&str; 8] = ["--contacts", "230", "--persons", "7", "--conversations", "60", "--messages", "900"];

const TEMPLATES: &str = "whatsapp_business_templates";

/// Returns the number of requests that found out the spelling, as the first run's summary counts them.
fn negotiated(stdout: &str) -> u64 {
    let line = stdout.lines().find(|l| l.contains("was made sure of in")).unwrap_or_else(|| panic!("{stdout}"));
    let number = line.split(" in ").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[track_caller]
fn equal(sandbox: &Sandbox, work: &Work, stream: &str, objects: &str) {
    compared(sandbox, work, stream, objects).unwrap_or_else(|differs| panic!("{differs}"));
}

fn settles(dialect: &str, without: &[&str], objects: &str, most: u64) {
    settles_when(&[], dialect, without, objects, most);
}

/// Does the same without introspection, by asking; `further` holds more arguments for the sandbox.
fn settles_by_asking(further: &[&str], dialect: &str, without: &[&str]) {
    let hidden = [&["--introspection", "off"], further].concat();
    settles_when(&hidden, dialect, without, "?objects=all&subset", 80);
}

fn settles_when(server: &[&str], dialect: &str, without: &[&str], objects: &str, most: u64) {
    let sandbox =
        Sandbox::start(&[&ACCOUNT[..], &["--requests-per-minute", "0", "--dialect", dialect], server].concat());
    let work = Work::with_job(&format!(
        "streams = {ALL:?}\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n[mirror]\npath = \"mirror.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ));
    let run = work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
    let absent = |stream: &str| run.stdout.contains(&format!("{stream}: this server has no such list; skipped"));
    for stream in ALL {
        assert_eq!(absent(stream), without.contains(&stream), "{stream}: {}", run.stdout);
        let entry = work.manifest()["streams"].get(stream).is_some();
        assert_eq!(entry, !without.contains(&stream), "{stream} in {}", work.manifest());
        if !without.contains(&stream) {
            equal(&sandbox, &work, stream, objects);
        }
    }
    assert!(!run.stdout.contains("held back"), "{}", run.stdout);
    for stream in without {
        let status = work.command(&["status", "job.toml"]).env("QPIEN_ENDPOINT", &sandbox.endpoint).output();
        let status = crate::support::Outcome::of(&status.expect("status")).expect(0).stdout;
        let lines: Vec<&str> = status.lines().filter(|l| l.starts_with(stream)).collect();
        assert!(lines.iter().any(|l| l.contains("absent")), "{status}");
    }
    let requests = negotiated(&run.stdout);
    assert!(requests <= most, "{dialect}: {requests} requests to settle\n{}", run.stdout);
    let asked = sandbox.log().len();
    let again = work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
    assert!(!again.stdout.contains("was made sure of"), "{}", again.stdout);
    let second = &sandbox.log()[asked..];
    assert!(second.iter().all(|l| l["operation"].as_str().is_some_and(|o| !o.contains("__schema"))));
}

#[test]
fn the_default_shape_is_taken_as_shipped() {
    settles("default", &[], "?objects=all", 20);
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

/// Returns the API after a change: contacts without a gender, other names for the page and its size, another
/// envelope.
fn changed(sdl: &str) -> String {
    let sdl = sdl.replace("  gender: String\n", "");
    let sdl = sdl.replace(
        "getContactList(page: Int, limit: Int): ContactListPayload",
        "getContactList(pageNumber: Int, perPage: Int): ContactListPayload",
    );
    let (before, after) = sdl.split_once("type ContactPage {").expect("the page of contacts");
    format!("{before}type ContactPage {{{}", after.replacen("docs:", "items:", 1).replacen("totalDocs:", "total:", 1))
}

#[test]
fn a_schema_that_changed_between_two_nights_is_settled_anew_and_nothing_is_lost() {
    let work = Work::with_job(
        "mode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         [mirror]\npath = \"mirror.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    );
    let night = |sdl: &str, listen: &str| {
        std::fs::write(work.path("api.graphql"), sdl).expect("the schema");
        let file = work.path("api.graphql").display().to_string();
        Sandbox::start_at(listen, &[&ACCOUNT[..], &["--requests-per-minute", "0", "--sdl", &file]].concat())
    };
    let default = include_str!("../../src/sandbox/dialects/default.graphql");
    let first = night(default, "127.0.0.1:0");
    let address = first.address.clone();
    work.run(&first, &["--requests-per-minute", "0"]).expect(0);
    let genders = |work: &Work| {
        let csv = work.csv("contacts");
        let mut reader = csv::Reader::from_reader(&csv[..]);
        let at = reader.headers().expect("a header").iter().position(|h| h == "gender").expect("gender");
        reader.records().filter(|r| !r.as_ref().expect("a row")[at].is_empty()).count()
    };
    assert!(genders(&work) > 0);
    drop(first);
    let second = night(&changed(default), &address);
    let run = work.run(&second, &["--requests-per-minute", "0"]).expect(0);
    assert!(run.stdout.contains("contacts: the API has changed"), "{}", run.stdout);
    assert!(run.stdout.contains("contacts: this server has no gender"), "{}", run.stdout);
    equal(&second, &work, "contacts", "?objects=all");
    for stream in ["customer_persons", "conversations", "messages"] {
        equal(&second, &work, stream, "?objects=all");
    }
    assert_eq!(genders(&work), 0);
    let asked = second.log().len();
    work.run(&second, &["--requests-per-minute", "0"]).expect(0);
    assert!(second.log()[asked..].iter().all(|l| !l.to_string().contains("__schema")), "remembered");
}

#[test]
fn a_list_that_is_gone_leaves_its_stream_incomplete_and_the_others_complete() {
    let work = Work::with_job(
        "mode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         [mirror]\npath = \"mirror.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    );
    let default = include_str!("../../src/sandbox/dialects/default.graphql");
    let night = |sdl: &str, listen: &str| {
        std::fs::write(work.path("api.graphql"), sdl).expect("the schema");
        let file = work.path("api.graphql").display().to_string();
        Sandbox::start_at(listen, &[&ACCOUNT[..], &["--requests-per-minute", "0", "--sdl", &file]].concat())
    };
    let first = night(default, "127.0.0.1:0");
    let address = first.address.clone();
    work.run(&first, &["--requests-per-minute", "0"]).expect(0);
    let before = work.csv("contacts");
    drop(first);
    let list = default.lines().find(|l| l.contains("getContactList(")).expect("the list of contacts");
    let second = night(&default.replace(list, ""), &address);
    let run = work.run(&second, &["--requests-per-minute", "0"]).expect(3);
    assert!(run.stderr.contains("take contacts out of `streams`"), "{}", run.stderr);
    assert!(run.stdout.contains("contacts: held back"), "{}", run.stdout);
    assert_eq!(work.csv("contacts"), before);
    for stream in ["customer_persons", "conversations", "messages"] {
        equal(&second, &work, stream, "?objects=all");
    }
}

#[test]
fn without_introspection_default() {
    settles_by_asking(&[], "default", &[]);
}

#[test]
fn without_introspection_prefixed() {
    settles_by_asking(&[], "prefixed", &[TEMPLATES]);
}

#[test]
fn without_introspection_input() {
    settles_by_asking(&[], "input", &[TEMPLATES]);
}

#[test]
fn without_introspection_relay() {
    settles_by_asking(&[], "relay", &[]);
}

#[test]
fn without_introspection_offset() {
    settles_by_asking(&[], "offset", &[]);
}

#[test]
fn without_introspection_zero() {
    settles_by_asking(&[], "zero", &[]);
}

#[test]
fn without_introspection_and_suggestions_the_likely_shapes_settle() {
    settles_by_asking(&["--suggestions", "off"], "default", &[]);
    settles_by_asking(&["--suggestions", "off"], "prefixed", &[TEMPLATES]);
}

#[test]
fn check_settles_what_it_must_and_remembers_nothing() {
    for dialect in ["default", "prefixed", "relay", "zero"] {
        let sandbox = Sandbox::start(&[&ACCOUNT[..], &["--requests-per-minute", "0", "--dialect", dialect]].concat());
        let work = Work::new("");
        let checked = work.call(&["check", "job.toml", "--endpoint", &sandbox.endpoint]).expect(0);
        for stream in ["contacts", "customer_persons", "conversations", "messages"] {
            assert!(checked.stdout.contains(&format!("ok    stream {stream}")), "{dialect}: {}", checked.stdout);
        }
        let asked = sandbox.log().len();
        assert!(asked <= 20, "{dialect}: {asked} requests");
        assert!(!work.path("state").exists());
    }
}

#[test]
fn what_discover_writes_is_a_dialect_that_a_job_can_name() {
    let sandbox = Sandbox::start(&[&ACCOUNT[..], &["--requests-per-minute", "0", "--dialect", "offset"]].concat());
    let work = Work::new("");
    let found =
        work.call(&["discover", "job.toml", "--endpoint", &sandbox.endpoint, "--write", "found.toml"]).expect(0);
    assert!(found.stdout.contains("[source.dialect.streams.contacts.list]"), "{}", found.stdout);
    assert!(found.stdout.contains("# proven"), "{}", found.stdout);
    let job = Work::new("dialect = \"found.toml\"\n");
    std::fs::copy(work.path("found.toml"), job.path("found.toml")).expect("the dialect");
    let asked = sandbox.log().len();
    job.run(&sandbox, &[]).expect(0);
    // The schema is read once for what no page documents, and for nothing else.
    assert_eq!(sandbox.log()[asked..].iter().filter(|l| l.to_string().contains("__schema")).count(), 1);
    equal(&sandbox, &job, "contacts", "?objects=all");
    equal(&sandbox, &job, "messages", "?objects=all");
}
