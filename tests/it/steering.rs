//! Texts of others, ids above all, never control the terminal that shows them, forge a line of a log, or hide: they
//! are quoted visibly wherever they are shown.

use serde_json::{Value, json};

use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{Outcome, Work};

/// Ids that set a title, clear the screen, return to the start of the line, forge a line, change the writing
/// direction, hide in zero width, or end a line in unusual ways.
const IDS: [&str; 3] = [
    "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{8}\u{7f}",
    "b\r\nFORGED line\nFORGED again\u{85}\u{2028}\u{2029}FORGED\u{b}\u{c}",
    "c\u{202e}dlrow\u{2066}\u{2069}\u{200b}\u{200d}\u{feff}\u{ad}\u{e0041}\u{e007f}\u{61c}\u{fe0f}\u{3164}\u{10ffff}",
];

const JOB: &str = "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"foreign-client\"\n\
                   client_secret = \"foreign-secret\"\nrequests_per_minute = 0\nretry_for = \"1s\"\n\
                   aliases_per_request = 1\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n";

/// Starts a Qpien whose conversations and contacts have these ids; where `answer` gives an answer, it is sent
/// instead.
fn server(answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> Server {
    let foreign = Foreign::default();
    Server::start(move |asked| {
        if let Some(answer) = answer(asked) {
            return answer;
        }
        let mut answer = foreign.answer(asked);
        if matches!(asked.operation(), "getConversationList" | "getContactList") {
            let mut body: Value = serde_json::from_slice(&answer.body).expect("JSON");
            if let Some(rows) = body.pointer_mut(&format!("/data/{}/data/docs", asked.response_name())) {
                for row in rows.as_array_mut().expect("rows") {
                    let id = row["_id"].as_str().expect("an id").to_owned();
                    let n: usize = id.trim_start_matches("id-").parse().expect("a number");
                    row["_id"] = json!(format!("{}{n}", IDS[n % 3]));
                }
            }
            answer.body = body.to_string().into_bytes();
        }
        answer
    })
}

/// Asserts that the output holds only plain characters on the program's own lines. So must text in a JSON log, once
/// parsed.
#[track_caller]
fn is_plain(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        for line in text.lines() {
            assert!(!line.trim_start().starts_with("FORGED"), "{text}");
            assert!(line.chars().all(|c| c == '\t' || qpien_sync::error::is_plain(c)), "{line:?}");
            if let Ok(Value::Object(object)) = serde_json::from_str(line) {
                let texts = object.values().filter_map(Value::as_str);
                texts.for_each(|text| assert!(text.chars().all(qpien_sync::error::is_plain), "{text:?}"));
            }
        }
    }
}

fn call(work: &Work, args: &[&str], endpoint: &str, format: &str) -> Outcome {
    let mut command = work.command(args);
    if !endpoint.is_empty() {
        command.args(["--endpoint", endpoint]);
    }
    command.args(["-vv", "--log-format", format]).env("QPIEN_LOG", "trace");
    let outcome = Outcome::of(&command.output().expect("a run"));
    is_plain(&outcome);
    outcome
}

#[test]
fn ids_of_lists_that_cannot_be_read_are_quoted() {
    for format in ["text", "json"] {
        let refused = server(|asked| {
            let failure =
                json!({"data": {asked.response_name(): {"success": false, "message": IDS[0], "code": IDS[1]}}});
            (asked.operation() == "getMessages").then(|| Answer::json(200, &failure))
        });
        let work = Work::with_job(JOB);
        let outcome = call(&work, &["run", "job.toml"], &refused.endpoint, format).expect(3);
        for shown in ["\\u{1b}]0;owned\\u{7}", "\\u{d}\\u{a}FORGED line", "\\u{202e}dlrow"] {
            let shown = if format == "json" { shown.replace('\\', "\\\\") } else { shown.to_owned() };
            assert!(outcome.stderr.contains(&shown), "{shown} is shown: {}", outcome.stderr);
        }
        call(&work, &["status", "job.toml"], "", format);
        let why = work.manifest()["streams"]["messages"]["why"].as_str().expect("a reason").to_owned();
        assert!(why.chars().all(qpien_sync::error::is_plain), "{why:?}");
    }
}

