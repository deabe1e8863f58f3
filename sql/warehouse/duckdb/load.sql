-- Reads the change files that are not merged yet into changes_STREAM; merge.sql comes next.
--   duckdb warehouse.duckdb < load.sql
-- The files lie in out/feed; another folder or bucket is named first (a bucket needs INSTALL httpfs; LOAD httpfs;
-- and CREATE SECRET):
--   duckdb warehouse.duckdb -c "SET VARIABLE feed = 's3://bucket/feed'" -c ".read load.sql" -c ".read merge.sql"
-- Only files that manifest.json names are read, and one that cannot be read or has other rows than it says is an error. Run it
-- as often as you like: it begins anew each time.

SET VARIABLE feed = coalesce(getvariable('feed'), 'out/feed');

CREATE OR REPLACE TEMP TABLE manifest AS
SELECT json AS text FROM read_json_objects(getvariable('feed') || '/manifest.json', format = 'unstructured');

SELECT error('these tables are of another mirror than the feed: take another schema, or begin anew') AS other
FROM manifest, qpien.mirror WHERE mirror.id <> (manifest.text->>'mirror');
INSERT INTO qpien.mirror
SELECT text->>'mirror' FROM manifest WHERE NOT EXISTS (SELECT id FROM qpien.mirror);

CREATE OR REPLACE TEMP TABLE change_file AS
SELECT stream.key AS stream,
       getvariable('feed') || '/' || (file.value->>'path') AS path,
       regexp_extract(file.value->>'path', 'changes-(\d+)-(\d+)', 2)::BIGINT AS last_seq,
       (file.value->>'rows')::BIGINT AS rows
FROM manifest, json_each(manifest.text->'streams') AS stream, json_each(stream.value->'files') AS file;

BEGIN TRANSACTION;
DELETE FROM qpien.changes_contacts;
-- query() takes its text as a value: read_parquet does not take an empty list, and a stream may have no files.
SET VARIABLE changes = (
    SELECT coalesce(
        'SELECT * RENAME (filename AS _file) FROM read_parquet(['
            || string_agg('''' || replace(path, '''', '''''') || '''', ', ')
            || '], union_by_name = true, filename = true, hive_partitioning = false)',
        'SELECT * FROM qpien.changes_contacts WHERE false')
    FROM change_file
    WHERE stream = 'contacts'
      AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0)
);
INSERT INTO qpien.changes_contacts BY NAME SELECT * FROM query(getvariable('changes'));
SELECT error(path || ' has ' || coalesce(found, 0) || ' rows, not the ' || rows || ' that manifest.json names') AS wrong
FROM change_file
LEFT JOIN (SELECT parse_filename(_file) AS name, count(*) AS found FROM qpien.changes_contacts GROUP BY name)
    ON name = parse_filename(path)
WHERE stream = 'contacts' AND rows <> coalesce(found, 0)
  AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0);
COMMIT;

BEGIN TRANSACTION;
DELETE FROM qpien.changes_customer_persons;
-- query() takes its text as a value: read_parquet does not take an empty list, and a stream may have no files.
SET VARIABLE changes = (
    SELECT coalesce(
        'SELECT * RENAME (filename AS _file) FROM read_parquet(['
            || string_agg('''' || replace(path, '''', '''''') || '''', ', ')
            || '], union_by_name = true, filename = true, hive_partitioning = false)',
        'SELECT * FROM qpien.changes_customer_persons WHERE false')
    FROM change_file
    WHERE stream = 'customer_persons'
      AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0)
);
INSERT INTO qpien.changes_customer_persons BY NAME SELECT * FROM query(getvariable('changes'));
SELECT error(path || ' has ' || coalesce(found, 0) || ' rows, not the ' || rows || ' that manifest.json names') AS wrong
FROM change_file
LEFT JOIN (SELECT parse_filename(_file) AS name, count(*) AS found FROM qpien.changes_customer_persons GROUP BY name)
    ON name = parse_filename(path)
WHERE stream = 'customer_persons' AND rows <> coalesce(found, 0)
  AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0);
COMMIT;

BEGIN TRANSACTION;
DELETE FROM qpien.changes_conversations;
-- query() takes its text as a value: read_parquet does not take an empty list, and a stream may have no files.
SET VARIABLE changes = (
    SELECT coalesce(
        'SELECT * RENAME (filename AS _file) FROM read_parquet(['
            || string_agg('''' || replace(path, '''', '''''') || '''', ', ')
            || '], union_by_name = true, filename = true, hive_partitioning = false)',
        'SELECT * FROM qpien.changes_conversations WHERE false')
    FROM change_file
    WHERE stream = 'conversations'
      AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0)
);
INSERT INTO qpien.changes_conversations BY NAME SELECT * FROM query(getvariable('changes'));
SELECT error(path || ' has ' || coalesce(found, 0) || ' rows, not the ' || rows || ' that manifest.json names') AS wrong
FROM change_file
LEFT JOIN (SELECT parse_filename(_file) AS name, count(*) AS found FROM qpien.changes_conversations GROUP BY name)
    ON name = parse_filename(path)
WHERE stream = 'conversations' AND rows <> coalesce(found, 0)
  AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0);
COMMIT;

BEGIN TRANSACTION;
DELETE FROM qpien.changes_messages;
-- query() takes its text as a value: read_parquet does not take an empty list, and a stream may have no files.
SET VARIABLE changes = (
    SELECT coalesce(
        'SELECT * RENAME (filename AS _file) FROM read_parquet(['
            || string_agg('''' || replace(path, '''', '''''') || '''', ', ')
            || '], union_by_name = true, filename = true, hive_partitioning = false)',
        'SELECT * FROM qpien.changes_messages WHERE false')
    FROM change_file
    WHERE stream = 'messages'
      AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0)
);
INSERT INTO qpien.changes_messages BY NAME SELECT * FROM query(getvariable('changes'));
SELECT error(path || ' has ' || coalesce(found, 0) || ' rows, not the ' || rows || ' that manifest.json names') AS wrong
FROM change_file
LEFT JOIN (SELECT parse_filename(_file) AS name, count(*) AS found FROM qpien.changes_messages GROUP BY name)
    ON name = parse_filename(path)
WHERE stream = 'messages' AND rows <> coalesce(found, 0)
  AND last_seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0);
COMMIT;

