//! Applies the migrations from `sql/mirror/`: numbered, commented SQL files, to which only new ones are added,
//! counted by `PRAGMA user_version`. Brings an older mirror up to date in one transaction, refuses a newer one, and
//! leaves a file that is not a mirror untouched.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::store::has_table;
use super::{failed, integrity_check, sums};
use crate::error::{Error, Kind, Result};

/// The SQL of every migration, in order. The n-th leads from version n - 1 to version n.
const ALL: [&str; 21] = [
    include_str!("../../sql/mirror/0001_records_and_checkpoints.sql"),
    include_str!("../../sql/mirror/0002_channels_and_templates.sql"),
    include_str!("../../sql/mirror/0003_dialect_and_account.sql"),
    include_str!("../../sql/mirror/0004_suspects.sql"),
    include_str!("../../sql/mirror/0005_entries.sql"),
    include_str!("../../sql/mirror/0006_readings.sql"),
    include_str!("../../sql/mirror/0007_feed.sql"),
    include_str!("../../sql/mirror/0008_masked_places.sql"),
    include_str!("../../sql/mirror/0009_set_aside.sql"),
    include_str!("../../sql/mirror/0010_signs_and_repairs.sql"),
    include_str!("../../sql/mirror/0011_closing_readings.sql"),
    include_str!("../../sql/mirror/0012_orphans.sql"),
    include_str!("../../sql/mirror/0013_settings.sql"),
    include_str!("../../sql/mirror/0014_destinations.sql"),
    include_str!("../../sql/mirror/0015_delivery_ids.sql"),
    include_str!("../../sql/mirror/0016_left_over.sql"),
    include_str!("../../sql/mirror/0017_in_place.sql"),
    include_str!("../../sql/mirror/0018_sums.sql"),
    include_str!("../../sql/mirror/0019_forgotten.sql"),
    include_str!("../../sql/mirror/0020_tombstones.sql"),
    include_str!("../../sql/mirror/0021_unread.sql"),
];

/// The `application_id` that marks a SQLite file as a mirror: the letters "QPIE".
pub const APPLICATION: i32 = 0x5150_4945;

/// The schema version that this program writes.
pub const VERSION: usize = ALL.len();

/// Creates a database in memory with the current schema.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let fresh = Connection::open_in_memory()?;
    ALL.iter().try_for_each(|sql| fresh.execute_batch(sql))?;
    Ok(fresh)
}

/// Brings the mirror up to [`VERSION`], and makes the connection update the sums of everything that it writes
/// ([`sums`]). A mirror without sums gets them here: this reads the mirror once from front to back and writes one
/// narrow row for each record.
pub fn apply(connection: &mut Connection, path: &Path) -> Result<()> {
    let say = |e: rusqlite::Error| failed(path, &e);
    let version: usize = connection.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(say)?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(say)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |r| r.get(0)).map_err(say)?;
    if tables > 0 && application != APPLICATION {
        return Err(not_ours(connection, path));
    }
    if version > VERSION {
        return Err(Error::new(
            Kind::MirrorNewer,
            format!("the mirror {} has version {version}, this program knows {VERSION}", path.display()),
        ));
    }
    if version == VERSION {
        return sums::keep(connection).map_err(say);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
    let had_sums = has_table(&transaction, "table_sum").map_err(say)?;
    for sql in &ALL[version..] {
        // Each migration works on every genuine mirror of the version before. If one fails, the file has the wrong
        // version number.
        transaction.execute_batch(sql).map_err(|e| match e.sqlite_error_code() {
            Some(ErrorCode::Unknown) if version > 0 => {
                integrity_check::damaged(path, &format!("it says to be of version {version}, and its tables are not"))
            }
            _ => say(e),
        })?;
    }
    if had_sums { sums::take_small(&transaction) } else { sums::take(&transaction) }.map_err(say)?;
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(say)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(say)?;
    transaction.commit().map_err(say)?;
    sums::keep(connection).map_err(say)
}

