-- Records of stream ?1 that the destination holds and the mirror does not, or has deleted by seq ?2. One that has changed
-- since is told by a later seq, and is another delivery's. Where ?3 is 1, the mirror has forgotten deletions since ?2: then an
-- id that it does not know is one of those.
SELECT count(*), min(id) FROM held AS h
WHERE stream = ?1 AND live = 1
    AND NOT EXISTS (SELECT 1 FROM mirror.record AS r WHERE r.stream = h.stream AND r.id = h.id
                        AND (r.deleted = 0 OR r.seq > ?2))
    AND (?3 = 0 OR EXISTS (SELECT 1 FROM mirror.record AS r WHERE r.stream = h.stream AND r.id = h.id));
