-- What the readings of each stream rest on, setting by setting. A reading that was begun under other settings than today's
-- is read anew, and the run names the setting.
CREATE TABLE setting (
    stream       INTEGER NOT NULL,
    name         TEXT    NOT NULL,          -- 'fields', 'arguments', ...
    value        INTEGER NOT NULL,          -- a fingerprint; of a duration its milliseconds
    run          INTEGER NOT NULL,          -- the run that asked with this value last
    changed_in   INTEGER,                   -- the run in which it changed last; null: never
    changed_from INTEGER,                   -- the run that asked with the value before last
    PRIMARY KEY (stream, name)
) WITHOUT ROWID;
INSERT INTO setting
SELECT stream, 'fields', fingerprint, (SELECT coalesce(max(id), 0) FROM run), changed_in, NULL FROM selection;
DROP TABLE selection;

-- From which run on what was read of a stream counts. No row: all of it.
CREATE TABLE counts_since (
    stream INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL,                -- the last in which a setting changed that decides what is read
    shown  INTEGER                          -- the last in which one changed that decides which records are shown
);

-- A round is one job's: another job on the same mirror neither goes on with it nor ends it.
CREATE TABLE round_of_job (
    lane      TEXT    NOT NULL CHECK (lane IN ('backfill', 'incremental')),
    job       TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    since_run INTEGER NOT NULL,             -- records last seen by an earlier run were not seen in this round
    open      INTEGER NOT NULL CHECK (open IN (0, 1)),
    PRIMARY KEY (lane, job)
) WITHOUT ROWID;
INSERT INTO round_of_job
SELECT lane, coalesce((SELECT job FROM run WHERE id = since_run), ''), number, since_run, open FROM round;
DROP TABLE round;
ALTER TABLE round_of_job RENAME TO round;
