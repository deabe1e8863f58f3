-- Tables for the change files of qpien-sync, in Spark's own catalog as plain Parquet. Run it once; what is there stays.
--   spark-sql -f tables.sql
--
-- Plain Parquet has no transaction and no MERGE. So a merge writes a new table, STREAM_VERSION, and then points the view
-- STREAM_state to it, which is one step of the catalog: whoever reads sees the old state or the new one, and a merge that is
-- cut short anywhere has changed nothing. STREAM_state keeps deletions as rows (_op = 'delete'), so that it is the same in
-- whatever order and however often files are merged; the view STREAM shows the current records: the documented fields in
-- documented order, nested values as JSON text, what fits no column in _extra. The view loaded tells how far each is: every
-- change up to last_seq is in the stream's table. STREAM_state keeps that, too, and the mirror, as a deletion of the empty id.
-- One account and one mirror a schema: files of another mirror are refused, because its seqs mean nothing here. For many
-- accounts, or more than a night can rewrite, see jobs/spark/merge.py.

CREATE DATABASE IF NOT EXISTS qpien;

CREATE TABLE IF NOT EXISTS qpien.contacts_empty (
    _id STRING,
    customer STRING,
    firstName STRING,
    lastName STRING,
    username STRING,
    avatar STRING,
    email STRING,
    phone STRING,
    phoneCountryCode STRING,
    country STRING,
    gender STRING,
    tags STRING,
    createdAt TIMESTAMP,
    phoneUsagePermission BOOLEAN,
    emailUsagePermission BOOLEAN,
    language STRING,
    platforms STRING,
    owner STRING,
    _extra STRING,
    _seq BIGINT,
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id BIGINT
) USING parquet;

CREATE VIEW IF NOT EXISTS qpien.contacts_state AS SELECT * FROM qpien.contacts_empty;

CREATE OR REPLACE VIEW qpien.contacts AS
SELECT
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _synced_at, _run_id
FROM qpien.contacts_state WHERE _op <> 'delete';

CREATE TABLE IF NOT EXISTS qpien.customer_persons_empty (
    _id STRING,
    customer STRING,
    type STRING,
    status STRING,
    firstName STRING,
    lastName STRING,
    profilePhoto STRING,
    email STRING,
    phone STRING,
    language STRING,
    _extra STRING,
    _seq BIGINT,
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id BIGINT
) USING parquet;

CREATE VIEW IF NOT EXISTS qpien.customer_persons_state AS SELECT * FROM qpien.customer_persons_empty;

CREATE OR REPLACE VIEW qpien.customer_persons AS
SELECT
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _synced_at, _run_id
FROM qpien.customer_persons_state WHERE _op <> 'delete';

CREATE TABLE IF NOT EXISTS qpien.conversations_empty (
    _id STRING,
    customer STRING,
    joinedPerson STRING,
    joinedCPerson STRING,
    isStarred BOOLEAN,
    status STRING,
    isGroupOrChannel BOOLEAN,
    lastMessage STRING,
    lastReceivedMessageChannel STRING,
    tags STRING,
    channels STRING,
    type STRING,
    priority STRING,
    _extra STRING,
    _seq BIGINT,
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id BIGINT
) USING parquet;

CREATE VIEW IF NOT EXISTS qpien.conversations_state AS SELECT * FROM qpien.conversations_empty;

CREATE OR REPLACE VIEW qpien.conversations AS
SELECT
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _synced_at, _run_id
FROM qpien.conversations_state WHERE _op <> 'delete';

CREATE TABLE IF NOT EXISTS qpien.messages_empty (
    _id STRING,
    sender STRING,
    conversation STRING,
    messageType STRING,
    channelType STRING,
    senderType STRING,
    content STRING,
    contentHtml STRING,
    subject STRING,
    emailData STRING,
    commentData STRING,
    questionData STRING,
    media STRING,
    template_cards STRING,
    product_cards STRING,
    channelMessageId STRING,
    ackStatus STRING,
    createdAt TIMESTAMP,
    autoCreate BOOLEAN,
    failedReason STRING,
    surveyData STRING,
    informativeButtons STRING,
    _extra STRING,
    _seq BIGINT,
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id BIGINT
) USING parquet;

CREATE VIEW IF NOT EXISTS qpien.messages_state AS SELECT * FROM qpien.messages_empty;

CREATE OR REPLACE VIEW qpien.messages AS
SELECT
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _synced_at, _run_id
FROM qpien.messages_state WHERE _op <> 'delete';

CREATE OR REPLACE VIEW qpien.loaded AS
SELECT CAST(NULL AS STRING) AS stream, CAST(NULL AS BIGINT) AS last_seq WHERE false
UNION ALL SELECT 'contacts', max(_seq) FROM qpien.contacts_state
UNION ALL SELECT 'customer_persons', max(_seq) FROM qpien.customer_persons_state
UNION ALL SELECT 'conversations', max(_seq) FROM qpien.conversations_state
UNION ALL SELECT 'messages', max(_seq) FROM qpien.messages_state
;
