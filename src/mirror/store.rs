//! Owns the one thread that writes to an open mirror. All other code sends closures to that thread, because SQLite
//! allows one writer at a time, and because waiting for the disk in a thread of its own does not delay the network.
//!
//! The file uses a write-ahead log with `synchronous = NORMAL`. A commit survives the death of the process at once.
//! It survives a power failure only after SQLite's next checkpoint of the log. A power failure undoes complete
//! transactions, records and walk checkpoint together, so the run resumes a few pages earlier. Waiting for the disk
//! at every page would therefore gain nothing. Data that is delivered to a destination cannot be taken back, so it is
//! made durable first ([`Writer::durably`]).

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::errors::failed;
use super::wal;
use crate::error::{Error, Kind, Result};
use crate::lock::Lock;

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
    /// Starts the writer thread of a mirror that [`Mirror::open`] has opened and locked.
    pub(super) fn start(mut writer: Writer, lock: Lock) -> Result<Mirror> {
        let path = writer.path.clone();
        let (commands, mut inbox) = mpsc::channel::<Command>(64);
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
        Ok(Mirror { path, commands: Some(commands), thread: Some(thread), _lock: lock })
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
    /// Makes the writer of a connection that is set up for writing.
    pub(super) fn new(connection: Connection, path: &Path) -> Writer {
        Writer { connection, path: path.to_owned() }
    }

    /// Returns the path with which the mirror was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the connection and the path, for work that makes errors of its own.
    pub(super) fn parts(&mut self) -> (&mut Connection, &Path) {
        (&mut self.connection, &self.path)
    }

    /// Runs work on the connection that begins its own transaction, or needs none.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.connection).map_err(|e| failed(&self.path, &e))
    }

    /// Moves the contents of the write-ahead log into the mirror's file. Returns a note for the operator if a large log
    /// cannot be moved completely ([`wal`]).
    pub fn fold_in_log(&mut self) -> Result<Option<String>> {
        let path = self.path.clone();
        self.with(|connection| wal::fold_in(connection, &path))
    }

    /// Frees the memory that SQLite keeps for reading and writing. Called before work that needs memory of its own.
    pub fn shrink(&mut self) -> Result<()> {
        self.with(|connection| connection.execute_batch("PRAGMA shrink_memory"))
    }

    /// Runs `work` in one transaction, so that everything that it writes is stored, or nothing. The transaction takes
    /// the right to write when it begins. It waits at that point for other programs ([`super::other_programs`]), and
    /// never fails halfway because of them.
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

    /// Runs `work` in one transaction, as [`Writer::transaction`] does. When this returns, its changes and everything
    /// that was stored before survive a power failure.
    pub fn durably<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        self.with(|connection| connection.execute_batch("PRAGMA synchronous = FULL"))?;
        let stored = self.transaction(work);
        self.with(|connection| connection.execute_batch("PRAGMA synchronous = NORMAL"))?;
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::DateForm;

    #[tokio::test]
    async fn a_failed_transaction_leaves_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let mirror = Mirror::open(&dir.path().join("sub/m.db"), "a test", DateForm::Iso8601).expect("open");
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
}
