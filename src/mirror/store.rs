//! Opens the mirror and owns its one writer thread. Everybody else hands it closures; SQLite wants one writer, and a
//! thread of its own keeps disk time away from the sockets.
//!
//! Write-ahead log with `synchronous = NORMAL`: a commit survives the death of the process at once, and the loss of
//! power at the latest checkpoint of the log before it. What power may take back it takes back whole, records and
//! checkpoint together, so the run resumes a few pages earlier; waiting for the disk at every page would buy nothing. What
//! is handed to a destination it cannot take back any more: it is durable before ([`Writer::durably`]).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::sound::{self, Depth, Finding};
use super::{damaged, failed, header, log, migrations, others, views};
use crate::error::{Error, Kind, Result};
use crate::lock::{self, Lock};
use crate::regular;
use crate::streams::Dates;

type Command = Box<dyn FnOnce(&mut Writer) + Send>;

/// An open mirror.
pub struct Mirror {
    path: PathBuf,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

/// The writer thread's own state.
pub struct Writer {
    connection: Connection,
    path: PathBuf,
}

impl Mirror {
    /// Opens the mirror at `path` for writing, made when missing, looked through, brought up to date, locked for `holder`. Where
    /// records are damaged they are marked, and this fails once: the next opening finds a mirror that lacks them.
    pub fn open(path: &Path, holder: &str, dates: impl Into<Dates>) -> Result<Mirror> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            regular::private_folder(folder).map_err(|e| {
                let kind = if regular::is_full(&e) { Kind::MirrorFull } else { Kind::MirrorUnwritable };
                Error::new(kind, format!("the mirror's folder {}: {e}", folder.display()))
            })?;
        }
        let own = where_it_lies(path)?;
        let lock = lock::take(&lock::beside(&own), &format!("the mirror {}", path.display()), holder)?;
        keep_private(&own);
        let mut connection = Connection::open(path).map_err(|e| failed(path, &e))?;
        header::check(path)?;
        prepare(&mut connection, path).map_err(|e| failed(path, &e))?;
        let found =
            if is_ours(&connection, path)? { sound::look(&connection, path, Depth::Opening)? } else { Finding::Sound };
        migrations::apply(&mut connection, path)?;
        if found == Finding::Records {
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
            .map_err(|e| Error::new(Kind::Internal, format!("the mirror's thread: {e}")))?;
        Ok(Mirror { path: path.to_owned(), commands: Some(commands), thread: Some(thread), _lock: lock })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the writer thread.
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
    /// Where the mirror lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs work that opens its own transaction.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.connection).map_err(|e| failed(&self.path, &e))
    }

    /// Gives back what reading and writing kept in memory: what comes next has buffers of its own.
    pub fn shrink(&mut self) -> Result<()> {
        self.with(|connection| connection.execute_batch("PRAGMA shrink_memory"))
    }

    /// Runs `work` in one transaction: all of it is stored, or nothing. The transaction may write from its beginning, so
    /// that it waits for another program there ([`others`]) and never fails halfway.
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

    /// Marks what is damaged ([`damaged`]); the error that names it.
    pub fn mark_damaged(&mut self) -> Error {
        damaged::mark(&mut self.connection, &self.path)
    }

    /// The same, and the disk has it when this returns, with everything that was stored before.
    pub fn durably<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        self.with(|connection| connection.execute_batch("PRAGMA synchronous = FULL"))?;
        let stored = self.transaction(work);
        self.with(|connection| connection.execute_batch("PRAGMA synchronous = NORMAL"))?;
        stored
    }
}

/// Keeps everybody but its user from reading the mirror and its log. What cannot be made or changed, opening it tells.
fn keep_private(own: &Path) {
    let _ = regular::private(own);
    for ending in ["-wal", "-shm"] {
        regular::keep_private(&log::beside(own, ending));
    }
}

/// Where the mirror lies, whatever link leads to it: its lock lies beside it. A link leads to a file that is there and is not
/// empty; no file is made, or filled, through one.
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

/// Refuses a pipe, a device or a folder at the mirror's place.
fn is_a_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(Error::new(Kind::MirrorUnwritable, format!("the mirror {} is not a file", path.display())))
        }
        _ => Ok(()),
    }
}

/// Opens the mirror for reading only, beside whoever writes.
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

/// Opens the mirror for reading only, without making or changing any file: its log is read where it lies and is not
/// folded in, which the last reader to close would do otherwise.
pub fn open_untouched(path: &Path) -> Result<Connection> {
    is_a_file(path)?;
    let index = std::fs::metadata(log::beside(path, "-shm")).map_or(0, |m| m.len());
    let (how, text) = match (log::size(path), index, path.to_str()) {
        // Nothing in a log: the file is all there is.
        (0, _, Some(text)) => ("immutable=1", text),
        (_, 1.., Some(text)) => ("readonly_shm=1", text),
        // A log that SQLite must index first, or a name that is no URI.
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

/// Whether a mirror is new enough to have a table.
pub fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)", [name], |r| r.get(0))
}

/// The schema's version.
pub fn version(connection: &Connection, path: &Path) -> Result<usize> {
    connection.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(|e| failed(path, &e))
}

/// A connection that only reads, to a file that is a mirror and no newer one.
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

fn prepare(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    others::wait_for(connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    // What is deleted or replaced is overwritten with zeros: nobody finds a deleted person in the file's free pages. A run that
    // lands 60,000 records, and one that deletes 15,000 of them, take no more time for it than two runs differ by chance.
    connection.execute_batch(
        "PRAGMA cache_size = -8192; PRAGMA temp_store = FILE; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    )?;
    let new = std::fs::metadata(path).map_or(0, |m| m.len()) == 0;
    if !new {
        // A file that is not ours is refused by the migrations before anything in it changes.
        let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0))?;
        if application == 0 {
            return Ok(());
        }
    }
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    log::limit(connection)
}

/// Whether a file says to be a mirror; a new one does not yet.
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
