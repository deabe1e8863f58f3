-- Reads the change files that are not merged yet into changes_STREAM; merge.sql comes next.
--   psql -v feed=out/feed -f load.sql -f merge.sql
-- The files are JSON Lines (kind = "jsonl", also with compression = "gzip" or "zstd") and lie where psql runs: PostgreSQL reads
-- no Parquet, and CSV has values as they were sent, which may not fit their column. Only files that manifest.json names are
-- read, and one that cannot be read or has other rows than it says is an error (exit code 3), which leaves all as it was.
-- Run it as often as you like: it begins anew each time, in one transaction. A NUL character, which PostgreSQL has no place
-- for, is left out.

\set ON_ERROR_STOP on
\if :{?feed}
\else
\set feed out/feed
\endif

BEGIN;

\set manifest `cat :'feed'/manifest.json`
CREATE TEMP TABLE manifest ON COMMIT DROP AS
SELECT CAST(:'feed' AS text) AS feed, CAST(:'manifest' AS text) AS raw, CAST(NULL AS jsonb) AS text;
DO $check$
DECLARE place text := (SELECT feed || '/manifest.json' FROM manifest);
BEGIN
    IF EXISTS (SELECT FROM manifest WHERE raw = '') THEN
        RAISE EXCEPTION '% cannot be read: is it the folder of the change files?', place;
    END IF;
    BEGIN
        UPDATE manifest SET text = CAST(raw AS jsonb);
    EXCEPTION WHEN invalid_text_representation THEN
        RAISE EXCEPTION '% is not whole JSON', place;
    END;
    IF EXISTS (SELECT FROM manifest, qpien.mirror WHERE mirror.id <> (manifest.text->>'mirror')) THEN
        RAISE EXCEPTION 'these tables are of another mirror than the feed: take another schema, or begin anew';
    END IF;
END
$check$;
INSERT INTO qpien.mirror SELECT text->>'mirror' FROM manifest WHERE NOT EXISTS (SELECT FROM qpien.mirror);

CREATE TEMP TABLE named ON COMMIT DROP AS
SELECT key AS stream, file->>'path' AS path, CAST(file->>'rows' AS bigint) AS rows
FROM manifest, jsonb_each(text->'streams') AS stream, jsonb_array_elements(value->'files') AS file;
DO $check$
DECLARE other text := (SELECT min(path) FROM named WHERE path !~ '^[a-z_]+/changes-[0-9]+-[0-9]+[.]jsonl([.](gz|zst))?$');
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION '% is no JSON Lines change file: PostgreSQL needs kind = "jsonl", content = "changes"', other;
    END IF;
END
$check$;

TRUNCATE qpien.change_file;
INSERT INTO qpien.change_file
SELECT stream, path, split_part(path, '-', 2)::bigint, substring(split_part(path, '-', 3) FROM '^[0-9]+')::bigint
FROM named;
DELETE FROM qpien.change_file AS file USING qpien.loaded
WHERE loaded.stream = file.stream AND file.last_seq <= loaded.last_seq;

\setenv FEED :feed
-- Leaves out \u0000 where its backslash is not itself escaped.
\setenv NUL 's/(^|[^\\\\])((\\\\\\\\)*)\\\\u0000/\\1\\2/'
CREATE TEMP TABLE line (line json) ON COMMIT DROP;

SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'contacts' \gset
\setenv FILES :files
TRUNCATE line;
-- Each file is read to its end before any counts: a pipe would hide that one cannot be. A line is one value: JSON escapes
-- the characters that stand for quote and delimiter here.
\copy line FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -t "$f";; *.zst) zstd -qt "$f";; *) cat "$f" >/dev/null;; esac || exit; done && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac; done | sed -E -e :again -e "$NUL" -e tagain' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
TRUNCATE qpien.changes_contacts;
INSERT INTO qpien.changes_contacts (
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _op, _synced_at, _run_id
)
SELECT record.*
FROM line, json_to_record(line) AS record (
    "_id" text,
    "customer" text,
    "firstName" text,
    "lastName" text,
    "username" text,
    "avatar" text,
    "email" text,
    "phone" text,
    "phoneCountryCode" text,
    "country" text,
    "gender" text,
    "tags" text,
    "createdAt" timestamptz,
    "phoneUsagePermission" boolean,
    "emailUsagePermission" boolean,
    "language" text,
    "platforms" text,
    "owner" text,
    "_extra" text,
    "_seq" bigint,
    "_op" text,
    "_synced_at" timestamptz,
    "_run_id" bigint
);
-- Ranges adjoin, so that a row is of the last file that begins at or before it.
DO $check$
DECLARE wrong record;
BEGIN
    SELECT path, named.rows, coalesce(there.rows, 0) AS found INTO wrong
    FROM (
        SELECT row_number() OVER (ORDER BY first_seq) AS nr, path
        FROM qpien.change_file WHERE stream = 'contacts'
    ) AS file
    JOIN named USING (path)
    LEFT JOIN (
        SELECT width_bucket(_seq, firsts) AS nr, count(*) AS rows
        FROM qpien.changes_contacts, (
            SELECT array_agg(first_seq ORDER BY first_seq) AS firsts
            FROM qpien.change_file WHERE stream = 'contacts'
        ) AS file
        GROUP BY 1
    ) AS there USING (nr)
    WHERE named.rows <> coalesce(there.rows, 0)
    ORDER BY nr LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has % rows, not the % that manifest.json names', wrong.path, wrong.found, wrong.rows;
    END IF;
END
$check$;

SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'customer_persons' \gset
\setenv FILES :files
TRUNCATE line;
-- Each file is read to its end before any counts: a pipe would hide that one cannot be. A line is one value: JSON escapes
-- the characters that stand for quote and delimiter here.
\copy line FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -t "$f";; *.zst) zstd -qt "$f";; *) cat "$f" >/dev/null;; esac || exit; done && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac; done | sed -E -e :again -e "$NUL" -e tagain' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
TRUNCATE qpien.changes_customer_persons;
INSERT INTO qpien.changes_customer_persons (
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _op, _synced_at, _run_id
)
SELECT record.*
FROM line, json_to_record(line) AS record (
    "_id" text,
    "customer" text,
    "type" text,
    "status" text,
    "firstName" text,
    "lastName" text,
    "profilePhoto" text,
    "email" text,
    "phone" text,
    "language" text,
    "_extra" text,
    "_seq" bigint,
    "_op" text,
    "_synced_at" timestamptz,
    "_run_id" bigint
);
-- Ranges adjoin, so that a row is of the last file that begins at or before it.
DO $check$
DECLARE wrong record;
BEGIN
    SELECT path, named.rows, coalesce(there.rows, 0) AS found INTO wrong
    FROM (
        SELECT row_number() OVER (ORDER BY first_seq) AS nr, path
        FROM qpien.change_file WHERE stream = 'customer_persons'
    ) AS file
    JOIN named USING (path)
    LEFT JOIN (
        SELECT width_bucket(_seq, firsts) AS nr, count(*) AS rows
        FROM qpien.changes_customer_persons, (
            SELECT array_agg(first_seq ORDER BY first_seq) AS firsts
            FROM qpien.change_file WHERE stream = 'customer_persons'
        ) AS file
        GROUP BY 1
    ) AS there USING (nr)
    WHERE named.rows <> coalesce(there.rows, 0)
    ORDER BY nr LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has % rows, not the % that manifest.json names', wrong.path, wrong.found, wrong.rows;
    END IF;
END
$check$;

SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'conversations' \gset
\setenv FILES :files
TRUNCATE line;
-- Each file is read to its end before any counts: a pipe would hide that one cannot be. A line is one value: JSON escapes
-- the characters that stand for quote and delimiter here.
\copy line FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -t "$f";; *.zst) zstd -qt "$f";; *) cat "$f" >/dev/null;; esac || exit; done && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac; done | sed -E -e :again -e "$NUL" -e tagain' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
TRUNCATE qpien.changes_conversations;
INSERT INTO qpien.changes_conversations (
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _op, _synced_at, _run_id
)
SELECT record.*
FROM line, json_to_record(line) AS record (
    "_id" text,
    "customer" text,
    "joinedPerson" text,
    "joinedCPerson" text,
    "isStarred" boolean,
    "status" text,
    "isGroupOrChannel" boolean,
    "lastMessage" text,
    "lastReceivedMessageChannel" text,
    "tags" text,
    "channels" text,
    "type" text,
    "priority" text,
    "_extra" text,
    "_seq" bigint,
    "_op" text,
    "_synced_at" timestamptz,
    "_run_id" bigint
);
-- Ranges adjoin, so that a row is of the last file that begins at or before it.
DO $check$
DECLARE wrong record;
BEGIN
    SELECT path, named.rows, coalesce(there.rows, 0) AS found INTO wrong
    FROM (
        SELECT row_number() OVER (ORDER BY first_seq) AS nr, path
        FROM qpien.change_file WHERE stream = 'conversations'
    ) AS file
    JOIN named USING (path)
    LEFT JOIN (
        SELECT width_bucket(_seq, firsts) AS nr, count(*) AS rows
        FROM qpien.changes_conversations, (
            SELECT array_agg(first_seq ORDER BY first_seq) AS firsts
            FROM qpien.change_file WHERE stream = 'conversations'
        ) AS file
        GROUP BY 1
    ) AS there USING (nr)
    WHERE named.rows <> coalesce(there.rows, 0)
    ORDER BY nr LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has % rows, not the % that manifest.json names', wrong.path, wrong.found, wrong.rows;
    END IF;
END
$check$;

SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'messages' \gset
\setenv FILES :files
TRUNCATE line;
-- Each file is read to its end before any counts: a pipe would hide that one cannot be. A line is one value: JSON escapes
-- the characters that stand for quote and delimiter here.
\copy line FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -t "$f";; *.zst) zstd -qt "$f";; *) cat "$f" >/dev/null;; esac || exit; done && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac; done | sed -E -e :again -e "$NUL" -e tagain' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
TRUNCATE qpien.changes_messages;
INSERT INTO qpien.changes_messages (
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _op, _synced_at,
    _run_id
)
SELECT record.*
FROM line, json_to_record(line) AS record (
    "_id" text,
    "sender" text,
    "conversation" text,
    "messageType" text,
    "channelType" text,
    "senderType" text,
    "content" text,
    "contentHtml" text,
    "subject" text,
    "emailData" text,
    "commentData" text,
    "questionData" text,
    "media" text,
    "template_cards" text,
    "product_cards" text,
    "channelMessageId" text,
    "ackStatus" text,
    "createdAt" timestamptz,
    "autoCreate" boolean,
    "failedReason" text,
    "surveyData" text,
    "informativeButtons" text,
    "_extra" text,
    "_seq" bigint,
    "_op" text,
    "_synced_at" timestamptz,
    "_run_id" bigint
);
-- Ranges adjoin, so that a row is of the last file that begins at or before it.
DO $check$
DECLARE wrong record;
BEGIN
    SELECT path, named.rows, coalesce(there.rows, 0) AS found INTO wrong
    FROM (
        SELECT row_number() OVER (ORDER BY first_seq) AS nr, path
        FROM qpien.change_file WHERE stream = 'messages'
    ) AS file
    JOIN named USING (path)
    LEFT JOIN (
        SELECT width_bucket(_seq, firsts) AS nr, count(*) AS rows
        FROM qpien.changes_messages, (
            SELECT array_agg(first_seq ORDER BY first_seq) AS firsts
            FROM qpien.change_file WHERE stream = 'messages'
        ) AS file
        GROUP BY 1
    ) AS there USING (nr)
    WHERE named.rows <> coalesce(there.rows, 0)
    ORDER BY nr LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has % rows, not the % that manifest.json names', wrong.path, wrong.found, wrong.rows;
    END IF;
END
$check$;

COMMIT;
