//! Reads a change feed of JSON Lines as an outsider would: the manifest's files in order, merged by seq.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Sandbox;

/// The content of a stream's files.
#[derive(Debug, Default)]
pub struct Fed {
    /// The current records, by id.
    pub rows: BTreeMap<String, Value>,
    /// Number of rows for each `_op`.
    pub ops: BTreeMap<String, u64>,
    /// The runs, each with its first `_synced_at`.
    pub runs: BTreeMap<i64, String>,
}

impl Fed {
    /// Reads a stream's files. Asserts that the folder holds exactly the manifest's files, that their ranges adjoin,
    /// that seqs only rise and lie in their file's range, and that sizes and counts agree with the manifest.
    pub fn read(folder: &Path, stream: &str) -> Fed {
        let manifest: Value =
            serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).expect("a manifest")).expect("JSON");
        let entry = &manifest["streams"][stream];
        let mut fed = Fed::default();
        let (mut next, mut last, mut named) = (1, 0, Vec::new());
        for file in entry["files"].as_array().into_iter().flatten() {
            let path = file["path"].as_str().expect("a path");
            let range = (file["seq"]["first"].as_i64().expect("a seq"), file["seq"]["last"].as_i64().expect("a seq"));
            assert_eq!(range.0, next, "{path}: ranges adjoin");
            next = range.1 + 1;
            named.push(path.rsplit('/').next().expect("a name").to_owned());
            let bytes = std::fs::read(folder.join(path)).expect("a file");
            assert_eq!(file["bytes"], bytes.len(), "{path}");
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert_eq!(file["rows"], text.lines().count(), "{path}");
            for line in text.split_terminator('\n') {
                let row: Value = serde_json::from_str(line).expect("JSON");
                let seq = row["_seq"].as_i64().expect("a seq");
                assert!(seq > last && (range.0..=range.1).contains(&seq), "{path}: {seq}");
                last = seq;
                fed.merge(row);
            }
        }
        let mut there: Vec<String> = std::fs::read_dir(folder.join(stream))
            .map(|dir| dir.map(|e| e.expect("an entry").file_name().into_string().expect("a name")).collect())
            .unwrap_or_default();
        there.sort();
        assert_eq!(there, named, "{stream}: files that no manifest names, or that are not there");
        fed
    }

    fn merge(&mut self, row: Value) {
        let id = row["_id"].as_str().expect("an id").to_owned();
        let op = row["_op"].as_str().expect("an op").to_owned();
        if let (Some(run), Some(at)) = (row["_run_id"].as_i64(), row["_synced_at"].as_str()) {
            self.runs.entry(run).or_insert_with(|| at.to_owned());
        }
        if op == "delete" {
            self.rows.remove(&id);
        } else {
            self.rows.insert(id, row);
        }
        *self.ops.entry(op).or_default() += 1;
    }
}

/// Compares a stream's feed with the account. `Err` names the first difference.
pub fn equal(folder: &Path, sandbox: &Sandbox, stream: &str) -> Result<(), String> {
    let fed = Fed::read(folder, stream);
    let truth = sandbox.truth(stream);
    if !fed.rows.keys().eq(truth.keys()) {
        return Err(format!("{stream}: {} rows, {} records", fed.rows.len(), truth.len()));
    }
    for (id, record) in &truth {
        let row = &fed.rows[id];
        for (name, value) in record.as_object().expect("a record") {
            let told = &row[name];
            let same = match (value, told) {
                (Value::Array(_) | Value::Object(_), Value::String(text)) => {
                    serde_json::from_str::<Value>(text).is_ok_and(|v| v == *value)
                }
                (Value::String(sent), Value::String(text)) if name == "createdAt" => moment(sent) == moment(text),
                _ => value == told,
            };
            if !same {
                return Err(format!("{stream} {id}: {name} is another"));
            }
        }
    }
    Ok(())
}

fn moment(text: &str) -> jiff::Timestamp {
    text.parse().expect("a moment")
}
