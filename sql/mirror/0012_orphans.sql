-- Messages whose conversation is gone are orphans: suspects (`record.suspect_run`) that may have moved to another
-- conversation, into which theirs was merged. The other conversations' messages are read whole before they go.

-- The run whose search for orphans the list's pass belongs to; null: it was begun for another reason.
ALTER TABLE entry ADD COLUMN search INTEGER;
-- The list was read whole since that run left orphans, and showed none of those; null: never.
ALTER TABLE entry ADD COLUMN searched INTEGER;
-- The run in which a conversation of the same contact was found gone: this list is searched first. Null: never.
ALTER TABLE entry ADD COLUMN related INTEGER;
