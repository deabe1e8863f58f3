-- Deletions that were refused and that nothing has settled yet, a stream a row. Until then the mirror holds records of the
-- stream that are probably gone, and no destination is given it.
CREATE TABLE refusal (
    stream  INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,               -- the run that refused last
    records INTEGER NOT NULL,               -- how many it would have deleted
    live    INTEGER NOT NULL,               -- of how many
    emptied INTEGER NOT NULL CHECK (emptied IN (0, 1))  -- 1: the list came out empty, so no record is under suspicion
);

-- The latest run of each lane that found out which records of a stream are gone. A run that was cut off before has read
-- lists, and nobody has looked at what they did not show.
CREATE TABLE judgement (
    lane   TEXT    NOT NULL,
    stream INTEGER NOT NULL,
    run    INTEGER NOT NULL,
    PRIMARY KEY (lane, stream)
) WITHOUT ROWID;
