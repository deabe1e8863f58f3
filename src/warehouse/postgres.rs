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
    expressions: &[
        ("run_views", "psql -f views.sql"),
        ("prelude", "\n\n\\set ON_ERROR_STOP on"),
        ("sender_name", "CASE WHEN position('\\u0000' IN sender) = 0 THEN CAST(sender AS json)->>'name' END"),
        ("sender_name_note", "\n-- (PostgreSQL has no NUL character: a name that holds one is not shown.)"),
        ("day", "CAST(createdAt AT TIME ZONE 'UTC' AS date)"),
        ("seconds_to_answer", "EXTRACT(EPOCH FROM a.first_staff_at - c.first_customer_at)"),
        ("tag", "tag->>'name'"),
        (
            "tags",
            "\nCROSS JOIN LATERAL json_array_elements(\n    CASE WHEN position('\\u0000' IN t.tags) = 0 AND json_typeof(CAST(t.tags AS json)) = 'array' THEN CAST(t.tags AS json) END\n) AS tag",
        ),
    ],
};
