-- What is left of records that were gone (src/mirror/tombstones.rs).

-- Up to which seq tombstones of a stream were forgotten: a place of changes that has less would not be told of those deletions.
CREATE TABLE forgotten (
    stream INTEGER PRIMARY KEY,
    up_to  INTEGER NOT NULL
);

-- Records that were gone and came back: the seq of the tombstone, and the one under which the record came back. A place that has
-- less than `died` holds the record, one that lies between the two does not.
CREATE TABLE revived (
    stream  INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    died    INTEGER NOT NULL,
    revived INTEGER NOT NULL,
    PRIMARY KEY (stream, id, died)
) WITHOUT ROWID;
