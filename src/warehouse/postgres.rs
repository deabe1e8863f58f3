//! PostgreSQL 12 and newer, through `psql`. It loads JSON Lines, because the server reads no Parquet, and CSV holds
//! values as they were sent, without types.

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
