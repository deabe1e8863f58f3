//! Secrets: no secret, token or body appears in anything that people keep or pass on: output, logs, the run's report,
//! the manifest, the shared budget window, the command line. The sandbox plants markers to search for: its tokens
//! start with `TOKENMARKER`, and texts and addresses of its records contain `BODYMARKER`.

use std::path::Path;

use crate::support::foreign::{Answer, Server};
use crate::support::{Outcome, STREAMS, Sandbox, Work};

const NEVER: [&str; 3] = ["sandbox-secret", "TOKENMARKER", "BODYMARKER"];

fn sandbox(further: &[&str]) -> Sandbox {
    let mut args = vec![
        "--contacts",
        "400",
        "--persons",
        "20",
        "--conversations",
        "30",
        "--messages",
        "600",
        "--requests-per-minute",
        "0",
    ];
    args.extend(further);
    Sandbox::start(&args)
}

/// Runs `run job.toml` with every setting that makes it print more.
pub fn talkative(work: &Work, endpoint: &str, format: &str) -> Outcome {
    Outcome::of(
        &work
            .command(&["run", "job.toml", "--endpoint", endpoint, "-vv", "--log-format", format])
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("QPIEN_LOG", "trace")
            .output()
            .expect("a run"),
    )
}

/// Returns everything that a run leaves except records: its output, the reports in the mirror, and every small file.
pub fn left_behind(work: &Work, outcome: &Outcome) -> Vec<(String, String)> {
    let mut all = vec![
        ("standard output".to_owned(), outcome.stdout.clone()),
        ("standard error".to_owned(), outcome.stderr.clone()),
    ];
    if let Ok(mirror) = rusqlite::Connection::open(work.path("state/qpien.db")) {
        // Everything in the mirror that is not a record: reports, checkpoints with their positions, rounds.
        for (table, column) in [("run", "report"), ("checkpoint", "position"), ("checkpoint", "why")] {
            let sql = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
            let mut statement = mirror.prepare(&sql).expect(&sql);
            let texts = statement.query_map([], |r| r.get::<_, String>(0)).expect(&sql);
            all.extend(texts.map(|t| (format!("{table}.{column}"), t.expect("text"))));
        }
    }
    for folder in [work.path("out"), work.path("shared"), work.path("state")] {
        files(&folder, &mut |path| {
            let name = path.display().to_string();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let records = ["qpien.db", "qpien.db-wal", "qpien.db-shm"];
            let record = records.contains(&&*file) || STREAMS.iter().any(|s| file == format!("{s}.csv"));
            if !record {
                all.push((name, String::from_utf8_lossy(&std::fs::read(path).expect("read")).into_owned()));
            }
        });
    }
    all
}

fn files(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("entry").path();
        if path.is_dir() { files(&path, each) } else { each(&path) }
    }
}

#[track_caller]
pub fn nothing_leaks(work: &Work, outcome: &Outcome, never: &[&str]) {
    for (place, text) in left_behind(work, outcome) {
        for word in never {
            if let Some(at) = text.find(word) {
                let around: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("`{word}` is in {place}, after: {around}");
            }
        }
    }
}

/// Asserts that the markers are in the delivered files; otherwise a run without leaks would prove nothing.
#[track_caller]
fn markers_arrived(work: &Work) {
    for stream in ["contacts", "messages"] {
        let text = String::from_utf8(work.csv(stream)).expect("UTF-8");
        assert!(text.contains("BODYMARKER"), "{stream}.csv holds no marker");
    }
}

#[test]
fn nothing_leaks_through_every_fault() {
    for format in ["text", "json"] {
        let sandbox = sandbox(&["--faults", "all", "--token-ttl", "2s"]);
        let work = Work::new("aliases_per_request = 1");
        let outcome = talkative(&work, &sandbox.endpoint, format).expect(0);
        assert!(outcome.stderr.contains("asking again"), "it was told about faults: {}", outcome.stderr);
        assert!(outcome.stderr.lines().count() > 50, "and about everything else");
        markers_arrived(&work);
        nothing_leaks(&work, &outcome, &NEVER);
        let places: Vec<String> = left_behind(&work, &outcome).into_iter().map(|(place, _)| place).collect();
        for looked_at in ["run.report", "manifest.json", "shared/"] {
            assert!(places.iter().any(|p| p.contains(looked_at)), "{looked_at} was looked at: {places:?}");
        }
        if format == "json" {
            for line in outcome.stderr.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            }
        }
    }
}

#[test]
fn nothing_leaks_while_rows_move() {
    let sandbox = sandbox(&["--drift", "0.5:3"]);
    let work = Work::new("");
    let outcome = talkative(&work, &sandbox.endpoint, "text");
    assert!([0, 3].contains(&outcome.code), "{}", outcome.stderr);
    nothing_leaks(&work, &outcome, &NEVER);
    assert!(outcome.stderr.contains("window"), "{}", outcome.stderr);
}

#[test]
fn nothing_leaks_without_scopes_or_with_a_wrong_secret() {
    let sandbox = sandbox(&["--deny-scope", "read_messages"]);
    for format in ["text", "json"] {
        let work = Work::new("");
        let outcome = talkative(&work, &sandbox.endpoint, format).expect(3);
        nothing_leaks(&work, &outcome, &NEVER);
        let job =
            "name = \"test\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"ALMOST-sandbox-secret\"\n";
        let work = Work::with_job(job);
        let outcome = talkative(&work, &sandbox.endpoint, format).expect(5);
        nothing_leaks(&work, &outcome, &["ALMOST", "sandbox-secret", "TOKENMARKER"]);
    }
}

