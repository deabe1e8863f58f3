//! The `check` command: it prints every promised line with a hint, sends at most twenty requests to any server, and
//! writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::support::foreign::{Answer, Foreign, Server, TokenForm};
use crate::support::{Outcome, Sandbox, Work};
use qpien_sync::streams::NAMES as ALL;

const ACCOUNT: [&str; 8] = ["--contacts", "230", "--persons", "7", "--conversations", "60", "--messages", "900"];
const MOST: u64 = 20;

fn sandbox(further: &[&str]) -> Sandbox {
    let limit = if further.contains(&"--requests-per-minute") { &[][..] } else { &["--requests-per-minute", "0"][..] };
    Sandbox::start(&[&ACCOUNT[..], limit, further].concat())
}

fn job(streams: &[&str], key: &str, source: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\nstreams = {streams:?}\n[source]\nclient_id = \"{key}-client\"\nclient_secret = \"{key}-secret\"\n\
         {source}\n[mirror]\npath = \"mirror.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

fn six(source: &str) -> Work {
    job(&ALL, "sandbox", source)
}

const UNLIMITED: &str = "requests_per_minute = 0";

/// The list as JSON, and the command's result. The list is everything on standard output.
struct List(Value, Outcome);

impl List {
    #[track_caller]
    fn of(work: &Work, endpoint: &str, code: i32) -> List {
        let outcome = work.call(&["check", "job.toml", "--endpoint", endpoint, "--format", "json"]).expect(code);
        let list: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {}", outcome.stdout));
        assert_eq!((&list["job"], &list["exit"]), (&"test".into(), &code.into()), "{list:#}");
        assert_eq!(outcome.stderr.is_empty(), code == 0, "{}", outcome.stderr);
        for check in list["checks"].as_array().expect("checks") {
            for part in ["name", "detail", "hint"] {
                assert!(check[part].as_str().is_some_and(|text| text.len() > 2), "{part}: {check:#}");
            }
            assert!(["ok", "note", "fail"].contains(&check["status"].as_str().expect("a status")), "{check:#}");
        }
        List(list, outcome)
    }

    #[track_caller]
    fn line(&self, name: &str) -> &Value {
        let all = self.0["checks"].as_array().expect("checks");
        let found: Vec<&Value> = all.iter().filter(|check| check["name"] == name).collect();
        assert_eq!(found.len(), 1, "one line `{name}` in {:#}", self.0);
        found[0]
    }

    /// Asserts the status of a line, and that its text contains these words.
    #[track_caller]
    fn says(&self, name: &str, status: &str, words: &[&str]) {
        let line = self.line(name);
        let text = format!("{} | {}", line["detail"], line["hint"]);
        assert_eq!(line["status"], status, "{line:#}");
        for word in words {
            assert!(text.contains(word), "`{word}` is not in {text}");
        }
    }

    fn requests(&self) -> u64 {
        self.0["requests"].as_u64().expect("a number")
    }
}

/// Returns content and modification time of every file below a folder, except in the state folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true if path.ends_with("shared") => {}
                true => {
                    all.insert(path.clone(), (Vec::new(), SystemTime::UNIX_EPOCH));
                    folders.push(path);
                }
                false => {
                    let written = std::fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
                    all.insert(path.clone(), (std::fs::read(path).expect("a file"), written));
                }
            }
        }
    }
    all
}

// ---- the cap

/// Checks six streams against a dialect, and asserts by the sandbox's count that twenty requests suffice.
fn within_twenty(dialect: &str, introspection: &str) -> List {
    let sandbox = sandbox(&["--dialect", dialect, "--introspection", introspection]);
    let work = six(UNLIMITED);
    let before = files(&work.path("."));
    let list = List::of(&work, &sandbox.endpoint, 0);
    let seen = sandbox.counts()["requests"].as_u64().expect("a number");
    assert!(seen <= MOST, "{dialect}, introspection {introspection}: {seen} requests");
    assert_eq!(list.requests(), seen, "{dialect}");
    assert_eq!(files(&work.path(".")), before, "{dialect}: a file was made or changed");
    for name in [
        "job",
        "endpoint",
        "credentials",
        "token",
        "rate limit",
        "dialect",
        "clock",
        "mirror",
        "temporary files",
        "destination",
    ] {
        list.line(name);
    }
    for stream in ALL {
        let line = list.line(&format!("stream {stream}"));
        assert!(line["scope"].as_str().is_some_and(|scope| scope.starts_with("read_")), "{line:#}");
        if line["checked"] == false {
            list.says(&format!("stream {stream}"), "note", &["not checked", "20 requests", "a run", "discover"]);
            assert_eq!(seen, MOST, "{dialect}: {stream} was left out for nothing");
        }
    }
    list
}

