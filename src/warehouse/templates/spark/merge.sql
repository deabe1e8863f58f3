-- Merges what load.sql names into a new version of each table, and points to it:
--   spark-sql --hivevar files={feed} --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- `version` is a new one each time (digits). What is promised: each stream is switched as a whole, in one step; streams are
-- switched one after the other. Cut short anywhere, run it again with a new version. Run one at a time. Older versions are
-- tables of their own: drop them when nobody reads them any more (SHOW TABLES IN {schema}), but never the one that
-- SHOW CREATE TABLE {schema}.STREAM_state names.
-- A file that is missing between two others is an error, before anything is merged.

-- Each file begins where the last ended, or with what is merged already.
SELECT raise_error(concat(stream, ': a change file is missing before ', path)) AS missing
FROM (
    SELECT stream, path, first_seq, max(last_seq) OVER (
        PARTITION BY stream ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM change_file
)
LEFT JOIN merged USING (stream)
WHERE first_seq > greatest(before, merged.last_seq, 0) + 1;

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
        WHERE _file IN (SELECT path FROM change_file WHERE stream = '{stream}')
        UNION ALL
        -- How far the files go, and of which mirror: as the deletion of the empty id, which no record has.
        SELECT till.*
        FROM (
            SELECT from_json(
                to_json(named_struct('_id', '', '_extra', max(mirror), '_seq', max(last_seq), '_op', 'delete')),
                '{change_typed}') AS till
            FROM change_file WHERE stream = '{stream}' HAVING max(last_seq) IS NOT NULL
        )
        UNION ALL
        SELECT
            {change_columns}
        FROM {schema}.{stream}_state
    )
)
WHERE age = 1;

CREATE OR REPLACE VIEW {schema}.{stream}_state AS SELECT * FROM {schema}.{stream}_${version};

--end
