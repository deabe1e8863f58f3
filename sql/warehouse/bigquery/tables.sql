-- Tables for the change files of qpien-sync, in BigQuery. Run it once, and again after an update: what is there stays.
--   bq query --use_legacy_sql=false < tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. loaded tells how far merge.sql has come.
-- One account and one mirror a dataset (seqs of another mirror mean nothing here): write these files with another --schema
-- for the next one.

CREATE SCHEMA IF NOT EXISTS qpien;

CREATE TABLE IF NOT EXISTS qpien.loaded (
    stream STRING NOT NULL,
    last_seq INT64 NOT NULL,        -- every change up to this one is in the stream's table
    loaded_at TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS qpien.contacts (
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
    phoneUsagePermission BOOL,
    emailUsagePermission BOOL,
    language STRING,
    platforms STRING,
    owner STRING,
    _extra STRING,
    _seq INT64,
    _synced_at TIMESTAMP,
    _run_id INT64
)
CLUSTER BY _id;

CREATE TABLE IF NOT EXISTS qpien.customer_persons (
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
    _seq INT64,
    _synced_at TIMESTAMP,
    _run_id INT64
)
CLUSTER BY _id;

CREATE TABLE IF NOT EXISTS qpien.conversations (
    _id STRING,
    customer STRING,
    joinedPerson STRING,
    joinedCPerson STRING,
    isStarred BOOL,
    status STRING,
    isGroupOrChannel BOOL,
    lastMessage STRING,
    lastReceivedMessageChannel STRING,
    tags STRING,
    channels STRING,
    type STRING,
    priority STRING,
    _extra STRING,
    _seq INT64,
    _synced_at TIMESTAMP,
    _run_id INT64
)
CLUSTER BY _id;

CREATE TABLE IF NOT EXISTS qpien.messages (
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
    autoCreate BOOL,
    failedReason STRING,
    surveyData STRING,
    informativeButtons STRING,
    _extra STRING,
    _seq INT64,
    _synced_at TIMESTAMP,
    _run_id INT64
)
CLUSTER BY _id;

