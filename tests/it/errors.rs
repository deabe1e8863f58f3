//! Errors: each is reported as one line of cause and one line of hint, with the documented exit code, and leaves
//! nothing half written.

use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use crate::support::foreign::{Answer, Foreign, Server};
use crate::support::{Outcome, STREAMS, Sandbox, Work, ids};

fn small(further: &[&str]) -> Sandbox {
    let mut args = vec![
        "--contacts",
        "120",
        "--persons",
        "5",
        "--conversations",
        "6",
        "--messages",
        "60",
        "--requests-per-minute",
        "0",
    ];
    args.extend(further);
    Sandbox::start(&args)
}

/// Asserts the exit code, and returns the one line of cause on standard error with the hint right after it.
#[track_caller]
fn cause(outcome: Outcome, code: i32) -> (String, String) {
    let outcome = outcome.expect(code);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let starting = |with: &str| -> Vec<usize> { (0..lines.len()).filter(|i| lines[*i].starts_with(with)).collect() };
    let (causes, hints) = (starting("error: "), starting(" hint: "));
    assert_eq!((causes.len(), hints.len()), (1, 1), "one cause and one hint:\n{}", outcome.stderr);
    assert_eq!(hints[0], causes[0] + 1, "{}", outcome.stderr);
    assert!(lines[hints[0]].len() > " hint: ".len() + 10, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    (lines[causes[0]].to_owned(), lines[hints[0]].to_owned())
}

#[track_caller]
fn contains(text: &(String, String), parts: &[&str]) {
    let whole = format!("{}\n{}", text.0, text.1);
    for part in parts {
        assert!(whole.contains(part), "`{part}` is not in\n{whole}");
    }
}

/// Asserts that there is no manifest, no file of records and no staged file.
#[track_caller]
fn nothing_delivered(work: &Work) {
    let Ok(entries) = std::fs::read_dir(work.path("out")) else {
        return;
    };
    let names: Vec<String> = entries.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|n| n == ".qpien-sync.lock"), "{names:?}");
}

fn job(credentials: &str, further: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\n[source]\n{credentials}\nrequests_per_minute = 0\nretry_for = \"1s\"\n{further}\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

const KEY: &str = "client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"";

// ---- credentials and scopes

#[test]
fn a_wrong_secret_is_told_at_once() {
    let sandbox = small(&[]);
    for (credentials, why) in [
        ("client_id = \"sandbox-client\"\nclient_secret = \"wrong\"", "secret"),
        ("client_id = \"who\"\nclient_secret = \"sandbox-secret\"", "id"),
    ] {
        let before = sandbox.log().len();
        let work = job(credentials, "");
        let said = cause(work.run(&sandbox, &[]), 5);
        contains(&said, &["generating a token", "INVALID_CLIENT", "QPIEN_CLIENT_SECRET"]);
        assert_eq!(sandbox.log().len() - before, 1, "one request and no retry ({why})");
        nothing_delivered(&work);
    }
}

#[test]
fn a_missing_scope_costs_its_stream_only() {
    let sandbox = small(&["--deny-scope", "read_messages"]);
    let work = Work::new("");
    let outcome = work.run(&sandbox, &[]);
    assert!(outcome.stdout.contains("messages: held back"), "{}", outcome.stdout);
    let said = cause(outcome, 3);
    contains(&said, &["messages", "read_messages", "dashboard"]);
    for stream in &STREAMS[..3] {
        assert_eq!(ids(&work, stream).len(), sandbox.truth(stream).len(), "{stream}");
        assert_ne!(work.manifest()["streams"][stream]["files"][0]["path"], serde_json::Value::Null);
    }
    assert!(!work.path("out/messages.csv").exists());
    let asked = sandbox.log().iter().filter(|l| l["operation"] == "getMessages").count();
    assert!(asked <= 40, "one missing scope is not asked about {asked} times");
}

#[test]
fn all_scopes_missing_is_a_matter_of_credentials() {
    let deny = ["contacts", "customerPersons", "conversations", "messages"].map(|s| format!("read_{s}"));
    let args: Vec<&str> = deny.iter().flat_map(|s| ["--deny-scope", s.as_str()]).collect();
    let sandbox = small(&args);
    let work = Work::new("");
    let said = cause(work.run(&sandbox, &[]), 5);
    contains(&said, &["read_contacts", "dashboard"]);
    for stream in STREAMS {
        assert!(!work.path(&format!("out/{stream}.csv")).exists(), "{stream}");
    }
}

// ---- the address

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address");
    let work = job(KEY, "");
    let said = cause(work.call(&["run", "job.toml", "--endpoint", &format!("http://{free}/api/v1")]), 6);
    contains(&said, &["cannot connect", "refused", "endpoint"]);
    nothing_delivered(&work);
}

