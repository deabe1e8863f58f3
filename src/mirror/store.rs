//! Opens the mirror and owns its one writer thread. All other code sends closures to that thread, because SQLite
//! allows one writer at a time, and because waiting for the disk in a thread of its own does not delay the network.
//!
//! The file uses a write-ahead log with `synchronous = NORMAL`. A commit survives the death of the process at once.
//! It survives a power failure only after SQLite's next checkpoint of the log. A power failure undoes complete
//! transactions, records and walk checkpoint together, so the run resumes a few pages earlier. Waiting for the disk
//! at every page would therefore gain nothing. Data that is delivered to a destination cannot be taken back, so it is
//! made durable first ([`Writer::durably`]).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::integrity_check::{self, Depth, Soundness};
use super::{damaged, failed, header, migrations, other_programs, views, wal};
use crate::error::{Error, Kind, Result};
use crate::lock::{self, Lock};
use crate::regular_file;
use crate::streams::Dates;

/// Work for the writer thread.
type Command = Box<dyn FnOnce(&mut Writer) + Send>;

/// An open mirror, locked for this process. Dropping it ends the writer thread and releases the lock.
pub struct Mirror {
    path: PathBuf,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

/// The writer thread's connection to the mirror.
pub struct Writer {
    connection: Connection,
    path: PathBuf,
}

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
        migrations::apply(&mut connection, path)?;
        if found == Soundness::Records {
            return Err(damaged::mark(&mut connection, path));
        }
        views::make(&mut connection, &dates.into()).map_err(|e| failed(path, &e))?;
        let (commands, mut inbox) = mpsc::channel::<Command>(64);
        let mut writer = Writer { connection, path: path.to_owned() };
        let span = tracing::Span::current();
        let thread = std::thread::Builder::new()
            .name("mirror".into())
            .spawn(move || {
                let _within = span.entered();
                while let Some(command) = inbox.blocking_recv() {
                    command(&mut writer);
                }
            })
            .map_err(|e| Error::new(Kind::Internal, format!("the mirror's thread: {e}")).caused_by(&e))?;
        Ok(Mirror { path: path.to_owned(), commands: Some(commands), thread: Some(thread), _lock: lock })
    }

    /// Returns the path with which the mirror was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the writer thread and returns its result.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::new(Kind::Internal, "the mirror's thread is gone");
        let (answer, result) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or_else(gone)?;
        let command: Command = Box::new(move |writer| drop(answer.send(work(writer))));
        commands.send(command).await.map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Writer {
    /// Returns the path with which the mirror was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs work on the connection that begins its own transaction, or needs none.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.connection).map_err(|e| failed(&self.path, &e))
    }

    /// Frees the memory that SQLite keeps for reading and writing. Called before work that needs memory of its own.
    pub fn shrink(&mut self) -> Result<()> {
        self.with(|connection| connection.execute_batch("PRAGMA shrink_memory"))
    }

    /// Runs `work` in one transaction, so that everything that it writes is stored, or nothing. The transaction takes
    /// the right to write when it begins. It waits at that point for other programs ([`other_programs`]), and never
    /// fails halfway because of them.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let path = &self.path;
        let say = |e: rusqlite::Error| match e {
            rusqlite::Error::StatementChangedRows(_) => Error::new(
                Kind::CheckpointRefused,
                "a checkpoint was to move from a place where it does not stand; nothing was stored",
            ),
            e => failed(path, &e),
        };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
        let result = work(&transaction).map_err(say)?;
        transaction.commit().map_err(say)?;
        Ok(result)
    }

    /// Marks the damaged records ([`damaged`]) and returns the error that names them.
    pub fn mark_damaged(&mut self) -> Error {
        damaged::mark(&mut self.connection, &self.path)
    }

    /// Runs `work` in one transaction, as [`Writer::transaction`] does. When this returns, its changes and everything
    /// that was stored before survive a power failure.
    pub fn durably<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        self.with(|connection| connection.execute_batch("PRAGMA synchronous = FULL"))?;
        let stored = self.transaction(work);
        self.with(|connection| connection.execute_batch("PRAGMA synchronous = NORMAL"))?;
        stored
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

/// Opens the mirror at `path` for reading only. Another process may write to it meanwhile.
pub fn open_for_reading(path: &Path) -> Result<Connection> {
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
/// the write-ahead log without moving its contents into the file. With [`open_for_reading`], the last reader that
/// closes the mirror would move them.
pub fn open_untouched(path: &Path) -> Result<Connection> {
    is_a_file(path)?;
    let index = std::fs::metadata(wal::beside(path, "-shm")).map_or(0, |m| m.len());
    let (how, text) = match (wal::size(path), index, path.to_str()) {
        // The log is empty, so the file is complete.
        (0, _, Some(text)) => ("immutable=1", text),
        (_, 1.., Some(text)) => ("readonly_shm=1", text),
        // SQLite must index this log first, or the path is not valid text for a URI.
        _ => return open_for_reading(path),
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

/// Returns whether the mirror has a table with this name. A mirror of an older version may lack it.
pub fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)", [name], |r| r.get(0))
}

/// Returns the version of the mirror's schema. `path` is for error messages.
pub fn version(connection: &Connection, path: &Path) -> Result<usize> {
    connection.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(|e| failed(path, &e))
}

/// Makes a connection read-only. Returns an error if the file is not a mirror, or is a mirror of a newer version.
fn ours(connection: Connection, path: &Path) -> Result<Connection> {
    let say = |e: rusqlite::Error| failed(path, &e);
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA temp_store = FILE;")
        .map_err(say)?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(say)?;
    if application != migrations::APPLICATION {
        return Err(migrations::not_ours(&connection, path));
    }
    let version = version(&connection, path)?;
    if version > migrations::VERSION {
        return Err(Error::new(Kind::MirrorNewer, format!("the mirror {} has version {version}", path.display())));
    }
    Ok(connection)
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
        // A foreign file must stay unchanged. The migrations refuse it later.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::DateForm;

    fn open(path: &Path) -> Result<Mirror> {
        Mirror::open(path, "a test", DateForm::Iso8601)
    }

    #[tokio::test]
    async fn a_failed_transaction_leaves_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let mirror = open(&dir.path().join("sub/m.db")).expect("open");
        let failed = mirror
            .call(|w| {
                w.transaction(|t| {
                    t.execute("UPDATE sequence SET last = 5", [])?;
                    Err::<(), _>(rusqlite::Error::StatementChangedRows(0))
                })
            })
            .await;
        assert_eq!(failed.expect_err("refused").kind, Kind::CheckpointRefused);
        let last: i64 = mirror
            .call(|w| w.transaction(|t| t.query_row("SELECT last FROM sequence", [], |r| r.get(0))))
            .await
            .expect("read");
        assert_eq!(last, 0);
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
