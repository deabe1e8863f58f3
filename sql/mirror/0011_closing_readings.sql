-- What a walk that is not closed yet has to remember of itself, for its closing readings. Both tables hold nothing of a
-- walk that is closed, nor of a list that fits one page.

-- The questions that the walk and its closing readings have asked: a server that keeps answers would confirm itself.
CREATE TABLE asked (
    lane      TEXT    NOT NULL,
    stream    INTEGER NOT NULL,
    partition TEXT    NOT NULL,             -- as in checkpoint
    size      INTEGER NOT NULL,             -- rows a page
    first_row INTEGER NOT NULL,             -- from 0
    PRIMARY KEY (lane, stream, partition, size, first_row)
) WITHOUT ROWID;

-- The ids that the closing reading under way has shown, as fingerprints.
CREATE TABLE shown (
    lane      TEXT    NOT NULL,
    stream    INTEGER NOT NULL,
    partition TEXT    NOT NULL,
    id_hash   INTEGER NOT NULL,
    PRIMARY KEY (lane, stream, partition, id_hash)
) WITHOUT ROWID;

-- Of a closed walk: how many records its closing readings found that it had passed over, and how many, about, may be
-- missing still although they were there all along.
ALTER TABLE checkpoint ADD COLUMN found_again INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checkpoint ADD COLUMN may_miss REAL NOT NULL DEFAULT 0;
-- 1: the version that closed the walk knew closing readings. Lists that an older one closed in a round that is still open get
-- theirs.
ALTER TABLE checkpoint ADD COLUMN made_sure INTEGER NOT NULL DEFAULT 0;
