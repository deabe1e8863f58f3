-- Reads the change files that are not merged yet (CSV, also .gz and .zst) into changes_STREAM; merge.sql comes next.
--   psql -v feed=out/feed -f load.sql -f merge.sql
-- The files lie where psql runs. Only those that manifest.json names are read. Run it as often as you like: it begins anew
-- each time, in one transaction. A NUL character, which PostgreSQL has no place for, is left out.

\set ON_ERROR_STOP on
\if :{?feed}
\else
\set feed out/feed
\endif

BEGIN;

\set manifest `cat :'feed'/manifest.json`
TRUNCATE qpien.change_file;
INSERT INTO qpien.change_file
SELECT stream, path, split_part(path, '-', 2)::bigint, substring(split_part(path, '-', 3) FROM '^[0-9]+')::bigint
FROM (
    SELECT key AS stream, file->>'path' AS path
    FROM jsonb_each(CAST(:'manifest' AS jsonb)->'streams') AS stream, jsonb_array_elements(value->'files') AS file
) AS named
WHERE path ~ '^[a-z_]+/changes-[0-9]+-[0-9]+[.]csv([.](gz|zst))?$';
DELETE FROM qpien.change_file AS file USING qpien.loaded
WHERE loaded.stream = file.stream AND file.last_seq <= loaded.last_seq;

\setenv FEED :feed
TRUNCATE qpien.changes_contacts;
SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'contacts' \gset
\setenv FILES :files
\copy qpien.changes_contacts (_id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender, tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq, _op, _synced_at, _run_id) FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac | tail -n +2; done | tr -d "\000"' WITH (FORMAT csv)

TRUNCATE qpien.changes_customer_persons;
SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'customer_persons' \gset
\setenv FILES :files
\copy qpien.changes_customer_persons (_id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq, _op, _synced_at, _run_id) FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac | tail -n +2; done | tr -d "\000"' WITH (FORMAT csv)

TRUNCATE qpien.changes_conversations;
SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'conversations' \gset
\setenv FILES :files
\copy qpien.changes_conversations (_id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage, lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _op, _synced_at, _run_id) FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac | tail -n +2; done | tr -d "\000"' WITH (FORMAT csv)

TRUNCATE qpien.changes_messages;
SELECT coalesce(string_agg(path, ' ' ORDER BY first_seq), '') AS files FROM qpien.change_file WHERE stream = 'messages' \gset
\setenv FILES :files
\copy qpien.changes_messages (_id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject, emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus, createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _op, _synced_at, _run_id) FROM PROGRAM 'cd "$FEED" && for f in $FILES; do case $f in *.gz) gzip -dc "$f";; *.zst) zstd -qdc "$f";; *) cat "$f";; esac | tail -n +2; done | tr -d "\000"' WITH (FORMAT csv)

COMMIT;
