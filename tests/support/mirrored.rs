//! Checks whether a run over a moving account kept its word: a stream that it calls complete holds every untouched
//! record once, unchanged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{STREAMS, Sandbox, Work};

/// The findings about a run.
#[derive(Debug, Default)]
pub struct Mirrored {
    /// Errors: untouched records that are missing, doubled or wrong in streams called complete; ids that occur twice
    /// in any stream; an exit code that contradicts the verdicts.
    pub wrong: Vec<String>,
    /// For each stream, the verdict that means complete, or the reason why it is incomplete.
    pub said: BTreeMap<&'static str, Result<String, String>>,
}

impl Mirrored {
    /// Returns the number of streams called complete.
    pub fn complete(&self) -> usize {
        self.said.values().filter(|said| said.is_ok()).count()
    }

    /// Returns why a stream is incomplete, or `None` if it is called complete.
    pub fn why(&self, stream: &str) -> Option<&str> {
        self.said.get(stream).and_then(|said| said.as_ref().err()).map(String::as_str)
    }
}

type Rows = BTreeMap<String, Vec<csv::StringRecord>>;

/// Returns the header and the records of a stream's file, by id.
fn records(work: &Work, stream: &str) -> (csv::StringRecord, Rows) {
    let bytes = work.csv(stream);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let header = reader.headers().expect("a header").clone();
    let mut found = Rows::new();
    for record in reader.records().map(|r| r.expect("a record")) {
        found.entry(record[0].to_owned()).or_default().push(record);
    }
    (header, found)
}

fn is_same(header: &csv::StringRecord, row: &csv::StringRecord, truth: &Value) -> bool {
    // The truth holds the documented columns.
    let cells = header.iter().zip(row).filter(|(name, _)| *name != "_extra");
    cells.into_iter().all(|(name, cell)| match &truth[name] {
        Value::Null => cell.is_empty(),
        Value::String(text) => text == cell,
        other => serde_json::from_str::<Value>(cell).is_ok_and(|v| v == *other),
    })
}

fn ids_of(all: &Value, stream: &str) -> BTreeSet<String> {
    all[stream].as_array().into_iter().flatten().filter_map(|v| v.as_str()).map(str::to_owned).collect()
}

/// Checks the files of a run with this exit code. Its job must deliver incomplete streams, too.
pub fn judged(sandbox: &Sandbox, work: &Work, code: Option<i32>) -> Mirrored {
    let (touched, manifest) = (sandbox.touched(), work.manifest());
    let mut found = Mirrored::default();
    for stream in STREAMS {
        let entry = &manifest["streams"][stream];
        let said = match entry["verdict"].as_str().expect("a verdict") {
            "incomplete" => Err(entry["why"].as_str().expect("a reason").to_owned()),
            complete => Ok(complete.to_owned()),
        };
        found.said.insert(stream, said);
    }
    let expected = if found.complete() == STREAMS.len() { 0 } else { 3 };
    if code != Some(expected) {
        found.wrong.push(format!("exit {code:?}, and {} of the streams complete", found.complete()));
    }
    let conversations = records(work, "conversations").1;
    let moved = ids_of(&touched, "conversations");
    let next_runs = |id: &Value| id.as_str().is_some_and(|id| moved.contains(id) && !conversations.contains_key(id));
    for stream in STREAMS {
        let touched = ids_of(&touched, stream);
        let (header, rows) = records(work, stream);
        let doubled = rows.iter().filter(|(_, rows)| rows.len() > 1);
        found.wrong.extend(doubled.map(|(id, rows)| format!("{stream} {id} stands there {} times", rows.len())));
        if found.said[stream].is_err() {
            continue;
        }
        for (id, truth) in sandbox.truth(stream).iter().filter(|(id, _)| !touched.contains(*id)) {
            match rows.get(id).and_then(|rows| rows.first()) {
                Some(row) if is_same(&header, row, truth) => {}
                Some(_) => found.wrong.push(format!("{stream} {id} differs")),
                // A conversation that moved before it was read is left to the next run, and its messages with it.
                None if stream == "messages" && next_runs(&truth["conversation"]) => {}
                None => found.wrong.push(format!("{stream} {id} is missing")),
            }
        }
    }
    found
}
