//! From the staging table into the table: plain statements that every version has had since 12, each set-based.

use super::Tombstones;
use super::tables::{DELETED, OP, Table};

/// The staging table; it ends with its transaction.
pub const STAGING: &str = "pg_temp._qpien_staging";

/// What is staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staged {
    /// What changed: a higher `_seq` wins.
    Changes,
    /// Every change there ever was, because a column came later than its rows: equal seqs win, too.
    Refill,
    /// Every record: the table becomes what is staged.
    Snapshot,
}

/// The statements, in order. A row that is equal is left alone, so that nothing grows where nothing changed.
pub fn statements(table: &Table, staged: Staged, tombstones: Tombstones, has_flags: bool) -> Vec<String> {
    let name = &table.name;
    let mut all = Vec::new();
    match tombstones {
        Tombstones::Delete => {
            // The job flagged them once, and does not any more.
            if has_flags {
                all.push(format!("DELETE FROM {name} WHERE {DELETED}"));
            }
            all.push(if staged == Staged::Snapshot {
                format!("DELETE FROM {name} AS t WHERE NOT EXISTS (SELECT FROM {STAGING} AS s WHERE s._id = t._id)")
            } else {
                format!(
                    "DELETE FROM {name} AS t USING {STAGING} AS s
                     WHERE s.{OP} = 'delete' AND t._id = s._id AND t._seq < s._seq"
                )
            });
        }
        Tombstones::Flag => all.push(if staged == Staged::Snapshot {
            format!(
                "UPDATE {name} AS t SET {DELETED} = true
                 WHERE NOT t.{DELETED} AND NOT EXISTS (SELECT FROM {STAGING} AS s WHERE s._id = t._id)"
            )
        } else {
            format!(
                "UPDATE {name} AS t SET {DELETED} = true, _seq = s._seq, _synced_at = s._synced_at, _run_id = s._run_id
                 FROM {STAGING} AS s WHERE s.{OP} = 'delete' AND t._id = s._id AND t._seq < s._seq"
            )
        }),
    }
    all.push(upsert(table, staged, tombstones));
    all
}

/// The query that counts what did not become what was staged: rows that are missing, older, there in spite of their deletion,
/// or, of a snapshot, too many.
pub fn undone(table: &Table, staged: Staged, tombstones: Tombstones) -> String {
    let name = &table.name;
    let stays = if tombstones == Tombstones::Flag { format!("NOT t.{DELETED} AND ") } else { String::new() };
    let further = if staged == Staged::Snapshot {
        let only = if tombstones == Tombstones::Flag { format!("NOT t.{DELETED} AND ") } else { String::new() };
        format!(
            " + (SELECT count(*) FROM {name} AS t WHERE {only}NOT EXISTS (SELECT FROM {STAGING} AS s WHERE s._id = t._id))"
        )
    } else {
        String::new()
    };
    format!(
        "SELECT (SELECT count(*) FROM {STAGING} AS s LEFT JOIN {name} AS t ON t._id = s._id
                 WHERE CASE WHEN s.{OP} = 'delete' THEN t._id IS NOT NULL AND {stays}t._seq < s._seq
                            ELSE t._id IS NULL OR t._seq < s._seq END){further}"
    )
}

fn upsert(table: &Table, staged: Staged, tombstones: Tombstones) -> String {
    let names = table.names();
    let own = |prefix: &str| names.iter().map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let mut set: Vec<String> =
        names.iter().filter(|n| *n != "\"_id\"").map(|n| format!("{n} = excluded.{n}")).collect();
    let (mut there, mut wanted) = (own("t."), own("excluded."));
    if tombstones == Tombstones::Flag {
        set.push(format!("{DELETED} = false"));
        there.push(format!("t.{DELETED}"));
        wanted.push("false".into());
    }
    let differs = format!("({}) IS DISTINCT FROM ({})", there.join(", "), wanted.join(", "));
    let condition = match staged {
        Staged::Changes => "t._seq < excluded._seq".into(),
        Staged::Refill => format!("t._seq <= excluded._seq AND {differs}"),
        Staged::Snapshot => differs,
    };
    format!(
        "INSERT INTO {} AS t ({columns}) SELECT {columns} FROM {STAGING} WHERE {OP} <> 'delete'
         ON CONFLICT (_id) DO UPDATE SET {} WHERE {condition}",
        table.name,
        set.join(", "),
        columns = own("").join(", "),
    )
}
