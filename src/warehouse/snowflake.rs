//! The SQL for Snowflake.

use super::Dialect;
use super::columns::Types;

pub(super) const DIALECT: Dialect = Dialect {
    types: Types { text: "VARCHAR", boolean: "BOOLEAN", timestamp: "TIMESTAMP_LTZ", integer: "NUMBER(19, 0)" },
    feed: "s3://BUCKET/feed",
    tables: include_str!("templates/snowflake/tables.sql"),
    load: include_str!("templates/snowflake/load.sql"),
    merge: include_str!("templates/snowflake/merge.sql"),
    expressions: &[
        ("run_views", "snowsql -o exit_on_error=true -f views.sql"),
        ("prelude", ""),
        ("sender_name", "JSON_EXTRACT_PATH_TEXT(sender, 'name')"),
        ("sender_name_note", ""),
        ("day", "CAST(CONVERT_TIMEZONE('UTC', createdAt) AS DATE)"),
        ("seconds_to_answer", "DATEDIFF('microsecond', c.first_customer_at, a.first_staff_at) / 1000000"),
        ("tag", "CAST(GET_PATH(tag.value, 'name') AS VARCHAR)"),
        ("tags", ",\nLATERAL FLATTEN(INPUT => TRY_PARSE_JSON(t.tags)) AS tag"),
    ],
};
