//! Brings an older mirror up to date in one transaction, refuses a newer one, and leaves a file that is not a mirror
//! untouched.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::errors::{beyond_repair, failed};
use super::migrations::{ALL, APPLICATION, VERSION};
use super::schema::has_table;
use super::sums;
use crate::error::{Error, Kind, Result};

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
                beyond_repair(path, &format!("it says to be of version {version}, and its tables are not"))
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
        return beyond_repair(path, "it does not say any more that it is a mirror");
    }
    Error::new(Kind::MirrorUnwritable, format!("{} is a SQLite file but not a mirror", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::integrity_check;

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
}
