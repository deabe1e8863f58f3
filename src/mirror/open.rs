//! Opens a mirror, for writing or for reading only. [`Mirror::open`] locks the file, looks for damage, and brings the
//! file up to date. [`for_reading`] and [`untouched`] change no record. Each refuses a file that is not a mirror, and a
//! mirror of a newer version.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::errors::failed;
use super::integrity_check::{self, Depth, Soundness};
use super::schema::version;
use super::store::{Mirror, Writer};
use super::{damaged, header, migrations, other_programs, upgrade, views, wal};
use crate::error::{Error, Kind, Result};
use crate::lock;
use crate::regular_file;
use crate::streams::Dates;

impl Mirror {
    /// Opens the mirror at `path` for writing, and creates it if it is missing. Locks it under the name `holder`,
    /// checks it for damage, and brings it up to date. `dates` is the form of timestamps in each stream, for the
    /// views. If records are damaged, marks them and returns an error; the next call then opens a mirror without
    /// these records.
    pub fn open(path: &Path, holder: &str, dates: impl Into<Dates>) -> Result<Mirror> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            regular_file::private_folder(folder).map_err(|e| {
                let kind = if regular_file::is_full(&e) { Kind::MirrorFull } else { Kind::MirrorUnwritable };
                Error::new(kind, format!("the mirror's folder {}: {e}", folder.display()))
            })?;
        }
        let own = where_it_lies(path)?;
        let lock = lock::take(&lock::beside(&own), &format!("the mirror {}", path.display()), holder)?;
        keep_private(&own);
        let mut connection = Connection::open(path).map_err(|e| failed(path, &e))?;
        header::check(path)?;
        prepare(&mut connection, path).map_err(|e| failed(path, &e))?;
        let found = if is_ours(&connection, path)? {
            integrity_check::look(&connection, path, Depth::Opening)?
        } else {
            Soundness::Sound
        };
        upgrade::apply(&mut connection, path)?;
        let mut writer = Writer::new(connection, path);
        if found == Soundness::Records {
            return Err(damaged::mark(&mut writer));
        }
        views::remake(&mut writer, &dates.into())?;
        Mirror::start(writer, lock)
    }
}

/// Makes the mirror and its log readable only for the user who owns them. Ignores errors, because opening the file
/// reports them.
fn keep_private(own: &Path) {
    let _ = regular_file::private(own);
    for ending in ["-wal", "-shm"] {
        regular_file::keep_private(&wal::beside(own, ending));
    }
}

/// Returns the real path of the mirror, because the lock file is created beside the real file. If `path` is a link,
/// it must lead to an existing file that is not empty: this program neither creates nor fills a file through a link.
fn where_it_lies(path: &Path) -> Result<PathBuf> {
    is_a_file(path)?;
    if !path.is_symlink() {
        return Ok(path.to_owned());
    }
    let lies = path.canonicalize().ok().filter(|file| std::fs::metadata(file).is_ok_and(|m| m.len() > 0));
    lies.ok_or_else(|| {
        Error::new(
            Kind::MirrorUnwritable,
            format!("the mirror {} is a link, and no mirror lies where it leads", path.display()),
        )
    })
}

/// Returns an error if there is a pipe, a device or a folder at the mirror's path.
fn is_a_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(Error::new(Kind::MirrorUnwritable, format!("the mirror {} is not a file", path.display())))
        }
        _ => Ok(()),
    }
}

/// Sets up a connection for writing. Leaves a file of another program unchanged.
fn prepare(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    other_programs::wait_for(connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    // `secure_delete` overwrites deleted and replaced bytes with zeros, so that a deleted person cannot be found in
    // the file's free pages. It costs no measurable time: neither for a run that lands 60,000 records nor for one
    // that deletes 15,000 of them.
    connection.execute_batch(
        "PRAGMA cache_size = -8192; PRAGMA temp_store = FILE; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    )?;
    let new = std::fs::metadata(path).map_or(0, |m| m.len()) == 0;
    if !new {
        // A foreign file must stay unchanged. [`upgrade::apply`] refuses it later.
        let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0))?;
        if application == 0 {
            return Ok(());
        }
    }
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    wal::limit(connection)
}

/// Returns whether the file has the `application_id` of a mirror. A new file does not have it yet.
fn is_ours(connection: &Connection, path: &Path) -> Result<bool> {
    let application: i32 =
        connection.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(|e| failed(path, &e))?;
    Ok(application == migrations::APPLICATION)
}

/// Opens the mirror at `path` for reading only. Another process may write to it meanwhile.
pub fn for_reading(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::new(Kind::MirrorMissing, format!("there is no mirror at {}", path.display())));
    }
    is_a_file(path)?;
    let say = |e: rusqlite::Error| failed(path, &e);
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .or_else(|_| {
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            })
            .map_err(say)?;
    ours(connection, path)
}

/// Opens the mirror for reading only, without creating or changing any file, if that is possible. SQLite then reads
/// the write-ahead log without moving its contents into the file. With [`for_reading`], the last reader that
/// closes the mirror would move them.
pub fn untouched(path: &Path) -> Result<Connection> {
    is_a_file(path)?;
    let index = std::fs::metadata(wal::beside(path, "-shm")).map_or(0, |m| m.len());
    let (how, text) = match (wal::size(path), index, path.to_str()) {
        // The log is empty, so the file is complete.
        (0, _, Some(text)) => ("immutable=1", text),
        (_, 1.., Some(text)) => ("readonly_shm=1", text),
        // SQLite must index this log first, or the path is not valid text for a URI.
        _ => return for_reading(path),
    };
    let mut name = String::from(if path.is_absolute() { "file://" } else { "file:" });
    for c in text.chars() {
        match c {
            '%' | '?' | '#' => drop(write!(name, "%{:02x}", u32::from(c))),
            c => name.push(c),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection =
        Connection::open_with_flags(format!("{name}?mode=ro&{how}"), flags).map_err(|e| failed(path, &e))?;
    ours(connection, path)
}

/// Makes a connection read-only. Returns an error if the file is not a mirror, or is a mirror of a newer version.
fn ours(connection: Connection, path: &Path) -> Result<Connection> {
    let say = |e: rusqlite::Error| failed(path, &e);
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA temp_store = FILE;")
        .map_err(say)?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(say)?;
    if application != migrations::APPLICATION {
        return Err(upgrade::not_ours(&connection, path));
    }
    let version = version(&connection, path)?;
    if version > migrations::VERSION {
        return Err(Error::new(Kind::MirrorNewer, format!("the mirror {} has version {version}", path.display())));
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::DateForm;

    fn open(path: &Path) -> Result<Mirror> {
        Mirror::open(path, "a test", DateForm::Iso8601)
    }

    #[test]
    fn a_damaged_file_is_reported_and_kept() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("m.db");
        drop(open(&path).expect("open"));
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[4096..20_000].fill(0xAB);
        std::fs::write(&path, &bytes).expect("write");
        assert_eq!(open(&path).err().expect("damaged").kind, Kind::MirrorCorrupt);
        std::fs::write(&path, b"this is no database, and long enough to be none").expect("write");
        assert_eq!(open(&path).err().expect("no database").kind, Kind::MirrorCorrupt);
        assert!(path.exists());
    }
}
