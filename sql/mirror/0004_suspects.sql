-- Records that a complete reading did not show. They may be gone, or only have moved while their list was read: they are
-- under suspicion until that is settled. Seen again clears it.
ALTER TABLE record ADD COLUMN suspect_run INTEGER;      -- the run that began the suspicion; null: none
ALTER TABLE record ADD COLUMN suspect_since TEXT;       -- RFC 3339, UTC

-- The few among many, without reading the whole ledger: suspects, oldest suspicion first; tombstones, in the order of their
-- deletion.
CREATE INDEX record_suspects ON record (stream, suspect_run, id) WHERE suspect_run IS NOT NULL;
CREATE INDEX record_tombstones ON record (stream, seq) WHERE deleted = 1;

-- The messages of a conversation: they go with it.
CREATE INDEX record_parents ON record (stream, parent) WHERE parent IS NOT NULL;