/// Returns the error for a SQLite file without a mirror's `application_id`. A file with a mirror's tables is reported
/// as a damaged mirror, any other as a foreign file.
pub fn not_ours(connection: &Connection, path: &Path) -> Error {
    let looks_ours = ["record", "checkpoint", "body_contacts", "sequence"];
    if looks_ours.iter().all(|table| has_table(connection, table).unwrap_or(false)) {
        return integrity_check::damaged(path, "it does not say any more that it is a mirror");
    }
    Error::new(Kind::MirrorUnwritable, format!("{} is a SQLite file but not a mirror", path.display()))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn a_new_file_is_brought_up_to_date_and_a_newer_one_refused() {
        let mut c = Connection::open_in_memory().expect("memory");
        let path = Path::new("m.db");
        apply(&mut c, path).expect("fresh");
        apply(&mut c, path).expect("again");
        c.pragma_update(None, "user_version", VERSION + 1).expect("newer");
        assert_eq!(apply(&mut c, path).expect_err("newer").kind, Kind::MirrorNewer);
    }

    #[test]
    fn every_stream_has_its_table_of_bodies() {
        let c = in_memory().expect("memory");
        for stream in crate::streams::ALL {
            let made = c.prepare(&format!("SELECT seq, id, payload, first_seq FROM body_{stream}"));
            assert!(made.is_ok(), "sql/mirror/: no migration makes body_{stream} as 0002 and 0007 make the others");
        }
    }

    #[test]
    fn an_older_mirror_keeps_what_it_holds_and_gets_the_newer_tables() {
        let mut c = Connection::open_in_memory().expect("memory");
        c.execute_batch(ALL[0]).expect("the first version");
        c.pragma_update(None, "application_id", APPLICATION).expect("ours");
        c.pragma_update(None, "user_version", 1).expect("version 1");
        c.execute_batch(
            "INSERT INTO body_contacts VALUES (1, 'a', '{}');
             INSERT INTO record (stream, id, hash, seq, first_run, last_run) VALUES (1, 'a', x'00', 1, 1, 1)",
        )
        .expect("a record");
        apply(&mut c, Path::new("m.db")).expect("brought up to date");
        let count = |c: &Connection, table: &str| {
            c.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get::<_, i64>(0)).expect(table)
        };
        assert_eq!(count(&c, "body_contacts"), 1);
        for stream in crate::streams::ALL {
            count(&c, &format!("body_{stream}"));
        }
        // The migration also took the sums of the records that were there.
        assert_eq!(count(&c, "payload_sum"), 1);
        let path = Path::new("m.db");
        assert_eq!(
            integrity_check::look(&c, path, integrity_check::Depth::Everything).expect("looked at"),
            integrity_check::Soundness::Sound
        );
        c.execute_batch("DROP TRIGGER temp.sum_of_body_contacts; UPDATE body_contacts SET payload = '{} '")
            .expect("by hand");
        assert_eq!(
            integrity_check::look(&c, path, integrity_check::Depth::Everything).expect("looked at"),
            integrity_check::Soundness::Records
        );
    }

    /// The first bytes of each migration's SHA-256. A mirror holds the text of the migrations that made it. If one is
    /// edited, every mirror that exists has another schema than its version says, and is refused as damaged. A change
    /// is a new file and a new line here.
    const WRITTEN: [&str; VERSION] = [
        "0ed02c0e20f742a3",
        "86c4d0c480560394",
        "36fc5eb47c54652c",
        "2ebe184a9f38ce6d",
        "b0551f4a0e749ebb",
        "d2f62bb2bdabcd1d",
        "f96813a9740298f9",
        "e2d2493d9bf033b3",
        "55b5edcbe52d2af5",
        "a94c8937fe224472",
        "0f58fe4bc85d14b8",
        "cbf4d03e52582e32",
        "62d4224b8cb0eb25",
        "c809914a1bf528e6",
        "71cf55dc9d69f531",
        "3de42a178eee7198",
        "24bcde946a6bcc36",
        "f70d4a549bbd4538",
        "6dbe5e2229194988",
        "d1eda25b38738d93",
        "a2ee3779e05c30be",
    ];

    #[test]
    fn no_migration_is_edited() {
        for (n, (sql, written)) in ALL.iter().zip(WRITTEN).enumerate() {
            let is = crate::hex::text(&Sha256::digest(sql.as_bytes())[..8]);
            assert_eq!(is, written, "migration {} was edited: write a new one instead", n + 1);
        }
    }

    #[test]
    fn a_mirror_of_version_20_may_have_the_table_of_version_21() {
        let path = Path::new("m.db");
        for unread in ["", ALL[20]] {
            let mut c = Connection::open_in_memory().expect("memory");
            ALL[..20].iter().chain([&unread]).for_each(|sql| c.execute_batch(sql).expect("version 20"));
            sums::take(&c).expect("its sums");
            c.pragma_update(None, "application_id", APPLICATION).expect("ours");
            c.pragma_update(None, "user_version", 20).expect("version 20");
            apply(&mut c, path).expect("brought up to date");
            assert_eq!(
                integrity_check::look(&c, path, integrity_check::Depth::Everything).expect("looked at"),
                integrity_check::Soundness::Sound
            );
        }
    }

    #[test]
    fn somebody_elses_database_is_left_alone() {
        let mut c = Connection::open_in_memory().expect("memory");
        c.execute_batch("CREATE TABLE theirs (x)").expect("table");
        let refused = apply(&mut c, Path::new("m.db")).expect_err("not ours");
        assert!(refused.detail.contains("not a mirror"), "{refused}");
    }

    #[test]
    fn the_checkpoint_moves_only_forward_in_sql_itself() {
        let mut c = Connection::open_in_memory().expect("memory");
        apply(&mut c, Path::new("m.db")).expect("fresh");
        c.execute_batch(
            "INSERT INTO checkpoint (lane, stream, partition, pass, since_run) VALUES ('backfill', 1, '', 1, 1)",
        )
        .expect("insert");
        let refused = |sql: &str| c.execute(&format!("UPDATE checkpoint SET {sql}"), []).is_err();
        assert!(refused("windows = 2"), "a gap");
        assert!(!refused("windows = 1"));
        assert!(refused("windows = 1"), "standing still");
        assert!(refused("windows = 0"), "backwards");
        assert!(refused("pass = 3, windows = 0"), "a pass left out");
        assert!(!refused("windows = 2, open = 0"));
        assert!(refused("windows = 3"), "after the end");
        assert!(!refused("pass = 2, windows = 0, open = 1"));
        assert!(c.execute("DELETE FROM checkpoint", []).is_err());
    }
}
