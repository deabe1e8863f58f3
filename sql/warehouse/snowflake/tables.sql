-- Tables for the change files of qpien-sync, in Snowflake. Run it once, and again after an update: what is there stays.
--   snowsql -o exit_on_error=true -f tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. changes_STREAM is what load.sql reads from the files, loaded how far merge.sql has come.
-- Names are written unquoted and thus folded to upper case: ask for firstName, FIRSTNAME or firstname.
-- One account and one mirror a schema (seqs of another mirror mean nothing here): write these files with another --schema
-- for the next one.

CREATE SCHEMA IF NOT EXISTS qpien;

-- The stage that the files are read from. A private bucket needs its STORAGE_INTEGRATION here (an administrator makes it).
CREATE STAGE IF NOT EXISTS qpien.feed
    URL = 's3://BUCKET/feed/'
    FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE);

CREATE TABLE IF NOT EXISTS qpien.loaded (
    stream VARCHAR NOT NULL,
    last_seq NUMBER(19, 0) NOT NULL,        -- every change up to this one is in the stream's table
    loaded_at TIMESTAMP_LTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS qpien.contacts (
    _id VARCHAR,
    customer VARCHAR,
    firstName VARCHAR,
    lastName VARCHAR,
    username VARCHAR,
    avatar VARCHAR,
    email VARCHAR,
    phone VARCHAR,
    phoneCountryCode VARCHAR,
    country VARCHAR,
    gender VARCHAR,
    tags VARCHAR,
    createdAt TIMESTAMP_LTZ,
    phoneUsagePermission BOOLEAN,
    emailUsagePermission BOOLEAN,
    language VARCHAR,
    platforms VARCHAR,
    owner VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0)
);

CREATE TABLE IF NOT EXISTS qpien.changes_contacts (
    _id VARCHAR,
    customer VARCHAR,
    firstName VARCHAR,
    lastName VARCHAR,
    username VARCHAR,
    avatar VARCHAR,
    email VARCHAR,
    phone VARCHAR,
    phoneCountryCode VARCHAR,
    country VARCHAR,
    gender VARCHAR,
    tags VARCHAR,
    createdAt TIMESTAMP_LTZ,
    phoneUsagePermission BOOLEAN,
    emailUsagePermission BOOLEAN,
    language VARCHAR,
    platforms VARCHAR,
    owner VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _op VARCHAR,
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0),
    _file VARCHAR
);

CREATE TABLE IF NOT EXISTS qpien.customer_persons (
    _id VARCHAR,
    customer VARCHAR,
    type VARCHAR,
    status VARCHAR,
    firstName VARCHAR,
    lastName VARCHAR,
    profilePhoto VARCHAR,
    email VARCHAR,
    phone VARCHAR,
    language VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0)
);

CREATE TABLE IF NOT EXISTS qpien.changes_customer_persons (
    _id VARCHAR,
    customer VARCHAR,
    type VARCHAR,
    status VARCHAR,
    firstName VARCHAR,
    lastName VARCHAR,
    profilePhoto VARCHAR,
    email VARCHAR,
    phone VARCHAR,
    language VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _op VARCHAR,
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0),
    _file VARCHAR
);

CREATE TABLE IF NOT EXISTS qpien.conversations (
    _id VARCHAR,
    customer VARCHAR,
    joinedPerson VARCHAR,
    joinedCPerson VARCHAR,
    isStarred BOOLEAN,
    status VARCHAR,
    isGroupOrChannel BOOLEAN,
    lastMessage VARCHAR,
    lastReceivedMessageChannel VARCHAR,
    tags VARCHAR,
    channels VARCHAR,
    type VARCHAR,
    priority VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0)
);

CREATE TABLE IF NOT EXISTS qpien.changes_conversations (
    _id VARCHAR,
    customer VARCHAR,
    joinedPerson VARCHAR,
    joinedCPerson VARCHAR,
    isStarred BOOLEAN,
    status VARCHAR,
    isGroupOrChannel BOOLEAN,
    lastMessage VARCHAR,
    lastReceivedMessageChannel VARCHAR,
    tags VARCHAR,
    channels VARCHAR,
    type VARCHAR,
    priority VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _op VARCHAR,
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0),
    _file VARCHAR
);

CREATE TABLE IF NOT EXISTS qpien.messages (
    _id VARCHAR,
    sender VARCHAR,
    conversation VARCHAR,
    messageType VARCHAR,
    channelType VARCHAR,
    senderType VARCHAR,
    content VARCHAR,
    contentHtml VARCHAR,
    subject VARCHAR,
    emailData VARCHAR,
    commentData VARCHAR,
    questionData VARCHAR,
    media VARCHAR,
    template_cards VARCHAR,
    product_cards VARCHAR,
    channelMessageId VARCHAR,
    ackStatus VARCHAR,
    createdAt TIMESTAMP_LTZ,
    autoCreate BOOLEAN,
    failedReason VARCHAR,
    surveyData VARCHAR,
    informativeButtons VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0)
);

CREATE TABLE IF NOT EXISTS qpien.changes_messages (
    _id VARCHAR,
    sender VARCHAR,
    conversation VARCHAR,
    messageType VARCHAR,
    channelType VARCHAR,
    senderType VARCHAR,
    content VARCHAR,
    contentHtml VARCHAR,
    subject VARCHAR,
    emailData VARCHAR,
    commentData VARCHAR,
    questionData VARCHAR,
    media VARCHAR,
    template_cards VARCHAR,
    product_cards VARCHAR,
    channelMessageId VARCHAR,
    ackStatus VARCHAR,
    createdAt TIMESTAMP_LTZ,
    autoCreate BOOLEAN,
    failedReason VARCHAR,
    surveyData VARCHAR,
    informativeButtons VARCHAR,
    _extra VARCHAR,
    _seq NUMBER(19, 0),
    _op VARCHAR,
    _synced_at TIMESTAMP_LTZ,
    _run_id NUMBER(19, 0),
    _file VARCHAR
);

