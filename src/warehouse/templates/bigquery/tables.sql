-- Tables for the change files of qpien-sync, in BigQuery. Run it once, and again after an update: what is there stays.
--   bq query --use_legacy_sql=false < tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. loaded tells how far merge.sql has come.
-- One account and one mirror a dataset (seqs of another mirror mean nothing here): write these files with another --schema
-- for the next one.

CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE IF NOT EXISTS {schema}.loaded (
    stream STRING NOT NULL,
    last_seq INT64 NOT NULL,        -- every change up to this one is in the stream's table
    loaded_at TIMESTAMP NOT NULL
);

--each stream
CREATE TABLE IF NOT EXISTS {schema}.{stream} (
    {typed}
)
CLUSTER BY _id;

--end
