//! Keeps checksums of everything that the mirror holds. A flipped bit in the file is no error for SQLite: it only
//! changes a value. So every row of the mirror is covered by a sum, and so is the number of rows.
//!
//! | what | its sum |
//! |---|---|
//! | a row of the ledger (`record`) | `record.sum`, and one over all rows of its stream in `ledger_sum` |
//! | a body (`body_STREAM`) | `payload_sum`, and one over each 1024 seqs of its stream in `payload_block` |
//! | a row of any other table | one over all rows of the table in `table_sum` |
//!
//! Code that writes to the mirror need not update the sums: triggers do so in the same statement ([`keep`]). The
//! triggers belong to the connection, not to the file. Another program that writes to the mirror therefore does not
//! run them, and its changes are found.
//!
//! The sums cost 7 microseconds of processor time for each record that is stored, and 3 % of the file. That is
//! little: the limit of 100 requests a minute lets a run store some 10,000 records a minute.
//!
//! The hash is xxh3-64 over each value with its type and length. It protects against broken disks and mistakes, not
//! against a person who forges a mirror. [`super::integrity_check`] compares the sums.

use std::cell::RefCell;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use xxhash_rust::xxh3::xxh3_64;

use super::ledger;
use crate::streams::{self, Stream};

/// The number of seqs that share a row of `payload_block`.
pub const BLOCK: i64 = 1024;

/// Tables that are not covered by `table_sum`, because they hold sums or have sums elsewhere. The tables of bodies
/// are not covered either.
const NOT_IN_TABLE_SUM: [&str; 5] = ["record", "ledger_sum", "payload_sum", "payload_block", "table_sum"];

/// Collects the values to hash, in the order in which they are added.
pub struct Hash<'b> {
    bytes: &'b mut Vec<u8>,
}

