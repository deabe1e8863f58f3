//! Describes the streams' tables: how they are created, which columns an existing table lacks, and why an existing
//! table cannot be used.
//!
//! A table also belongs to its user: columns, indexes, views and rights that the user has added stay. This program
//! adds its own columns if they are missing. It refuses a column of another type, because somebody changed it for a
//! reason that the program does not know.

use super::TombstoneRows;
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::streams::{Column, ColumnKind as Holds};

/// The column that says whether a change is an insert, an update or a deletion. It exists only in the staging table.
pub const OP: &str = "_op";

/// The column that marks the row of a deleted record, if such rows are kept.
pub const DELETED: &str = "_deleted";

/// A column that a stream's table must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    name: &'static str,
    kind: Holds,
    /// What follows the type in the SQL definition of the column, such as a default.
    rest: &'static str,
}

/// A table as a stream needs it.
#[derive(Debug, Clone)]
pub struct Table {
    /// The quoted name, with the schema, for SQL.
    pub name: String,
    plain: (String, String),
    columns: Vec<Wanted>,
}

/// A table as it exists on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTable {
    /// The columns' names and types, as the server spells them.
    columns: Vec<(String, String)>,
    is_table: bool,
    /// Whether a unique index on `_id` allows only one row for each id.
    is_keyed: bool,
}

impl ServerTable {
    /// Returns whether the table has all of these columns.
    pub fn has(&self, columns: &[String]) -> bool {
        self.lacks(columns).is_empty()
    }

    /// Returns those of these columns that the table does not have.
    pub fn lacks<'c>(&self, columns: &'c [String]) -> Vec<&'c String> {
        columns.iter().filter(|wanted| self.columns.iter().all(|(name, _)| name != *wanted)).collect()
    }

    /// Returns whether the table has the column that marks deleted records, so that it may hold rows of deleted
    /// records.
    pub fn has_flags(&self) -> bool {
        self.columns.iter().any(|(name, kind)| name == DELETED && kind == "boolean")
    }
}

/// Returns the SQL type of a column of this kind.
fn sql_type(kind: Holds) -> &'static str {
    match kind {
        // JSON is kept as text, so that it arrives as it was sent and the type refuses no value.
        Holds::Id | Holds::Text | Holds::Json => "text",
        Holds::Boolean => "boolean",
        Holds::Timestamp => "timestamp with time zone",
        Holds::Integer => "bigint",
    }
}

/// Returns a name in lower case, as PostgreSQL reads it without quotes.
pub fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Returns a name in lower case and in quotes, so that a name that is an SQL keyword works.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", folded(name).replace('"', "\"\""))
}

/// Returns the SQL definitions of the columns of a staging table.
pub fn staged(columns: &[Column]) -> String {
    let of = |c: &Column| format!("{} {}", quoted(c.name), sql_type(c.kind));
    columns.iter().map(of).collect::<Vec<_>>().join(", ")
}

impl Table {
    /// Describes the target table of a stream, whose staging table has the columns `rows`.
    pub fn new(schema: &str, stream: &str, rows: &[Column], tombstones: TombstoneRows) -> Table {
        let kept = rows.iter().filter(|c| c.name != OP);
        let mut columns: Vec<Wanted> = kept.map(|c| Wanted { name: c.name, kind: c.kind, rest: rest(c) }).collect();
        if tombstones == TombstoneRows::Flag {
            columns.push(Wanted { name: DELETED, kind: Holds::Boolean, rest: " NOT NULL DEFAULT false" });
        }
        let name = format!("{}.{}", quoted(schema), quoted(stream));
        Table { name, plain: (folded(schema), folded(stream)), columns }
    }

    /// Returns the quoted `schema.table`, for SQL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns `schema.table`, for display.
    pub fn told(&self) -> String {
        format!("{}.{}", self.plain.0, self.plain.1)
    }

    /// Returns the quoted names of the columns that a delivery writes, without the mark of deleted records.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().filter(|c| c.name != DELETED).map(|c| quoted(c.name)).collect()
    }

    /// Reads the table's definition from the server. Returns `None` if the table does not exist.
    pub fn look(&self, session: &Session) -> Result<Option<ServerTable>> {
        let (schema, table) = (&self.plain.0, &self.plain.1);
        let of = session.rows(
            "SELECT c.relkind IN ('r', 'p'),
                    EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                            WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL
                              AND i.indexprs IS NULL AND i.indisvalid AND i.indimmediate AND a.attname = '_id')
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
            &[schema, table],
        )?;
        let Some(of) = of.first() else { return Ok(None) };
        let columns = session.rows(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
            &[schema, table],
        )?;
        Ok(Some(ServerTable {
            columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
            is_table: of.get(0),
            is_keyed: of.get(1),
        }))
    }

    /// Returns an error if the existing table `found` cannot be used, even with columns added.
    pub fn fits(&self, found: &ServerTable) -> Result<()> {
        let refused = |why: String| Err(Error::new(Kind::DestinationRefused, why));
        let told = self.told();
        if !found.is_table {
            return refused(format!("{told} is no table: drop it, or give the destination another schema"));
        }
        for wanted in &self.columns {
            let (name, kind) = (folded(wanted.name), sql_type(wanted.kind));
            match found.columns.iter().find(|(n, _)| *n == name) {
                Some((_, there)) if there != kind => {
                    return refused(format!(
                        "the column {name} of {told} is {there} and must be {kind}: ALTER TABLE {told} ALTER COLUMN {name} TYPE {kind}, \
                         or drop the column (it is made and filled again)"
                    ));
                }
                None if name == "_id" => {
                    return refused(format!(
                        "{told} has no column _id, so it is somebody else's table: give the destination another schema"
                    ));
                }
                _ => {}
            }
        }
        if !found.is_keyed {
            return refused(format!("{told} has lost its primary key: ALTER TABLE {told} ADD PRIMARY KEY (_id)"));
        }
        Ok(())
    }

    /// Returns whether the table on the server has any row.
    pub fn has_rows(&self, session: &Session) -> Result<bool> {
        session.value(&format!("SELECT EXISTS (SELECT FROM {})", self.name), &[])
    }

    /// Returns the names of the columns that a delivery writes, unquoted, as the server spells them.
    pub fn filled(&self) -> Vec<String> {
        self.columns.iter().filter(|c| c.name != DELETED).map(|c| folded(c.name)).collect()
    }

    fn missing<'t>(&'t self, found: &'t ServerTable) -> impl Iterator<Item = &'t Wanted> {
        self.columns.iter().filter(|c| found.columns.iter().all(|(name, _)| *name != folded(c.name)))
    }

    /// Returns the SQL statement that creates the table, or that adds the columns missing from the existing table
    /// `found`. Returns `None` if nothing is missing.
    pub fn statement(&self, found: Option<&ServerTable>) -> Option<String> {
        let Some(found) = found else {
            let columns: Vec<String> = self.columns.iter().map(Wanted::definition).collect();
            return Some(format!("CREATE TABLE {} ({}, PRIMARY KEY (_id))", self.name, columns.join(", ")));
        };
        let added: Vec<String> = self.missing(found).map(|c| format!("ADD COLUMN {}", c.definition())).collect();
        (!added.is_empty()).then(|| format!("ALTER TABLE {} {}", self.name, added.join(", ")))
    }
}

