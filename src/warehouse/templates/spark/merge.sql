-- Merges what load.sql names into a new version of each table, and points to it:
--   spark-sql --hivevar files={feed} --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- `version` is a new one each time (digits). What is promised: each stream is switched as a whole, in one step; streams are
-- switched one after the other. Cut short anywhere, run it again with a new version. Run one at a time. Older versions are
-- tables of their own: drop them when nobody reads them any more (SHOW TABLES IN {schema}), but never the one that
-- SHOW CREATE TABLE {schema}.STREAM_state names.

--each stream
CREATE TABLE {schema}.{stream}_${version} USING parquet AS
SELECT
    {change_columns}
FROM (
    SELECT *, row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) AS age
    FROM (
        SELECT
            {change_columns}
        FROM changes_{stream}
        UNION ALL
        SELECT
            {change_columns}
        FROM {schema}.{stream}_state
    )
)
WHERE age = 1;

CREATE OR REPLACE VIEW {schema}.{stream}_state AS SELECT * FROM {schema}.{stream}_${version};

--end
