//! Fields that no page documents: a run leaves them out, or keeps them in `_extra` if the job says so.

use crate::support::{Sandbox, Work};

const LISTS: &str = "streams = [\"contacts\", \"customer_persons\"]\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n";
const OUT: &str = "[[destination]]\nkind = \"csv\"\npath = \"out\"\n";

/// Starts a sandbox of the shipped schema with two undocumented scalars and one undocumented object.
fn account(work: &Work, more: &[&str]) -> Sandbox {
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let more_fields = "type ExternalContact {\n  nickname: String @sandbox(column: \"firstName\")\n  loyaltyPoints: Int\n  boss: ExternalContact";
    let sdl = shipped.replacen("type ExternalContact {", more_fields, 1);
    assert_ne!(sdl, shipped);
    std::fs::write(work.path("more.graphql"), sdl).expect("the schema");
    let sdl = work.path("more.graphql").display().to_string();
    let size = ["--contacts", "130", "--persons", "7", "--conversations", "9", "--messages", "9"];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--sdl", &sdl], more].concat())
}

fn extras(work: &Work, stream: &str) -> Option<Vec<String>> {
    let bytes = work.csv(stream);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let at = reader.headers().expect("a header").iter().position(|name| name == "_extra")?;
    Some(reader.records().map(|r| r.expect("a row")[at].to_owned()).collect())
}

#[test]
fn they_are_collected_when_a_job_says_so_and_the_schema_is_read_once() {
    let work = Work::with_job(&format!("{LISTS}extra_fields = \"collect\"\n{OUT}"));
    let sandbox = account(&work, &[]);
    work.run(&sandbox, &[]).expect(0);
    let contacts = extras(&work, "contacts").expect("a column");
    assert_eq!(contacts.len(), 130);
    for extra in &contacts {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(extra).expect("an object");
        let names: Vec<&String> = object.keys().collect();
        assert_eq!(names, ["loyaltyPoints", "nickname"], "{extra}");
    }
    let truth = sandbox.truth("contacts");
    for (record, extra) in truth.values().zip(&contacts) {
        let object: serde_json::Value = serde_json::from_str(extra).expect("an object");
        assert_eq!(object["nickname"], record["firstName"]);
    }
    assert!(extras(&work, "customer_persons").expect("a column").iter().all(String::is_empty));
    let column = work.manifest()["streams"]["contacts"]["columns"].as_array().and_then(|c| c.last().cloned());
    assert_eq!(column, Some(serde_json::json!({ "name": "_extra", "type": "json" })));
    let schemas = |log: &[serde_json::Value]| log.iter().filter(|l| l["operation"] == "__schema").count();
    let log = sandbox.log();
    assert_eq!(schemas(&log), 1);
    work.run(&sandbox, &[]).expect(0);
    assert_eq!(schemas(&sandbox.log()), 1, "the second night reads no schema");
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let known: u64 =
        mirror.query_row("SELECT count(_extra) FROM contacts", [], |r| r.get(0)).expect("a view with _extra");
    assert_eq!(known, 130);
}

#[test]
fn otherwise_they_are_not_asked_for() {
    let work = Work::with_job(&format!("{LISTS}{OUT}"));
    let sandbox = account(&work, &[]);
    work.run(&sandbox, &[]).expect(0);
    assert_eq!(extras(&work, "contacts"), None);
    // If the job asks for the fields later, the next run fetches them.
    std::fs::write(work.path("job.toml"), format!("{LISTS}extra_fields = \"collect\"\n{OUT}")).expect("the job");
    work.run(&sandbox, &[]).expect(0);
    assert!(extras(&work, "contacts").expect("a column").iter().all(|e| e.contains("nickname")));
}

#[test]
fn a_hidden_schema_names_none() {
    let work = Work::with_job(&format!("{LISTS}extra_fields = \"collect\"\n{OUT}"));
    let sandbox = account(&work, &["--introspection", "off"]);
    let said = work.run(&sandbox, &[]).expect(0).stdout;
    assert!(said.contains("hides its schema"), "{said}");
    assert!(extras(&work, "contacts").expect("a column").iter().all(String::is_empty));
}

#[test]
fn a_run_with_them_and_one_without_lose_no_column() {
    let sandbox = Sandbox::start(&["--contacts", "20", "--persons", "3", "--conversations", "20", "--messages", "900"]);
    let work = Work::new("");
    for setting in ["", "extra_fields = \"collect\"", ""] {
        std::fs::write(
            work.path("job.toml"),
            LISTS.replacen(", \"customer_persons\"]", ", \"conversations\", \"messages\"]", 1) + setting + "\n" + OUT,
        )
        .expect("the job file");
        work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
        let emails = emails(&work);
        assert!(emails > 0, "`{setting}`: the cells of emailData are empty");
    }
}

/// Returns the number of messages that have data of an e-mail.
fn emails(work: &Work) -> usize {
    let bytes = work.csv("messages");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let at = reader.headers().expect("a header").iter().position(|name| name == "emailData").expect("the column");
    reader.records().filter(|row| !row.as_ref().expect("a record")[at].is_empty()).count()
}