fn rest(column: &Column) -> &'static str {
    match (column.name, column.kind) {
        ("_seq", _) => " NOT NULL DEFAULT 0",
        // Ids are opaque, so their bytes are compared. An update of the system's collations cannot break an index on
        // bytes.
        (_, Holds::Id) => " COLLATE \"C\"",
        _ => "",
    }
}

impl Wanted {
    fn definition(&self) -> String {
        format!("{} {}{}", quoted(self.name), sql_type(self.kind), self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::rows::OF_A_CHANGE;
    use crate::streams;

    fn table(tombstones: TombstoneRows) -> Table {
        let columns = [
            Column { name: "_id", kind: Holds::Id },
            Column { name: "firstName", kind: Holds::Text },
            Column { name: "createdAt", kind: Holds::Timestamp },
        ];
        Table::new("s", "contacts", &[&columns[..], &OF_A_CHANGE[..]].concat(), tombstones)
    }

    fn found(columns: &[(&str, &str)]) -> ServerTable {
        let columns = columns.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        ServerTable { columns, is_table: true, is_keyed: true }
    }

    #[test]
    fn it_is_made_and_added_to() {
        let made = table(TombstoneRows::Flag).statement(None).expect("a statement");
        assert_eq!(
            made,
            "CREATE TABLE \"s\".\"contacts\" (\"_id\" text COLLATE \"C\", \"firstname\" text, \"createdat\" timestamp with time zone, \
             \"_seq\" bigint NOT NULL DEFAULT 0, \"_synced_at\" timestamp with time zone, \"_run_id\" bigint, \
             \"_deleted\" boolean NOT NULL DEFAULT false, PRIMARY KEY (_id))"
        );
        let all =
            [("_id", "text"), ("firstname", "text"), ("mine", "jsonb"), ("createdat", "timestamp with time zone")];
        let all = [&all[..], &[("_seq", "bigint"), ("_synced_at", "timestamp with time zone"), ("_run_id", "bigint")]]
            .concat();
        let table = table(TombstoneRows::Delete);
        assert_eq!(table.statement(Some(&found(&all))), None);
        assert!(found(&all).has(&table.filled()) && table.fits(&found(&all)).is_ok());
        let without = found(&all[..5]);
        assert_eq!(
            table.statement(Some(&without)).expect("a statement"),
            "ALTER TABLE \"s\".\"contacts\" ADD COLUMN \"_synced_at\" timestamp with time zone, ADD COLUMN \"_run_id\" bigint"
        );
        assert!(!without.has(&table.filled()));
        assert_eq!(self::table(TombstoneRows::Flag).filled(), table.filled(), "the flag comes with its value");
    }

    #[test]
    fn what_stands_in_the_way_is_named_with_what_to_do() {
        let table = table(TombstoneRows::Delete);
        let refused = |found: ServerTable| table.fits(&found).expect_err("refused").detail;
        assert_eq!(
            refused(found(&[("_id", "text"), ("createdat", "date")])),
            "the column createdat of s.contacts is date and must be timestamp with time zone: \
             ALTER TABLE s.contacts ALTER COLUMN createdat TYPE timestamp with time zone, or drop the column (it is made and filled again)"
        );
        assert!(refused(found(&[("mine", "text")])).contains("_id"));
        assert!(refused(ServerTable { is_keyed: false, ..found(&[("_id", "text")]) }).contains("ADD PRIMARY KEY"));
        assert!(refused(ServerTable { is_table: false, ..found(&[("_id", "text")]) }).contains("no table"));
    }

    #[test]
    fn no_two_columns_of_a_stream_fold_to_one() {
        for stream in streams::ALL {
            let mut names: Vec<String> = stream.columns().iter().chain(&OF_A_CHANGE).map(|c| folded(c.name)).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), stream.columns().len() + OF_A_CHANGE.len(), "{stream}");
        }
    }
}
