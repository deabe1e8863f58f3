-- Reads the change files that are not merged yet (CSV, also .gz and .zst) into changes_STREAM; merge.sql comes next.
--   psql -v feed=out/feed -f load.sql -f merge.sql
-- The files lie where psql runs. Only those that manifest.json names are read. Run it as often as you like: it begins anew
-- each time, in one transaction. A NUL character, which PostgreSQL has no place for, is left out.

\set ON_ERROR_STOP on
\if :{?feed}
\else
\set feed {feed}
\endif

BEGIN;

\set manifest `cat :'feed'/manifest.json`
TRUNCATE {schema}.change_file;
INSERT INTO {schema}.change_file
SELECT stream, path, split_part(path, '-', 2)::bigint, substring(split_part(path, '-', 3) FROM '^[0-9]+')::bigint
FROM (
    SELECT key AS stream, file->>'path' AS path
    FROM jsonb_each(CAST(:'manifest' AS jsonb)->'streams') AS stream, jsonb_array_elements(value->'files') AS file
) AS named
WHERE path ~ '^[a-z_]+/changes-[0-9]+-[0-9]+[.]csv([.](gz|zst))?$';
DELETE FROM {schema}.change_file AS file USING {schema}.loaded
WHERE loaded.stream = file.stream AND file.last_seq <= loaded.last_seq;

\setenv FEED :feed
--each stream
TRUNCATE {schema}.changes_{stream};
SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM {schema}.change_file WHERE stream = '{stream}' \gset
\setenv FILES :files
\copy {schema}.changes_{stream} ({change_columns}) FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac | tail -n +2; done | tr -d "\000"' WITH (FORMAT csv)

--end
COMMIT;
