//! Spark 3.4 and newer, plain Parquet tables: no `MERGE`, no transaction, so a merge is a new table and a pointer to it.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "STRING", boolean: "BOOLEAN", timestamp: "TIMESTAMP", integer: "BIGINT" },
    feed: "out/feed",
    tables: include_str!("templates/spark/tables.sql"),
    load: include_str!("templates/spark/load.sql"),
    merge: include_str!("templates/spark/merge.sql"),
    views: include_str!("templates/spark/views.sql"),
};
