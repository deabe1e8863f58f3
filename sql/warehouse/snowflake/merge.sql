-- Merges what load.sql read into the current tables. One transaction: either all of it is merged and loaded says so, or
-- nothing is. What is merged already is passed over, so that files may be loaded again, one night at a time or all at once.
--   snowsql -o exit_on_error=true -f merge.sql
-- A file that is missing between two others is an error, before anything is merged.

-- contacts: each file begins where the last ended, or with what is merged already. (The text is no number: the cast fails
-- and shows it.)
SELECT CAST('contacts: a change file is missing before ' || _file AS NUMBER) AS missing
FROM (
    SELECT _file, first_seq,
           MAX(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_seq
    FROM (
        SELECT DISTINCT _file,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 1) AS NUMBER(19, 0)) AS first_seq,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0)) AS last_seq
        FROM qpien.changes_contacts
    )
)
WHERE first_seq > GREATEST(COALESCE(before_seq, 0),
                           COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'contacts'), 0)) + 1;

-- customer_persons: each file begins where the last ended, or with what is merged already. (The text is no number: the cast fails
-- and shows it.)
SELECT CAST('customer_persons: a change file is missing before ' || _file AS NUMBER) AS missing
FROM (
    SELECT _file, first_seq,
           MAX(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_seq
    FROM (
        SELECT DISTINCT _file,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 1) AS NUMBER(19, 0)) AS first_seq,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0)) AS last_seq
        FROM qpien.changes_customer_persons
    )
)
WHERE first_seq > GREATEST(COALESCE(before_seq, 0),
                           COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'customer_persons'), 0)) + 1;

-- conversations: each file begins where the last ended, or with what is merged already. (The text is no number: the cast fails
-- and shows it.)
SELECT CAST('conversations: a change file is missing before ' || _file AS NUMBER) AS missing
FROM (
    SELECT _file, first_seq,
           MAX(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_seq
    FROM (
        SELECT DISTINCT _file,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 1) AS NUMBER(19, 0)) AS first_seq,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0)) AS last_seq
        FROM qpien.changes_conversations
    )
)
WHERE first_seq > GREATEST(COALESCE(before_seq, 0),
                           COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'conversations'), 0)) + 1;

-- messages: each file begins where the last ended, or with what is merged already. (The text is no number: the cast fails
-- and shows it.)
SELECT CAST('messages: a change file is missing before ' || _file AS NUMBER) AS missing
FROM (
    SELECT _file, first_seq,
           MAX(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_seq
    FROM (
        SELECT DISTINCT _file,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 1) AS NUMBER(19, 0)) AS first_seq,
               CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0)) AS last_seq
        FROM qpien.changes_messages
    )
)
WHERE first_seq > GREATEST(COALESCE(before_seq, 0),
                           COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'messages'), 0)) + 1;

BEGIN TRANSACTION;

-- contacts: the newest change of each id, of those that are not merged yet.
MERGE INTO qpien.contacts AS t
USING (
    SELECT *
    FROM qpien.changes_contacts
    WHERE _seq > COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'contacts'), 0)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1
) AS s
ON t._id = s._id
WHEN MATCHED AND s._op = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    customer = s.customer,
    firstName = s.firstName,
    lastName = s.lastName,
    username = s.username,
    avatar = s.avatar,
    email = s.email,
    phone = s.phone,
    phoneCountryCode = s.phoneCountryCode,
    country = s.country,
    gender = s.gender,
    tags = s.tags,
    createdAt = s.createdAt,
    phoneUsagePermission = s.phoneUsagePermission,
    emailUsagePermission = s.emailUsagePermission,
    language = s.language,
    platforms = s.platforms,
    owner = s.owner,
    _extra = s._extra,
    _seq = s._seq,
    _synced_at = s._synced_at,
    _run_id = s._run_id
WHEN NOT MATCHED AND s._op <> 'delete' THEN INSERT (
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _synced_at, _run_id
) VALUES (
    s._id, s.customer, s.firstName, s.lastName, s.username, s.avatar, s.email, s.phone, s.phoneCountryCode,
    s.country, s.gender, s.tags, s.createdAt, s.phoneUsagePermission, s.emailUsagePermission, s.language,
    s.platforms, s.owner, s._extra, s._seq, s._synced_at, s._run_id
);

MERGE INTO qpien.loaded AS t
USING (
    SELECT 'contacts' AS stream,
           MAX(CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0))) AS last_seq
    FROM qpien.changes_contacts
    HAVING MAX(_seq) IS NOT NULL
) AS s
ON t.stream = s.stream
WHEN MATCHED AND s.last_seq > t.last_seq THEN UPDATE SET last_seq = s.last_seq, loaded_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (stream, last_seq, loaded_at) VALUES (s.stream, s.last_seq, CURRENT_TIMESTAMP());

DELETE FROM qpien.changes_contacts;

-- customer_persons: the newest change of each id, of those that are not merged yet.
MERGE INTO qpien.customer_persons AS t
USING (
    SELECT *
    FROM qpien.changes_customer_persons
    WHERE _seq > COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'customer_persons'), 0)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1
) AS s
ON t._id = s._id
WHEN MATCHED AND s._op = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    customer = s.customer,
    type = s.type,
    status = s.status,
    firstName = s.firstName,
    lastName = s.lastName,
    profilePhoto = s.profilePhoto,
    email = s.email,
    phone = s.phone,
    language = s.language,
    _extra = s._extra,
    _seq = s._seq,
    _synced_at = s._synced_at,
    _run_id = s._run_id
