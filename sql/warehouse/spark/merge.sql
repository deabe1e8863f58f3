-- Merges what load.sql names into a new version of each table, and points to it:
--   spark-sql --hivevar files=out/feed --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- `version` is a new one each time (digits). What is promised: each stream is switched as a whole, in one step; streams are
-- switched one after the other. Cut short anywhere, run it again with a new version. Run one at a time. Older versions are
-- tables of their own: drop them when nobody reads them any more (SHOW TABLES IN qpien), but never the one that
-- SHOW CREATE TABLE qpien.STREAM_state names.

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

