-- Reads the change files that are not merged yet into changes_STREAM; merge.sql comes next.
--   bq query --use_legacy_sql=false < load.sql
-- feed_STREAM shows the Parquet files where they lie ({feed}; write these files with another --feed). A stream
-- that has no file yet is an error: write these files without it (--stream). Run it as often as you like: it begins anew.

--each stream
CREATE OR REPLACE EXTERNAL TABLE {schema}.feed_{stream} (
    {change_typed}
)
OPTIONS (
    format = 'PARQUET',
    uris = ['{feed}/{stream}/changes-*.parquet']
);

CREATE OR REPLACE TABLE {schema}.changes_{stream} AS
SELECT
    {change_columns},
    REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-[0-9]+') AS file_name,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-([0-9]+)-') AS INT64) AS first_seq,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64) AS last_seq
FROM {schema}.feed_{stream}
WHERE CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64)
    > COALESCE((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0);

--end