WHEN NOT MATCHED AND s._op <> 'delete' THEN INSERT (
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _synced_at, _run_id
) VALUES (
    s._id, s.customer, s.type, s.status, s.firstName, s.lastName, s.profilePhoto, s.email, s.phone,
    s.language, s._extra, s._seq, s._synced_at, s._run_id
);

MERGE INTO qpien.loaded AS t
USING (
    SELECT 'customer_persons' AS stream,
           MAX(CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0))) AS last_seq
    FROM qpien.changes_customer_persons
    HAVING MAX(_seq) IS NOT NULL
) AS s
ON t.stream = s.stream
WHEN MATCHED AND s.last_seq > t.last_seq THEN UPDATE SET last_seq = s.last_seq, loaded_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (stream, last_seq, loaded_at) VALUES (s.stream, s.last_seq, CURRENT_TIMESTAMP());

DELETE FROM qpien.changes_customer_persons;

-- conversations: the newest change of each id, of those that are not merged yet.
MERGE INTO qpien.conversations AS t
USING (
    SELECT *
    FROM qpien.changes_conversations
    WHERE _seq > COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'conversations'), 0)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1
) AS s
ON t._id = s._id
WHEN MATCHED AND s._op = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    customer = s.customer,
    joinedPerson = s.joinedPerson,
    joinedCPerson = s.joinedCPerson,
    isStarred = s.isStarred,
    status = s.status,
    isGroupOrChannel = s.isGroupOrChannel,
    lastMessage = s.lastMessage,
    lastReceivedMessageChannel = s.lastReceivedMessageChannel,
    tags = s.tags,
    channels = s.channels,
    type = s.type,
    priority = s.priority,
    _extra = s._extra,
    _seq = s._seq,
    _synced_at = s._synced_at,
    _run_id = s._run_id
WHEN NOT MATCHED AND s._op <> 'delete' THEN INSERT (
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _synced_at, _run_id
) VALUES (
    s._id, s.customer, s.joinedPerson, s.joinedCPerson, s.isStarred, s.status, s.isGroupOrChannel,
    s.lastMessage, s.lastReceivedMessageChannel, s.tags, s.channels, s.type, s.priority, s._extra, s._seq,
    s._synced_at, s._run_id
);

MERGE INTO qpien.loaded AS t
USING (
    SELECT 'conversations' AS stream,
           MAX(CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0))) AS last_seq
    FROM qpien.changes_conversations
    HAVING MAX(_seq) IS NOT NULL
) AS s
ON t.stream = s.stream
WHEN MATCHED AND s.last_seq > t.last_seq THEN UPDATE SET last_seq = s.last_seq, loaded_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (stream, last_seq, loaded_at) VALUES (s.stream, s.last_seq, CURRENT_TIMESTAMP());

DELETE FROM qpien.changes_conversations;

-- messages: the newest change of each id, of those that are not merged yet.
MERGE INTO qpien.messages AS t
USING (
    SELECT *
    FROM qpien.changes_messages
    WHERE _seq > COALESCE((SELECT MAX(last_seq) FROM qpien.loaded WHERE stream = 'messages'), 0)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1
) AS s
ON t._id = s._id
WHEN MATCHED AND s._op = 'delete' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    sender = s.sender,
    conversation = s.conversation,
    messageType = s.messageType,
    channelType = s.channelType,
    senderType = s.senderType,
    content = s.content,
    contentHtml = s.contentHtml,
    subject = s.subject,
    emailData = s.emailData,
    commentData = s.commentData,
    questionData = s.questionData,
    media = s.media,
    template_cards = s.template_cards,
    product_cards = s.product_cards,
    channelMessageId = s.channelMessageId,
    ackStatus = s.ackStatus,
    createdAt = s.createdAt,
    autoCreate = s.autoCreate,
    failedReason = s.failedReason,
    surveyData = s.surveyData,
    informativeButtons = s.informativeButtons,
    _extra = s._extra,
    _seq = s._seq,
    _synced_at = s._synced_at,
    _run_id = s._run_id
WHEN NOT MATCHED AND s._op <> 'delete' THEN INSERT (
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _synced_at, _run_id
) VALUES (
    s._id, s.sender, s.conversation, s.messageType, s.channelType, s.senderType, s.content, s.contentHtml,
    s.subject, s.emailData, s.commentData, s.questionData, s.media, s.template_cards, s.product_cards,
    s.channelMessageId, s.ackStatus, s.createdAt, s.autoCreate, s.failedReason, s.surveyData,
    s.informativeButtons, s._extra, s._seq, s._synced_at, s._run_id
);

MERGE INTO qpien.loaded AS t
USING (
    SELECT 'messages' AS stream,
           MAX(CAST(REGEXP_SUBSTR(_file, 'changes-([0-9]+)-([0-9]+)', 1, 1, 'e', 2) AS NUMBER(19, 0))) AS last_seq
    FROM qpien.changes_messages
    HAVING MAX(_seq) IS NOT NULL
) AS s
ON t.stream = s.stream
WHEN MATCHED AND s.last_seq > t.last_seq THEN UPDATE SET last_seq = s.last_seq, loaded_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (stream, last_seq, loaded_at) VALUES (s.stream, s.last_seq, CURRENT_TIMESTAMP());

DELETE FROM qpien.changes_messages;

COMMIT;
