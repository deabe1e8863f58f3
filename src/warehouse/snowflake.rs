//! The SQL for Snowflake.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "VARCHAR", boolean: "BOOLEAN", timestamp: "TIMESTAMP_LTZ", integer: "NUMBER(19, 0)" },
    feed: "s3://BUCKET/feed",
    tables: include_str!("templates/snowflake/tables.sql"),
    load: include_str!("templates/snowflake/load.sql"),
    merge: include_str!("templates/snowflake/merge.sql"),
    views: include_str!("templates/snowflake/views.sql"),
};
