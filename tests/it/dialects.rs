//! The sandbox serves the dialect that its command line names.

use crate::support::{Sandbox, Work};

const SMALL: [&str; 10] =
    ["--contacts", "60", "--persons", "7", "--conversations", "25", "--messages", "400", "--requests-per-minute", "0"];

fn started(more: &[&str]) -> Sandbox {
    Sandbox::start(&[&SMALL, more].concat())
}

async fn answer(sandbox: &Sandbox, query: &str) -> String {
    let body = serde_json::json!({ "query": query }).to_string();
    let client = reqwest::Client::new();
    let sent = client.post(&sandbox.endpoint).header("content-type", "application/json").body(body).send();
    sent.await.expect("an answer").text().await.expect("its text")
}

#[tokio::test]
async fn introspection_and_suggestions_can_be_off() {
    for (more, shown, suggested) in [
        (&["--dialect", "relay"][..], true, true),
        (&["--dialect", "relay", "--introspection", "off"], false, true),
        (&["--suggestions", "off"], true, false),
    ] {
        let sandbox = started(more);
        let types = answer(&sandbox, "{ __schema { types { name } } }").await;
        assert_eq!(types.contains("ExternalContact"), shown, "{more:?}: {types}");
        let refused = answer(&sandbox, "{ contact getContacts }").await;
        assert_eq!(refused.contains("Did you mean"), suggested, "{more:?}: {refused}");
    }
}

#[tokio::test]
async fn a_file_says_what_is_served() {
    let work = Work::new("");
    let sdl = "type Query { people: [Person] } type Person @sandbox(entity: \"contacts\") { uid: ID @sandbox(column: \"_id\") }";
    std::fs::write(work.path("own.graphql"), sdl).expect("the file");
    let file = work.path("own.graphql").display().to_string();
    let sandbox = started(&["--sdl", &file]);
    let types = answer(&sandbox, "{ __schema { types { name fields { name } } directives { name } } }").await;
    assert!(types.contains("uid") && !types.contains("sandbox"), "{types}");
    let truth = sandbox.truth("contacts");
    assert_eq!(truth.len(), 60);
    assert!(truth.values().all(|record| record["firstName"].is_null()));
}

#[test]
fn what_cannot_be_served_is_a_mistake_of_usage() {
    let work = Work::new("");
    std::fs::write(work.path("wrong.graphql"), "type Query { people: [Nobody] }").expect("the file");
    std::fs::write(work.path("hint.graphql"), "type Query { a: Int @sandbox(stream: \"people\") }").expect("the file");
    for (arguments, words) in [
        (&["--dialect", "rival"][..], &["rival", "relay", "zero"][..]),
        (&["--sdl", "missing.graphql"], &["missing.graphql"]),
        (&["--sdl", "wrong.graphql"], &["wrong.graphql", "Nobody"]),
        (&["--sdl", "hint.graphql"], &["hint.graphql", "customer_persons"]),
        (&["--sdl", "x", "--dialect", "relay"], &["--dialect", "--sdl"]),
        (&["--introspection", "perhaps"], &["perhaps", "off"]),
    ] {
        let said = work.call(&[&["sandbox", "--listen", "127.0.0.1:0"], arguments].concat()).expect(2).stderr;
        assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    }
}

#[test]
fn all_objects_are_in_the_truth_when_they_are_asked_for() {
    let sandbox = started(&[]);
    let email = |path: &str| sandbox.get(path).contains("\"emailData\":{\"from\":");
    assert!(!email("/truth/messages") && email("/truth/messages?objects=all"));
    assert!(sandbox.get("/truth/messages?objects=some").contains("400"));
}

/// A server whose schema must be read shows that a list has a total. A job may ignore that total all the same.
#[test]
fn a_claim_can_be_ignored_on_a_server_whose_schema_is_read() {
    for (dialect, claim) in [("relay", "has_next"), ("relay", "total"), ("zero", "total")] {
        let sandbox = started(&["--dialect", dialect]);
        let work = Work::with_job(&format!(
            "streams = [\"contacts\"]\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
             requests_per_minute = 0\n[source.dialect.streams.contacts]\nlist.{claim} = \"ignore\"\n\
             [mirror]\npath = \"m.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
        ));
        let outcome = work.run(&sandbox, &[]).expect(0);
        assert!(outcome.stdout.contains(&format!("under `{claim}` is not believed")), "{dialect}: {}", outcome.stdout);
        assert_eq!(work.manifest()["streams"]["contacts"]["rows"], 60, "{dialect}");
    }
}

#[test]
fn six_streams_are_read_when_a_job_names_six() {
    let sandbox = started(&[]);
    let all = qpien_sync::streams::ALL.map(|stream| format!("\"{stream}\"")).join(", ");
    let work = Work::with_job(&format!(
        "streams = [{all}]\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         requests_per_minute = 0\n[mirror]\npath = \"m.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ));
    let check = work.call(&["check", "job.toml", "--endpoint", &sandbox.endpoint]).expect(0).stdout;
    assert!(check.contains("read_channels") && check.contains("read_whatsappBusinessTemplates"), "{check}");
    work.run(&sandbox, &[]).expect(0);
    let mirror = rusqlite::Connection::open(work.path("m.db")).expect("the mirror");
    for stream in ["channels", "whatsapp_business_templates"] {
        let truth = sandbox.truth(stream);
        assert_eq!(truth.len(), 12);
        let csv = work.csv(stream);
        let mut reader = csv::Reader::from_reader(&csv[..]);
        let header = reader.headers().expect("a header").clone();
        let mut rows = 0;
        for row in reader.records() {
            let row = row.expect("a row");
            // The truth holds the documented columns.
            for (name, cell) in header.iter().zip(&row).filter(|(name, _)| *name != "_extra") {
                let value = &truth[&row[0]][name];
                assert_eq!(value.as_str().unwrap_or_default(), cell, "{stream}.{name}");
            }
            rows += 1;
        }
        assert_eq!(rows, 12, "{stream}");
        let entry = &work.manifest()["streams"][stream];
        assert_eq!(entry["rows"], 12, "{entry}");
        let count: u64 =
            mirror.query_row(&format!("SELECT count(DISTINCT name) FROM {stream}"), [], |r| r.get(0)).expect("a view");
        assert!(count > 5, "{stream}");
    }
    let status = work.call(&["status", "job.toml"]).expect(0).stdout;
    assert!(status.contains("channels") && status.contains("whatsapp_business_templates"), "{status}");
}
