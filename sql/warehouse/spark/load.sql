-- Names the change files as views of this session; merge.sql reads them:
--   spark-sql --hivevar files=out/feed --hivevar version=$(date -u +%Y%m%d%H%M%S) -i load.sql -f merge.sql
-- Only files that manifest.json names are read. One that is not there or has other rows than it says is an error, and so are
-- the files of another mirror; those that were merged before may be moved away or left: the outcome is the same. A stream that
-- has no file yet has no folder either, which is an error: write these files without it (--stream).

-- Moments before 1900 are what they are: the files are of no Spark that counted them otherwise.
SET spark.sql.parquet.datetimeRebaseModeInRead=CORRECTED;
SET spark.sql.parquet.datetimeRebaseModeInWrite=CORRECTED;
SET spark.sql.parquet.int96RebaseModeInRead=CORRECTED;
SET spark.sql.parquet.int96RebaseModeInWrite=CORRECTED;

CREATE OR REPLACE TEMPORARY VIEW manifest USING text OPTIONS (path '${files}/manifest.json', wholetext 'true');

CREATE OR REPLACE TEMPORARY VIEW change_file AS
SELECT text.mirror, stream, file.path, file.rows,
       CAST(regexp_extract(file.path, 'changes-([0-9]+)-([0-9]+)', 1) AS BIGINT) AS first_seq,
       CAST(regexp_extract(file.path, 'changes-([0-9]+)-([0-9]+)', 2) AS BIGINT) AS last_seq
FROM (
    SELECT from_json(
        value, 'mirror STRING, streams MAP<STRING, STRUCT<files: ARRAY<STRUCT<path: STRING, rows: BIGINT>>>>') AS text
    FROM manifest
)
LATERAL VIEW explode(text.streams) AS stream, entry
LATERAL VIEW explode(entry.files) AS file
WHERE stream IN (''
    , 'contacts'
    , 'customer_persons'
    , 'conversations'
    , 'messages'
);

CREATE OR REPLACE TEMPORARY VIEW feed_contacts (
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

CREATE OR REPLACE TEMPORARY VIEW changes_contacts AS
SELECT *, concat('contacts/', regexp_extract(input_file_name(), '[^/]+$', 0)) AS _file FROM feed_contacts;

CREATE OR REPLACE TEMPORARY VIEW feed_customer_persons (
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

CREATE OR REPLACE TEMPORARY VIEW changes_customer_persons AS
SELECT *, concat('customer_persons/', regexp_extract(input_file_name(), '[^/]+$', 0)) AS _file FROM feed_customer_persons;

CREATE OR REPLACE TEMPORARY VIEW feed_conversations (
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

CREATE OR REPLACE TEMPORARY VIEW changes_conversations AS
SELECT *, concat('conversations/', regexp_extract(input_file_name(), '[^/]+$', 0)) AS _file FROM feed_conversations;

CREATE OR REPLACE TEMPORARY VIEW feed_messages (
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

CREATE OR REPLACE TEMPORARY VIEW changes_messages AS
SELECT *, concat('messages/', regexp_extract(input_file_name(), '[^/]+$', 0)) AS _file FROM feed_messages;

-- How far each stream is, and of which mirror.
CREATE OR REPLACE TEMPORARY VIEW merged AS
SELECT CAST(NULL AS STRING) AS stream, CAST(NULL AS STRING) AS mirror, CAST(NULL AS BIGINT) AS last_seq WHERE false
UNION ALL SELECT 'contacts', _extra, _seq FROM qpien.contacts_state WHERE _id = ''
UNION ALL SELECT 'customer_persons', _extra, _seq FROM qpien.customer_persons_state WHERE _id = ''
UNION ALL SELECT 'conversations', _extra, _seq FROM qpien.conversations_state WHERE _id = ''
UNION ALL SELECT 'messages', _extra, _seq FROM qpien.messages_state WHERE _id = ''
;

SELECT raise_error('these tables are of another mirror than the feed: take another schema, or begin anew') AS other
FROM change_file JOIN merged ON merged.stream = change_file.stream AND merged.mirror <> change_file.mirror;

SELECT raise_error(concat(path, ' has ', coalesce(found, 0), ' rows, not the ', rows, ' that manifest.json names')) AS wrong
FROM (
    SELECT '' AS _file, 0 AS found WHERE false
    UNION ALL SELECT _file, count(*) FROM changes_contacts GROUP BY _file
    UNION ALL SELECT _file, count(*) FROM changes_customer_persons GROUP BY _file
    UNION ALL SELECT _file, count(*) FROM changes_conversations GROUP BY _file
    UNION ALL SELECT _file, count(*) FROM changes_messages GROUP BY _file
)
RIGHT JOIN change_file ON _file = path
LEFT JOIN merged USING (stream)
WHERE rows <> coalesce(found, 0) AND change_file.last_seq > coalesce(merged.last_seq, 0);
