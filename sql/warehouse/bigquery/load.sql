-- Reads the change files that are not merged yet into changes_STREAM; merge.sql comes next.
--   bq query --use_legacy_sql=false < load.sql
-- feed_STREAM shows the Parquet files where they lie (gs://BUCKET/feed; write these files with another --feed). A stream
-- that has no file yet is an error: write these files without it (--stream). Run it as often as you like: it begins anew.

CREATE OR REPLACE EXTERNAL TABLE qpien.feed_contacts (
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
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id INT64
)
OPTIONS (
    format = 'PARQUET',
    uris = ['gs://BUCKET/feed/contacts/changes-*.parquet']
);

CREATE OR REPLACE TABLE qpien.changes_contacts AS
SELECT
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _op, _synced_at, _run_id,
    REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-[0-9]+') AS file_name,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-([0-9]+)-') AS INT64) AS first_seq,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64) AS last_seq
FROM qpien.feed_contacts
WHERE CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64)
    > COALESCE((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0);

CREATE OR REPLACE EXTERNAL TABLE qpien.feed_customer_persons (
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
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id INT64
)
OPTIONS (
    format = 'PARQUET',
    uris = ['gs://BUCKET/feed/customer_persons/changes-*.parquet']
);

CREATE OR REPLACE TABLE qpien.changes_customer_persons AS
SELECT
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _op, _synced_at, _run_id,
    REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-[0-9]+') AS file_name,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-([0-9]+)-') AS INT64) AS first_seq,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64) AS last_seq
FROM qpien.feed_customer_persons
WHERE CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64)
    > COALESCE((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0);

CREATE OR REPLACE EXTERNAL TABLE qpien.feed_conversations (
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
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id INT64
)
OPTIONS (
    format = 'PARQUET',
    uris = ['gs://BUCKET/feed/conversations/changes-*.parquet']
);

CREATE OR REPLACE TABLE qpien.changes_conversations AS
SELECT
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _op, _synced_at, _run_id,
    REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-[0-9]+') AS file_name,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-([0-9]+)-') AS INT64) AS first_seq,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64) AS last_seq
FROM qpien.feed_conversations
WHERE CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64)
    > COALESCE((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0);

CREATE OR REPLACE EXTERNAL TABLE qpien.feed_messages (
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
    _op STRING,
    _synced_at TIMESTAMP,
    _run_id INT64
)
OPTIONS (
    format = 'PARQUET',
    uris = ['gs://BUCKET/feed/messages/changes-*.parquet']
);

CREATE OR REPLACE TABLE qpien.changes_messages AS
SELECT
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _op, _synced_at,
    _run_id,
    REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-[0-9]+') AS file_name,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-([0-9]+)-') AS INT64) AS first_seq,
    CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64) AS last_seq
FROM qpien.feed_messages
WHERE CAST(REGEXP_EXTRACT(_FILE_NAME, r'changes-[0-9]+-([0-9]+)') AS INT64)
    > COALESCE((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0);

