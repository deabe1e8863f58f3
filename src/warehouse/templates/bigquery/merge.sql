-- Merges what load.sql read into the current tables. One transaction: either all of it is merged and loaded says so, or
-- nothing is. What is merged already is passed over, so that files may be loaded again, one night at a time or all at once.
--   bq query --use_legacy_sql=false < merge.sql
-- A file that is missing between two others is an error, and nothing is merged. Of two merges at a time BigQuery refuses one.

BEGIN TRANSACTION;

--each stream
-- {stream}: each file begins where the last ended, or with what is merged already.
SELECT ERROR(CONCAT('{stream}: a change file is missing before ', file_name)) AS missing
FROM (
    SELECT file_name, first_seq,
           MAX(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_seq
    FROM (SELECT DISTINCT file_name, first_seq, last_seq FROM {schema}.changes_{stream}) AS files
) AS files
WHERE first_seq > GREATEST(COALESCE(before_seq, 0),
                            COALESCE((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0)) + 1;

-- The newest change of each id, of those that are not merged yet.
MERGE INTO {schema}.{stream} AS t
USING (
    SELECT *
    FROM {schema}.changes_{stream}
    WHERE _seq > COALESCE((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1
) AS s
ON t._id = s._id
WHEN MATCHED AND s._op = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    {updates}
WHEN NOT MATCHED AND s._op <> 'delete' THEN INSERT (
    {columns}
) VALUES (
    {values}
);

MERGE INTO {schema}.loaded AS t
USING (
    SELECT '{stream}' AS stream, MAX(last_seq) AS last_seq FROM {schema}.changes_{stream} HAVING MAX(last_seq) IS NOT NULL
) AS s
ON t.stream = s.stream
WHEN MATCHED AND s.last_seq > t.last_seq THEN UPDATE SET last_seq = s.last_seq, loaded_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (stream, last_seq, loaded_at) VALUES (s.stream, s.last_seq, CURRENT_TIMESTAMP());

--end
COMMIT TRANSACTION;
