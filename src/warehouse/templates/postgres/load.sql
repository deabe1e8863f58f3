-- Reads the change files that are not merged yet into changes_STREAM; merge.sql comes next.
--   psql -v feed={feed} -f load.sql -f merge.sql
-- The files are JSON Lines (kind = "jsonl", also with compression = "gzip" or "zstd") and lie where psql runs: PostgreSQL reads
-- no Parquet, and CSV has values as they were sent, which may not fit their column. Only files that manifest.json names are
-- read. Run it as often as you like: it begins anew each time, in one transaction. A NUL character, which PostgreSQL has no
-- place for, is left out.

\set ON_ERROR_STOP on
\if :{?feed}
\else
\set feed {feed}
\endif

BEGIN;

\set manifest `cat :'feed'/manifest.json`
CREATE TEMP TABLE manifest ON COMMIT DROP AS SELECT CAST(:'manifest' AS jsonb) AS text;
DO $check$
BEGIN
    IF EXISTS (SELECT FROM manifest, {schema}.mirror WHERE mirror.id <> (manifest.text->>'mirror')) THEN
        RAISE EXCEPTION 'these tables are of another mirror than the feed: take another schema, or begin anew';
    END IF;
END
$check$;
INSERT INTO {schema}.mirror SELECT text->>'mirror' FROM manifest WHERE NOT EXISTS (SELECT FROM {schema}.mirror);

TRUNCATE {schema}.change_file;
INSERT INTO {schema}.change_file
SELECT stream, path, split_part(path, '-', 2)::bigint, substring(split_part(path, '-', 3) FROM '^[0-9]+')::bigint
FROM (
    SELECT key AS stream, file->>'path' AS path
    FROM manifest, jsonb_each(text->'streams') AS stream, jsonb_array_elements(value->'files') AS file
) AS named
WHERE path ~ '^[a-z_]+/changes-[0-9]+-[0-9]+[.]jsonl([.](gz|zst))?$';
DELETE FROM {schema}.change_file AS file USING {schema}.loaded
WHERE loaded.stream = file.stream AND file.last_seq <= loaded.last_seq;

\setenv FEED :feed
-- Leaves out \u0000 where its backslash is not itself escaped.
\setenv NUL 's/(^|[^\\\\])((\\\\\\\\)*)\\\\u0000/\\1\\2/'
CREATE TEMP TABLE line (line json) ON COMMIT DROP;

--each stream
SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM {schema}.change_file WHERE stream = '{stream}' \gset
\setenv FILES :files
TRUNCATE line;
-- A line is one value: JSON escapes the characters that stand for quote and delimiter here.
\copy line FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac; done | sed -E -e :again -e "$NUL" -e tagain' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
TRUNCATE {schema}.changes_{stream};
INSERT INTO {schema}.changes_{stream} (
    {change_columns}
)
SELECT record.*
FROM line, json_to_record(line) AS record (
    {change_quoted}
);

--end
COMMIT;
