//! Warehouse engines, fed by change files. Every file of `sql/warehouse` runs in its engine if a test can start it
//! (DuckDB, PostgreSQL, Spark). Otherwise it is parsed in the engine's dialect (BigQuery, Snowflake).

mod by_hand;
mod job;
mod nights;
mod words;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::python;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs a plan on a database in `folder` and returns the result of each step.
fn on(engine: &str, folder: &Path, plan: &[Value]) -> Vec<Value> {
    let driver = Path::new(ROOT).join("tests/support/warehouse/engine.py");
    let mut child = Command::new(python())
        .arg(driver)
        .args([engine.as_ref(), folder.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python");
    let text = serde_json::to_vec(plan).expect("JSON");
    child.stdin.take().expect("stdin").write_all(&text).expect("the plan");
    let done = child.wait_with_output().expect("an end");
    assert!(done.status.success(), "{engine}: {}", String::from_utf8_lossy(&done.stderr));
    let gave: Vec<Value> = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(gave.len(), plan.len());
    gave
}

/// Returns the paths of an engine's committed files, by their names without `.sql`.
fn sql(engine: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{ROOT}/sql/warehouse/{engine}/{name}.sql")).collect()
}

/// Returns the step that loads and merges a feed.
fn merge(engine: &str, feed: &Path, version: usize) -> Value {
    json!({ "run": sql(engine, &["load", "merge"]), "feed": feed, "version": version.to_string() })
}

fn query(text: &str) -> Value {
    json!({ "query": text })
}
