-- Reads the change files that are not loaded yet into changes_STREAM; merge.sql comes next.
--   snowsql -o exit_on_error=true -f load.sql
-- Snowflake itself remembers for 64 days which files it has copied, and copies none twice; merge.sql passes over what is
-- merged, should one come again. USE_LOGICAL_TYPE makes timestamps of timestamps.

--each stream
COPY INTO {schema}.changes_{stream}
FROM @{schema}.feed/{stream}/
PATTERN = '.*changes-[0-9]+-[0-9]+[.]parquet'
FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)
MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE
INCLUDE_METADATA = (_file = METADATA$FILENAME)
ON_ERROR = ABORT_STATEMENT;

--end