#[test]
fn every_dialect_is_checked_in_twenty_requests() {
    for (dialect, absent) in [("default", 0), ("prefixed", 1), ("input", 1), ("relay", 0), ("offset", 0), ("zero", 0)] {
        let list = within_twenty(dialect, "on");
        for stream in &ALL[..4] {
            list.says(&format!("stream {stream}"), "ok", &["is there"]);
        }
        let lists = list.0["checks"].as_array().expect("checks");
        let without = lists.iter().filter(|l| l["detail"].as_str().is_some_and(|d| d.contains("no such list"))).count();
        assert_eq!(without, absent, "{dialect}: {:#}", list.0);
        let settled = list.line("dialect")["settled"].as_array().expect("names").len();
        assert_eq!(settled > 0, dialect != "default", "{dialect}");
    }
}

#[test]
fn where_twenty_requests_do_not_do_what_was_left_out_is_named() {
    for dialect in ["prefixed", "input", "relay", "offset", "zero"] {
        let list = within_twenty(dialect, "off");
        let left = ALL.iter().filter(|s| list.line(&format!("stream {s}"))["checked"] == false).count();
        assert!(left > 0, "{dialect} is settled in so few? {:#}", list.0);
        list.says("credentials", "ok", &[]);
    }
    let list = within_twenty("default", "off");
    assert!(ALL.iter().all(|s| list.line(&format!("stream {s}"))["status"] == "ok"), "{:#}", list.0);
}

#[test]
fn an_outage_ends_at_the_cap_too() {
    let foreign = Foreign::default();
    let server = Server::start(move |asked| {
        if asked.operation() == "generateOAuthToken" { foreign.answer(asked) } else { Answer::html(503) }
    });
    let work = job(&ALL, "foreign", "requests_per_minute = 0\nretry_for = \"3s\"");
    let list = List::of(&work, &server.endpoint, 6);
    list.says("stream contacts", "fail", &["HTTP 503", "read_contacts"]);
    assert!(server.asked().len() as u64 <= MOST && server.asked().len() as u64 == list.requests());
}

// ---- line by line

#[test]
fn text_has_a_hint_under_every_line_and_counts_in_words() {
    let sandbox = sandbox(&[]);
    let work = six(UNLIMITED);
    let text = work.call(&["check", "job.toml", "--endpoint", &sandbox.endpoint]).expect(0);
    assert!(text.stderr.is_empty(), "{}", text.stderr);
    let (list, end) = text.stdout.split_once("\n\n").expect("a last line");
    let lines: Vec<&str> = list.lines().collect();
    for pair in lines.chunks(2) {
        assert!(["ok    ", "note  ", "FAIL  "].iter().any(|s| pair[0].starts_with(s)), "{pair:?}");
        assert!(pair[1].starts_with("      hint: ") && pair[1].len() > 15, "{pair:?}");
    }
    assert_eq!(lines.len(), 2 * (10 + ALL.len()));
    assert!(end.starts_with("7 requests made; exit code 0"), "{end}");
    assert!(list.contains("job: test: 6 streams, 1 destination\n"), "{list}");
    assert!(list.contains("read_messages is there, ") && list.contains(" in the one conversation that"), "{list}");
    assert!(!list.contains(" 0 a minute"), "{list}");
}

#[test]
fn the_endpoint_and_the_token_are_told() {
    let work = six(UNLIMITED);
    let list = List::of(&work, &sandbox(&[]).endpoint, 0);
    list.says("endpoint", "ok", &["not encrypted", "this machine", "https://"]);
    assert_eq!(list.line("endpoint")["encrypted"], false);
    list.says("token", "ok", &["1h", "the server says"]);
    let short = List::of(&work, &sandbox(&["--token-ttl", "40s"]).endpoint, 0);
    short.says("token", "note", &["lives 40s", "renewed every 40s"]);
    let (silent, _) = Foreign::default().token(TokenForm::NoLifetime).start();
    let list = List::of(&job(&ALL[..2], "foreign", UNLIMITED), &silent.endpoint, 0);
    list.says("token", "ok", &["does not say", "documented hour"]);
}

