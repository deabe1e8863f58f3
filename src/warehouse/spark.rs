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
    expressions: &[
        ("run_views", "spark-sql --conf spark.sql.session.timeZone=UTC -f views.sql"),
        ("prelude", ""),
        ("sender_name", "get_json_object(sender, '$.name')"),
        ("sender_name_note", ""),
        ("day", "CAST(createdAt AS DATE)"),
        ("seconds_to_answer", "(unix_micros(a.first_staff_at) - unix_micros(c.first_customer_at)) / 1000000"),
        ("tag", "tag.name"),
        ("tags", "\nLATERAL VIEW explode(from_json(t.tags, 'array<struct<name: string>>')) AS tag"),
    ],
};
