//! Parquet files of a real account, read by DuckDB, which is independent of our code. A snapshot, and changes merged
//! by their seqs, equal the truth cell for cell and have the promised types.

use std::process::Command;

use serde_json::Value;

use crate::support::{Outcome, STREAMS, Sandbox, Work, python};

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";

const JOB: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
    client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n";

fn sandbox() -> Sandbox {
    let size = ["--contacts", "300", "--persons", "20", "--conversations", "60", "--messages", "1200"];
    Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat())
}

fn job(destinations: &str) -> Work {
    Work::with_job(&format!("{JOB}{destinations}"))
}

/// Compares a stream's files in `folder` with the truth, and returns what the comparison prints.
#[track_caller]
pub fn compared(sandbox: &Sandbox, work: &Work, folder: &str, stream: &str) -> String {
    let truth = work.path(&format!("{stream}.jsonl"));
    std::fs::write(&truth, sandbox.get(&format!("/truth/{stream}?objects=all"))).expect("the truth");
    let told = Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/parquet.py"))
        .args([work.path(folder), stream.into(), truth])
        .output()
        .expect("python");
    let told = Outcome::of(&told).expect(0);
    assert!(told.stdout.contains("records equal"), "{folder}/{stream}: {}", told.stdout);
    told.stdout
}

fn run(sandbox: &Sandbox, work: &Work, now: &str) -> Outcome {
    let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    Outcome::of(&command.env("QPIEN_TEST_NOW", now).output().expect("a run"))
}

#[test]
fn duckdb_reads_a_snapshot_and_merges_changes_night_by_night() {
    let sandbox = sandbox();
    let work = job("[[destination]]\nkind = \"parquet\"\npath = \"out\"\n\
                    [[destination]]\nkind = \"parquet\"\npath = \"feed\"\ncontent = \"changes\"\ncompression = \"none\"\n");
    let mut now = BEFORE.to_owned();
    let mut deletions = 0;
    for night in 0..3 {
        if night > 0 {
            let asked = format!("/sandbox/night?seed={night}&changed=12&new=3&contacts=7&status=4");
            let told: Value = serde_json::from_str(&sandbox.bodiless("POST", &asked)).expect("JSON");
            told["now"].as_str().expect("a moment").clone_into(&mut now);
            deletions += sandbox.delete("contacts", 4, night).len();
        }
        run(&sandbox, &work, &now).expect(0);
        for stream in STREAMS {
            compared(&sandbox, &work, "out", stream);
            compared(&sandbox, &work, "feed", stream);
        }
    }
    let told = compared(&sandbox, &work, "feed", "contacts");
    assert!(told.ends_with(&format!("in 3 files, {deletions} deletions\n")), "{told}");
}

#[test]
fn a_snapshot_is_split_and_what_parquet_has_not_is_refused() {
    let sandbox = sandbox();
    let work = job("[[destination]]\nkind = \"parquet\"\npath = \"out\"\nsplit = \"100KB\"\n");
    run(&sandbox, &work, BEFORE).expect(0);
    let told = compared(&sandbox, &work, "out", "messages");
    let files: u32 = told.split_whitespace().nth(4).and_then(|n| n.parse().ok()).expect("a number of files");
    assert!(files > 1, "{told}");
    let refused = |lines: &str| {
        let work = job(&format!("[[destination]]\nkind = \"parquet\"\npath = \"out\"\n{lines}\n"));
        work.run(&sandbox, &[]).expect(2).stderr
    };
    assert!(
        refused("compression = \"gzip\"").contains("destination[0].compression = \"gzip\": Parquet is compressed by")
    );
    assert!(refused("delimiter = \";\"").contains("destination[0].delimiter is for kind = \"csv\" alone"));
}
