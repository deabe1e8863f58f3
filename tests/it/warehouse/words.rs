//! Engines that no test can start: their files are at least complete statements of their own dialect.

use std::path::Path;
use std::process::{Command, Output};

use super::{ROOT, sql};
use crate::support::{Work, python};

fn parsed(dialect: &str, files: &[String]) -> Output {
    Command::new(python())
        .arg(Path::new(ROOT).join("tests/support/warehouse/parse.py"))
        .arg(dialect)
        .args(files)
        .output()
        .expect("python")
}

#[test]
fn bigquery_and_snowflake_files_are_read_whole_by_a_parser_of_their_dialect() {
    for (engine, counts) in [("bigquery", "[6, 8, 14, 9]"), ("snowflake", "[11, 4, 18, 9]")] {
        let done = parsed(engine, &sql(engine, &["tables", "load", "merge", "views"]));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(String::from_utf8_lossy(&done.stdout), counts, "{engine}");
    }
}

#[test]
fn what_the_parser_does_not_understand_is_an_error() {
    let work = Work::new("");
    for text in ["CREATE TABLE a (b STRING);\nALTER WAREHOUSE w RESUME IF SUSPENDED;", "SELECT * FROM (a;"] {
        std::fs::write(work.path("x.sql"), text).expect("a file");
        let done = parsed("snowflake", &[work.path("x.sql").display().to_string()]);
        assert!(!done.status.success(), "{text}");
    }
}

#[test]
fn the_command_prints_and_writes_what_is_committed() {
    let work = Work::new("");
    work.call(&["warehouse", "sql", "--engine", "duckdb", "--out", "sql"]).expect(0);
    for name in ["tables", "load", "merge", "views"] {
        let there = std::fs::read_to_string(&sql("duckdb", &[name])[0]).expect("a file");
        assert_eq!(std::fs::read_to_string(work.path(&format!("sql/{name}.sql"))).expect("written"), there);
        let printed = work.call(&["warehouse", "sql", "--engine", "duckdb"]).expect(0).stdout;
        assert!(printed.contains(&there), "{name}");
    }
    let names = ["--schema", "shop", "--stream", "channels", "--feed", "s3://b/f"];
    let other = work.call(&[&["warehouse", "sql", "--engine", "duckdb"], &names[..]].concat()).expect(0).stdout;
    for there in
        ["CREATE TABLE IF NOT EXISTS shop.channels (", "INTO shop.changes_channels", "'s3://b/f'", "FROM shop.contacts"]
    {
        assert!(other.contains(there), "{there}");
    }
    assert!(!other.contains("INTO shop.changes_contacts") && !other.contains("qpien."), "{other}");
    let refused = work.call(&["warehouse", "sql", "--engine", "spark", "--stream", "mesages"]).expect(2);
    assert!(refused.stderr.contains("there is no stream `mesages`"), "{}", refused.stderr);
    work.call(&["warehouse", "sql", "--engine", "spark", "--schema", "a b"]).expect(2);
    std::fs::write(work.path("file"), "").expect("a file");
    let nowhere = work.call(&["warehouse", "sql", "--engine", "spark", "--out", "file/x"]);
    assert!(nowhere.code != 0 && nowhere.stderr.contains("file/x"), "{nowhere:?}");
}

/// The views find the same sides in a database with any locale. In Turkish, for example, the capital of `i` is `İ`.
#[test]
#[cfg(feature = "postgres")]
fn sides_are_the_same_in_a_turkish_database() {
    let server = crate::support::postgres::Server::start();
    server.ask(
        "postgres",
        "CREATE DATABASE tr TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C.UTF-8'",
    );
    assert_eq!(server.ask("tr", "SELECT upper('visitor')"), "VİSİTOR", "it is Turkish");
    for name in ["tables", "views"] {
        let file = std::path::Path::new(super::ROOT).join(format!("sql/warehouse/postgres/{name}.sql"));
        let sql = std::fs::read_to_string(file).expect("SQL");
        // Lines for psql itself have no place in a statement.
        let lines: Vec<&str> = sql.lines().filter(|line| !line.starts_with('\\')).collect();
        server.ask("tr", &lines.join("\n"));
    }
    server.ask(
        "tr",
        "INSERT INTO qpien.messages (_id, senderType) VALUES ('1', 'visitor'), ('2', 'Visitor'), ('3', 'VISITOR'),
         ('4', 'customer_person'), ('5', 'VİSİTOR'), ('6', NULL)",
    );
    let sides =
        server.ask("tr", "SELECT m._id || ' ' || coalesce(m.side, '-') FROM qpien.message_sides AS m ORDER BY m._id");
    assert_eq!(sides.lines().collect::<Vec<_>>(), ["1 customer", "2 customer", "3 customer", "4 staff", "5 -", "6 -"]);
}
