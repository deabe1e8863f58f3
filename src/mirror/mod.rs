//! The mirror: one SQLite file that holds the current state of every record, how far each walk has come, and the log of
//! deliveries. Records of a page and the checkpoint that covers it commit in one transaction; that is what makes a
//! killed run resumable with nothing lost and nothing doubled.
//!
//! [`store`] opens the file and owns the one writer thread, [`migrations`] bring it up to date, [`crate::lock`] keeps a second
//! run away, [`records`] lands a page, [`checkpoint`] says how far a walk has come, [`partitions`] which lists need not be
//! asked for, [`settings`] what a reading rests on, [`anew`] what is read again when that is changed, [`compare`] which
//! records are the same under other fields, [`in_place`] which ones a destination lacks when their values count again,
//! [`rounds`] when a reading of everything begins and ends, `forgotten` what is kept no longer,
//! [`deletions`] what is gone, [`left_over`] what nobody asks for any more, [`refusals`] what was not deleted and why a stream
//! is held for it, [`changes`] reads records out in order, [`views`] makes them readable by hand, [`crate::dialect`]
//! remembers how the API is spelled, [`account`] whose it is, [`pending_deliveries`] and [`delivered`] what is and was
//! handed over, [`masked_places`] with which masks. [`others`] waits for other programs that write the file, [`log`] measures
//! its write-ahead log. [`sums`] are taken of every row, [`sound`] compares them, and [`damaged`] has written again what differs.

pub mod account;
pub mod anew;
pub mod audits;
pub mod changes;
mod checked;
pub mod checkpoint;
pub mod compare;
pub mod damaged;
pub mod deletions;
pub mod delivered;
pub mod dialect;
pub mod forecast;
mod forgotten;
mod header;
pub mod in_place;
mod known;
mod ledger;
pub mod left_over;
pub mod log;
pub mod masked_places;
pub mod migrations;
pub mod orphans;
pub mod others;
pub mod parents;
pub mod partitions;
pub mod pending_deliveries;
pub mod readings;
pub mod records;
pub mod refusals;
pub mod reread;
pub mod retention;
pub mod rounds;
mod schema;
pub mod sequence;
pub mod set_aside;
pub mod settings;
pub mod sound;
pub mod standing;
pub mod store;
pub mod sums;
pub mod tombstones;
pub mod views;

use std::path::Path;

use crate::error::{Error, Kind, quote};

/// Names a database failure by what it means for the operator.
fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    // SQLite says only `disk I/O error` where it finds no folder for the files that it sorts in.
    let extended = error.sqlite_error().map(|e| e.extended_code);
    if extended == Some(rusqlite::ffi::SQLITE_IOERR_GETTEMPPATH) {
        return Error::new(
            Kind::NoTemporaryFiles,
            format!(
                "the mirror {} cannot be sorted: there is no folder for temporary files that can be written (TMPDIR or \
                 SQLITE_TMPDIR names one)",
                path.display()
            ),
        );
    }
    // What a quota refuses is no full disk to SQLite.
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
    Error::new(kind, format!("the mirror {}: {}{beside}", path.display(), quote(&error.to_string())))
}

/// Whether an error says that the file holds what no statement of ours has written: a text that is no UTF-8, a number where a
/// text was stored, JSON that is none, a row that is always there and is not.
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

/// What to say of the log that lies beside a damaged mirror: where a copy was put back, it is often the former mirror's.
fn of_another_log(path: &Path) -> String {
    if log::size(path) == 0 {
        return String::new();
    }
    format!(
        "; a log lies beside it ({}): where the mirror was put back from a copy, that is the former one's, so put the copy back \
         once more and move the log away",
        log::beside(path, "-wal").display()
    )
}

/// The same of a reading that sorts. It writes nothing but temporary files: a disk that is full is theirs.
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
