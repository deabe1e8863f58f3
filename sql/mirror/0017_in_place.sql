-- Records that were written in place: what their seq was delivered with is not what they are now. 1: they differ in the
-- signatures of addresses alone. 2: in values that the job declared volatile, too.
ALTER TABLE record ADD COLUMN in_place INTEGER CHECK (in_place IN (1, 2));
CREATE INDEX record_in_place ON record (stream, id) WHERE in_place IS NOT NULL;

-- What of a stream's values stayed out of the hashes in its last run.
CREATE TABLE declared (
    stream INTEGER PRIMARY KEY,
    signed INTEGER NOT NULL,                -- 1: signed addresses are compared without their query part
    paths  TEXT    NOT NULL                 -- JSON: the values that the job declares, each a list of names
);