impl Hash<'_> {
    /// Adds a value: its type, the length of its bytes, and its bytes.
    pub fn add(&mut self, value: ValueRef<'_>) {
        let (kind, bytes): (u8, &[u8]) = match value {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(i) => (1, &i.to_le_bytes()),
            ValueRef::Real(r) => (2, &r.to_bits().to_le_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }
}

/// Returns the hash of the values that `fill` adds.
pub fn hash<E>(fill: impl FnOnce(&mut Hash<'_>) -> Result<(), E>) -> Result<i64, E> {
    thread_local! {
        static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let mut bytes = BYTES.take();
    bytes.clear();
    let filled = fill(&mut Hash { bytes: &mut bytes });
    let hash = xxh3_64(&bytes).cast_signed();
    // A buffer that one payload of megabytes has grown is not kept.
    if bytes.capacity() <= 1 << 20 {
        BYTES.set(bytes);
    }
    filled.map(|()| hash)
}

/// Returns the hash of a row of `table`. Its values are the first `columns` columns of the query's result.
pub fn of_row(table: &str, row: &Row<'_>, columns: usize) -> rusqlite::Result<i64> {
    hash(|hash| {
        hash.add(ValueRef::Text(table.as_bytes()));
        (0..columns).try_for_each(|column| row.get_ref(column).map(|value| hash.add(value)))
    })
}

/// Returns the hash of a body: its stream and all its columns.
pub fn of_body(stream: Stream, seq: i64, id: ValueRef<'_>, payload: ValueRef<'_>, first_seq: ValueRef<'_>) -> i64 {
    let hashed = hash::<std::convert::Infallible>(|hash| {
        hash.add(ValueRef::Text(stream.name().as_bytes()));
        hash.add(ValueRef::Integer(seq));
        for value in [id, payload, first_seq] {
            hash.add(value);
        }
        Ok(())
    });
    let Ok(hash) = hashed;
    hash
}

/// A number of rows, and the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// The number of rows.
    pub rows: i64,
    /// The sum of the rows' hashes, modulo 2^64.
    pub sum: i64,
}

impl Total {
    /// Adds a row that has this hash.
    pub fn add(&mut self, hash: i64) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Reads a total from the first two columns of a query's row: the number of rows, and the sum.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Total> {
        Ok(Total { rows: row.get(0)?, sum: row.get(1)? })
    }
}

/// Returns the names of a table's columns, and those of its primary key. Leaves out `record.sum`, because a row's sum
/// does not cover itself.
pub(super) fn columns(c: &Connection, table: &str) -> rusqlite::Result<(Vec<String>, Vec<String>)> {
    let mut all = c.prepare_cached("SELECT name, pk FROM pragma_table_info(?) WHERE name <> 'sum' OR ? <> 'record'")?;
    let named: Vec<(String, i64)> =
        all.query_map([table, table], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let key = named.iter().filter(|(_, pk)| *pk > 0).map(|(name, _)| name.clone()).collect();
    Ok((named.into_iter().map(|(name, _)| name).collect(), key))
}

/// Returns the names of the tables whose sums are in `table_sum`, in ascending order. All of them are small.
pub fn small(c: &Connection) -> rusqlite::Result<Vec<String>> {
    let ours = super::schema::tables();
    let is_body = |name: &str| name.strip_prefix("body_").is_some_and(|of| Stream::named(of).is_some());
    let there: Vec<String> = c
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let is_small = |name: &String| ours.contains(name) && !NOT_IN_TABLE_SUM.contains(&name.as_str()) && !is_body(name);
    Ok(there.into_iter().filter(is_small).collect())
}

/// Computes the number and the sum of a table's rows as they are now.
pub fn of_table(c: &Connection, table: &str) -> rusqlite::Result<Total> {
    let (columns, _) = columns(c, table)?;
    let mut all = c.prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
    let mut rows = all.query([])?;
    let mut total = Total::default();
    while let Some(row) = rows.next()? {
        total.add(of_row(table, row, columns.len())?);
    }
    Ok(total)
}

/// Computes and stores the sums of all small tables as they are now.
pub fn take_small(c: &Connection) -> rusqlite::Result<()> {
    c.execute("DELETE FROM table_sum", [])?;
    for table in small(c)? {
        let total = of_table(c, &table)?;
        c.execute("INSERT INTO table_sum VALUES (?, ?, ?)", (table, total.rows, total.sum))?;
    }
    Ok(())
}

/// Computes and stores every sum from what the mirror holds now. To be used only for a mirror whose contents are
/// known to be right, because it had no sums before.
pub fn take(c: &Connection) -> rusqlite::Result<()> {
    register_functions(c)?;
    let (columns, _) = columns(c, "record")?;
    c.execute_batch(&format!(
        "UPDATE record SET sum = row_sum('record', {}); DELETE FROM payload_sum;",
        columns.join(", ")
    ))?;
    for stream in streams::ALL {
        c.execute_batch(&format!(
            "INSERT INTO payload_sum SELECT seq, row_sum('{stream}', seq, id, payload, first_seq) FROM body_{stream}"
        ))?;
    }
    take_totals(c)?;
    take_small(c)
}

/// Computes and stores the totals of the ledger and of the bodies from the sums of their rows.
pub(super) fn take_totals(c: &Connection) -> rusqlite::Result<()> {
    c.execute_batch("DELETE FROM ledger_sum; DELETE FROM payload_block;")?;
    for stream in streams::ALL {
        let number = stream.number();
        c.execute_batch(&format!(
            "INSERT INTO ledger_sum SELECT {number}, count(*), total_sum(sum) FROM record WHERE stream = {number};
             INSERT INTO payload_block
             SELECT {number}, b.seq / {BLOCK}, count(*), total_sum(s.sum)
             FROM body_{stream} AS b CROSS JOIN payload_sum AS s ON s.seq = b.seq GROUP BY 2;"
        ))?;
    }
    Ok(())
}

/// Makes this connection update the sums of everything that it writes.
pub fn keep(c: &Connection) -> rusqlite::Result<()> {
    register_functions(c)?;
    // Without this, `INSERT OR REPLACE` would not run the delete trigger for the row that it replaces.
    c.execute_batch("PRAGMA recursive_triggers = ON")?;
    let mut sql = of_ledger();
    for stream in streams::ALL {
        sql.push_str(&of_bodies(stream));
    }
    for table in small(c)? {
        sql.push_str(&of_small(c, &table)?);
    }
    c.execute_batch(&sql)
}

/// Registers the SQL functions that the triggers use.
pub(super) fn register_functions(c: &Connection) -> rusqlite::Result<()> {
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    c.create_scalar_function("row_sum", -1, pure, |values| {
        hash(|hash| {
            (0..values.len()).for_each(|n| hash.add(values.get_raw(n)));
            Ok(())
        })
    })?;
    c.create_scalar_function("plus", 2, pure, |values| {
        Ok(values.get::<i64>(0)?.wrapping_add(values.get::<Option<i64>>(1)?.unwrap_or(0)))
    })?;
    c.create_scalar_function("minus", 2, pure, |values| {
        Ok(values.get::<i64>(0)?.wrapping_sub(values.get::<Option<i64>>(1)?.unwrap_or(0)))
    })?;
    c.create_aggregate_function("total_sum", 1, pure, TotalSum)
}

/// The SQL function `total_sum`: adds integers modulo 2^64.
struct TotalSum;

impl rusqlite::functions::Aggregate<i64, i64> for TotalSum {
    fn init(&self, _: &mut rusqlite::functions::Context<'_>) -> rusqlite::Result<i64> {
        Ok(0)
    }
    fn step(&self, values: &mut rusqlite::functions::Context<'_>, sum: &mut i64) -> rusqlite::Result<()> {
        *sum = sum.wrapping_add(values.get(0)?);
        Ok(())
    }
    fn finalize(&self, _: &mut rusqlite::functions::Context<'_>, sum: Option<i64>) -> rusqlite::Result<i64> {
        Ok(sum.unwrap_or(0))
    }
}

/// Returns the columns with the prefix `of`: `NEW.a, NEW.b` for `NEW` and the columns `a` and `b`.
fn each(of: &str, columns: &[String]) -> String {
    columns.iter().map(|column| format!("{of}.{column}")).collect::<Vec<_>>().join(", ")
}

/// Returns the SQL that creates the triggers of the ledger. The triggers `sum_of_new_record` and `sum_of_record` set
/// `sum` if the statement has not set it.
fn of_ledger() -> String {
    let new = ledger::COLUMNS.map(|column| format!("NEW.{column}")).join(", ");
    let set = format!("UPDATE record SET sum = row_sum('record', {new}) WHERE stream = NEW.stream AND id = NEW.id;");
    let values = ledger::COLUMNS.join(", ");
    format!(
        "CREATE TEMP TRIGGER IF NOT EXISTS sum_of_new_record AFTER INSERT ON record WHEN NEW.sum IS NULL BEGIN
             {set}
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS total_of_new_record AFTER INSERT ON record BEGIN
             INSERT INTO ledger_sum VALUES (NEW.stream, 1, coalesce(NEW.sum, 0))
             ON CONFLICT (stream) DO UPDATE SET records = records + 1, sum = plus(sum, excluded.sum);
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS sum_of_record AFTER UPDATE OF {values} ON record WHEN NEW.sum IS OLD.sum BEGIN
             {set}
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS total_of_record AFTER UPDATE OF sum ON record BEGIN
             UPDATE ledger_sum SET sum = plus(minus(sum, OLD.sum), NEW.sum) WHERE stream = NEW.stream;
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS no_sum_of_record AFTER DELETE ON record BEGIN
             UPDATE ledger_sum SET records = records - 1, sum = minus(sum, OLD.sum) WHERE stream = OLD.stream;
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS gone_is_not_damaged AFTER UPDATE OF deleted ON record WHEN NEW.deleted = 1 BEGIN
             DELETE FROM damaged WHERE stream = NEW.stream AND id = NEW.id;
         END;"
    )
}

/// Returns the SQL that creates the triggers for the bodies of a stream.
fn of_bodies(stream: Stream) -> String {
    let number = stream.number();
    let sum = format!("row_sum('{stream}', NEW.seq, NEW.id, NEW.payload, NEW.first_seq)");
    let old = "(SELECT sum FROM payload_sum WHERE seq = OLD.seq)";
    let of_old = format!("WHERE stream = {number} AND block = OLD.seq / {BLOCK}");
    format!(
        "CREATE TEMP TRIGGER IF NOT EXISTS sum_of_new_body_{stream} AFTER INSERT ON body_{stream} BEGIN
             INSERT OR REPLACE INTO payload_sum VALUES (NEW.seq, {sum});
             INSERT INTO payload_block
             SELECT {number}, NEW.seq / {BLOCK}, 1, sum FROM payload_sum WHERE seq = NEW.seq
             ON CONFLICT (stream, block) DO UPDATE SET records = records + 1, sum = plus(sum, excluded.sum);
             DELETE FROM damaged WHERE stream = {number} AND id = NEW.id;
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS sum_of_body_{stream} AFTER UPDATE ON body_{stream} BEGIN
             UPDATE payload_block SET records = records - 1, sum = minus(sum, {old}) {of_old};
             DELETE FROM payload_sum WHERE seq = OLD.seq;
             INSERT OR REPLACE INTO payload_sum VALUES (NEW.seq, {sum});
             INSERT INTO payload_block
             SELECT {number}, NEW.seq / {BLOCK}, 1, sum FROM payload_sum WHERE seq = NEW.seq
             ON CONFLICT (stream, block) DO UPDATE SET records = records + 1, sum = plus(sum, excluded.sum);
         END;
         CREATE TEMP TRIGGER IF NOT EXISTS no_sum_of_body_{stream} AFTER DELETE ON body_{stream} BEGIN
             UPDATE payload_block SET records = records - 1, sum = minus(sum, {old}) {of_old};
             DELETE FROM payload_sum WHERE seq = OLD.seq;
         END;"
    )
}

/// Returns the SQL that creates the triggers of a small table.
fn of_small(c: &Connection, table: &str) -> rusqlite::Result<String> {
    let (columns, _) = columns(c, table)?;
    let sum = |of: &str| format!("row_sum('{table}', {})", each(of, &columns));
    let (new, old) = (sum("NEW"), sum("OLD"));
    let put = |what: &str| format!("UPDATE table_sum SET {what} WHERE name = '{table}';");
    Ok(format!(
        "CREATE TEMP TRIGGER IF NOT EXISTS sum_of_new_{table} AFTER INSERT ON main.{table} BEGIN {} END;
         CREATE TEMP TRIGGER IF NOT EXISTS sum_of_{table} AFTER UPDATE ON main.{table} BEGIN {} END;
         CREATE TEMP TRIGGER IF NOT EXISTS no_sum_of_{table} AFTER DELETE ON main.{table} BEGIN {} END;",
        put(&format!("rows = rows + 1, sum = plus(sum, {new})")),
        put(&format!("sum = plus(minus(sum, {old}), {new})")),
        put(&format!("rows = rows - 1, sum = minus(sum, {old})")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::integrity_check::{self, Depth, Soundness};
    use crate::mirror::{migrations, upgrade};
    use std::path::Path;

    fn is_sound(c: &Connection) -> bool {
        integrity_check::look(c, Path::new("m.db"), Depth::Everything).expect("looked at") == Soundness::Sound
    }

    #[test]
    fn the_sum_of_a_ledgers_row_is_of_all_its_columns() {
        let fresh = migrations::in_memory().expect("memory");
        assert_eq!(columns(&fresh, "record").expect("columns").0, ledger::COLUMNS);
    }

    #[test]
    fn no_writer_can_forget_a_sum() {
        let mut c = Connection::open_in_memory().expect("memory");
        upgrade::apply(&mut c, Path::new("m.db")).expect("a mirror");
        let last_run = format!("row_sum('record', {})", ledger::COLUMNS.map(|c| c.replace("last_run", "7")).join(", "));
        for sql in [
            "INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, 'a', x'00', 1, 1, 1)",
            "INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, 'b', x'00', 2, 1, 1)",
            "INSERT OR REPLACE INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, 'b', x'01', 2, 1, 1)",
            "INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, 'b', x'00', 3, 1, 1)
             ON CONFLICT DO UPDATE SET seq = excluded.seq",
            "INSERT INTO body_contacts (seq, id, payload) VALUES (1, 'a', '{}'), (3, 'b', '{\"x\":1}'), (5000, 'c', '')",
            "INSERT OR REPLACE INTO body_contacts (seq, id, payload) VALUES (3, 'b', '{}')",
            "UPDATE body_contacts SET payload = payload || ' ' WHERE seq > 1",
            "UPDATE body_contacts SET seq = 9000, first_seq = 5000 WHERE seq = 5000",
            "UPDATE body_contacts SET seq = 5001, payload = 'x' WHERE seq = 9000",
            &format!("UPDATE record SET last_run = 7, sum = {last_run} WHERE id = 'a'"),
            "UPDATE record SET last_run = 8, suspect_run = 3",
            "DELETE FROM body_contacts WHERE seq = 3",
            "DELETE FROM record WHERE id = 'b'",
            "INSERT OR REPLACE INTO judgement VALUES ('backfill', 1, 1)",
            "INSERT OR REPLACE INTO judgement VALUES ('backfill', 1, 2)",
            "UPDATE judgement SET run = 3; UPDATE sequence SET last = 9; INSERT OR IGNORE INTO asked VALUES ('x', 1, '', 1, 1)",
            "INSERT OR IGNORE INTO asked VALUES ('x', 1, '', 1, 1); DELETE FROM judgement; DELETE FROM asked",
        ] {
            c.execute_batch(sql).expect(sql);
            assert!(is_sound(&c), "{sql}");
        }
    }

    #[test]
    fn every_value_its_type_and_its_place_are_in_a_hash() {
        let of = |values: &[ValueRef<'_>]| {
            hash::<()>(|hash| {
                for value in values {
                    hash.add(*value);
                }
                Ok(())
            })
        };
        let (null, one) = (ValueRef::Null, ValueRef::Integer(1));
        let rows: [&[ValueRef<'_>]; 10] = [
            &[],
            &[null],
            &[null, null],
            &[one],
            &[null, one],
            &[one, null],
            &[ValueRef::Real(1.0)],
            &[ValueRef::Text(b"1")],
            &[ValueRef::Blob(b"1")],
            &[ValueRef::Text(b""), ValueRef::Text(b"1")],
        ];
        let mut all: Vec<_> = rows.into_iter().map(of).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), rows.len());
    }
}
