-- Merges what load.sql read into the current tables. One transaction: either all of it is merged and loaded says so, or
-- nothing is. What is merged already is passed over, so that files may be loaded again, one night at a time or all at once.
--   psql -f merge.sql
-- A file that is missing between two others is an error, and nothing is merged. Two merges at a time go one after the other.

\set ON_ERROR_STOP on
BEGIN;
LOCK TABLE qpien.loaded IN EXCLUSIVE MODE;

-- Each file begins where the last ended, or with what is merged already.
DO $check$
DECLARE missing text;
BEGIN
    SELECT min(path) INTO missing
    FROM (
        SELECT file.stream, path, first_seq, max(file.last_seq) OVER (
            PARTITION BY file.stream ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM qpien.change_file AS file
    ) AS file
    LEFT JOIN qpien.loaded USING (stream)
    WHERE first_seq > greatest(before, last_seq, 0) + 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'a change file is missing before %', missing;
    END IF;
END
$check$;

-- contacts: the newest change of each id, of those that are not merged yet.
CREATE TEMP TABLE newest ON COMMIT DROP AS
SELECT DISTINCT ON (_id) *
FROM qpien.changes_contacts
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0)
ORDER BY _id, _seq DESC;

DELETE FROM qpien.contacts WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT INTO qpien.contacts (
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _synced_at, _run_id
)
SELECT
    _id, customer, firstName, lastName, username, avatar, email, phone, phoneCountryCode, country, gender,
    tags, createdAt, phoneUsagePermission, emailUsagePermission, language, platforms, owner, _extra, _seq,
    _synced_at, _run_id
FROM newest WHERE _op <> 'delete'
ON CONFLICT (_id) DO UPDATE SET
    customer = excluded.customer, firstName = excluded.firstName, lastName = excluded.lastName, username = excluded.username, avatar = excluded.avatar, email = excluded.email, phone = excluded.phone, phoneCountryCode = excluded.phoneCountryCode, country = excluded.country, gender = excluded.gender, tags = excluded.tags, createdAt = excluded.createdAt, phoneUsagePermission = excluded.phoneUsagePermission, emailUsagePermission = excluded.emailUsagePermission, language = excluded.language, platforms = excluded.platforms, owner = excluded.owner, _extra = excluded._extra, _seq = excluded._seq, _synced_at = excluded._synced_at, _run_id = excluded._run_id;

DROP TABLE newest;

-- customer_persons: the newest change of each id, of those that are not merged yet.
CREATE TEMP TABLE newest ON COMMIT DROP AS
SELECT DISTINCT ON (_id) *
FROM qpien.changes_customer_persons
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0)
ORDER BY _id, _seq DESC;

DELETE FROM qpien.customer_persons WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT INTO qpien.customer_persons (
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _synced_at, _run_id
)
SELECT
    _id, customer, type, status, firstName, lastName, profilePhoto, email, phone, language, _extra, _seq,
    _synced_at, _run_id
FROM newest WHERE _op <> 'delete'
ON CONFLICT (_id) DO UPDATE SET
    customer = excluded.customer, type = excluded.type, status = excluded.status, firstName = excluded.firstName, lastName = excluded.lastName, profilePhoto = excluded.profilePhoto, email = excluded.email, phone = excluded.phone, language = excluded.language, _extra = excluded._extra, _seq = excluded._seq, _synced_at = excluded._synced_at, _run_id = excluded._run_id;

DROP TABLE newest;

-- conversations: the newest change of each id, of those that are not merged yet.
CREATE TEMP TABLE newest ON COMMIT DROP AS
SELECT DISTINCT ON (_id) *
FROM qpien.changes_conversations
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0)
ORDER BY _id, _seq DESC;

DELETE FROM qpien.conversations WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT INTO qpien.conversations (
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _synced_at, _run_id
)
SELECT
    _id, customer, joinedPerson, joinedCPerson, isStarred, status, isGroupOrChannel, lastMessage,
    lastReceivedMessageChannel, tags, channels, type, priority, _extra, _seq, _synced_at, _run_id
FROM newest WHERE _op <> 'delete'
ON CONFLICT (_id) DO UPDATE SET
    customer = excluded.customer, joinedPerson = excluded.joinedPerson, joinedCPerson = excluded.joinedCPerson, isStarred = excluded.isStarred, status = excluded.status, isGroupOrChannel = excluded.isGroupOrChannel, lastMessage = excluded.lastMessage, lastReceivedMessageChannel = excluded.lastReceivedMessageChannel, tags = excluded.tags, channels = excluded.channels, type = excluded.type, priority = excluded.priority, _extra = excluded._extra, _seq = excluded._seq, _synced_at = excluded._synced_at, _run_id = excluded._run_id;

DROP TABLE newest;

-- messages: the newest change of each id, of those that are not merged yet.
CREATE TEMP TABLE newest ON COMMIT DROP AS
SELECT DISTINCT ON (_id) *
FROM qpien.changes_messages
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0)
ORDER BY _id, _seq DESC;

DELETE FROM qpien.messages WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT INTO qpien.messages (
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _synced_at, _run_id
)
SELECT
    _id, sender, conversation, messageType, channelType, senderType, content, contentHtml, subject,
    emailData, commentData, questionData, media, template_cards, product_cards, channelMessageId, ackStatus,
    createdAt, autoCreate, failedReason, surveyData, informativeButtons, _extra, _seq, _synced_at, _run_id
FROM newest WHERE _op <> 'delete'
ON CONFLICT (_id) DO UPDATE SET
    sender = excluded.sender, conversation = excluded.conversation, messageType = excluded.messageType, channelType = excluded.channelType, senderType = excluded.senderType, content = excluded.content, contentHtml = excluded.contentHtml, subject = excluded.subject, emailData = excluded.emailData, commentData = excluded.commentData, questionData = excluded.questionData, media = excluded.media, template_cards = excluded.template_cards, product_cards = excluded.product_cards, channelMessageId = excluded.channelMessageId, ackStatus = excluded.ackStatus, createdAt = excluded.createdAt, autoCreate = excluded.autoCreate, failedReason = excluded.failedReason, surveyData = excluded.surveyData, informativeButtons = excluded.informativeButtons, _extra = excluded._extra, _seq = excluded._seq, _synced_at = excluded._synced_at, _run_id = excluded._run_id;

DROP TABLE newest;

INSERT INTO qpien.loaded AS loaded
SELECT stream, max(last_seq), now() FROM qpien.change_file GROUP BY stream
ON CONFLICT (stream) DO UPDATE SET last_seq = excluded.last_seq, loaded_at = excluded.loaded_at
WHERE excluded.last_seq > loaded.last_seq;

COMMIT;
