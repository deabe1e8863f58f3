-- What belongs to a record that is long gone is forgotten (src/mirror/forgotten.rs): a checkpoint goes with the conversation
-- whose messages it walked, and with nothing else.
DROP TRIGGER checkpoint_never_deleted;
CREATE TRIGGER checkpoint_goes_with_its_record BEFORE DELETE ON checkpoint
WHEN NOT EXISTS (SELECT 1 FROM record WHERE stream = 3 AND id = OLD.partition AND deleted = 1)
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint goes only with the record whose list it walked');
END;
