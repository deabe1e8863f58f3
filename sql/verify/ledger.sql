-- What a destination holds, read back: one row an id. A scratch file, in no order of a destination's.
CREATE TABLE held (
    stream INTEGER NOT NULL,                -- the stream's number
    id     TEXT    NOT NULL,
    seq    INTEGER,                         -- of its last change; null in a snapshot
    live   INTEGER NOT NULL,                -- 0: its last change is a deletion
    print  INTEGER,                         -- of its cells, where the destination can be asked for them
    parent TEXT,                            -- what it refers to: a message's conversation, a conversation's contact
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
