//! Lists the migrations from `sql/mirror/`: numbered, commented SQL files, to which only new ones are added, counted by
//! `PRAGMA user_version`. [`super::upgrade`] applies them.

use rusqlite::Connection;

/// The SQL of every migration, in order. The n-th leads from version n - 1 to version n.
pub(super) const ALL: [&str; 21] = [
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

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn every_stream_has_its_table_of_bodies() {
        let c = in_memory().expect("memory");
        for stream in crate::streams::ALL {
            let made = c.prepare(&format!("SELECT seq, id, payload, first_seq FROM body_{stream}"));
            assert!(made.is_ok(), "sql/mirror/: no migration makes body_{stream} as 0002 and 0007 make the others");
        }
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
    fn the_checkpoint_moves_only_forward_in_sql_itself() {
        let c = in_memory().expect("memory");
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
