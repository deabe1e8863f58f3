-- Names the change files as views of this session; merge.sql reads them:
--   spark-sql --hivevar files={feed} --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- Only files that manifest.json names are read. One that is not there or has other rows than it says is an error, and so are
-- the files of another mirror; those that were merged before may be moved away or left: the outcome is the same. A stream that
-- has no file yet has no folder either, which is an error: write these files without it (--stream).

-- Moments before 1900 are what they are: the files are of no Spark that counted them otherwise.
SET spark.sql.parquet.datetimeRebaseModeInRead=CORRECTED;
SET spark.sql.parquet.datetimeRebaseModeInWrite=CORRECTED;
SET spark.sql.parquet.int96RebaseModeInRead=CORRECTED;
SET spark.sql.parquet.int96RebaseModeInWrite=CORRECTED;

CREATE OR REPLACE TEMPORARY VIEW manifest USING text OPTIONS (path '${files}/manifest.json', wholetext 'true');

CREATE OR REPLACE TEMPORARY VIEW change_file AS
SELECT text.mirror, stream, file.path, file.rows,
       CAST(regexp_extract(file.path, 'changes-([0-9]+)-([0-9]+)', 1) AS BIGINT) AS first_seq,
       CAST(regexp_extract(file.path, 'changes-([0-9]+)-([0-9]+)', 2) AS BIGINT) AS last_seq
FROM (
    SELECT from_json(
        value, 'mirror STRING, streams MAP<STRING, STRUCT<files: ARRAY<STRUCT<path: STRING, rows: BIGINT>>>>') AS text
    FROM manifest
)
LATERAL VIEW explode(text.streams) AS stream, entry
LATERAL VIEW explode(entry.files) AS file
WHERE stream IN (''
--each stream
    , '{stream}'
--end
);

--each stream
CREATE OR REPLACE TEMPORARY VIEW feed_{stream} (
    {change_typed}
) USING parquet OPTIONS (path '${files}/{stream}', pathGlobFilter 'changes-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW changes_{stream} AS
SELECT *, concat('{stream}/', regexp_extract(input_file_name(), '[^/]+$', 0)) AS _file FROM feed_{stream};

--end
-- How far each stream is, and of which mirror.
CREATE OR REPLACE TEMPORARY VIEW merged AS
SELECT CAST(NULL AS STRING) AS stream, CAST(NULL AS STRING) AS mirror, CAST(NULL AS BIGINT) AS last_seq WHERE false
--each stream
UNION ALL SELECT '{stream}', _extra, _seq FROM {schema}.{stream}_state WHERE _id = ''
--end
;

SELECT raise_error('these tables are of another mirror than the feed: take another schema, or begin anew') AS other
FROM change_file JOIN merged ON merged.stream = change_file.stream AND merged.mirror <> change_file.mirror;

SELECT raise_error(concat(path, ' has ', coalesce(found, 0), ' rows, not the ', rows, ' that manifest.json names')) AS wrong
FROM (
    SELECT '' AS _file, 0 AS found WHERE false
--each stream
    UNION ALL SELECT _file, count(*) FROM changes_{stream} GROUP BY _file
--end
)
RIGHT JOIN change_file ON _file = path
LEFT JOIN merged USING (stream)
WHERE rows <> coalesce(found, 0) AND change_file.last_seq > coalesce(merged.last_seq, 0);