#[test]
fn ids_are_quoted_where_everything_goes_well() {
    for format in ["text", "json"] {
        let server = server(|_| None);
        let work = Work::with_job(JOB);
        for args in [&["run", "job.toml"][..], &["plan", "job.toml"], &["check", "job.toml"], &["discover", "job.toml"]]
        {
            call(&work, args, &server.endpoint, format).expect(0);
        }
        call(&work, &["export", "job.toml"], "", format).expect(0);
        call(&work, &["verify", "job.toml"], "", format);
        // `verify` names missing ids, and quotes them.
        let path = work.path("out/conversations.csv");
        let rows = std::fs::read_to_string(&path).expect("rows");
        std::fs::write(&path, rows.lines().next().expect("a header").to_owned() + "\n").expect("written");
        let told = call(&work, &["verify", "job.toml"], "", format).expect(7);
        assert!(told.stdout.contains("for one"), "{}", told.stdout);
    }
}

#[test]
fn ids_that_would_be_deleted_are_quoted() {
    let is_empty = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let now_empty = is_empty.clone();
    let server = server(move |asked| {
        let empty = json!({"data": {asked.response_name(): {"success": true, "data": {"docs": [], "totalDocs": 0, "hasNextPage": false}}}});
        (asked.operation() == "getContactList" && is_empty.load(std::sync::atomic::Ordering::SeqCst))
            .then(|| Answer::json(200, &empty))
    });
    let work = Work::with_job(JOB);
    call(&work, &["run", "job.toml"], &server.endpoint, "text").expect(0);
    now_empty.store(true, std::sync::atomic::Ordering::SeqCst);
    let refused = call(&work, &["run", "job.toml"], &server.endpoint, "text").expect(7);
    assert!(refused.stderr.contains("\\u{1b}]0;owned\\u{7}"), "{}", refused.stderr);
}

/// The run also quotes names of files, holders of locks, names of a server's schema, codes and scopes.
#[test]
fn other_texts_of_others_are_quoted_too() {
    let server = server(|_| None);
    let nasty = IDS.concat();
    let work = Work::with_job(JOB);
    call(&work, &["run", "job.toml"], &server.endpoint, "text").expect(0);
    let mut manifest = work.manifest();
    manifest["streams"]["contacts"]["files"][0]["path"] = json!(format!("{nasty}.csv"));
    manifest["format"]["kind"] = json!(nasty);
    std::fs::write(work.path("out/manifest.json"), manifest.to_string()).expect("a manifest");
    call(&work, &["verify", "out"], "", "text");
    call(&work, &["verify", "out"], "", "json");
    manifest["content"] = json!(nasty);
    std::fs::write(work.path("out/manifest.json"), manifest.to_string()).expect("a manifest");
    call(&work, &["export", "job.toml"], "", "text");
    let held = std::fs::File::options().read(true).write(true).open(work.path("state/qpien.db.lock")).expect("a lock");
    held.lock().expect("held");
    std::fs::write(work.path("state/qpien.db.lock"), &nasty).expect("a holder");
    let told = call(&work, &["run", "job.toml"], &server.endpoint, "text").expect(11);
    assert!(told.stderr.contains("is held by a\\u{1b}]0;owned"), "{}", told.stderr);
    drop(held);
    let said = nasty.clone();
    let refusing = Server::start(move |_| {
        let error = json!({"message": said, "extensions": {"code": said, "requiredScope": said}});
        Answer::json(200, &json!({"errors": [error]}))
            .with("X-RateLimit-Limit", "\u{9b}31m")
            .with("Retry-After", "x\u{1b}")
    });
    for command in ["run", "check", "discover"] {
        call(&Work::with_job(JOB), &[command, "job.toml"], &refusing.endpoint, "text");
    }
    let name = nasty.clone();
    let hostile = Server::start(move |asked| {
        let field = |n: &str| json!({"name": n, "args": [{"name": name, "type": {"kind": "SCALAR", "name": name}}], "type": {"kind": "OBJECT", "name": name}});
        let types = json!([
            {"kind": "OBJECT", "name": "Query", "fields": [field("getContactList"), field(&name)]},
            {"kind": "OBJECT", "name": name, "fields": [field("_id"), field("docs"), field(&name)]},
            {"kind": "OBJECT", "name": "Mutation", "fields": [field("generateOAuthToken")]}
        ]);
        let schema = json!({"queryType": {"name": "Query"}, "mutationType": {"name": "Mutation"}, "types": types});
        if asked.document().contains("__schema") {
            return Answer::json(200, &json!({"data": {"__schema": schema}}));
        }
        Answer::json(
            400,
            &json!({"errors": [{"message": format!("Cannot query field \"{name}\" on type \"{name}\".")}]}),
        )
    });
    for command in ["run", "check", "discover", "plan"] {
        call(&Work::with_job(JOB), &[command, "job.toml"], &hostile.endpoint, "text");
    }
}
