-- Tables for the change files of qpien-sync, in PostgreSQL. Run it once, and again after an update: what is there stays.
--   psql -f tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. changes_STREAM is what load.sql reads from the files, loaded how far merge.sql has come.
-- One account a schema: write these files with another --schema for the next one.

\set ON_ERROR_STOP on

CREATE SCHEMA IF NOT EXISTS {schema};

-- The mirror that the files come from: seqs of another one mean nothing here.
CREATE TABLE IF NOT EXISTS {schema}.mirror (id text NOT NULL);

CREATE TABLE IF NOT EXISTS {schema}.loaded (
    stream text PRIMARY KEY,
    last_seq bigint NOT NULL,       -- every change up to this one is in the stream's table
    loaded_at timestamptz NOT NULL
);

-- The files that load.sql has read.
CREATE TABLE IF NOT EXISTS {schema}.change_file (
    stream text NOT NULL,
    path text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
);

--each stream
CREATE TABLE IF NOT EXISTS {schema}.{stream} (
    {typed},
    PRIMARY KEY (_id)
);

CREATE TABLE IF NOT EXISTS {schema}.changes_{stream} (
    {change_typed}
);

--end
