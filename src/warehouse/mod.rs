//! Writes SQL scripts for warehouse engines such as BigQuery. The scripts turn the change files of a job
//! (`content = "changes"`) into tables of current records.
//!
//! The promise: the tables have the columns of [`crate::streams`] in their order. Names are written unquoted, so each
//! engine converts their case in its own way and the documented names work everywhere. A merge takes the newest
//! change of each id and removes deleted records. The result is the same however often and in whatever portions the
//! files are merged.
//!
//! The SQL comes from templates because the person who runs a merge reads it, in the engine's own dialect. Engines
//! load and merge with different statements, so each has its own three templates (`templates/ENGINE/*.sql`). The views
//! differ in a few expressions alone, so one template (`templates/views.sql`) serves every engine. One file here for
//! each engine names its types and these expressions. The program inserts only them, names and column lists.

mod bigquery;
mod columns;
mod duckdb;
mod postgres;
mod snowflake;
mod spark;
mod template;

use std::fmt;

use clap::ValueEnum;

use self::columns::Types;
use self::template::Filling;
use crate::error::{Error, Result};
use crate::streams::{DEFAULT, Stream};

/// A warehouse engine for which the program writes SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Engine {
    Postgres,
    #[value(name = "duckdb")]
    DuckDb,
    Spark,
    #[value(name = "bigquery")]
    BigQuery,
    Snowflake,
}

/// Every engine.
pub const ENGINES: [Engine; 5] = [Engine::Postgres, Engine::DuckDb, Engine::Spark, Engine::BigQuery, Engine::Snowflake];

/// The schema of the tables if the command line names none.
pub const SCHEMA: &str = "qpien";

/// What differs between engines: names of types, the default folder, the templates and expressions.
struct Dialect {
    types: Types,
    /// The folder of the change files if the command line names none.
    feed: &'static str,
    tables: &'static str,
    load: &'static str,
    merge: &'static str,
    /// The engine's own expressions in the template of the views, by the names that stand for them.
    expressions: &'static [(&'static str, &'static str)],
}

/// The template of the views, for every engine.
const VIEWS: &str = include_str!("templates/views.sql");

/// One file of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The name of the file, such as `merge.sql`.
    pub name: &'static str,
    /// The SQL in the file.
    pub text: String,
}

/// For which engine, tables and files the scripts are written.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// The engine that runs the scripts.
    pub engine: Engine,
    /// The schema (in BigQuery, the dataset) of the tables.
    pub schema: &'a str,
    /// The folder of the change files. `None` means the engine's default.
    pub feed: Option<&'a str>,
    /// The streams whose change files are loaded.
    pub streams: &'a [Stream],
}

/// Returns the scripts, in the order in which they are run. Returns a usage error if the name of the schema or the
/// folder cannot be written into SQL.
pub fn scripts(wish: &Wish) -> Result<Vec<Script>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !wish.schema.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !wish.schema.chars().all(plain) {
        return Err(Error::usage(format!(
            "the schema `{}` is no plain name: letters, digits and _, and no digit first",
            wish.schema
        )));
    }
    let dialect = wish.engine.dialect();
    let feed = wish.feed.unwrap_or(dialect.feed).trim_end_matches('/');
    if feed.is_empty() || feed.contains(['\'', '"', '`', '\\', '$', '\n']) {
        return Err(Error::usage(format!("the feed `{feed}` cannot be written into SQL: no quotes, no \\, no $")));
    }
    // The views read the streams of a job that names no streams, so those always get tables.
    let mut tables = DEFAULT.to_vec();
    tables.extend(wish.streams.iter().filter(|s| !DEFAULT.contains(s)));
    let fill = |name, text, streams| {
        let (schema, types, expressions) = (wish.schema, &dialect.types, dialect.expressions);
        let filling = Filling { schema, feed, streams, types, expressions };
        Script { name, text: template::fill(text, &filling) }
    };
    Ok(vec![
        fill("tables.sql", dialect.tables, &tables),
        fill("load.sql", dialect.load, wish.streams),
        fill("merge.sql", dialect.merge, wish.streams),
        fill("views.sql", VIEWS, &tables),
    ])
}

impl Engine {
    /// Returns the engine's name on the command line and in paths, such as `bigquery`.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            Engine::DuckDb => "duckdb",
            Engine::Spark => "spark",
            Engine::BigQuery => "bigquery",
            Engine::Snowflake => "snowflake",
        }
    }

    fn dialect(self) -> &'static Dialect {
        match self {
            Engine::Postgres => &postgres::DIALECT,
            Engine::DuckDb => &duckdb::DIALECT,
            Engine::Spark => &spark::DIALECT,
            Engine::BigQuery => &bigquery::DIALECT,
            Engine::Snowflake => &snowflake::DIALECT,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
