-- Names the change files as views of this session; merge.sql reads them:
--   spark-sql --hivevar files=out/feed --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- All files of the feed are read. Those that were merged before may be moved away or left: the outcome is the same. A stream
-- that has no file yet has no folder either, which is an error: write these files without it (--stream).

CREATE OR REPLACE TEMPORARY VIEW changes_contacts (
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
) USING parquet OPTIONS (path '${files}/contacts', pathGlobFilter 'changes-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW changes_customer_persons (
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
) USING parquet OPTIONS (path '${files}/customer_persons', pathGlobFilter 'changes-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW changes_conversations (
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
) USING parquet OPTIONS (path '${files}/conversations', pathGlobFilter 'changes-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW changes_messages (
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
) USING parquet OPTIONS (path '${files}/messages', pathGlobFilter 'changes-*.parquet');

