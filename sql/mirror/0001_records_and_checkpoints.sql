-- The mirror: the current state of every record, and how far each walk has come.
-- Migrations are append-only: this file is never edited once released; `PRAGMA user_version` counts them.

-- How many numbers of the change sequence are used. One row; advanced in the transaction that uses them.
CREATE TABLE sequence (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    last     INTEGER NOT NULL
);
INSERT INTO sequence VALUES (1, 0);

-- One row per execution of a job.
CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    job         TEXT NOT NULL,
    lane        TEXT NOT NULL CHECK (lane IN ('backfill', 'incremental')),
    started_at  TEXT NOT NULL,              -- RFC 3339, UTC
    finished_at TEXT,                       -- null: still running, or killed
    exit_code   INTEGER,
    report      TEXT                        -- JSON: what the summary said
);

-- A round is one reading of everything a job asks for, over as many runs as it takes.
CREATE TABLE round (
    lane      TEXT PRIMARY KEY CHECK (lane IN ('backfill', 'incremental')),
    number    INTEGER NOT NULL,
    since_run INTEGER NOT NULL,             -- records last seen by an earlier run were not seen in this round
    open      INTEGER NOT NULL CHECK (open IN (0, 1))
) WITHOUT ROWID;

-- The ledger: what is known of each record, without its payload. Narrow, because every row of every page is
-- looked up here: at ten million records a look-up touches a tree of a few hundred megabytes, not of gigabytes.
CREATE TABLE record (
    stream    INTEGER NOT NULL,             -- the stream's number
    id        TEXT    NOT NULL,
    parent    TEXT,                         -- messages: the conversation asked for
    hash      BLOB    NOT NULL,             -- xxh3-128 of the payload
    seq       INTEGER NOT NULL,             -- of the last insert, change or deletion
    first_run INTEGER NOT NULL,             -- the run that saw it first
    last_run  INTEGER NOT NULL,             -- the run that saw it last
    deleted   INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),   -- a tombstone
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;

-- The payloads, one table a stream, in the order of their last change: appending is cheap, what changed after a
-- seq is a range, and an ordered export is one sequential read with a sort beside it. (Clustered by id instead,
-- every insert of a random id touches a page of its own; read in id order through an index, an export is some
-- fifty times slower than in storage order. `make bench` measures this layout.)
CREATE TABLE body_contacts         (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, payload TEXT NOT NULL);
CREATE TABLE body_customer_persons (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, payload TEXT NOT NULL);
CREATE TABLE body_conversations    (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, payload TEXT NOT NULL);
CREATE TABLE body_messages         (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, payload TEXT NOT NULL);

-- How far each walk has come: committed windows, forward only. Where in the list the next window lies, and the
-- anchors it must show, are its payload.
CREATE TABLE checkpoint (
    number     INTEGER PRIMARY KEY,         -- the order in which partitions became known
    lane       TEXT    NOT NULL,
    stream     INTEGER NOT NULL,
    partition  TEXT    NOT NULL,            -- '' where the stream has only one
    pass       INTEGER NOT NULL,            -- counts the walks over this list
    windows    INTEGER NOT NULL DEFAULT 0,  -- committed in this pass
    since_run  INTEGER NOT NULL,            -- the run in which this pass began
    open       INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
    verdict    TEXT,                        -- 'proven', 'continuous', 'incomplete' once closed
    why        TEXT,                        -- for 'incomplete'
    position   TEXT,                        -- JSON: position, size, anchors; null at the start and once closed
    seen       INTEGER NOT NULL DEFAULT 0,  -- rows in all windows
    distinct_records INTEGER NOT NULL DEFAULT 0,
    steps_back INTEGER NOT NULL DEFAULT 0,
    total      INTEGER,                     -- what the server last said
    closed_at  TEXT,                        -- RFC 3339, UTC: as of when the verdict holds
    UNIQUE (lane, stream, partition)
);
CREATE INDEX checkpoint_open ON checkpoint (lane, stream, number) WHERE open = 1;

-- Only forward: one window at a time within a pass, or the start of the next pass.
CREATE TRIGGER checkpoint_only_forward BEFORE UPDATE ON checkpoint
WHEN NOT (
    (NEW.pass = OLD.pass AND NEW.windows = OLD.windows + 1 AND OLD.open = 1)
    OR (NEW.pass = OLD.pass + 1 AND NEW.windows = 0 AND NEW.open = 1)
)
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint moves one window forward or to the next pass');
END;
CREATE TRIGGER checkpoint_never_deleted BEFORE DELETE ON checkpoint
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint is never deleted');
END;

-- A log of what was handed over; the truth of a delivery lies with the destination (a manifest, a transaction).
CREATE TABLE delivery (
    id          INTEGER PRIMARY KEY,
    run         INTEGER,
    destination TEXT    NOT NULL,
    stream      INTEGER NOT NULL,
    content     TEXT    NOT NULL,           -- 'snapshot' or 'changes'
    up_to_seq   INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    at          TEXT    NOT NULL
);