#[test]
fn no_such_host() {
    let work = job(KEY, "");
    let said = cause(work.call(&["run", "job.toml", "--endpoint", "https://no-such-host.invalid/"]), 6);
    contains(&said, &["cannot connect", "DNS"]);
    nothing_delivered(&work);
}

#[test]
fn something_else_answers() {
    let cases: [(u16, &[&str]); 5] = [
        (404, &["HTTP 404", "an HTML page", "QPIEN_ENDPOINT"]),
        (200, &["HTTP 200", "an HTML page", "QPIEN_ENDPOINT"]),
        (405, &["HTTP 405", "QPIEN_ENDPOINT"]),
        (302, &["HTTP 302", "redirect"]),
        (308, &["HTTP 308", "redirect"]),
    ];
    for (status, parts) in cases {
        let elsewhere = Server::start(|_| Answer::html(200));
        let location = elsewhere.endpoint.clone();
        let server = Server::start(move |_| Answer::html(status).with("Location", &location));
        let work = job(KEY, "");
        let said = cause(work.call(&["run", "job.toml", "--endpoint", &server.endpoint]), 6);
        contains(&said, parts);
        assert_eq!(server.asked().len(), 1, "HTTP {status} is told at once");
        assert!(elsewhere.asked().is_empty(), "credentials follow no redirect");
        nothing_delivered(&work);
    }
}

#[test]
fn a_bare_401_for_the_token_is_no_matter_of_the_key() {
    let server = Server::start(|_| Answer::html(401));
    let work = job(KEY, "");
    let said = cause(work.call(&["run", "job.toml", "--endpoint", &server.endpoint]), 6);
    contains(&said, &["HTTP 401", "firewall"]);
}

#[test]
fn what_is_no_address_is_refused_before_any_request() {
    for endpoint in [
        "nonsense",
        "ftp://127.0.0.1/",
        "http://me:pass-word@127.0.0.1:1/",
        "http://192.0.2.1/in-the-clear",
        "http://127.0.0.1.example.org/",
    ] {
        let work = job(KEY, "");
        let said = cause(work.call(&["run", "job.toml", "--endpoint", endpoint]), 2);
        contains(&said, &["endpoint"]);
        assert!(!said.0.contains("pass-word"), "{}", said.0);
        assert!(!work.path("state").exists());
    }
}

// ---- the job file