#[test]
fn the_limit_is_told_as_observed() {
    let limited = sandbox(&["--requests-per-minute", "6000"]);
    for (ours, status, words) in [
        ("requests_per_minute = 6000", "ok", &["6000 a minute", "left", "reset in"][..]),
        ("requests_per_minute = 9000", "note", &["lower requests_per_minute to 6000"]),
        (UNLIMITED, "note", &["no limit of its own", "lower requests_per_minute to 6000"]),
    ] {
        let list = List::of(&six(ours), &limited.endpoint, 0);
        list.says("rate limit", status, words);
        let line = list.line("rate limit");
        assert!(line["limit"] == 6000 && line["remaining"].is_u64() && line["reset_seconds"].is_f64(), "{line:#}");
        assert_eq!(line["exceeds"], status == "note");
    }
    let list = List::of(&six("requests_per_minute = 6000"), &sandbox(&[]).endpoint, 0);
    list.says("rate limit", "note", &["no X-RateLimit headers", "6000 a minute", "this job's own limit alone"]);
}

#[test]
fn the_dialect_is_proven_once_a_run_remembers_it() {
    let sandbox = sandbox(&["--dialect", "zero"]);
    let work = six(UNLIMITED);
    let names = |list: &List, key: &str| list.line("dialect")[key].as_array().expect("names").len();
    let before = List::of(&work, &sandbox.endpoint, 0);
    assert_eq!(names(&before, "proven"), 0);
    work.run(&sandbox, &[]).expect(0);
    let after = List::of(&work, &sandbox.endpoint, 0);
    after.says("dialect", "ok", &["proven and remembered: token, contacts", "documented column"]);
    assert_eq!(["proven", "settled", "given", "assumed"].map(|key| names(&after, key)), [7, 0, 0, 0]);
    assert!(after.line("dialect")["missing_columns"].as_u64().is_some_and(|n| n > 0), "zero lacks some");
    assert!(after.requests() <= 7, "and nothing is settled again");
    let given = six(&format!("{UNLIMITED}\n[source.dialect.streams.contacts]\ndrop = [\"gender\"]"));
    let list = List::of(&given, &self::sandbox(&[]).endpoint, 0);
    list.says("dialect", "note", &["given by the job file: contacts", "assumed as shipped: token, customer_persons"]);
    assert!(list.line("dialect")["missing"]["contacts"].to_string().contains("gender"));
}

#[test]
fn an_empty_account_of_other_words_is_no_failure() {
    let nobody = ["--contacts", "0", "--persons", "0", "--conversations", "0", "--messages", "0"];
    let sandbox = Sandbox::start(&[&nobody[..], &["--requests-per-minute", "0", "--dialect", "relay"]].concat());
    let list = List::of(&six(UNLIMITED), &sandbox.endpoint, 0);
    list.says("stream contacts", "ok", &["0 records"]);
    assert!(list.requests() <= MOST);
}

#[test]
fn a_skewed_clock_is_noted() {
    let check = |headers: Vec<(&'static str, &'static str)>| {
        let (server, _) = Foreign::default().headers(headers).start();
        List::of(&job(&ALL[..4], "foreign", UNLIMITED), &server.endpoint, 0)
    };
    let behind = check(vec![("Date", "Wed, 21 Oct 2015 07:28:00 GMT")]);
    behind.says("clock", "note", &["ahead of the server's", "NTP"]);
    assert!(behind.line("clock")["ahead_seconds"].as_f64().is_some_and(|s| s > 1e8));
    check(vec![("Date", "Fri, 21 Oct 2095 07:28:00 GMT")]).says("clock", "note", &["behind the server's"]);
    for headers in [Vec::new(), vec![("Date", "yesterday")]] {
        check(headers).says("clock", "note", &["no Date header"]);
    }
    List::of(&six(UNLIMITED), &sandbox(&[]).endpoint, 0).says("clock", "ok", &["the server's"]);
}

