//! Many accounts in one job: they run side by side, do not affect one another, and can be spread over machines that
//! do not communicate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};

use crate::support::foreign::{Answer, Asked, Server};
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared_in};

fn small(seed: &str) -> Sandbox {
    Sandbox::start(&[
        "--contacts",
        "120",
        "--persons",
        "5",
        "--conversations",
        "8",
        "--messages",
        "90",
        "--requests-per-minute",
        "0",
        "--seed",
        seed,
    ])
}

/// Returns a job with these accounts, each with its lines.
fn job(top: &str, accounts: &[(&str, String)]) -> Work {
    let mut text = format!(
        "name = \"many\"\n{top}\n[source]\nrequests_per_minute = 0\nretry_for = \"1s\"\nread_timeout = \"20s\"\n\
         [mirror]\npath = \"state/{{account}}.db\"\n\
         [[destination]]\nkind = \"csv\"\npath = \"out/{{account}}\"\n"
    );
    for (name, lines) in accounts {
        let _ = writeln!(text, "[[account]]\nname = \"{name}\"\n{lines}");
    }
    Work::with_job(&text)
}

fn key(endpoint: &str, secret: &str) -> String {
    format!("endpoint = \"{endpoint}\"\nclient_id = \"sandbox-client\"\nclient_secret = \"{secret}\"")
}

/// Returns a key for commands that send no request.
fn any(name: &str) -> String {
    format!("client_id = \"client-{name}\"\nclient_secret = \"s\"")
}

#[track_caller]
fn equal(sandbox: &Sandbox, work: &Work, account: &str) {
    for stream in STREAMS {
        compared_in(sandbox, work, &format!("out/{account}"), stream, "?objects=all").expect(account);
    }
}

#[test]
fn one_that_fails_keeps_no_other_from_its_run() {
    let (acme, beta, gamma) = (small("1"), small("2"), small("3"));
    let work = job(
        "",
        &[
            ("acme", key(&acme.endpoint, "sandbox-secret")),
            ("beta", key(&beta.endpoint, "wrong")),
            ("gamma", key(&gamma.endpoint, "sandbox-secret")),
        ],
    );
    // These variables hold the key of a job with a single account. A job with several accounts ignores them.
    let mut command = work.command(&["run", "job.toml"]);
    command.env("QPIEN_CLIENT_ID", "who").env("QPIEN_CLIENT_SECRET", "what");
    let ran = Outcome::of(&command.output().expect("a run")).expect(5);
    equal(&acme, &work, "acme");
    equal(&gamma, &work, "gamma");
    assert!(!work.path("out/beta/manifest.json").exists());
    for block in ["many, account acme: complete (run 1", "many, account gamma: complete (run 1", "many, account beta: "]
    {
        assert_eq!(ran.stdout.matches(block).count(), 1, "{block}\n{}", ran.stdout);
    }
    assert!(ran.stdout.ends_with("3 accounts: 2 complete, 1 credentials (beta)\n"), "{}", ran.stdout);
    let causes: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(causes.len(), 1, "{}", ran.stderr);
    assert!(causes[0].starts_with("error: account beta: ") && causes[0].contains("INVALID_CLIENT"), "{}", ran.stderr);

    // `export` and `status` handle the accounts one after the other, and send no request.
    let asked = [&acme, &beta, &gamma].map(|s| s.log().len());
    std::fs::remove_dir_all(work.path("out")).expect("removed");
    let exported = work.call(&["export", "job.toml", "--account", "gamma", "--account", "acme"]).expect(0).stdout;
    equal(&acme, &work, "acme");
    equal(&gamma, &work, "gamma");
    assert!(exported.find("account acme\n") < exported.find("account gamma\n"), "{exported}");
    let status = work.call(&["status", "job.toml", "--shard", "0/1"]).expect(0).stdout;
    for name in ["acme", "beta", "gamma"] {
        assert!(status.contains(&format!("account {name}\nmirror state/{name}.db")), "{status}");
    }
    assert_eq!([&acme, &beta, &gamma].map(|s| s.log().len()), asked);

    // `check` and `plan` take the accounts in turn. An account that fails does not stop the others.
    for command in ["check", "plan"] {
        let looked = work.call(&[command, "job.toml", "--format", "json"]).expect(5);
        let lines = looked.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let told: Vec<String> = lines.map(|v| v["account"].as_str().expect("an account").to_owned()).collect();
        assert!(told.contains(&"acme".into()) && told.contains(&"gamma".into()), "{told:?}");
        assert!(looked.stderr.contains("error: account beta: "), "{}", looked.stderr);
    }
    let discovered = work.call(&["discover", "job.toml", "--account", "acme"]).expect(0).stdout;
    assert!(discovered.contains(&acme.endpoint), "{discovered}");
    assert!(work.call(&["discover", "job.toml"]).expect(2).stderr.contains("--account NAME"));

    // `--out` and `--mirror` name a single place, so they need a single account.
    work.call(&["export", "job.toml", "--account", "acme", "--out", "elsewhere"]).expect(0);
    assert_eq!(
        std::fs::read(work.path("elsewhere/contacts.csv")).expect("delivered"),
        std::fs::read(work.path("out/acme/contacts.csv")).expect("delivered")
    );
    for flag in [&["--out", "x"][..], &["--mirror", "x"]] {
        for command in ["run", "export"] {
            let refused = work.call(&[&[command, "job.toml"], flag].concat()).expect(2);
            assert!(refused.stderr.contains(&format!("{} is one account's", flag[0])), "{}", refused.stderr);
        }
    }
}