#[test]
fn a_job_that_cannot_be_is_refused_by_name() {
    let cases: [(&str, &[&str]); 9] = [
        (
            "name = \"x\"\n[source]\nrequests_per_minut = 5\n",
            &["job.toml:3", "requests_per_minut", "`requests_per_minute`"],
        ),
        (
            "[source]\nclient_id = \"a\"\nclient_secret = \"${NO_SUCH_VARIABLE}\"\n",
            &["NO_SUCH_VARIABLE", "client_secret"],
        ),
        ("[source]\nclient_id = \"a\"\n", &["client secret", "QPIEN_CLIENT_SECRET"]),
        ("streams = [\"contact\"]\n", &["`contact`", "contacts"]),
        ("streams = [\"messages\"]\n", &["messages", "conversations"]),
        ("[source]\nclient_id = \"a\"\nclient_secret = \"b\"\nretry_for = \"soon\"\n", &["retry_for", "soon", "15m"]),
        (
            "[source]\nclient_id = \"a\"\nclient_secret = \"b\"\nmax_response = \"big\"\n",
            &["max_response", "big", "MiB"],
        ),
        (
            "[source]\nclient_id = \"a\"\nclient_secret = \"b\"\n[source.dialect.list]\nsiz = \"n\"\n",
            &["job.toml:5", "`siz`", "`size`"],
        ),
        ("name = \n", &["job.toml:1"]),
    ];
    for (text, parts) in cases {
        let work = Work::with_job(text);
        contains(&cause(work.call(&["run", "job.toml"]), 2), parts);
        assert!(!work.path("state").exists(), "nothing is made for {text}");
    }
    let work = Work::new("");
    contains(&cause(work.call(&["run", "nothing.toml"]), 2), &["nothing.toml"]);
}

#[test]
fn one_out_flag_for_two_destinations_is_refused() {
    let work = job(KEY, "[[destination]]\nkind = \"csv\"\npath = \"other\"\n");
    contains(&cause(work.call(&["run", "job.toml", "--out", "x"]), 2), &["--out", "2"]);
    assert!(!work.path("x").exists());
}

#[test]
fn an_unknown_flag_is_refused_and_help_helps() {
    let work = Work::new("");
    let refused = work.call(&["run", "job.toml", "--endpont", "x"]).expect(2);
    assert!(refused.stderr.starts_with("error: ") && refused.stderr.contains("--endpoint"), "{}", refused.stderr);
    let refused = work.call(&["run", "job.toml", "--client-secret", "x"]).expect(2);
    assert!(refused.stderr.contains("--client-secret"), "there is no such flag: {}", refused.stderr);
    work.call(&[]).expect(2);
    for args in [&["help"][..], &["--help"], &["run", "--help"], &["help", "run"], &["--version"]] {
        let helped = work.call(args).expect(0);
        assert!(helped.stdout.contains("qpien-sync") && helped.stderr.is_empty(), "{args:?} {helped:?}");
    }
}

// ---- places that cannot be written

#[test]
fn places_that_cannot_be_written_are_found_before_any_request() {
    let sandbox = small(&[]);
    let work = Work::new("");
    std::fs::write(work.path("file"), "x").expect("a file");
    contains(&cause(work.run(&sandbox, &["--out", "file/out"]), 2), &["file/out", "output folder"]);
    contains(&cause(work.run(&sandbox, &["--out", "file"]), 2), &["file"]);
    contains(&cause(work.run(&sandbox, &["--mirror", "file/m.db"]), 2), &["file", "--mirror"]);
    std::fs::create_dir(work.path("folder")).expect("a folder");
    contains(&cause(work.run(&sandbox, &["--mirror", "folder"]), 2), &["folder", "--mirror"]);
    assert_eq!(sandbox.log().len(), 0, "no request was made");
    assert_eq!(std::fs::read(work.path("file")).expect("kept"), b"x");
    nothing_delivered(&work);
}

// ---- the mirror

#[test]
fn a_mirror_that_is_none_is_told_and_kept() {
    let sandbox = small(&[]);
    let work = Work::new("");
    let text = "this is no database at all, only a text file that happens to lie here\n".repeat(40);
    std::fs::write(work.path("m.db"), &text).expect("written");
    contains(&cause(work.run(&sandbox, &["--mirror", "m.db"]), 7), &["m.db", "not a database"]);
    contains(&cause(work.call(&["status", "--mirror", "m.db"]), 7), &["m.db"]);
    contains(&cause(work.call(&["export", "job.toml", "--mirror", "m.db"]), 7), &["m.db"]);
    assert_eq!(std::fs::read_to_string(work.path("m.db")).expect("kept"), text);
    assert_eq!(sandbox.log().len(), 0);
    nothing_delivered(&work);
}

