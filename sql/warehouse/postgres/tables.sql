-- Tables for the change files of qpien-sync, in PostgreSQL. Run it once, and again after an update: what is there stays.
--   psql -f tables.sql
--
-- A table a stream holds the current records: the documented fields in documented order, nested values as JSON text,
-- what fits no column in _extra; _seq is the change that a row is of, _synced_at and _run_id say when and by which run it
-- was read. changes_STREAM is what load.sql reads from the files, loaded how far merge.sql has come.
-- One account a schema: write these files with another --schema for the next one.

\set ON_ERROR_STOP on

CREATE SCHEMA IF NOT EXISTS qpien;

-- The mirror that the files come from: seqs of another one mean nothing here.
CREATE TABLE IF NOT EXISTS qpien.mirror (id text NOT NULL);

CREATE TABLE IF NOT EXISTS qpien.loaded (
    stream text PRIMARY KEY,
    last_seq bigint NOT NULL,       -- every change up to this one is in the stream's table
    loaded_at timestamptz NOT NULL
);

-- The files that load.sql has read.
CREATE TABLE IF NOT EXISTS qpien.change_file (
    stream text NOT NULL,
    path text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS qpien.contacts (
    _id text,
    customer text,
    firstName text,
    lastName text,
    username text,
    avatar text,
    email text,
    phone text,
    phoneCountryCode text,
    country text,
    gender text,
    tags text,
    createdAt timestamptz,
    phoneUsagePermission boolean,
    emailUsagePermission boolean,
    language text,
    platforms text,
    owner text,
    _extra text,
    _seq bigint,
    _synced_at timestamptz,
    _run_id bigint,
    PRIMARY KEY (_id)
);

CREATE TABLE IF NOT EXISTS qpien.changes_contacts (
    _id text,
    customer text,
    firstName text,
    lastName text,
    username text,
    avatar text,
    email text,
    phone text,
    phoneCountryCode text,
    country text,
    gender text,
    tags text,
    createdAt timestamptz,
    phoneUsagePermission boolean,
    emailUsagePermission boolean,
    language text,
    platforms text,
    owner text,
    _extra text,
    _seq bigint,
    _op text,
    _synced_at timestamptz,
    _run_id bigint
);

CREATE TABLE IF NOT EXISTS qpien.customer_persons (
    _id text,
    customer text,
    type text,
    status text,
    firstName text,
    lastName text,
    profilePhoto text,
    email text,
    phone text,
    language text,
    _extra text,
    _seq bigint,
    _synced_at timestamptz,
    _run_id bigint,
    PRIMARY KEY (_id)
);

CREATE TABLE IF NOT EXISTS qpien.changes_customer_persons (
    _id text,
    customer text,
    type text,
    status text,
    firstName text,
    lastName text,
    profilePhoto text,
    email text,
    phone text,
    language text,
    _extra text,
    _seq bigint,
    _op text,
    _synced_at timestamptz,
    _run_id bigint
);

CREATE TABLE IF NOT EXISTS qpien.conversations (
    _id text,
    customer text,
    joinedPerson text,
    joinedCPerson text,
    isStarred boolean,
    status text,
    isGroupOrChannel boolean,
    lastMessage text,
    lastReceivedMessageChannel text,
    tags text,
    channels text,
    type text,
    priority text,
    _extra text,
    _seq bigint,
    _synced_at timestamptz,
    _run_id bigint,
    PRIMARY KEY (_id)
);

CREATE TABLE IF NOT EXISTS qpien.changes_conversations (
    _id text,
    customer text,
    joinedPerson text,
    joinedCPerson text,
    isStarred boolean,
    status text,
    isGroupOrChannel boolean,
    lastMessage text,
    lastReceivedMessageChannel text,
    tags text,
    channels text,
    type text,
    priority text,
    _extra text,
    _seq bigint,
    _op text,
    _synced_at timestamptz,
    _run_id bigint
);

CREATE TABLE IF NOT EXISTS qpien.messages (
    _id text,
    sender text,
    conversation text,
    messageType text,
    channelType text,
    senderType text,
    content text,
    contentHtml text,
    subject text,
    emailData text,
    commentData text,
    questionData text,
    media text,
    template_cards text,
    product_cards text,
    channelMessageId text,
    ackStatus text,
    createdAt timestamptz,
    autoCreate boolean,
    failedReason text,
    surveyData text,
    informativeButtons text,
    _extra text,
    _seq bigint,
    _synced_at timestamptz,
    _run_id bigint,
    PRIMARY KEY (_id)
);

CREATE TABLE IF NOT EXISTS qpien.changes_messages (
    _id text,
    sender text,
    conversation text,
    messageType text,
    channelType text,
    senderType text,
    content text,
    contentHtml text,
    subject text,
    emailData text,
    commentData text,
    questionData text,
    media text,
    template_cards text,
    product_cards text,
    channelMessageId text,
    ackStatus text,
    createdAt timestamptz,
    autoCreate boolean,
    failedReason text,
    surveyData text,
    informativeButtons text,
    _extra text,
    _seq bigint,
    _op text,
    _synced_at timestamptz,
    _run_id bigint
);

