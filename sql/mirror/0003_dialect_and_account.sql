-- How an endpoint was found to spell its API, part by part ('token', or a stream's name), so that the next night asks
-- nothing again. `settled` is TOML in the form of a job file's [source.dialect].
CREATE TABLE dialect (
    endpoint   TEXT NOT NULL,
    part       TEXT NOT NULL,
    settled    TEXT NOT NULL,
    settled_at TEXT NOT NULL,               -- RFC 3339, UTC
    PRIMARY KEY (endpoint, part)
) WITHOUT ROWID;

-- Whose records these are: the API's host and a hash of the client id, of the run that read first. Two accounts in one
-- mirror would be one account in every file.
CREATE TABLE account (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    host   TEXT NOT NULL,
    client TEXT NOT NULL
);