#[test]
fn somebody_elses_database_is_told_and_kept() {
    let sandbox = small(&[]);
    let work = Work::new("");
    let theirs = rusqlite::Connection::open(work.path("theirs.db")).expect("open");
    theirs.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").expect("made");
    drop(theirs);
    let before = std::fs::read(work.path("theirs.db")).expect("read");
    contains(&cause(work.run(&sandbox, &["--mirror", "theirs.db"]), 2), &["theirs.db", "not a mirror"]);
    contains(&cause(work.call(&["status", "--mirror", "theirs.db"]), 2), &["theirs.db", "not a mirror"]);
    contains(&cause(work.call(&["export", "job.toml", "--mirror", "theirs.db"]), 2), &["theirs.db", "not a mirror"]);
    assert_eq!(std::fs::read(work.path("theirs.db")).expect("kept"), before);
}

#[test]
fn a_damaged_mirror_is_told_and_kept() {
    let sandbox = small(&[]);
    let work = Work::new("");
    work.run(&sandbox, &["--mirror", "m.db"]).expect(0);
    let asked = sandbox.log().len();
    let mut bytes = std::fs::read(work.path("m.db")).expect("read");
    let middle = bytes.len() / 2;
    bytes[4096..middle.max(20_000)].fill(0xAB);
    std::fs::write(work.path("m.db"), &bytes).expect("damaged");
    contains(&cause(work.run(&sandbox, &["--mirror", "m.db"]), 7), &["m.db", "nothing was deleted"]);
    assert_eq!(std::fs::read(work.path("m.db")).expect("kept"), bytes);
    cause(work.call(&["export", "job.toml", "--mirror", "m.db", "--out", "fresh"]), 7);
    assert!(!work.path("fresh/manifest.json").exists());
    cause(work.call(&["status", "--mirror", "m.db"]), 7);
    assert_eq!(sandbox.log().len(), asked, "no request was made");
}

/// If the mirror is damaged and a write-ahead log lies beside it, the error names the log. This happens when a copy
/// is put back beside the log of its predecessor.
#[test]
fn a_log_that_is_left_over_is_named() {
    let sandbox = small(&[]);
    let work = Work::new("");
    work.run(&sandbox, &["--mirror", "m.db"]).expect(0);
    let mut bytes = std::fs::read(work.path("m.db")).expect("read");
    bytes[4096..40_000].fill(0xAB);
    std::fs::write(work.path("m.db"), &bytes).expect("damaged");
    std::fs::write(work.path("m.db-wal"), [7; 4096]).expect("a log");
    contains(&cause(work.run(&sandbox, &["--mirror", "m.db"]), 7), &["a log lies beside it", "m.db-wal"]);
}

#[test]
fn a_newer_mirror_is_refused() {
    let sandbox = small(&[]);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    let asked = sandbox.log().len();
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("open");
    mirror.pragma_update(None, "user_version", 4711).expect("raised");
    drop(mirror);
    for args in
        [&["run", "job.toml"][..], &["status"], &["status", "job.toml"], &["export", "job.toml"], &["plan", "job.toml"]]
    {
        contains(&cause(work.call(args), 7), &["4711", "newer"]);
    }
    assert_eq!(sandbox.log().len(), asked, "no request was made");
}

/// The cause of an error is a code of the system, not a text of a library.
#[test]
fn a_json_log_tells_the_cause_of_an_error() {
    let work = job("client_id = \"c\"\nclient_secret = \"s\"\ndialect = \"none.toml\"", "");
    let outcome = work.call(&["run", "job.toml", "--log-format", "json"]).expect(2);
    let line = outcome.stderr.lines().find(|line| line.contains("none.toml")).expect("a line");
    let told: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(told["cause"], "entity not found (system error 2)", "{line}");
}

