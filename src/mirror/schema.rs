//! Reads a mirror's schema: its version and its tables. Compares it with the schema that this version creates. A
//! difference means damage, because only this program writes the schema. For example, a flipped bit may rename a
//! column, or make a trigger refuse nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::Connection;

use super::errors::failed;
use super::migrations;
use crate::error::Result;

/// The tables, indexes and triggers of a schema: for each name, its normalized SQL.
type Objects = BTreeMap<String, String>;

/// Returns the schema of the current version, computed once.
fn expected() -> &'static Objects {
    static EXPECTED: OnceLock<Objects> = OnceLock::new();
    EXPECTED.get_or_init(|| migrations::in_memory().and_then(|fresh| objects(&fresh)).unwrap_or_default())
}

/// Reads the tables, indexes and triggers of a mirror. Leaves out views, because each opening compares and replaces
/// them. Also leaves out objects that SQLite adds: they have no SQL, or a name that begins with `sqlite_`.
fn objects(c: &Connection) -> rusqlite::Result<Objects> {
    c.prepare(
        "SELECT name, sql FROM sqlite_master
         WHERE type IN ('table', 'index', 'trigger') AND sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
    )?
    .query_map([], |r| Ok((r.get(0)?, normalized(&r.get::<_, String>(1)?))))?
    .collect()
}

/// Returns an object's SQL without white space and quotes, because SQLite changes these when a table is renamed or
/// gets columns.
fn normalized(sql: &str) -> String {
    sql.chars().filter(|c| !c.is_whitespace() && *c != '"').collect()
}

/// Returns the names of the mirror's own tables.
pub(super) fn tables() -> &'static BTreeSet<String> {
    static TABLES: OnceLock<BTreeSet<String>> = OnceLock::new();
    TABLES.get_or_init(|| expected().iter().filter(|(_, sql)| is_table(sql)).map(|(name, _)| name.clone()).collect())
}

fn is_table(sql: &str) -> bool {
    sql.starts_with("CREATETABLE")
}

/// Returns the name of the first table, index or trigger that is missing or differs from what this version creates,
/// or `None` if there is no difference. Ignores objects that other programs have added.
pub(super) fn difference(c: &Connection) -> rusqlite::Result<Option<String>> {
    let there = objects(c)?;
    let differs = expected().iter().find(|(name, sql)| there.get(*name) != Some(sql));
    Ok(differs.map(|(name, _)| name.clone()))
}

/// Returns whether the mirror has a table with this name. A mirror of an older version may lack it.
pub fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)", [name], |r| r.get(0))
}

/// Returns the version of the mirror's schema. `path` is for error messages.
pub fn version(connection: &Connection, path: &Path) -> Result<usize> {
    connection.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(|e| failed(path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_the_schema_is_found_and_what_others_add_is_not() {
        let fresh = migrations::in_memory().expect("memory");
        assert!(tables().len() > 20 && tables().contains("record"));
        let found = |sql: &str| {
            fresh.execute_batch(sql).expect(sql);
            difference(&fresh).expect("read")
        };
        let others =
            "CREATE TABLE notes (x); CREATE INDEX theirs ON record (last_run); CREATE VIEW v AS SELECT 1; ANALYZE";
        assert_eq!(found(others), None);
        assert_eq!(found("DROP INDEX checkpoint_open").as_deref(), Some("checkpoint_open"));
        let otherwise = "CREATE INDEX checkpoint_open ON checkpoint (lane, stream, number) WHERE open = 0";
        assert_eq!(found(otherwise).as_deref(), Some("checkpoint_open"));
        let again = "DROP INDEX checkpoint_open;
                     CREATE INDEX \"checkpoint_open\"  ON checkpoint(lane, stream, number)\nWHERE open = 1";
        assert_eq!(found(again), None);
        assert_eq!(found("ALTER TABLE pin ADD COLUMN x").as_deref(), Some("pin"));
    }
}
