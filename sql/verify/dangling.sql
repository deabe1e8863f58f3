-- Records of ?1 that refer to a record of ?2 that is not there: how many, and one of them.
SELECT count(*), min(id) FROM held AS child
WHERE stream = ?1 AND live = 1 AND parent IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM held WHERE stream = ?2 AND id = child.parent AND live = 1);
