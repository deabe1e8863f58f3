-- Tables for the change files of qpien-sync, in Snowflake. Run it once, and again after an update: what is there stays.
--   snowsql -o exit_on_error=true -f tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. changes_STREAM is what load.sql reads from the files, loaded how far merge.sql has come.
-- Names are written unquoted and thus folded to upper case: ask for firstName, FIRSTNAME or firstname.
-- One account and one mirror a schema (seqs of another mirror mean nothing here): write these files with another --schema
-- for the next one.

CREATE SCHEMA IF NOT EXISTS {schema};

-- The stage that the files are read from. A private bucket needs its STORAGE_INTEGRATION here (an administrator makes it).
CREATE STAGE IF NOT EXISTS {schema}.feed
    URL = '{feed}/'
    FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE);

CREATE TABLE IF NOT EXISTS {schema}.loaded (
    stream VARCHAR NOT NULL,
    last_seq NUMBER(19, 0) NOT NULL,        -- every change up to this one is in the stream's table
    loaded_at TIMESTAMP_LTZ NOT NULL
);

--each stream
CREATE TABLE IF NOT EXISTS {schema}.{stream} (
    {typed}
);

CREATE TABLE IF NOT EXISTS {schema}.changes_{stream} (
    {change_typed},
    _file VARCHAR
);

--end
