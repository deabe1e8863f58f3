-- What people ask first, as views over the current tables.
--   {run_views}
--
-- The API does not document what senderType may be. sender_sides below says for each value whose side it is; it is the only
-- place that does. Ask sender_types first: it counts the messages of each value, and what is not named has side null. (In
-- the API's own words a "customer" can be the account itself: look at some messages before you believe a value.) Robots
-- answer nobody here: only 'staff' counts as an answer. Days are days in UTC.{prelude}

-- Whose side a senderType is, in capitals: customer, staff or robot. Add and change lines here.
CREATE OR REPLACE VIEW {schema}.sender_sides AS
SELECT 'CUSTOMER' AS sender_type, 'customer' AS side
UNION ALL SELECT 'CONTACT', 'customer'
UNION ALL SELECT 'PERSON', 'customer'
UNION ALL SELECT 'VISITOR', 'customer'
UNION ALL SELECT 'AGENT', 'staff'
UNION ALL SELECT 'CPERSON', 'staff'
UNION ALL SELECT 'CUSTOMER_PERSON', 'staff'
UNION ALL SELECT 'BOT', 'robot'
UNION ALL SELECT 'ROBOT', 'robot'
UNION ALL SELECT 'SYSTEM', 'robot';

-- Messages with the side they come from, the name of who wrote them, and the day.{sender_name_note}
CREATE OR REPLACE VIEW {schema}.message_sides AS
SELECT m._id, m.conversation, m.createdAt, m.channelType, m.messageType, m.senderType, sides.side,
       {sender_name} AS sender_name,
       {day} AS day
FROM {schema}.messages AS m
LEFT JOIN {schema}.sender_sides AS sides ON sides.sender_type = translate(m.senderType, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ');

-- Which values senderType has, and what sender_sides makes of each.
CREATE OR REPLACE VIEW {schema}.sender_types AS
SELECT senderType, side, count(*) AS messages
FROM {schema}.message_sides
GROUP BY senderType, side;

-- First response: per conversation the customer's first message, the first one of the staff after it, and the seconds
-- between. No row before a customer wrote; null as long as nobody answered.
CREATE OR REPLACE VIEW {schema}.first_response AS
SELECT c.conversation, c.first_customer_at, a.first_staff_at,
       {seconds_to_answer} AS seconds
FROM (
    SELECT conversation, min(createdAt) AS first_customer_at
    FROM {schema}.message_sides WHERE side = 'customer' AND createdAt IS NOT NULL GROUP BY conversation
) AS c
LEFT JOIN (
    SELECT s.conversation, min(s.createdAt) AS first_staff_at
    FROM {schema}.message_sides AS s
    JOIN (
        SELECT conversation, min(createdAt) AS first_customer_at
        FROM {schema}.message_sides WHERE side = 'customer' GROUP BY conversation
    ) AS f ON f.conversation = s.conversation AND s.createdAt > f.first_customer_at
    WHERE s.side = 'staff'
    GROUP BY s.conversation
) AS a ON a.conversation = c.conversation;

-- Messages of the staff, by who wrote them, channel and day. A message names its writer (sender); where it does not, the one
-- who has joined the conversation is taken.
CREATE OR REPLACE VIEW {schema}.messages_per_agent AS
SELECT day, agent, channelType, count(*) AS messages
FROM (
    SELECT m.day, coalesce(m.sender_name, p.firstName || ' ' || p.lastName, p.firstName) AS agent, m.channelType
    FROM {schema}.message_sides AS m
    LEFT JOIN {schema}.conversations AS c ON c._id = m.conversation
    LEFT JOIN {schema}.customer_persons AS p ON p._id = c.joinedCPerson
    WHERE m.side = 'staff'
) AS written
GROUP BY day, agent, channelType;

-- Conversations by status.
CREATE OR REPLACE VIEW {schema}.conversations_by_status AS
SELECT status, type, count(*) AS conversations
FROM {schema}.conversations
GROUP BY status, type;

-- Conversations whose customer wrote last: since when, how many messages, of whom. Their status is shown and not judged.
CREATE OR REPLACE VIEW {schema}.unanswered_conversations AS
SELECT c._id AS conversation, c.status, c.joinedPerson, p.firstName, p.lastName, open_messages.messages,
       open_messages.waiting_since, open_messages.last_customer_at
FROM (
    SELECT m.conversation, count(*) AS messages, min(m.createdAt) AS waiting_since, max(m.createdAt) AS last_customer_at
    FROM {schema}.message_sides AS m
    LEFT JOIN (
        SELECT conversation, max(createdAt) AS last_staff_at
        FROM {schema}.message_sides WHERE side = 'staff' GROUP BY conversation
    ) AS s ON s.conversation = m.conversation
    WHERE m.side = 'customer' AND m.createdAt IS NOT NULL
      AND (s.last_staff_at IS NULL OR m.createdAt > s.last_staff_at)
    GROUP BY m.conversation
) AS open_messages
JOIN {schema}.conversations AS c ON c._id = open_messages.conversation
LEFT JOIN {schema}.contacts AS p ON p._id = c.joinedPerson;

-- Tags, one row each.
CREATE OR REPLACE VIEW {schema}.conversation_tags AS
SELECT t._id AS conversation, {tag} AS tag
FROM {schema}.conversations AS t{tags};

CREATE OR REPLACE VIEW {schema}.contact_tags AS
SELECT t._id AS contact, {tag} AS tag
FROM {schema}.contacts AS t{tags};