#[test]
fn status_and_export_need_a_mirror() {
    let work = Work::new("");
    for args in [&["status"][..], &["status", "job.toml"], &["export", "job.toml"]] {
        contains(&cause(work.call(args), 2), &["no mirror", "state/qpien.db", "qpien-sync run JOB", "--mirror"]);
    }
    assert!(!work.path("state").exists() && !work.path("out").exists(), "and make none");
    std::fs::write(work.path("empty.db"), "").expect("written");
    contains(&cause(work.call(&["status", "--mirror", "empty.db"]), 2), &["empty.db"]);
    contains(&cause(work.call(&["export", "job.toml", "--mirror", "empty.db"]), 2), &["empty.db"]);
}

#[test]
fn an_export_costs_no_request_and_gives_the_same_bytes() {
    let sandbox = small(&[]);
    let work = job("client_id = \"${SOME_ID}\"\nclient_secret = \"${SOME_SECRET}\"", "");
    let ran = work
        .command(&["run", "job.toml", "--endpoint", &sandbox.endpoint])
        .env("SOME_ID", "sandbox-client")
        .env("SOME_SECRET", "sandbox-secret")
        .output()
        .expect("a run");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let asked = sandbox.log().len();
    let before = STREAMS.map(|s| work.csv(s));
    work.call(&["export", "job.toml", "--out", "again"]).expect(0);
    std::fs::remove_dir_all(work.path("out")).expect("removed");
    work.call(&["export", "job.toml"]).expect(0);
    assert_eq!(STREAMS.map(|s| work.csv(s)), before);
    for (stream, bytes) in STREAMS.iter().zip(&before) {
        assert_eq!(&std::fs::read(work.path(&format!("again/{stream}.csv"))).expect(stream), bytes, "{stream}");
    }
    assert_eq!(sandbox.log().len(), asked);
}

// ---- two at a time

