-- Merges what load.sql read into the current tables. One transaction: either all of it is merged and loaded says so, or
-- nothing is. What is merged already is passed over, so that files may be loaded again, one night at a time or all at once.
--   psql -f merge.sql
-- A file that is missing between two others is an error, and nothing is merged. Two merges at a time go one after the other.

\set ON_ERROR_STOP on
BEGIN;
LOCK TABLE {schema}.loaded IN EXCLUSIVE MODE;

-- Each file begins where the last ended, or with what is merged already.
DO $check$
DECLARE missing text;
BEGIN
    SELECT min(path) INTO missing
    FROM (
        SELECT file.stream, path, first_seq, max(file.last_seq) OVER (
            PARTITION BY file.stream ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM {schema}.change_file AS file
    ) AS file
    LEFT JOIN {schema}.loaded USING (stream)
    WHERE first_seq > greatest(before, last_seq, 0) + 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'a change file is missing before %', missing;
    END IF;
END
$check$;

--each stream
-- {stream}: the newest change of each id, of those that are not merged yet.
CREATE TEMP TABLE newest ON COMMIT DROP AS
SELECT DISTINCT ON (_id) *
FROM {schema}.changes_{stream}
WHERE _seq > coalesce((SELECT last_seq FROM {schema}.loaded WHERE stream = '{stream}'), 0)
ORDER BY _id, _seq DESC;

DELETE FROM {schema}.{stream} WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT INTO {schema}.{stream} (
    {columns}
)
SELECT
    {columns}
FROM newest WHERE _op <> 'delete'
ON CONFLICT (_id) DO UPDATE SET
    {excluded};

DROP TABLE newest;

--end
INSERT INTO {schema}.loaded AS loaded
SELECT stream, max(last_seq), now() FROM {schema}.change_file GROUP BY stream
ON CONFLICT (stream) DO UPDATE SET last_seq = excluded.last_seq, loaded_at = excluded.loaded_at
WHERE excluded.last_seq > loaded.last_seq;

COMMIT;
