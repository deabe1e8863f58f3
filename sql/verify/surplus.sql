-- Records of stream ?1 that the destination holds and the mirror does not, or has deleted by seq ?2. One that has changed
-- since is told by a later seq, and is another delivery's.
SELECT count(*), min(id) FROM held AS h
WHERE stream = ?1 AND live = 1
    AND NOT EXISTS (SELECT 1 FROM mirror.record AS r WHERE r.stream = h.stream AND r.id = h.id
                        AND (r.deleted = 0 OR r.seq > ?2));
