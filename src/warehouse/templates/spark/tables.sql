-- Tables for the change files of qpien-sync, in Spark's own catalog as plain Parquet. Run it once; what is there stays.
--   spark-sql -f tables.sql
--
-- Plain Parquet has no transaction and no MERGE. So a merge writes a new table, STREAM_VERSION, and then points the view
-- STREAM_state to it, which is one step of the catalog: whoever reads sees the old state or the new one, and a merge that is
-- cut short anywhere has changed nothing. STREAM_state keeps deletions as rows (_op = 'delete'), so that it is the same in
-- whatever order and however often files are merged; the view STREAM shows the current records: the documented fields in
-- documented order, nested values as JSON text, what fits no column in _extra. The view loaded tells how far each is: every
-- change up to last_seq is in the stream's table. STREAM_state keeps that, too, and the mirror, as a deletion of the empty id.
-- One account and one mirror a schema: files of another mirror are refused, because its seqs mean nothing here. For many
-- accounts, or more than a night can rewrite, see jobs/spark/merge.py.

CREATE DATABASE IF NOT EXISTS {schema};

--each stream
CREATE TABLE IF NOT EXISTS {schema}.{stream}_empty (
    {change_typed}
) USING parquet;

CREATE VIEW IF NOT EXISTS {schema}.{stream}_state AS SELECT * FROM {schema}.{stream}_empty;

CREATE OR REPLACE VIEW {schema}.{stream} AS
SELECT
    {columns}
FROM {schema}.{stream}_state WHERE _op <> 'delete';

--end
CREATE OR REPLACE VIEW {schema}.loaded AS
SELECT CAST(NULL AS STRING) AS stream, CAST(NULL AS BIGINT) AS last_seq WHERE false
--each stream
UNION ALL SELECT '{stream}', max(_seq) FROM {schema}.{stream}_state
--end
;
