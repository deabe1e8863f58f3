//! The SQL for BigQuery, where a dataset takes the part of the schema.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "STRING", boolean: "BOOL", timestamp: "TIMESTAMP", integer: "INT64" },
    feed: "gs://BUCKET/feed",
    tables: include_str!("templates/bigquery/tables.sql"),
    load: include_str!("templates/bigquery/load.sql"),
    merge: include_str!("templates/bigquery/merge.sql"),
    expressions: &[
        ("run_views", "bq query --use_legacy_sql=false < views.sql"),
        ("prelude", ""),
        ("sender_name", "JSON_VALUE(sender, '$.name')"),
        ("sender_name_note", ""),
        ("day", "DATE(createdAt, 'UTC')"),
        ("seconds_to_answer", "TIMESTAMP_DIFF(a.first_staff_at, c.first_customer_at, MICROSECOND) / 1000000"),
        ("tag", "JSON_VALUE(tag, '$.name')"),
        ("tags", "\nCROSS JOIN UNNEST(JSON_QUERY_ARRAY(t.tags)) AS tag"),
    ],
};