/// A run that waits for its first answer until the test lets it go on.
struct Waiting {
    child: Child,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Waiting {
    fn begin(work: &Work) -> Waiting {
        let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let theirs = gate.clone();
        let server = Server::start(move |_| {
            let open = theirs.0.lock().expect("gate");
            drop(theirs.1.wait_while(open, |open| !*open).expect("gate"));
            Answer::html(404)
        });
        let child = work
            .command(&["run", "job.toml", "--endpoint", &server.endpoint])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a run");
        while server.asked().is_empty() {
            std::thread::yield_now();
        }
        Waiting { child, gate }
    }

    fn end(mut self) {
        *self.gate.0.lock().expect("gate") = true;
        self.gate.1.notify_all();
        assert_eq!(self.child.wait().expect("ended").code(), Some(6));
    }
}

#[test]
fn a_second_run_is_told_who_is_there() {
    let sandbox = small(&[]);
    let work = Work::new("");
    let first = Waiting::begin(&work);
    let pid = first.child.id().to_string();
    contains(&cause(work.run(&sandbox, &[]), 11), &["the mirror", "state/qpien.db", &pid, "job test"]);
    contains(&cause(work.run(&sandbox, &["--mirror", "other.db"]), 11), &["the output folder", "out", &pid]);
    contains(&cause(work.call(&["export", "job.toml"]), 11), &["the mirror", &pid]);
    assert_eq!(sandbox.log().len(), 0, "no request was made");
    first.end();
    work.run(&sandbox, &[]).expect(0);
}

// ---- where values come from

#[test]
fn print_config_shows_origins_and_hides_the_secret() {
    let work = job(KEY, "");
    let shown = work
        .command(&["run", "job.toml", "--print-config", "--page-size", "33"])
        .env("QPIEN_ENDPOINT", "http://127.0.0.1:9/from-env")
        .output()
        .expect("ran");
    let shown = String::from_utf8(shown.stdout).expect("text");
    let line = |key: &str| shown.lines().find(|l| l.starts_with(key)).unwrap_or_else(|| panic!("{key} in\n{shown}"));
    assert!(line("source.endpoint =").ends_with("# environment QPIEN_ENDPOINT"), "{shown}");
    assert!(line("source.page_size = 33").ends_with("# flag --page-size"), "{shown}");
    assert!(line("source.retry_for = \"1s\"").ends_with("# job file"), "{shown}");
    assert!(line("source.read_timeout = \"60s\"").ends_with("# default"), "{shown}");
    assert!(line("source.client_secret = \"[hidden]\"").ends_with("# job file"), "{shown}");
    assert!(!shown.contains("sandbox-secret"), "{shown}");
    // The error about a missing variable recommends `--print-config`, so that flag works without the variable.
    let missing = job("client_id = \"${NO_SUCH_VARIABLE}\"", "");
    let shown = missing.call(&["run", "job.toml", "--print-config"]).expect(0).stdout;
    for key in ["source.client_id = (not set)", "source.client_secret = (not set)"] {
        assert!(shown.contains(key), "{shown}");
    }
    assert!(!work.path("state").exists() && !work.path("out").exists());
}

#[test]
fn flags_before_environment_before_job_file() {
    let sandbox = small(&[]);
    let wrong = "http://127.0.0.1:9/";
    let work = job("client_id = \"sandbox-client\"\nclient_secret = \"wrong\"", &format!("endpoint = \"{wrong}\""));
    let secret = work.path("secret");
    std::fs::write(&secret, "sandbox-secret\n").expect("written");
    // The environment variable (here: the file that it names) wins over the job file.
    let code = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = work.command(&["run", "job.toml"]);
        command.args(args).envs(env.iter().copied());
        command.output().expect("a run").status.code()
    };
    let file = secret.to_str().expect("a path");
    let good = ("QPIEN_ENDPOINT", sandbox.endpoint.as_str());
    assert_eq!(code(&[], &[good, ("QPIEN_CLIENT_SECRET_FILE", file)]), Some(0));
    assert_eq!(code(&[], &[good]), Some(5), "the job file's secret is wrong");
    // The variable itself wins over its file.
    assert_eq!(code(&[], &[good, ("QPIEN_CLIENT_SECRET", "bad"), ("QPIEN_CLIENT_SECRET_FILE", file)]), Some(5));
    // The flag wins over the variable.
    let bad = ("QPIEN_ENDPOINT", wrong);
    assert_eq!(code(&["--endpoint", &sandbox.endpoint], &[bad, ("QPIEN_CLIENT_SECRET_FILE", file)]), Some(0));
    assert_eq!(code(&[], &[bad, ("QPIEN_CLIENT_SECRET_FILE", file)]), Some(6));
}

#[test]
fn a_secret_file_that_cannot_be_read_is_named() {
    let work = job("client_id = \"a\"", "");
    let output =
        work.command(&["run", "job.toml"]).env("QPIEN_CLIENT_SECRET_FILE", "/no/such/file").output().expect("ran");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("QPIEN_CLIENT_SECRET_FILE") && stderr.contains("/no/such/file"), "{stderr}");
}

// ---- in the middle of a run

const FOREIGN_KEY: &str = "client_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\npage_size = 20";

#[test]
fn an_outage_in_the_middle_is_told_and_the_next_run_goes_on() {
    let (good, foreign) = Foreign::default().start();
    let theirs = foreign.clone();
    let failing = Server::start(move |asked| if asked.n > 12 { Answer::html(503) } else { theirs.answer(asked) });
    let work = job(FOREIGN_KEY, "");
    let said = cause(work.call(&["run", "job.toml", "--endpoint", &failing.endpoint]), 6);
    contains(&said, &["HTTP 503", "attempts", "run again later"]);
    for stream in STREAMS {
        assert!(
            !work.path(&format!("out/{stream}.csv")).exists() || ids(&work, stream) == foreign.ids(stream),
            "{stream}"
        );
    }
    let resumed = work.call(&["run", "job.toml", "--endpoint", &good.endpoint]).expect(0);
    assert!(resumed.stdout.contains("going on where an earlier run stopped"), "{}", resumed.stdout);
    assert_eq!(STREAMS.map(|s| ids(&work, s)), STREAMS.map(|s| foreign.ids(s)));
}

