-- With which masks a place that is given changes was filled, a stream a row: a name of them and of the key, which tells
-- neither; '': none. Rows of two kinds of masks in one place could not be told apart.
CREATE TABLE masked_place (
    destination TEXT    NOT NULL,
    stream      INTEGER NOT NULL,
    masks       TEXT    NOT NULL,
    PRIMARY KEY (destination, stream)
) WITHOUT ROWID;
