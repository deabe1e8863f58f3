//! The SQL for Spark 3.4 and newer with plain Parquet tables. These support neither `MERGE` nor transactions, so a
//! merge writes a new table and moves a pointer to it.

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