/// Returns which account asks: the id of its key is in the question for a token.
fn who(asked: &Asked) -> Option<String> {
    let body = asked.body.to_string();
    let (_, from) = body.split_once("client-")?;
    Some(from.chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// Accounts that wait for an answer, the most that waited at one time, and accounts that have been answered.
#[derive(Default)]
struct AtWork {
    now: BTreeSet<String>,
    most: usize,
    answered: BTreeSet<String>,
}

#[test]
fn so_many_are_at_work_at_a_time_and_no_more() {
    const ACCOUNTS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    let state: Arc<(Mutex<AtWork>, Condvar)> = Arc::default();
    let theirs = state.clone();
    // The server answers an account only while a second one waits. The last account is answered alone.
    let server = Server::start(move |asked| {
        let name = who(asked).expect("a question for a token");
        let mut state = theirs.0.lock().expect("state");
        state.now.insert(name.clone());
        state.most = state.most.max(state.now.len());
        theirs.1.notify_all();
        let alone = |state: &mut AtWork| state.now.len() < 2 && state.answered.len() < ACCOUNTS.len() - 1;
        let mut state = theirs.1.wait_while(state, alone).expect("state");
        state.now.remove(&name);
        state.answered.insert(name);
        theirs.1.notify_all();
        Answer::html(404)
    });
    let accounts = ACCOUNTS.map(|name| (name, format!("endpoint = \"{}\"\n{}", server.endpoint, any(name))));
    let work = job("accounts_at_once = 2", &accounts);
    let ran = work.call(&["run", "job.toml", "-v", "--log-format", "json"]).expect(6);
    assert!(ran.stdout.contains("7 accounts: 7 API unavailable (a, b, c, d, e, f, g)"), "{}", ran.stdout);
    let state = state.0.lock().expect("state");
    assert_eq!((state.most, state.answered.len()), (2, 7));
    let lines = ran.stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let begun: Vec<u64> = lines.filter_map(|line| line["at_work"].as_u64()).collect();
    assert_eq!((begun.len(), begun.into_iter().max()), (7, Some(2)));
}

#[test]
fn a_stop_is_every_accounts_and_those_that_wait_do_not_begin() {
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let theirs = gate.clone();
    let server = Server::start(move |_| {
        let open = theirs.0.lock().expect("gate");
        drop(theirs.1.wait_while(open, |open| !*open).expect("gate"));
        Answer::html(404)
    });
    let accounts = ["a", "b"].map(|name| (name, format!("endpoint = \"{}\"\n{}", server.endpoint, any(name))));
    let work = job("accounts_at_once = 1", &accounts);
    let mut child = work.command(&["run", "job.toml"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    while server.asked().is_empty() {
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    // The run prints this line once it has received the signal. Only then does the server answer the first account.
    let mut said = std::io::BufReader::new(child.stderr.take().expect("stderr"));
    let mut line = String::new();
    while !line.contains("stopping at the next page boundary") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).expect("a line") > 0, "it ended");
    }
    *gate.0.lock().expect("gate") = true;
    gate.1.notify_all();
    let drained = std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let output = Outcome::of(&child.wait_with_output().expect("ended"));
    drained.join().expect("joined").expect("read");
    assert!(output.stdout.contains("many, account b: stopped: its turn did not come"), "{}", output.stdout);
    assert!(server.asked().iter().all(|asked| who(asked).is_none_or(|name| name == "a")), "b asked nothing");
    assert!(!work.path("state/b.db").exists());
}

#[test]
fn who_ran_last_comes_last() {
    let server = Server::start(|_| Answer::html(404));
    let accounts = ["a", "b", "c"].map(|name| (name, format!("endpoint = \"{}\"\n{}", server.endpoint, any(name))));
    let work = job("accounts_at_once = 1", &accounts);
    let order = |args: &[&str]| -> Vec<String> {
        let ran = work.call(&[&["run", "job.toml"], args].concat()).expect(6);
        let name = |line: &str| Some(line.strip_prefix("many, account ")?.split(':').next()?.to_owned());
        ran.stdout.lines().filter_map(name).collect()
    };
    assert_eq!(order(&["--account", "b"]), ["b"]);
    assert_eq!(order(&[]), ["a", "c", "b"]);
}

#[test]
fn every_log_line_names_its_account() {
    let (one, two) = (small("4"), small("5"));
    let accounts = [("one", key(&one.endpoint, "sandbox-secret")), ("two", key(&two.endpoint, "wrong"))];
    let work = job("", &accounts);
    let ran = work.call(&["run", "job.toml", "-v", "--log-format", "json"]).expect(5);
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in ran.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let account = line["span"]["account"].as_str().unwrap_or_else(|| panic!("no account: {line}"));
        lines.entry(account.to_owned()).or_default().push(line["message"].to_string());
    }
    assert!(lines["one"].len() > 5, "the walks' own lines, too: {lines:?}");
    assert!(lines["two"].iter().any(|message| message.contains("INVALID_CLIENT")), "{lines:?}");
    // `--quiet` still reports the failure.
    let quiet = work.call(&["run", "job.toml", "--quiet", "--log-format", "json"]).expect(5);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.lines().count()), ("", 1), "{}", quiet.stderr);
    assert!(quiet.stderr.contains("\"account\":\"two\""), "{}", quiet.stderr);
}

