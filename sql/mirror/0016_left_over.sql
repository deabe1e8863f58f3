-- The run in which the last complete reading of the whole list began: what it did not show since a setting changed that
-- decides which records are shown is left over.
ALTER TABLE reading ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
