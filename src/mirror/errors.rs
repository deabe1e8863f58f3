//! Makes the errors that name the mirror: of failed statements of SQLite, and of damage that nothing repairs.

use std::path::Path;

use super::wal;
use crate::error::{Error, Kind, quote};

/// Turns an error of SQLite into an error of the kind that fits what the operator can do.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> Error {
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

/// Returns the error for a mirror that is damaged beyond repair. `what` describes the damage.
pub(super) fn beyond_repair(path: &Path, what: &str) -> Error {
    let beside = of_another_log(path);
    Error::new(Kind::MirrorCorrupt, format!("the mirror {} is damaged: {}{beside}", path.display(), quote(what)))
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
pub(super) fn failed_sorting(path: &Path, error: &rusqlite::Error) -> Error {
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
