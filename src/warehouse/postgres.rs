//! The SQL for PostgreSQL 12 and newer, run with `psql`. It loads JSON Lines, because the server reads no Parquet,
//! and because CSV files hold values as the API sent them, without types.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "text", boolean: "boolean", timestamp: "timestamptz", integer: "bigint" },
    feed: "out/feed",
    tables: include_str!("templates/postgres/tables.sql"),
    load: include_str!("templates/postgres/load.sql"),
    merge: include_str!("templates/postgres/merge.sql"),
    views: include_str!("templates/postgres/views.sql"),
};
