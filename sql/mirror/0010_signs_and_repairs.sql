-- After an audit has found messages that the mirror lacked, lists that were skipped on the same sign (an unchanged entry)
-- are read again: the run whose audit asks for that; null: nothing is asked. A list whose reading is begun owes no more.
ALTER TABLE entry ADD COLUMN repair INTEGER;

-- Of what an audit found (`audited`): how many records the mirror lacked although they were there when the round began.
ALTER TABLE checkpoint ADD COLUMN lacked INTEGER NOT NULL DEFAULT 0;

-- Whether the entry of the record that the list belongs to told anything of it when the pass was begun: where it does not,
-- and the list holds records, each night asks for it.
ALTER TABLE entry ADD COLUMN sign INTEGER NOT NULL DEFAULT 1;
-- The moment that the entry told, in milliseconds since 1970, and whether the list then showed a newer record: each night
-- asks for such a list, too.
ALTER TABLE entry ADD COLUMN told INTEGER;
ALTER TABLE entry ADD COLUMN lags INTEGER NOT NULL DEFAULT 0;
