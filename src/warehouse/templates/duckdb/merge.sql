-- Merges what load.sql read into the current tables. One transaction: either all of it is merged and loaded says so, or
-- nothing is. What is merged already is passed over, so that files may be loaded again, one night at a time or all at once.
--   duckdb warehouse.duckdb < merge.sql
-- A file that is missing between two others is an error, and nothing is merged.

BEGIN TRANSACTION;

--each stream
-- {stream}: each file begins where the last ended, or with what is merged already.
SELECT error('{stream}: a change file is missing before ' || _file) AS missing
FROM (
    SELECT _file, first_seq, max(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT DISTINCT _file, regexp_extract(_file, 'changes-(\d+)-(\d+)', 1)::BIGINT AS first_seq,
                        regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT AS last_seq
        FROM {schema}.changes_{stream}
    )
)
WHERE first_seq > greatest(coalesce(before, 0),
                           coalesce((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0)) + 1;

-- The newest change of each id, of those that are not merged yet.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * EXCLUDE (_file)
FROM {schema}.changes_{stream}
WHERE _seq > coalesce((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0)
QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1;

DELETE FROM {schema}.{stream} WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT OR REPLACE INTO {schema}.{stream} BY NAME SELECT * EXCLUDE (_op) FROM newest WHERE _op <> 'delete';

INSERT OR REPLACE INTO {schema}.loaded
SELECT '{stream}', max(regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT) AS last, now()
FROM {schema}.changes_{stream}
HAVING last > coalesce((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0);

--end
COMMIT;
