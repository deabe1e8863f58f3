-- Sums of what the mirror holds, so that a byte which something else has changed (a disk, another program) is noticed before
-- it is delivered or concluded from. Each is taken in the transaction that writes what it is of (src/mirror/sums.rs).

-- xxh3-64 of all the other values of the row.
ALTER TABLE record ADD COLUMN sum INTEGER;
-- How many rows of the ledger a stream has, and the sum of their sums, modulo 2^64.
CREATE TABLE ledger_sum (
    stream  INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    sum     INTEGER NOT NULL
);

-- xxh3-64 of a body: its stream, seq, id, payload and first_seq. Beside the bodies and in their order: a mirror of an older
-- version gets its sums without having its payloads written again, and an export reads both from front to back.
CREATE TABLE payload_sum (
    seq INTEGER PRIMARY KEY,
    sum INTEGER NOT NULL
);
-- The same of each 1024 seqs: how many bodies a stream has in them, and the sum of their sums. A range of changes is whole when
-- its blocks are.
CREATE TABLE payload_block (
    stream  INTEGER NOT NULL,
    block   INTEGER NOT NULL,               -- seq / 1024
    records INTEGER NOT NULL,
    sum     INTEGER NOT NULL,
    PRIMARY KEY (stream, block)
) WITHOUT ROWID;

-- Of every other table of the mirror (checkpoints, entries, the log of deliveries, ...): its rows, and the sum of theirs.
CREATE TABLE table_sum (
    name TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    sum  INTEGER NOT NULL
) WITHOUT ROWID;

-- Records whose body was found to be another than the one that was written. It is deleted, and the stream is delivered to
-- nobody until the next reading has written the record again, or the record is gone.
CREATE TABLE damaged (
    stream INTEGER NOT NULL,
    id     TEXT    NOT NULL,
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