#[test]
fn other_commands_leak_nothing() {
    let sandbox = sandbox(&["--faults", "flaky"]);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    markers_arrived(&work);
    for args in [
        &["check", "job.toml", "--endpoint", &sandbox.endpoint, "-vv"][..],
        &["status", "-vv"],
        &["export", "job.toml", "-vv"],
        &["run", "job.toml", "--print-config", "-vv"],
    ] {
        let outcome = work.call(args);
        assert_eq!(outcome.code, 0, "{args:?} {outcome:?}");
        nothing_leaks(&work, &outcome, &NEVER);
    }
}

/// Nothing leaks if the server sends the secret back: in a text, a page, broken JSON, a value or a redirect.
#[test]
fn a_server_that_echoes_leaks_nothing() {
    type Echo = fn(&str) -> Answer;
    let echoes: [Echo; 5] = [
        |said| Answer::new(200, "text/plain", format!("you said {said}")),
        |said| Answer::new(500, "text/html", format!("<html>{said} at /srv/app.js:3</html>")),
        |said| Answer::new(200, "application/json", format!("{{\"data\": {{\"token\": \"{said}")),
        |said| Answer::new(200, "application/json", format!("{{\"data\": {{\"generateOAuthToken\": \"{said}\"}}}}")),
        |said| Answer::new(302, "text/html", "").with("Location", &format!("http://127.0.0.1:9/?{said}")),
    ];
    for (n, echo) in echoes.into_iter().enumerate() {
        let server = Server::start(move |asked| {
            echo(
                asked.body["variables"]["input"]["clientSecret"].as_str().unwrap_or("DISTINCTIVE"), // asked for its schema
            )
        });
        let job = "name = \"test\"\n[source]\nclient_id = \"a\"\nclient_secret = \"DISTINCTIVE\"\nretry_for = \"1s\"\n";
        let work = Work::with_job(job);
        let outcome = talkative(&work, &server.endpoint, "text").expect(6);
        assert!(!server.asked().is_empty());
        assert!(outcome.stderr.contains("error: generating a token: "), "{n}: {}", outcome.stderr);
        nothing_leaks(&work, &outcome, &["DISTINCTIVE"]);
    }
}

#[test]
fn the_secret_is_not_on_the_command_line() {
    let (enter, entered) = std::sync::mpsc::channel::<()>();
    let enter = std::sync::Mutex::new(enter);
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let left = std::sync::Mutex::new(left);
    let server = Server::start(move |asked| {
        assert_eq!(asked.body["variables"]["input"]["clientSecret"], "from-the-environment");
        enter.lock().expect("channel").send(()).expect("told");
        let _ = left.lock().expect("channel").recv();
        Answer::html(404)
    });
    let work = Work::with_job("name = \"test\"\n[source]\nclient_id = \"a\"\n");
    let mut child = work
        .command(&["run", "job.toml", "--endpoint", &server.endpoint])
        .env("QPIEN_CLIENT_SECRET", "from-the-environment")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a run");
    entered.recv().expect("the secret is in use");
    let line = std::fs::read(format!("/proc/{}/cmdline", child.id())).expect("a process");
    let line = String::from_utf8_lossy(&line);
    assert!(line.contains("--endpoint") && !line.contains("from-the-environment"), "{line}");
    drop(leave);
    assert_eq!(child.wait().expect("ended").code(), Some(6));
    let help = work.call(&["run", "--help"]).expect(0).stdout;
    assert!(!help.to_lowercase().contains("--client") && !help.contains("--secret"), "{help}");
}

/// The run repeats a server's message without the secret in it. graphql-js quotes the value of a variable that does
/// not fit its type, and token libraries quote tokens.
#[test]
fn a_message_that_quotes_a_secret_is_told_without_it() {
    let refusal = |message: String| {
        let error = serde_json::json!({"message": message, "extensions": {"code": "BAD_USER_INPUT"}});
        Answer::json(200, &serde_json::json!({ "errors": [error] }))
    };
    let job = "name = \"test\"\n[source]\nclient_id = \"a\"\nclient_secret = \"DISTINCTIVE-and-long\"\nrequests_per_minute = 0\nretry_for = \"1s\"\n";
    let never = ["DISTINCTIVE", "DISTINCT", "TOKENMARKER", "TOKENMAR"];
    // The quotation is whole, or the limit of its length cuts it in the middle of the secret.
    for before in [0, 145, 184, 190] {
        let padding = "x".repeat(before);
        let server = Server::start(move |asked| {
            let input = &asked.body["variables"]["input"];
            refusal(format!("{padding}Variable got {input}; no such field"))
        });
        let work = Work::with_job(job);
        let outcome = talkative(&work, &server.endpoint, "text");
        assert!(outcome.stderr.contains("error: generating a token: the server says"), "{}", outcome.stderr);
        nothing_leaks(&work, &outcome, &never);

        let padding = "x".repeat(before);
        let server = Server::start(move |asked| match asked.operation() {
            "generateOAuthToken" => Answer::json(
                200,
                &serde_json::json!({"data": {asked.response_name(): {"success": true, "data": {"accessToken": "TOKENMARKER-1"}}}}),
            ),
            _ => refusal(format!("{padding}{} is malformed", asked.headers["authorization"])),
        });
        let work = Work::with_job(job);
        let outcome = talkative(&work, &server.endpoint, "text").expect(3);
        nothing_leaks(&work, &outcome, &never);
    }
}