#[test]
fn the_mirror_and_the_destinations_are_told() {
    let sandbox = sandbox(&[]);
    let work = six(UNLIMITED);
    List::of(&work, &sandbox.endpoint, 0).says("mirror", "ok", &["mirror.db will be made", "B free"]);
    work.run(&sandbox, &[]).expect(0);
    let list = List::of(&work, &sandbox.endpoint, 0);
    let version = format!("mirror.db: schema version {}", qpien_sync::mirror::migrations::VERSION);
    list.says("mirror", "ok", &[&version, "B, "]);
    let size = std::fs::metadata(work.path("mirror.db")).expect("a mirror").len();
    assert!(list.line("mirror")["bytes"].as_u64().is_some_and(|bytes| bytes >= size));
    assert!(list.line("mirror")["free_bytes"].as_u64().is_some_and(|free| free > 0));
    list.says("destination", "ok", &["out can be written", "B free"]);
    std::fs::write(work.path("file"), "no database but a text\n".repeat(200)).expect("written");
    let check = |args: &[&str]| {
        let all = [&["check", "job.toml", "--endpoint", &sandbox.endpoint], args].concat();
        work.call(&all)
    };
    let refused = check(&["--out", "file/out"]).expect(2);
    assert!(refused.stdout.contains("FAIL  destination: file/out cannot be written"), "{}", refused.stdout);
    assert!(refused.stderr.contains("error: destination: file/out"), "{}", refused.stderr);
    let damaged = check(&["--mirror", "file"]).expect(7);
    assert!(damaged.stdout.contains("FAIL  mirror:") && damaged.stdout.contains("ok    stream contacts"));
}

// ---- credentials and scopes

#[test]
fn a_missing_scope_is_named_and_all_of_them_are_the_keys_matter() {
    let work = six(UNLIMITED);
    let one = List::of(&work, &sandbox(&["--deny-scope", "read_messages"]).endpoint, 3);
    one.says("stream messages", "fail", &["read_messages", "dashboard"]);
    one.says("stream contacts", "ok", &["read_contacts"]);
    assert!(one.1.stderr.contains("error: stream messages: read_messages"), "{}", one.1.stderr);
    let scopes: Vec<Value> = one.0["checks"].as_array().expect("checks").iter().map(|l| l["scope"].clone()).collect();
    let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
    let deny: Vec<&str> = scopes.iter().flat_map(|scope| ["--deny-scope", scope]).collect();
    let all = List::of(&work, &sandbox(&deny).endpoint, 5);
    for stream in ALL {
        all.says(&format!("stream {stream}"), "fail", &["read_"]);
    }
}

#[test]
fn a_wrong_secret_is_no_fault_of_the_endpoint() {
    let work = job(&ALL, "nobody", UNLIMITED);
    let list = List::of(&work, &sandbox(&[]).endpoint, 5);
    list.says("endpoint", "ok", &["answers"]);
    list.says("credentials", "fail", &["INVALID_CLIENT", "QPIEN_CLIENT_SECRET"]);
    list.says("token", "note", &["not checked"]);
    list.says("stream contacts", "note", &["not checked"]);
    list.says("mirror", "ok", &["will be made"]);
    assert_eq!(list.requests(), 1);
}

// ---- nothing is written

#[test]
fn a_mirror_is_left_as_it_was_found_also_after_a_run_that_was_killed() {
    let sandbox = sandbox(&[]);
    let work = six(UNLIMITED);
    work.run(&sandbox, &[]).expect(0);
    let before = files(&work.path("."));
    let list = List::of(&work, &sandbox.endpoint, 0);
    assert_eq!(list.line("dialect")["proven"].as_array().expect("names").len(), 6, "{:#}", list.0);
    assert_eq!(files(&work.path(".")), before);

    // A killed run leaves its last commits in the write-ahead log, because no process has merged them into the
    // database.
    let killed = six(UNLIMITED);
    let mirror = rusqlite::Connection::open(work.path("mirror.db")).expect("the mirror");
    mirror.execute_batch("DELETE FROM dialect WHERE part = 'contacts'").expect("committed");
    qpien_sync::mirror::sums::take(&mirror).expect("its sums");
    for file in ["mirror.db", "mirror.db-wal", "mirror.db-shm"] {
        std::fs::copy(work.path(file), killed.path(file)).expect(file);
    }
    let before = files(&killed.path("."));
    let list = List::of(&killed, &sandbox.endpoint, 0);
    let proven = list.line("dialect")["proven"].to_string();
    assert!(!proven.contains("\"contacts\"") && proven.contains("\"messages\""), "the log is read: {proven}");
    assert_eq!(files(&killed.path(".")), before, "and left as it was");
}