#[test]
fn a_folder_that_goes_bad_in_the_middle_costs_an_export_and_no_request() {
    let work = job(FOREIGN_KEY, "");
    let (out, foreign) = (work.path("out"), Arc::new(Foreign::default()));
    let theirs = foreign.clone();
    let server = Server::start(move |asked| {
        if out.is_dir() && asked.operation() == "getMessages" {
            std::fs::remove_dir_all(&out).expect("removed");
            std::fs::write(&out, "in the way").expect("written");
        }
        theirs.answer(asked)
    });
    let outcome = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]);
    let said = cause(outcome, 1);
    contains(&said, &["not delivered", "out", "qpien-sync export JOB"]);
    let asked = server.asked().len();
    contains(&cause(work.call(&["export", "job.toml"]), 2), &["out", "cannot be written"]);
    std::fs::remove_file(work.path("out")).expect("removed");
    work.call(&["export", "job.toml"]).expect(0);
    assert_eq!(STREAMS.map(|s| ids(&work, s)), STREAMS.map(|s| foreign.ids(s)));
    assert_eq!(server.asked().len(), asked);
}

// ---- a field the server does not know

#[test]
fn a_rejected_field_is_named_and_can_be_dropped() {
    let credentials = "client_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"";
    let gender = |work: &Work| -> Vec<String> {
        let bytes = work.csv("contacts");
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let at = reader.headers().expect("a header").iter().position(|h| h == "gender").expect("a column");
        reader.records().map(|r| r.expect("a record")[at].to_owned()).collect()
    };
    let (plain, _) = Foreign::default().start();
    let work = job(credentials, "");
    work.call(&["run", "job.toml", "--endpoint", &plain.endpoint]).expect(0);
    assert!(gender(&work).iter().all(|g| !g.is_empty()), "it is there when it is asked for");

    let (server, foreign) = Foreign::default().rejects("gender").start();
    let work = job(credentials, "");
    let said = cause(work.call(&["run", "job.toml", "--endpoint", &server.endpoint]), 3);
    contains(&said, &["contacts", "\"gender\"", "[source.dialect.streams.contacts]", "drop = [\"gender\"]"]);
    assert!(!work.path("out/contacts.csv").exists());
    assert_eq!(ids(&work, "conversations"), foreign.ids("conversations"), "the others go on");
    assert_eq!(
        server.asked().iter().filter(|a| a.operation() == "getContactList").count(),
        2,
        "once before the run and once in it, no retry"
    );

    let work = job(credentials, "[source.dialect.streams.contacts]\ndrop = [\"gender\"]");
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    assert_eq!(ids(&work, "contacts"), foreign.ids("contacts"));
    assert!(gender(&work).iter().all(String::is_empty), "the cell is empty");
}

#[test]
fn quiet_names_every_stream_that_is_not_complete_or_held() {
    let sandbox = Sandbox::start(&[
        "--contacts",
        "300",
        "--conversations",
        "20",
        "--messages",
        "100",
        "--requests-per-minute",
        "0",
        "--deny-scope",
        "read_messages",
        "--adversary",
        "page-ignored",
    ]);
    let work = Work::new("");
    let ran = work.run(&sandbox, &["--quiet"]).expect(3);
    assert!(ran.stderr.contains("messages: ") && ran.stderr.contains("contacts, "), "{}", ran.stderr);
    let exported = work.call(&["export", "job.toml", "--quiet"]).expect(3);
    assert!(exported.stdout.is_empty(), "{}", exported.stdout);
    let told = &exported.stderr;
    assert!(told.contains("held back") && told.contains("contacts") && told.contains("messages"), "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{told}");
}
