//! A whole account, compared cell for cell with the truth: by Python's `csv`, which is independent of our code, and
//! by a tokenizer here, because Python's cannot distinguish `""` from an empty cell.

use std::process::Command;

use crate::support::{STREAMS, Sandbox, Work};

#[test]
fn a_whole_account_is_equal_cell_for_cell() {
    let sandbox = Sandbox::start(&["--requests-per-minute", "0"]); // 20,000 / 200 / 5,000 / 200,000
    let work = Work::new("");
    let run = work.run(&sandbox, &[]).expect(0);
    let manifest = work.manifest();
    for (stream, rows) in STREAMS.iter().zip([20_000, 200, 5_000, 200_000]) {
        let truth = sandbox.get(&format!("/truth/{stream}?objects=all"));
        std::fs::write(work.path(&format!("{stream}.jsonl")), &truth).expect("the truth");
        let python = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/compare.py"))
            .args([work.path(&format!("out/{stream}.csv")), work.path(&format!("{stream}.jsonl"))])
            .output()
            .expect("python3 (make test installs it)");
        let said = String::from_utf8_lossy(&python.stdout).into_owned() + &String::from_utf8_lossy(&python.stderr);
        assert!(python.status.success(), "{stream}: {said}");
        assert!(said.contains(&format!("{rows} records equal")), "{stream}: {said}");
        nulls_and_empties(&work.csv(stream), &truth);
        let entry = &manifest["streams"][stream];
        // The run reads each list a second time, but the messages of each conversation only once.
        let verdict = if **stream == *"messages" { "continuous" } else { "proven" };
        assert_eq!((entry["rows"].as_u64(), entry["verdict"].as_str()), (Some(rows), Some(verdict)));
        let sum = Command::new("sha256sum").arg(work.path(&format!("out/{stream}.csv"))).output().expect("sha256sum");
        assert!(String::from_utf8_lossy(&sum.stdout).starts_with(entry["files"][0]["sha256"].as_str().expect("a sum")));
    }
    assert!(run.stdout.contains("were replaced by U+FFFD"), "half characters are counted:\n{}", run.stdout);
}

/// Asserts that every null of the truth is an empty cell, every empty text is `""`, and every other value has
/// content.
fn nulls_and_empties(csv: &[u8], truth: &str) {
    let mut rows = tokens(csv).into_iter();
    let header: Vec<String> = rows.next().expect("a header").into_iter().map(Option::unwrap).collect();
    let truth: std::collections::HashMap<String, serde_json::Value> = truth
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON"))
        .map(|v| (v["_id"].as_str().expect("id").to_owned(), v))
        .collect();
    let (mut nulls, mut empties) = (0, 0);
    for row in rows {
        let record = &truth[row[0].as_ref().expect("an id")];
        assert_eq!(row.len(), header.len());
        for (name, cell) in header.iter().zip(&row).filter(|(name, _)| *name != "_extra") {
            match &record[name] {
                serde_json::Value::Null => {
                    assert_eq!(cell, &None, "{name} of {}", record["_id"]);
                    nulls += 1;
                }
                serde_json::Value::String(s) if s.is_empty() => {
                    assert_eq!(cell.as_deref(), Some(""), "{name} of {}", record["_id"]);
                    empties += 1;
                }
                _ => assert!(cell.as_ref().is_some_and(|c| !c.is_empty()), "{name} of {}", record["_id"]),
            }
        }
    }
    assert!(nulls > 0, "the data has no null to tell");
    // Only some streams have empty texts, so this is asserted only where a stream is large.
    assert!(empties > 0 || truth.len() < 100_000, "the data has no empty text to tell");
}

/// Splits a CSV file by RFC 4180; an unquoted empty cell is `None`.
fn tokens(csv: &[u8]) -> Vec<Vec<Option<String>>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quoted, mut inside, mut at) = (false, false, 0);
    while at < csv.len() {
        let b = csv[at];
        at += 1;
        match b {
            b'"' if inside && csv.get(at) == Some(&b'"') => {
                cell.push(b'"');
                at += 1;
            }
            b'"' if inside => inside = false,
            b'"' if cell.is_empty() && !quoted => (quoted, inside) = (true, true),
            b',' | b'\n' if !inside => {
                let text = String::from_utf8(std::mem::take(&mut cell)).expect("UTF-8");
                row.push((quoted || !text.is_empty()).then_some(text));
                quoted = false;
                if b == b'\n' {
                    rows.push(std::mem::take(&mut row));
                }
            }
            b => cell.push(b),
        }
    }
    assert!(!inside && row.is_empty() && cell.is_empty(), "the file ends in the middle of a record");
    rows
}
