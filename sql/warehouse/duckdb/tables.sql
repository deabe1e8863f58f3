-- Tables for the change files of qpien-sync, in DuckDB. Run it once, and again after an update: what is there stays.
--   duckdb warehouse.duckdb < tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. changes_STREAM is what load.sql reads from the files, loaded how far merge.sql has come.
-- One account a schema: write these files with another --schema for the next one. (The database's file has another name than
-- the schema: DuckDB calls the database by it, and could not tell the two apart.)

CREATE SCHEMA IF NOT EXISTS qpien;

-- The mirror that the files come from: seqs of another one mean nothing here.
CREATE TABLE IF NOT EXISTS qpien.mirror (id VARCHAR);

CREATE TABLE IF NOT EXISTS qpien.loaded (
    stream VARCHAR PRIMARY KEY,
    last_seq BIGINT NOT NULL,       -- every change up to this one is in the stream's table
    loaded_at TIMESTAMPTZ NOT NULL
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
    createdAt TIMESTAMPTZ,
    phoneUsagePermission BOOLEAN,
    emailUsagePermission BOOLEAN,
    language VARCHAR,
    platforms VARCHAR,
    owner VARCHAR,
    _extra VARCHAR,
    _seq BIGINT,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
    PRIMARY KEY (_id)
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
    createdAt TIMESTAMPTZ,
    phoneUsagePermission BOOLEAN,
    emailUsagePermission BOOLEAN,
    language VARCHAR,
    platforms VARCHAR,
    owner VARCHAR,
    _extra VARCHAR,
    _seq BIGINT,
    _op VARCHAR,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
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
    _seq BIGINT,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
    PRIMARY KEY (_id)
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
    _seq BIGINT,
    _op VARCHAR,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
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
    _seq BIGINT,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
    PRIMARY KEY (_id)
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
    _seq BIGINT,
    _op VARCHAR,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
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
    createdAt TIMESTAMPTZ,
    autoCreate BOOLEAN,
    failedReason VARCHAR,
    surveyData VARCHAR,
    informativeButtons VARCHAR,
    _extra VARCHAR,
    _seq BIGINT,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
    PRIMARY KEY (_id)
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
    createdAt TIMESTAMPTZ,
    autoCreate BOOLEAN,
    failedReason VARCHAR,
    surveyData VARCHAR,
    informativeButtons VARCHAR,
    _extra VARCHAR,
    _seq BIGINT,
    _op VARCHAR,
    _synced_at TIMESTAMPTZ,
    _run_id BIGINT,
    _file VARCHAR
);

