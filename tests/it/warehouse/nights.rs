//! Nights of a real account, delivered as change files and merged by DuckDB, PostgreSQL, Spark's SQL and the Spark
//! job. After each night, after a repeated merge, and after one merge of everything, the tables equal the mirror.

use std::path::Path;

use qpien_sync::clock;
use qpien_sync::streams::{ColumnKind, DEFAULT, Stream};
use serde_json::{Map, Value, json};

use super::{merge, on, query, sql};
use crate::support::{Outcome, Sandbox, Work};

const BEFORE: &str = "2025-01-31T12:00:00Z";

fn job(kind: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n\
         [[destination]]\nkind = \"{kind}\"\npath = \"feed\"\ncontent = \"changes\"\n"
    )
}

/// The mirror's content: for each stream its rows by id, each with the documented columns, `_extra` and `_seq`.
type Tables = Vec<Value>;

/// Runs nights; keeps the feed after each in `feed-N` and returns what the mirror holds after each.
fn nights(kind: &str, seed: u64, count: usize) -> (Work, Vec<Tables>) {
    let size = ["--contacts", "300", "--persons", "20", "--conversations", "60", "--messages", "1200"];
    let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::with_job(&job(kind));
    let mut now = BEFORE.to_owned();
    let mut tables = Vec::new();
    for night in 0..count {
        if night > 0 {
            let asked =
                format!("/sandbox/night?seed={}&changed=12&new=3&contacts=7&status=4", seed * 1000 + night as u64);
            let told: Value = serde_json::from_str(&sandbox.bodiless("POST", &asked)).expect("JSON");
            told["now"].as_str().expect("a moment").clone_into(&mut now);
            sandbox.delete("contacts", 4, seed + night as u64);
            sandbox.delete("conversations", 1, seed + night as u64);
        }
        let mut run = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
        Outcome::of(&run.env("QPIEN_TEST_NOW", &now).output().expect("a run")).expect(0);
        tables.push(DEFAULT.map(|stream| held(&work, stream)).into());
        copied(&work.path("feed"), &work.path(&format!("feed-{night}")));
    }
    (work, tables)
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let there = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copied(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).expect("a copy");
        }
    }
}

/// Returns a stream's rows in the mirror, each value converted to a cell as the documentation of the change files
/// says.
fn held(work: &Work, stream: Stream) -> Value {
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let mut ask = mirror.prepare(&format!("SELECT payload, seq FROM body_{stream} ORDER BY id")).expect("SQL");
    let row = |r: &rusqlite::Row| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?));
    let rows = ask.query_map([], row).expect("rows").map(|row| {
        let (payload, seq) = row.expect("a row");
        let record: Map<String, Value> = serde_json::from_str(&payload).expect("a record");
        let mut cells: Vec<Value> = stream.columns().iter().map(|c| cell(c.kind, record.get(c.name))).collect();
        let is_documented = |name: &str| stream.columns().iter().any(|c| c.name == name);
        let further: Map<String, Value> = record.into_iter().filter(|(name, _)| !is_documented(name)).collect();
        let extra =
            if further.is_empty() { Value::Null } else { json!(serde_json::to_string(&further).expect("JSON")) };
        cells.extend([extra, json!(seq)]);
        Value::Array(cells)
    });
    rows.collect()
}

fn cell(kind: ColumnKind, value: Option<&Value>) -> Value {
    match (kind, value) {
        (_, None | Some(Value::Null)) => Value::Null,
        (ColumnKind::Timestamp, Some(value)) => {
            let text = value.as_str().expect("ISO 8601");
            let ms = clock::parsed(text).expect("a moment");
            assert!(text.ends_with(&format!("{:03}Z", ms % 1000)) || ms % 1000 == 0, "{text}");
            json!(ms)
        }
        (_, Some(value)) => value.clone(),
    }
}

/// Returns an engine's answer in the same form: JSON text is parsed, and a moment becomes milliseconds.
fn read(stream: Stream, rows: &Value) -> Value {
    let kinds: Vec<ColumnKind> = stream.columns().iter().map(|c| c.kind).collect();
    let row = |row: &Value| {
        let cells = row.as_array().expect("a row").iter().enumerate();
        let read = cells.map(|(at, cell)| match (kinds.get(at), cell) {
            (Some(ColumnKind::Json), Value::String(text)) => serde_json::from_str(text).expect("JSON text"),
            (Some(ColumnKind::Timestamp), Value::String(text)) => json!(clock::parsed(text).expect("a moment")),
            (_, cell) => cell.clone(),
        });
        read.collect::<Value>()
    };
    rows.as_array().expect("rows").iter().map(row).collect()
}

fn columns(stream: Stream) -> String {
    stream.columns().iter().map(|c| c.name).chain(["_extra", "_seq"]).collect::<Vec<_>>().join(", ")
}