#[test]
fn missing_credentials_are_told_all_at_once_before_anything_runs() {
    let sandbox = small("6");
    let variables = |name: &str| {
        let (id, secret) = (format!("${{{name}_ID}}"), format!("${{{name}_SECRET}}"));
        format!("endpoint = \"{}\"\nclient_id = \"{id}\"\nclient_secret = \"{secret}\"", sandbox.endpoint)
    };
    let work = job("", &[("acme", variables("ACME")), ("beta", variables("BETA")), ("gamma", variables("GAMMA"))]);
    let run = |args: &[&str]| {
        let mut command = work.command(&[&["run", "job.toml"], args].concat());
        command.env("ACME_ID", "sandbox-client").env("ACME_SECRET", "sandbox-secret").env("BETA_ID", "x");
        Outcome::of(&command.env("GAMMA_SECRET_FILE", "/no/such/file").output().expect("a run"))
    };
    let refused = run(&[]).expect(2).stderr;
    for told in ["beta: client_secret needs BETA_SECRET", "gamma: client_id needs GAMMA_ID", "GAMMA_SECRET_FILE"] {
        assert!(refused.contains(told), "{told}\n{refused}");
    }
    assert!(!refused.contains("acme"), "{refused}");
    assert!(!work.path("state").exists() && !work.path("out").exists());
    assert_eq!(sandbox.log().len(), 0);
    // A machine needs only the secrets of the accounts that it runs. A command that sends no request needs no secret.
    run(&["--account", "acme"]).expect(0);
    equal(&sandbox, &work, "acme");
    work.call(&["export", "job.toml", "--account", "acme"]).expect(0);
}

