-- When the last complete reading of a stream's one list began, in either lane: what changed before it is known, so that
-- the next one may ask for what changed since, where the API takes a moment.
CREATE TABLE reading (
    stream INTEGER PRIMARY KEY,
    query  INTEGER NOT NULL,                -- fingerprint of how the list was asked for
    began  INTEGER NOT NULL,                -- of the last complete one, in milliseconds since 1970
    whole  INTEGER NOT NULL                 -- of the last complete one that showed the whole list
);
