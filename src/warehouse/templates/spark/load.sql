-- Names the change files as views of this session; merge.sql reads them:
--   spark-sql --hivevar files={feed} --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- All files of the feed are read. Those that were merged before may be moved away or left: the outcome is the same. A stream
-- that has no file yet has no folder either, which is an error: write these files without it (--stream).

--each stream
CREATE OR REPLACE TEMPORARY VIEW changes_{stream} (
    {change_typed}
) USING parquet OPTIONS (path '${files}/{stream}', pathGlobFilter 'changes-*.parquet');

--end
