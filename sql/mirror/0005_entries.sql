-- What is known of each conversation's messages, so that a night need not ask for those of a conversation whose entry
-- in the list is unchanged. One row a partition for both lanes, of the last pass that was begun in either: a look-up
-- in one narrow tree, and a pass that was begun and not ended, wherever, is never taken for a reading.
CREATE TABLE entry (
    stream    INTEGER NOT NULL,             -- the stream that is partitioned
    partition TEXT    NOT NULL,
    entry_seq INTEGER NOT NULL,             -- the parent record's seq when the pass was begun
    selection INTEGER NOT NULL,             -- fingerprint of the fields that were asked for
    lane      TEXT    NOT NULL,             -- whose pass it was,
    run       INTEGER NOT NULL,             -- and the run in which it was begun
    began     INTEGER NOT NULL,             -- when, in milliseconds since 1970
    newest    INTEGER,                      -- the newest moment among its records; null: there are none
    whole     INTEGER NOT NULL DEFAULT 0 CHECK (whole IN (0, 1)),   -- the pass has closed complete
    read_at   TEXT,                         -- when it did, RFC 3339, UTC
    skipped   INTEGER,                      -- the run whose round found it unchanged and did not ask
    PRIMARY KEY (stream, partition)
) WITHOUT ROWID;

-- A pass may end at rows that are known if they were read whole in a pass that was begun then (milliseconds); null: it
-- reads to the end.
ALTER TABLE checkpoint ADD COLUMN known_since INTEGER;
-- The newest moment among the rows of the pass, in milliseconds since 1970.
ALTER TABLE checkpoint ADD COLUMN newest INTEGER;
-- Null: no audit. Otherwise how many records an audit found that should have been found before.
ALTER TABLE checkpoint ADD COLUMN audited INTEGER;

-- 1: the pass ended at such rows, before the end of the list; it says nothing of records that it did not show.
ALTER TABLE checkpoint ADD COLUMN at_known INTEGER NOT NULL DEFAULT 0 CHECK (at_known IN (0, 1));
-- Which lists hold suspects: these are read to the end.
CREATE INDEX record_suspected_lists ON record (stream, parent) WHERE suspect_run IS NOT NULL;

-- Which fields each stream was asked for, and the run in which that changed last (null: never).
CREATE TABLE selection (
    stream      INTEGER PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    changed_in  INTEGER
);
