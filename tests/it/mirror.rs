//! The mirror queried by hand with SQL, and a second night.

use crate::support::{Outcome, STREAMS, Sandbox, Work};

const ACCOUNT: [&str; 10] = [
    "--contacts",
    "700",
    "--persons",
    "15",
    "--conversations",
    "80",
    "--messages",
    "2500",
    "--requests-per-minute",
    "0",
];

#[test]
fn a_view_per_stream_answers_by_hand() {
    let sandbox = Sandbox::start(&ACCOUNT);
    let work = Work::new("");
    work.run(&sandbox, &["--mirror", "m.db"]).expect(0);
    let mirror = rusqlite::Connection::open(work.path("m.db")).expect("the mirror");
    for stream in STREAMS {
        let truth = sandbox.truth(stream);
        let count = |sql: &str| mirror.query_row(sql, [], |r| r.get::<_, u64>(0)).expect(sql);
        assert_eq!(count(&format!("SELECT count(*) FROM {stream}")), truth.len() as u64);
        let first = truth.values().next().expect("a record").as_object().expect("an object");
        let names: Vec<String> = first.keys().map(|k| format!("\"{k}\"")).collect();
        count(&format!("SELECT count(*) FROM (SELECT {} FROM {stream})", names.join(", ")));
    }
    let starred = sandbox.truth("conversations").values().filter(|v| v["isStarred"] == true).count() as u64;
    let by_hand =
        mirror.query_row("SELECT count(*) FROM conversations WHERE isStarred = 1", [], |r| r.get::<_, u64>(0));
    assert_eq!(by_hand.expect("booleans"), starred);
    // The `sqlite3` shell of the system reads the mirror too, if it is installed.
    if let Ok(shell) = std::process::Command::new("sqlite3")
        .arg(work.path("m.db"))
        .arg("SELECT count(createdAt) FROM messages")
        .output()
    {
        assert_eq!(String::from_utf8_lossy(&shell.stdout).trim(), "2500", "{}", String::from_utf8_lossy(&shell.stderr));
    }
}

#[test]
fn a_second_night_gives_no_new_seq_to_what_did_not_change() {
    let sandbox = Sandbox::start(&ACCOUNT);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    let seq = || {
        let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
        mirror.query_row("SELECT last FROM sequence", [], |r| r.get::<_, u64>(0)).expect("a seq")
    };
    let (before, files) = (seq(), STREAMS.map(|s| work.csv(s)));
    let second = work.run(&sandbox, &[]).expect(0).stdout;
    assert_eq!(seq(), before);
    assert!(files == STREAMS.map(|s| work.csv(s)));
    assert!(second.contains("complete (run 2"), "{second}");
    let status = work.call(&["status", "job.toml"]).expect(0).stdout;
    assert!(status.contains("run 2 of job test") && status.contains("continuous"), "{status}");
}

#[test]
fn a_mirror_is_one_accounts_and_a_wrong_key_does_not_take_it() {
    let sandbox = Sandbox::start(&["--contacts", "9", "--persons", "1", "--conversations", "2", "--messages", "5"]);
    let work = Work::new("");
    let with_id = |id: &str, more: &[&str]| {
        let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
        Outcome::of(&command.env("QPIEN_CLIENT_ID", id).args(more).output().expect("a run"))
    };
    with_id("nobody", &[]).expect(5);
    with_id("sandbox-client", &[]).expect(0);
    let asked = sandbox.log().len();
    let other = with_id("somebody-else", &[]).expect(2);
    assert!(other.stderr.contains("another API key") && other.stderr.contains("--adopt-mirror"), "{}", other.stderr);
    assert_eq!(sandbox.log().len(), asked, "no request was made");
    with_id("sandbox-client", &["--adopt-mirror"]).expect(0);
}