fn everything() -> [Value; 4] {
    DEFAULT.map(|s| query(&format!("SELECT {} FROM qpien.{s} ORDER BY _id", columns(s))))
}

#[track_caller]
fn equal(what: &str, tables: &Tables, gave: &[Value]) {
    for ((stream, right), rows) in DEFAULT.iter().zip(tables).zip(gave) {
        let (rows, right) = (read(*stream, rows), right.as_array().expect("rows"));
        let rows = rows.as_array().expect("rows");
        assert_eq!(rows.len(), right.len(), "{what}: {stream}");
        for (row, right) in rows.iter().zip(right) {
            assert_eq!(row, right, "{what}: {stream}");
        }
    }
}

/// Merges after each night, after the last one again, and all at once into empty tables. `change` applies what an
/// engine cannot hold.
fn merged(engine: &str, kind: &str, change: impl Fn(&Tables) -> Tables, seed: u64, count: usize) {
    let (work, tables) = nights(kind, seed, count);
    let folder = tempfile::tempdir().expect("a folder");
    let feed = |night: usize| work.path(&format!("feed-{night}"));
    let mut plan = vec![json!({ "run": sql(engine, &["tables"]) })];
    for night in 0..count {
        plan.push(merge(engine, &feed(night), night));
        plan.extend(everything());
    }
    plan.push(merge(engine, &feed(count - 1), count));
    plan.extend(everything());
    plan.push(json!({ "do": "DROP SCHEMA qpien CASCADE" }));
    plan.push(json!({ "run": sql(engine, &["tables"]) }));
    plan.push(merge(engine, &feed(count - 1), 0));
    plan.extend(everything());
    let end = plan.len();
    if engine == "spark" {
        let (group, target) = (work.path("group"), work.path("target"));
        for night in 0..count {
            plan.push(json!({ "link": feed(night), "at": group.join("account=a") }));
            plan.push(json!({ "job": ["--feed", group, "--target", target] }));
            plan.extend(DEFAULT.map(
                |s| json!({ "current": target, "stream": s.name(), "columns": columns(s).split(", ").collect::<Vec<_>>() }),
            ));
        }
    }
    let gave = on(engine, folder.path(), &plan);
    for (night, tables) in tables.iter().enumerate() {
        let tables = change(tables);
        equal(&format!("{engine}, seed {seed}, night {night}"), &tables, &gave[2 + night * 5..][..4]);
        if engine == "spark" {
            let at = end + night * 6;
            assert_eq!(gave[at + 1][0], 0, "{}", gave[at + 1][1]);
            equal(&format!("the job, seed {seed}, night {night}"), &tables, &gave[at + 2..][..4]);
        }
    }
    let last = change(tables.last().expect("a night"));
    equal(&format!("{engine}, seed {seed}, merged twice"), &last, &gave[2 + count * 5..][..4]);
    equal(&format!("{engine}, seed {seed}, all at once"), &last, &gave[end - 4..end]);
    let rows = |tables: &Tables| tables.iter().map(|t| t.as_array().map_or(0, Vec::len)).collect::<Vec<_>>();
    assert_ne!(rows(&tables[0]), rows(&last), "nothing happened in these nights");
    assert_ne!(without_nul(tables.last().expect("a night")), *tables.last().expect("a night"), "no NUL among them");
}

/// Removes NUL characters, which PostgreSQL lacks; in JSON text they are escaped and stay.
fn without_nul(tables: &Tables) -> Tables {
    fn cell(value: &Value) -> Value {
        match value {
            Value::String(text) => json!(text.replace('\0', "")),
            value => value.clone(),
        }
    }
    let row = |row: &Value| row.as_array().expect("a row").iter().map(cell).collect::<Value>();
    tables.iter().map(|rows| rows.as_array().expect("rows").iter().map(row).collect()).collect()
}

fn seeds() -> (std::ops::RangeInclusive<u64>, usize) {
    let soak = std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok());
    (1..=soak.unwrap_or(1), if soak.is_some() { 30 } else { 3 })
}

#[test]
fn nightly_changes_merged_in_duckdb_are_what_the_mirror_holds() {
    let (seeds, count) = seeds();
    seeds.for_each(|seed| merged("duckdb", "parquet", Clone::clone, seed, count));
}

#[test]
fn nightly_changes_merged_in_postgresql_are_what_the_mirror_holds() {
    let (seeds, count) = seeds();
    seeds.for_each(|seed| merged("postgres", "jsonl", without_nul, seed, count));
}

#[test]
fn nightly_changes_merged_in_spark_are_what_the_mirror_holds() {
    let (seeds, count) = seeds();
    seeds.for_each(|seed| merged("spark", "parquet", Clone::clone, seed, count));
}
