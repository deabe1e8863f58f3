-- Merges what load.sql read into the current tables. One transaction: either all of it is merged and loaded says so, or
-- nothing is. What is merged already is passed over, so that files may be loaded again, one night at a time or all at once.
--   duckdb warehouse.duckdb < merge.sql
-- A file that is missing between two others is an error, and nothing is merged.

BEGIN TRANSACTION;

-- contacts: each file begins where the last ended, or with what is merged already.
SELECT error('contacts: a change file is missing before ' || _file) AS missing
FROM (
    SELECT _file, first_seq, max(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT DISTINCT _file, regexp_extract(_file, 'changes-(\d+)-(\d+)', 1)::BIGINT AS first_seq,
                        regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT AS last_seq
        FROM qpien.changes_contacts
    )
)
WHERE first_seq > greatest(coalesce(before, 0),
                           coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0)) + 1;

-- The newest change of each id, of those that are not merged yet.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * EXCLUDE (_file)
FROM qpien.changes_contacts
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0)
QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1;

DELETE FROM qpien.contacts WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT OR REPLACE INTO qpien.contacts BY NAME SELECT * EXCLUDE (_op) FROM newest WHERE _op <> 'delete';

INSERT OR REPLACE INTO qpien.loaded
SELECT 'contacts', max(regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT) AS last, now()
FROM qpien.changes_contacts
HAVING last > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'contacts'), 0);

-- customer_persons: each file begins where the last ended, or with what is merged already.
SELECT error('customer_persons: a change file is missing before ' || _file) AS missing
FROM (
    SELECT _file, first_seq, max(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT DISTINCT _file, regexp_extract(_file, 'changes-(\d+)-(\d+)', 1)::BIGINT AS first_seq,
                        regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT AS last_seq
        FROM qpien.changes_customer_persons
    )
)
WHERE first_seq > greatest(coalesce(before, 0),
                           coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0)) + 1;

-- The newest change of each id, of those that are not merged yet.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * EXCLUDE (_file)
FROM qpien.changes_customer_persons
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0)
QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1;

DELETE FROM qpien.customer_persons WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT OR REPLACE INTO qpien.customer_persons BY NAME SELECT * EXCLUDE (_op) FROM newest WHERE _op <> 'delete';

INSERT OR REPLACE INTO qpien.loaded
SELECT 'customer_persons', max(regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT) AS last, now()
FROM qpien.changes_customer_persons
HAVING last > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'customer_persons'), 0);

-- conversations: each file begins where the last ended, or with what is merged already.
SELECT error('conversations: a change file is missing before ' || _file) AS missing
FROM (
    SELECT _file, first_seq, max(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT DISTINCT _file, regexp_extract(_file, 'changes-(\d+)-(\d+)', 1)::BIGINT AS first_seq,
                        regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT AS last_seq
        FROM qpien.changes_conversations
    )
)
WHERE first_seq > greatest(coalesce(before, 0),
                           coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0)) + 1;

-- The newest change of each id, of those that are not merged yet.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * EXCLUDE (_file)
FROM qpien.changes_conversations
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0)
QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1;

DELETE FROM qpien.conversations WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT OR REPLACE INTO qpien.conversations BY NAME SELECT * EXCLUDE (_op) FROM newest WHERE _op <> 'delete';

INSERT OR REPLACE INTO qpien.loaded
SELECT 'conversations', max(regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT) AS last, now()
FROM qpien.changes_conversations
HAVING last > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'conversations'), 0);

-- messages: each file begins where the last ended, or with what is merged already.
SELECT error('messages: a change file is missing before ' || _file) AS missing
FROM (
    SELECT _file, first_seq, max(last_seq) OVER (ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT DISTINCT _file, regexp_extract(_file, 'changes-(\d+)-(\d+)', 1)::BIGINT AS first_seq,
                        regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT AS last_seq
        FROM qpien.changes_messages
    )
)
WHERE first_seq > greatest(coalesce(before, 0),
                           coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0)) + 1;

-- The newest change of each id, of those that are not merged yet.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * EXCLUDE (_file)
FROM qpien.changes_messages
WHERE _seq > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0)
QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1;

DELETE FROM qpien.messages WHERE _id IN (SELECT _id FROM newest WHERE _op = 'delete');
INSERT OR REPLACE INTO qpien.messages BY NAME SELECT * EXCLUDE (_op) FROM newest WHERE _op <> 'delete';

INSERT OR REPLACE INTO qpien.loaded
SELECT 'messages', max(regexp_extract(_file, 'changes-(\d+)-(\d+)', 2)::BIGINT) AS last, now()
FROM qpien.changes_messages
HAVING last > coalesce((SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'), 0);

COMMIT;
