//! The SQL for DuckDB 1.1 and newer.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "VARCHAR", boolean: "BOOLEAN", timestamp: "TIMESTAMPTZ", integer: "BIGINT" },
    feed: "out/feed",
    tables: include_str!("templates/duckdb/tables.sql"),
    load: include_str!("templates/duckdb/load.sql"),
    merge: include_str!("templates/duckdb/merge.sql"),
    expressions: &[
        ("run_views", "duckdb warehouse.duckdb < views.sql"),
        ("prelude", ""),
        ("sender_name", "json_extract_string(sender, '$.name')"),
        ("sender_name_note", ""),
        ("day", "CAST(createdAt AT TIME ZONE 'UTC' AS DATE)"),
        ("seconds_to_answer", "date_diff('microsecond', c.first_customer_at, a.first_staff_at) / 1000000"),
        ("tag", "unnest(json_extract_string(t.tags, '$[*].name'))"),
        ("tags", ""),
    ],
};
