//! Inserts, deletes, edits and moves between any two requests: every untouched record is in the mirror once and as it
//! is, or the run says incomplete. With the overlap disabled the same account is read wrongly.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{STREAMS, Sandbox, Work};

/// The records of a stream's file, by id.
fn records(work: &Work, stream: &str) -> (csv::StringRecord, BTreeMap<String, Vec<csv::StringRecord>>) {
    let bytes = work.csv(stream);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let header = reader.headers().expect("a header").clone();
    let mut found: BTreeMap<String, Vec<csv::StringRecord>> = BTreeMap::new();
    for record in reader.records().map(|r| r.expect("a record")) {
        found.entry(record[0].to_owned()).or_default().push(record);
    }
    (header, found)
}

/// Runs over a moving account; returns untouched records that are missing, doubled or wrong in streams called complete,
/// and how many streams were called complete.
fn walk(seed: u64, order: &str, plain: bool) -> (Vec<String>, usize) {
    let drift = format!("0.6:{seed}");
    let account = ["--contacts", "1500", "--persons", "120", "--conversations", "250", "--messages", "5000"];
    let sandbox =
        Sandbox::start(&[&account[..], &["--requests-per-minute", "0", "--drift", &drift, "--order", order]].concat());
    let work = Work::new("");
    let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    if plain {
        command.env("QPIEN_TEST_PLAIN_WALK", "1");
    }
    let output = command.output().expect("a run");
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "{code:?}\n{}", String::from_utf8_lossy(&output.stderr));
    let (touched, manifest) = (sandbox.touched(), work.manifest());
    let (mut wrong, mut complete) = (Vec::new(), 0);
    let conversations = if manifest["streams"]["conversations"]["verdict"] == "incomplete" {
        BTreeMap::new()
    } else {
        records(&work, "conversations").1
    };
    let moved: BTreeSet<&str> =
        touched["conversations"].as_array().into_iter().flatten().filter_map(|v| v.as_str()).collect();
    let next_runs =
        |id: &serde_json::Value| id.as_str().is_some_and(|id| moved.contains(id) && !conversations.contains_key(id));
    for stream in STREAMS {
        let said = manifest["streams"][stream]["verdict"].as_str().expect("a verdict");
        if said == "incomplete" {
            assert_eq!(code, Some(3), "an incomplete stream and a green run");
            continue;
        }
        complete += 1;
        let touched: BTreeSet<&str> =
            touched[stream].as_array().into_iter().flatten().filter_map(|v| v.as_str()).collect();
        let (header, found) = records(&work, stream);
        for (id, truth) in sandbox.truth(stream).iter().filter(|(id, _)| !touched.contains(id.as_str())) {
            match found.get(id).map(Vec::as_slice) {
                Some([row]) => {
                    let same = header.iter().zip(row).all(|(name, cell)| match &truth[name] {
                        serde_json::Value::Null => cell.is_empty(),
                        serde_json::Value::String(s) => s == cell,
                        other => serde_json::from_str::<serde_json::Value>(cell).is_ok_and(|v| v == *other),
                    });
                    if !same {
                        wrong.push(format!("{stream} {id} differs"));
                    }
                }
                Some(rows) => wrong.push(format!("{stream} {id} stands there {} times", rows.len())),
                // A conversation that moved before it was read is the next run's, and its messages with it.
                None if stream == "messages" && next_runs(&truth["conversation"]) => {}
                None => wrong.push(format!("{stream} {id} is missing")),
            }
        }
    }
    (wrong, complete)
}

fn seeds() -> u64 {
    std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(3)
}

#[test]
fn every_untouched_record_is_there_once_or_the_run_says_incomplete() {
    let mut complete = 0;
    for order in ["newest-first", "oldest-first"] {
        for seed in 1..=seeds() {
            let (wrong, streams) = walk(seed, order, false);
            assert!(wrong.is_empty(), "{order}, seed {seed}: {wrong:?}");
            complete += streams;
        }
    }
    assert!(complete as u64 >= seeds() * 2 * 2, "nearly nothing was called complete: {complete}");
}

#[test]
fn without_the_overlap_records_are_missed() {
    let missed = (1..=3).any(|seed| !walk(seed, "newest-first", true).0.is_empty());
    assert!(missed, "a plain walk came out right three times: the account does not move enough to show anything");
}
