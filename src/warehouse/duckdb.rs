//! The SQL for DuckDB 1.1 and newer.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "VARCHAR", boolean: "BOOLEAN", timestamp: "TIMESTAMPTZ", integer: "BIGINT" },
    feed: "out/feed",
    tables: include_str!("templates/duckdb/tables.sql"),
    load: include_str!("templates/duckdb/load.sql"),
    merge: include_str!("templates/duckdb/merge.sql"),
    views: include_str!("templates/duckdb/views.sql"),
};
