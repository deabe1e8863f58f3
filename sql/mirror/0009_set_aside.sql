-- What could not be read although everything around it could: a record of which one field always fails, a list that always
-- fails. It is named, what the mirror holds of it stays as it was, and each run tries it again. The rows of a list belong to
-- its present pass.
CREATE TABLE set_aside (
    lane      TEXT    NOT NULL,
    stream    INTEGER NOT NULL,
    partition TEXT    NOT NULL,             -- as in checkpoint
    id        TEXT    NOT NULL,             -- of the record; of a whole list: of the record that the list belongs to
    kind      TEXT    NOT NULL CHECK (kind IN ('record', 'row', 'list')),   -- 'row': nobody knows its id, `id` is its place
    why       TEXT    NOT NULL,
    PRIMARY KEY (lane, stream, partition, kind, id)
) WITHOUT ROWID;

-- What is missing from a pass that closed incomplete for no other reason: 0: there are other reasons, or it is complete;
-- 1: records whose ids are known; 2: a row without an id, or the whole list. The pass has seen every record but these.
ALTER TABLE checkpoint ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0 CHECK (set_aside IN (0, 1, 2));
