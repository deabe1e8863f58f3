-- Lists that nobody has read to their end (src/mirror/orphans.rs).

-- Records that went before the list that belongs to them was read to its end, by that list's stream. What stood there may have
-- moved to another list, which may have been read before. They stay until every list was read whole after run `run`.
-- For a few commits this table was made by migration 20, so a mirror of version 20 may have it.
CREATE TABLE IF NOT EXISTS unread (
    stream INTEGER NOT NULL,
    id     TEXT    NOT NULL,
    run    INTEGER NOT NULL,
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
