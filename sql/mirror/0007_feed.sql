-- The change feed: what changed since a destination was given its last range of seqs.

-- The seq that a record was inserted with, where its present one came by a change; null: they are the same.
ALTER TABLE body_contacts                  ADD COLUMN first_seq INTEGER;
ALTER TABLE body_customer_persons          ADD COLUMN first_seq INTEGER;
ALTER TABLE body_conversations             ADD COLUMN first_seq INTEGER;
ALTER TABLE body_messages                  ADD COLUMN first_seq INTEGER;
ALTER TABLE body_channels                  ADD COLUMN first_seq INTEGER;
ALTER TABLE body_whatsapp_business_templates ADD COLUMN first_seq INTEGER;

-- When seqs were given, and in which run: those from `seq` on, up to the next row. One row a run, and one a minute.
CREATE TABLE stamp (
    seq INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    at  INTEGER NOT NULL                    -- milliseconds since 1970
);

-- Which mirror this is: seqs of another one mean nothing to a destination that this one feeds.
CREATE TABLE identity (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    id    TEXT NOT NULL,
    masks TEXT NOT NULL DEFAULT ''          -- a name of the masks that records were landed with; '': none
);
INSERT INTO identity (only, id) VALUES (1, lower(hex(randomblob(16))));

-- Ranges that are being delivered. What lies in a range is a function of the range only as long as nothing lands: a
-- record that changes leaves it. So a range is pinned before it is written, and finished, after a crash too, before the
-- next page commits.
CREATE TABLE pin (
    destination TEXT    NOT NULL,
    stream      INTEGER NOT NULL,
    job         TEXT    NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    PRIMARY KEY (destination, stream)
) WITHOUT ROWID;
CREATE TRIGGER nothing_lands_while_a_range_is_pinned BEFORE UPDATE ON checkpoint
WHEN EXISTS (SELECT 1 FROM pin)
BEGIN
    SELECT RAISE(ABORT, 'a pinned range is not finished');
END;

-- Streams whose payloads were dropped, up to which seq, because every destination had them: the ledger keeps id and hash.
CREATE TABLE dropped (
    stream INTEGER PRIMARY KEY,
    up_to  INTEGER NOT NULL
);
