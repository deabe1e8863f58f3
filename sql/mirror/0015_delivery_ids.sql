-- Which delivery of changes: random, drawn before its ranges are pinned, and written by the destination beside the data. A
-- place that names another one was fed by a copy of this mirror, whose seqs are not its own. Null: an earlier version's.
ALTER TABLE pin ADD COLUMN delivery_id TEXT;
ALTER TABLE delivery ADD COLUMN delivery_id TEXT;
