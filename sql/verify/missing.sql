-- Records of stream ?1 that the mirror holds as of seq ?2 and the destination does not, or as they were before.
SELECT count(*), min(id) FROM mirror.record AS r
WHERE stream = ?1 AND deleted = 0 AND seq <= ?2
    AND NOT EXISTS (SELECT 1 FROM held AS h WHERE h.stream = r.stream AND h.id = r.id AND h.live = 1
                        AND coalesce(h.seq, r.seq) = r.seq);
