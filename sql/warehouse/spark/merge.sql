-- Merges what load.sql names into a new version of each table, and points to it:
--   spark-sql --hivevar files=out/feed --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- `version` is a new one each time (digits). What is promised: each stream is switched as a whole, in one step; streams are
-- switched one after the other. Cut short anywhere, run it again with a new version. Run one at a time. Older versions are
-- tables of their own: drop them when nobody reads them any more (SHOW TABLES IN qpien), but never the one that
-- SHOW CREATE TABLE qpien.STREAM_state names.
-- A file that is missing between two others is an error, before anything is merged.

-- Each file begins where the last ended, or with what is merged already.
SELECT raise_error(concat(stream, ': a change file is missing before ', path)) AS missing
FROM (
    SELECT stream, path, first_seq, max(last_seq) OVER (
        PARTITION BY stream ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM change_file
)
LEFT JOIN merged USING (stream)
WHERE first_seq > greatest(before, merged.last_seq, 0) + 1;

CREATE TABLE qpien.contacts_${version} USING parquet AS
SELECT
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _op, _synced_at, _run_id
FROM (
    SELECT *, row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) AS age
    FROM (
        SELECT
            _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country,
            gender, tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner,
            _extra, _seq, _op, _synced_at, _run_id
        FROM changes_contacts
        WHERE _file IN (SELECT path FROM change_file WHERE stream = 'contacts')
        UNION ALL
        -- How far the files go, and of which mirror: as the deletion of the empty id, which no record has.
        SELECT till.*
        FROM (
            SELECT from_json(
                to_json(named_struct('_id', '', '_extra', max(mirror), '_seq', max(last_seq), '_op', 'delete')),
                '_id STRING, customer STRING, firstName STRING, lastName STRING, username STRING, avatar STRING, email STRING, phone STRING, phoneCountryCode STRING, country STRING, gender STRING, tags STRING, createdAt TIMESTAMP, phoneUsagePermission BOOLEAN, emailUsagePermission BOOLEAN, language STRING, platforms STRING, owner STRING, _extra STRING, _seq BIGINT, _op STRING, _synced_at TIMESTAMP, _run_id BIGINT') AS till
            FROM change_file WHERE stream = 'contacts' HAVING max(last_seq) IS NOT NULL
        )
        UNION ALL
        SELECT
            _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country,
            gender, tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner,
            _extra, _seq, _op, _synced_at, _run_id
        FROM qpien.contacts_state
    )
)
WHERE age = 1;

CREATE OR REPLACE VIEW qpien.contacts_state AS SELECT * FROM qpien.contacts_${version};

CREATE TABLE qpien.customer_persons_${version} USING parquet AS
SELECT
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _op, _synced_at, _run_id
FROM (
    SELECT *, row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) AS age
    FROM (
        SELECT
            _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra,
            _seq, _op, _synced_at, _run_id
        FROM changes_customer_persons
        WHERE _file IN (SELECT path FROM change_file WHERE stream = 'customer_persons')
        UNION ALL
        -- How far the files go, and of which mirror: as the deletion of the empty id, which no record has.
        SELECT till.*
        FROM (
            SELECT from_json(
                to_json(named_struct('_id', '', '_extra', max(mirror), '_seq', max(last_seq), '_op', 'delete')),
                '_id STRING, customer STRING, type STRING, status STRING, firstName STRING, lastName STRING, profilePhoto STRING, email STRING, phone STRING, language STRING, _extra STRING, _seq BIGINT, _op STRING, _synced_at TIMESTAMP, _run_id BIGINT') AS till
            FROM change_file WHERE stream = 'customer_persons' HAVING max(last_seq) IS NOT NULL
        )
        UNION ALL
        SELECT
            _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra,
            _seq, _op, _synced_at, _run_id
        FROM qpien.customer_persons_state
    )
)
WHERE age = 1;

CREATE OR REPLACE VIEW qpien.customer_persons_state AS SELECT * FROM qpien.customer_persons_${version};

CREATE TABLE qpien.conversations_${version} USING parquet AS
SELECT
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _op, _synced_at, _run_id
FROM (
    SELECT *, row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) AS age
    FROM (
        SELECT
            _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
            lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _op, _synced_at,
            _run_id
        FROM changes_conversations
        WHERE _file IN (SELECT path FROM change_file WHERE stream = 'conversations')
        UNION ALL
        -- How far the files go, and of which mirror: as the deletion of the empty id, which no record has.
        SELECT till.*
        FROM (
            SELECT from_json(
                to_json(named_struct('_id', '', '_extra', max(mirror), '_seq', max(last_seq), '_op', 'delete')),
                '_id STRING, customer STRING, joinedPerson STRING, joinedCPerson STRING, isStarred BOOLEAN, status STRING, isGroupOrChannel BOOLEAN, lastMessage STRING, lastReceivedMessageChannel STRING, tags STRING, channels STRING, type STRING, priority STRING, _extra STRING, _seq BIGINT, _op STRING, _synced_at TIMESTAMP, _run_id BIGINT') AS till
            FROM change_file WHERE stream = 'conversations' HAVING max(last_seq) IS NOT NULL
        )
        UNION ALL
        SELECT
            _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
            lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _op, _synced_at,
            _run_id
        FROM qpien.conversations_state
    )
)
WHERE age = 1;

CREATE OR REPLACE VIEW qpien.conversations_state AS SELECT * FROM qpien.conversations_${version};

CREATE TABLE qpien.messages_${version} USING parquet AS
SELECT
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _op, _synced_at,
    _run_id
FROM (
    SELECT *, row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) AS age
    FROM (
        SELECT
            _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
            emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId,
            ackStatus, createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq,
            _op, _synced_at, _run_id
        FROM changes_messages
        WHERE _file IN (SELECT path FROM change_file WHERE stream = 'messages')
        UNION ALL
        -- How far the files go, and of which mirror: as the deletion of the empty id, which no record has.
        SELECT till.*
        FROM (
            SELECT from_json(
                to_json(named_struct('_id', '', '_extra', max(mirror), '_seq', max(last_seq), '_op', 'delete')),
                '_id STRING, sender STRING, conversation STRING, messageType STRING, channelType STRING, senderType STRING, content STRING, contentHtml STRING, subject STRING, emailData STRING, commentData STRING, questionData STRING, media STRING, template_cards STRING, product_cards STRING, channelMessageId STRING, ackStatus STRING, createdAt TIMESTAMP, autoCreate BOOLEAN, failedReason STRING, surveyData STRING, informativeButtons STRING, _extra STRING, _seq BIGINT, _op STRING, _synced_at TIMESTAMP, _run_id BIGINT') AS till
            FROM change_file WHERE stream = 'messages' HAVING max(last_seq) IS NOT NULL
        )
        UNION ALL
        SELECT
            _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
            emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId,
            ackStatus, createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq,
            _op, _synced_at, _run_id
        FROM qpien.messages_state
    )
)
WHERE age = 1;

CREATE OR REPLACE VIEW qpien.messages_state AS SELECT * FROM qpien.messages_${version};

