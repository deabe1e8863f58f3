//! The mirror: one SQLite file that holds the current state of every record, how far each walk has come, and the log
//! of deliveries. The records of a page and the checkpoint that covers it commit in one transaction. So a killed run
//! can be resumed with nothing lost and nothing stored twice.
//!
//! A record has two parts. Its row in the *ledger* (table `record`) is narrow: id, hash, `seq`, the run that saw it
//! last. Its *body* (table `body_STREAM`) holds the JSON.
//!
//! | module | purpose |
//! |---|---|
//! | [`store`], `header`, `schema` | open the file and own the one writer thread |
//! | [`migrations`], [`views`] | bring the file up to date; make it readable by hand |
//! | [`other_programs`], [`wal`], [`crate::lock`] | other programs that write or read the file; a second run |
//! | [`records`], `known_record`, `ledger`, [`sequence`] | store a page |
//! | [`checkpoint`], [`rounds`], [`stream_state`] | how far a walk is; a reading of all streams; a stream's verdict |
//! | [`settings`], [`restart`] | which settings a reading depends on; what is read again when one changes |
//! | [`partitions`], [`readings`], [`audits`] | which lists need not be read completely, and what that misses |
//! | [`forecast`] | which lists the next run reads, for a plan |
//! | [`reread`], [`set_aside`], [`parents`] | closing readings; unreadable records; whose rows a list shows |
//! | [`compare`], [`volatile_in_place`] | a record read with other fields; records overwritten without a new `seq` |
//! | [`deletions`], [`orphans`] | records that are gone, or may be |
//! | [`refusals`], [`left_over`] | records that stay although no list shows them, and why |
//! | [`tombstones`], `forgotten`, [`retention`] | how long traces of records and their payloads are kept |
//! | [`changes`], `reading_check` | read records out, in order and checked |
//! | [`pending_deliveries`], [`delivered`], [`masked_places`] | what is being and was delivered, and with which masks |
//! | [`sums`], [`integrity_check`], [`damaged`] | sum every row; compare the sums; have damaged records written again |
//! | [`account`], [`dialect`] | whose records these are; how the API is spelled ([`crate::dialect`]) |

pub mod account;
pub mod audits;
pub mod changes;
pub mod checkpoint;
pub mod compare;
pub mod damaged;
pub mod deletions;
pub mod delivered;
pub mod dialect;
pub mod forecast;
mod forgotten;
mod header;
pub mod integrity_check;
mod known_record;
mod ledger;
pub mod left_over;
pub mod masked_places;
pub mod migrations;
pub mod orphans;
pub mod other_programs;
pub mod parents;
pub mod partitions;
pub mod pending_deliveries;
mod reading_check;
pub mod readings;
pub mod records;
pub mod refusals;
pub mod reread;
pub mod restart;
pub mod retention;
pub mod rounds;
mod schema;
pub mod sequence;
pub mod set_aside;
pub mod settings;
pub mod store;
pub mod stream_state;
pub mod sums;
pub mod tombstones;
pub mod views;
pub mod volatile_in_place;
pub mod wal;

use std::path::Path;

use crate::error::{Error, Kind, quote};

/// Turns an error of SQLite into an error of the kind that fits what the operator can do.
fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    // SQLite says only `disk I/O error` when it finds no folder for its temporary sort files.
    let extended = error.sqlite_error().map(|e| e.extended_code);
    if extended == Some(rusqlite::ffi::SQLITE_IOERR_GETTEMPPATH) {
        return Error::new(
            Kind::NoTemporaryFiles,
            format!(
                "the mirror {} cannot be sorted: there is no folder for temporary files that can be written (TMPDIR or \
                 SQLITE_TMPDIR names one)",
                path.display()
            ),
        )
        .caused_by(error);
    }
    // SQLite reports a write that a disk quota refuses as an I/O error, not as a full disk.
    let is_unwritten = extended == Some(rusqlite::ffi::SQLITE_IOERR_WRITE);
    let kind = match error.sqlite_error_code() {
        _ if is_of_damage(error) => Kind::MirrorCorrupt,
        Some(Code::SystemIoFailure) if is_unwritten => Kind::MirrorFull,
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => Kind::MirrorCorrupt,
        Some(Code::ConstraintViolation) => Kind::CheckpointRefused,
        Some(
            Code::ReadOnly
            | Code::CannotOpen
            | Code::PermissionDenied
            | Code::SystemIoFailure
            | Code::AuthorizationForStatementDenied,
        ) => Kind::MirrorUnwritable,
        Some(Code::DiskFull) => Kind::MirrorFull,
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => Kind::MirrorBusy,
        _ => Kind::Internal,
    };
    let beside = if kind == Kind::MirrorCorrupt { of_another_log(path) } else { String::new() };
    Error::new(kind, format!("the mirror {}: {}{beside}", path.display(), quote(&error.to_string()))).caused_by(error)
}

/// Returns whether an error shows that the file holds something that this program never writes: a string that is not
/// UTF-8, a number in a text column, malformed JSON, or no row in a table that always has one.
fn is_of_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows => true,
        E::SqliteFailure(code, said) => {
            matches!(code.code, rusqlite::ErrorCode::TypeMismatch | rusqlite::ErrorCode::TooBig)
                || said.as_ref().is_some_and(|said| said.contains("malformed JSON"))
        }
        _ => false,
    }
}

/// Returns a hint about the write-ahead log beside a damaged mirror, or an empty string if there is no log. If the
/// mirror was restored from a copy, that log often belongs to the file that the copy replaced.
fn of_another_log(path: &Path) -> String {
    if wal::size(path) == 0 {
        return String::new();
    }
    format!(
        "; a log lies beside it ({}): where the mirror was put back from a copy, that is the former one's, so put the copy back \
         once more and move the log away",
        wal::beside(path, "-wal").display()
    )
}

/// Does the same as `failed` for a query that sorts. Such a query writes only temporary files, so a full disk is that
/// of the temporary files.
fn failed_sorting(path: &Path, error: &rusqlite::Error) -> Error {
    if error.sqlite_error_code() != Some(rusqlite::ErrorCode::DiskFull) {
        return failed(path, error);
    }
    Error::new(
        Kind::NoTemporaryFiles,
        format!(
            "the mirror {} cannot be sorted: the folder for temporary files is full (TMPDIR or SQLITE_TMPDIR names one)",
            path.display()
        ),
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_for_temporary_files_is_told_as_that_and_tried_again() {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_GETTEMPPATH);
        let told = failed(Path::new("m.db"), &rusqlite::Error::SqliteFailure(code, Some("disk I/O error".into())));
        assert_eq!(told.kind, Kind::NoTemporaryFiles);
        let decision = crate::policy::decide(&told.kind);
        assert!(decision.hint.contains("TMPDIR") && decision.exit == crate::policy::Exit::Failed, "{decision:?}");
    }
}