#[test]
fn shards_hold_every_account_exactly_once() {
    let names: Vec<String> = (0..40).map(|n| format!("account-{n}")).collect();
    let mut accounts = String::new();
    for name in &names {
        let _ = writeln!(accounts, "[[account]]\nname = \"{name}\"\n{}", any(name));
    }
    let work = job("accounts = \"accounts.toml\"", &[]);
    std::fs::write(work.path("accounts.toml"), &accounts).expect("written");
    let shown = |shard: &str| {
        let shown = work.call(&["run", "job.toml", "--print-config", "--shard", shard]).expect(0).stdout;
        shown.lines().filter_map(|line| line.strip_prefix("# account ").map(str::to_owned)).collect::<Vec<_>>()
    };
    let parts: Vec<Vec<String>> = (0..3).map(|index| shown(&format!("{index}/3"))).collect();
    assert!(parts.iter().all(|part| !part.is_empty()), "{parts:?}");
    let all: Vec<&String> = parts.iter().flatten().collect();
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (40, names.iter().collect()));
    // An account that is added at the front of the file moves no other account to another shard.
    std::fs::write(
        work.path("accounts.toml"),
        format!("[[account]]\nname = \"another\"\n{}\n{accounts}", any("another")),
    )
    .expect("written");
    for (index, part) in parts.iter().enumerate() {
        let now = shown(&format!("{index}/3")).into_iter().filter(|name| name != "another").collect::<Vec<_>>();
        assert_eq!(&now, part);
    }
    let refused = work.call(&["run", "job.toml", "--shard", "3/3"]).expect(2).stderr;
    assert!(refused.contains("parts are counted from 0: the last of 3 is 2/3"), "{refused}");
    // Most of 1000 shards hold no account. Such a shard succeeds, says so, and creates nothing.
    let empty =
        (0..1000).map(|index| format!("{index}/1000")).find(|shard| shown(shard).is_empty()).expect("an empty one");
    for command in ["run", "status", "export", "check", "plan"] {
        let said = work.call(&[command, "job.toml", "--shard", &empty]).expect(0).stdout;
        assert!(said.contains("holds none of the job's accounts"), "{command}: {said}");
    }
    assert!(!work.path("state").exists() && !work.path("out").exists());
}

#[test]
fn a_defect_in_one_account_is_told_without_data_and_spares_the_others() {
    let (acme, beta) = (small("1"), small("2"));
    let work =
        job("", &[("acme", key(&acme.endpoint, "sandbox-secret")), ("beta", key(&beta.endpoint, "sandbox-secret"))]);
    let run = |panic_at: &str| {
        let mut command = work.command(&["run", "job.toml"]);
        Outcome::of(&command.env("QPIEN_TEST_PANIC_AT", panic_at).output().expect("a run"))
    };
    let failed = run("1").expect(1);
    let told = format!("{}{}", failed.stdout, failed.stderr);
    assert!(failed.stderr.contains("a defect of this program at src/failpoints.rs:"), "{told}");
    assert!(!told.contains("somebody's data"), "{told}");
    assert!(told.contains("2 accounts: 1 complete, 1 failed"), "{told}");
    run("none").expect(0);
    equal(&acme, &work, "acme");
    equal(&beta, &work, "beta");
}

#[test]
fn quiet_says_nothing_of_those_whose_turn_did_not_come() {
    let slow = Sandbox::start(&["--contacts", "900", "--requests-per-minute", "0", "--latency", "150ms"]);
    // The first account takes longer than `--max-runtime` allows.
    let nobody = |name: &str| format!("endpoint = \"{}\"\n{}", slow.endpoint, any(name));
    let accounts = [("a", key(&slow.endpoint, "sandbox-secret")), ("b", nobody("b")), ("c", nobody("c"))];
    let work = job("accounts_at_once = 1", &accounts);
    let ran = work.call(&["run", "job.toml", "--quiet", "--max-runtime", "1s"]).expect(4);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}
