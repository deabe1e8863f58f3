//! Other programs that have the mirror open during a run: they write to it, rebuild it, or keep reading an old state.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

const ACCOUNT: [&str; 10] = [
    "--contacts",
    "3000",
    "--persons",
    "50",
    "--conversations",
    "300",
    "--messages",
    "9000",
    "--requests-per-minute",
    "0",
];

/// Starts a run and waits until its mirror holds a record.
fn under_way(work: &Work, sandbox: &Sandbox) -> Child {
    let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint, "--page-size", "10"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    let has_landed = || {
        let mirror = Connection::open(work.path("state/qpien.db")).ok()?;
        mirror.query_row("SELECT seq FROM body_contacts LIMIT 1", [], |r| r.get::<_, i64>(0)).ok()
    };
    let begun = Instant::now();
    while !work.path("state/qpien.db").exists() || has_landed().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing lands");
        std::thread::sleep(Duration::from_millis(5));
    }
    run
}

fn other_program(work: &Work) -> Connection {
    let other = Connection::open(work.path("state/qpien.db")).expect("the mirror");
    other.busy_timeout(Duration::from_secs(60)).expect("a timeout");
    other
}

#[track_caller]
fn ends_right(run: Child, work: &Work, sandbox: &Sandbox) -> Outcome {
    let outcome = Outcome::of(&run.wait_with_output().expect("a run")).expect(0);
    for stream in STREAMS {
        compared(sandbox, work, stream, "?objects=all").unwrap_or_else(|differs| panic!("{differs}"));
    }
    outcome
}

#[test]
fn a_run_goes_on_while_another_program_saves_analyses_and_rebuilds_the_mirror() {
    let (sandbox, work) = (Sandbox::start(&ACCOUNT), Work::new("in_flight = 2"));
    let mut run = under_way(&work, &sandbox);
    let other = other_program(&work);
    other.execute_batch("CREATE TABLE notes (text TEXT)").expect("a table of its own");
    let mut saved = 0;
    while run.try_wait().expect("a child").is_none() {
        for (n, sql) in ["INSERT INTO notes VALUES ('x')", "ANALYZE", "INSERT INTO notes VALUES ('y')", "VACUUM"]
            .into_iter()
            .enumerate()
        {
            other.execute_batch(sql).expect(sql);
            saved += n % 2;
            std::thread::sleep(Duration::from_millis(15));
        }
    }
    assert!(saved > 4, "the run was too short: {saved}");
    ends_right(run, &work, &sandbox);
}

#[test]
fn a_run_waits_for_a_program_that_is_about_to_save_and_says_so() {
    let (sandbox, work) = (Sandbox::start(&ACCOUNT), Work::new("in_flight = 2"));
    let mut run = under_way(&work, &sandbox);
    let other = other_program(&work);
    other.execute_batch("BEGIN IMMEDIATE; CREATE TABLE notes (text TEXT)").expect("an edit");
    std::thread::sleep(Duration::from_secs(5));
    assert!(run.try_wait().expect("a child").is_none(), "it has not ended");
    other.execute_batch("COMMIT").expect("saved");
    let told = ends_right(run, &work, &sandbox).stderr;
    assert!(told.contains("a program has the mirror open for writing"), "{told}");
}

#[test]
fn a_program_that_keeps_reading_is_told_with_the_size_of_the_log_and_status_counts_it() {
    let (sandbox, work) = (Sandbox::start(&ACCOUNT), Work::new("page_size = 10"));
    work.run(&sandbox, &["--max-requests", "20"]).expect(4);
    let reader = other_program(&work);
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").expect("a reading");
    let log = || std::fs::metadata(work.path("state/qpien.db-wal")).map_or(0, |log| log.len());
    let run = work.run(&sandbox, &[]).expect(0);
    assert!(log() > 16 << 20, "{} bytes", log());
    assert!(run.stdout.contains("the mirror's log has grown to"), "{}", run.stdout);
    let status = work.call(&["status", "job.toml"]).expect(0).stdout;
    let counted = format!("and {:.1} MB in its log", log() as f64 / 1e6);
    assert!(status.contains(&counted), "{counted}: {status}");
    reader.execute_batch("COMMIT").expect("read");
    drop(reader);
    let run = work.run(&sandbox, &[]).expect(0);
    assert!(!run.stdout.contains("log has grown"), "{}", run.stdout);
    assert_eq!(log(), 0, "it is folded in");
}
