//! The lines in README.md that say how to read the files, each run on a delivered file. An empty text stays an empty
//! text, null stays null, and no tool guesses a type, cuts a value or splits a row.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::foreign::{Answer, Foreign, Server};
use crate::support::postgres;
use crate::support::{Work, python};

/// First names of the contacts 1000, 1001, and so on.
fn names() -> Vec<Value> {
    let long = "ş, \"x\"\n".repeat(400_000);
    let all = [
        "",
        "NULL",
        "NA",
        "nan",
        "007",
        "00905321234567",
        "1e5",
        " blank ",
        "two\nlines",
        "a \"quote\", a comma",
        "\r\n",
        "-",
        "\\N",
    ];
    let mut all: Vec<Value> = all.iter().map(|name| json!(name)).collect();
    all.extend([Value::Null, json!(long)]);
    all
}

/// Delivers a file of these names.
fn delivered() -> Work {
    let foreign = Foreign::default();
    let server = Server::start(move |asked| {
        let answer = foreign.answer(asked);
        let mut body = String::from_utf8(answer.body).expect("UTF-8");
        for (n, name) in names().iter().enumerate() {
            body = body.replace(&format!("\"text {}\"", 1000 + n), &name.to_string());
        }
        Answer { body: body.into_bytes(), ..answer }
    });
    let work = Work::with_job(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\nrequests_per_minute = 0\n\
         [[destination]]\nkind = \"csv\"\npath = \"out/csv\"\n",
    );
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    work
}

/// Returns the line of README.md for a tool.
fn line(tool: &str) -> String {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("### Reading the files").expect("the section");
    let found = section.lines().find_map(|line| line.strip_prefix(tool)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("there is no line for {tool}")).trim().to_owned()
}

fn truth() -> Vec<Value> {
    let all = (0..53).map(|n| {
        let name = names().get(n).cloned().unwrap_or_else(|| json!(format!("text {}", 1000 + n)));
        json!([format!("id-{:08}", 1000 + n), name])
    });
    all.collect()
}

#[test]
fn the_lines_of_python_and_duckdb_read_what_was_sent() {
    let work = delivered();
    for tool in ["pandas", "polars", "DuckDB"] {
        let read = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/readers.py"))
            .args([tool, &line(tool)])
            .current_dir(work.path(""))
            .output()
            .expect("python");
        assert!(read.status.success(), "{tool}: {}", String::from_utf8_lossy(&read.stderr));
        let rows: Vec<Value> = serde_json::from_slice(&read.stdout).expect("JSON");
        for (found, sent) in rows.iter().zip(truth()) {
            assert!(*found == sent, "{tool}: {}", sent[0]);
        }
        assert_eq!(rows.len(), 53, "{tool}");
    }
}

#[test]
fn the_line_of_postgresql_reads_what_was_sent() {
    let (work, server) = (delivered(), postgres::Server::start());
    let header = String::from_utf8(work.csv_at("out/csv/contacts.csv")).expect("UTF-8");
    let columns: Vec<String> =
        header.lines().next().expect("a header").split(',').map(|name| format!("{name} text")).collect();
    server.ask("postgres", &format!("CREATE TABLE contacts ({})", columns.join(", ")));
    let file = work.path("out/csv/contacts.csv").display().to_string();
    server.ask("postgres", &line("PostgreSQL").replace("out/csv/contacts.csv", &file));
    let rows = server.rows("postgres", "SELECT \"_id\" AS id, \"firstName\" AS name FROM contacts ORDER BY 1");
    let rows: Vec<Value> = rows.into_iter().map(|row| json!([row["id"], row["name"]])).collect();
    for (found, sent) in rows.iter().zip(truth()) {
        assert!(*found == sent, "{}", sent[0]);
    }
    assert_eq!(rows.len(), 53);
}

/// The header is quoted, because DuckDB guesses the format from the beginning of a file and would miss quotes that
/// come late.
#[test]
fn the_header_says_that_cells_are_quoted() {
    let work = delivered();
    let bytes = work.csv_at("out/csv/conversations.csv");
    let header = bytes.split(|b| *b == b'\n').next().expect("a header");
    assert!(header.starts_with(b"\"_id\",\"customer\",\"joinedPerson\","), "{}", String::from_utf8_lossy(header));
}
