//! The SQL for BigQuery, where a dataset takes the part of the schema.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "STRING", boolean: "BOOL", timestamp: "TIMESTAMP", integer: "INT64" },
    feed: "gs://BUCKET/feed",
    tables: include_str!("templates/bigquery/tables.sql"),
    load: include_str!("templates/bigquery/load.sql"),
    merge: include_str!("templates/bigquery/merge.sql"),
    views: include_str!("templates/bigquery/views.sql"),
};
