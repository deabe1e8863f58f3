//! Makes the SQL statements that merge the staging table into the stream's table. They are plain set-based statements
//! that every PostgreSQL since 12 supports.

use super::TombstoneRows;
use super::tables::{DELETED, OP, Table};

/// The name of the staging table, a temporary table that is dropped with its transaction.
pub const STAGING: &str = "pg_temp._qpien_staging";

/// Which rows the staging table holds, and so how they are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StagingContent {
    /// Changes. A row replaces one with a lower `_seq`.
    Changes,
    /// Every change from the first on, because a column was added after its rows. A row replaces one with a lower or
    /// equal `_seq`.
    Refill,
    /// Every current record. The table becomes equal to the staging table.
    Snapshot,
}

/// Returns the SQL statements of the merge, in order. A row that is already equal is not written, so that the table
/// does not grow if nothing has changed. `has_flags` says whether the table may hold rows that are marked as deleted.
pub fn statements(table: &Table, staged: StagingContent, tombstones: TombstoneRows, has_flags: bool) -> Vec<String> {
    let name = &table.name;
    let mut all = Vec::new();
    match tombstones {
        TombstoneRows::Delete => {
            // The job flagged deleted records earlier, and deletes them now.
            if has_flags {
                all.push(format!("DELETE FROM {name} WHERE {DELETED}"));
            }
            all.push(if staged == StagingContent::Snapshot {
                format!("DELETE FROM {name} AS t WHERE NOT EXISTS (SELECT FROM {STAGING} AS s WHERE s._id = t._id)")
            } else {
                format!(
                    "DELETE FROM {name} AS t USING {STAGING} AS s
                     WHERE s.{OP} = 'delete' AND t._id = s._id AND t._seq < s._seq"
                )
            });
        }
        TombstoneRows::Flag => all.push(if staged == StagingContent::Snapshot {
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

/// Returns the query that counts the rows that are not as the staging table wanted them: rows that are missing, too
/// old, or still there although they were deleted; for a snapshot also rows that are not in it.
pub fn undone(table: &Table, staged: StagingContent, tombstones: TombstoneRows) -> String {
    let name = &table.name;
    let stays = if tombstones == TombstoneRows::Flag { format!("NOT t.{DELETED} AND ") } else { String::new() };
    let further = if staged == StagingContent::Snapshot {
        let only = if tombstones == TombstoneRows::Flag { format!("NOT t.{DELETED} AND ") } else { String::new() };
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

fn upsert(table: &Table, staged: StagingContent, tombstones: TombstoneRows) -> String {
    let names = table.names();
    let own = |prefix: &str| names.iter().map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let mut set: Vec<String> =
        names.iter().filter(|n| *n != "\"_id\"").map(|n| format!("{n} = excluded.{n}")).collect();
    let (mut there, mut wanted) = (own("t."), own("excluded."));
    if tombstones == TombstoneRows::Flag {
        set.push(format!("{DELETED} = false"));
        there.push(format!("t.{DELETED}"));
        wanted.push("false".into());
    }
    let differs = format!("({}) IS DISTINCT FROM ({})", there.join(", "), wanted.join(", "));
    let condition = match staged {
        StagingContent::Changes => "t._seq < excluded._seq".into(),
        StagingContent::Refill => format!("t._seq <= excluded._seq AND {differs}"),
        StagingContent::Snapshot => differs,
    };
    format!(
        "INSERT INTO {} AS t ({columns}) SELECT {columns} FROM {STAGING} WHERE {OP} <> 'delete'
         ON CONFLICT (_id) DO UPDATE SET {} WHERE {condition}",
        table.name,
        set.join(", "),
        columns = own("").join(", "),
    )
}
