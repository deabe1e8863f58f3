//! Writes a Parquet file with two threads: the caller fills one row group while a background thread encodes and
//! writes the one before it. Two row groups are passed back and forth. The content of the file depends on the rows
//! alone, never on which thread was faster.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use parquet::file::writer::SerializedFileWriter;

use super::group::{self, Group};
use super::{ParquetOptions, failed, schema};
use crate::destinations::cells::Cell;
use crate::destinations::format::{HashingSink, Rows};
use crate::streams::Column;

type File = SerializedFileWriter<HashingSink>;

/// A Parquet file that is being written: the row group that is being filled, and the thread that writes full ones.
pub struct ParquetRows {
    group: Group,
    /// The size, in bytes of cells in memory, at which a row group is full.
    most: usize,
    is_empty: bool,
    writing: Writing,
}

impl ParquetRows {
    /// Begins a file in `sink`. A row group is full when its cells occupy `most` bytes.
    pub fn begin(
        options: &ParquetOptions,
        sink: HashingSink,
        columns: &[Column],
        most: usize,
    ) -> io::Result<ParquetRows> {
        // A row takes at least one definition level in each column.
        let rows = most / (columns.len().max(1) * size_of::<i16>()) + 1;
        let schema = schema::of(columns).map_err(failed)?;
        let properties = schema::properties(options, columns, rows).map_err(failed)?;
        let file = File::new(sink, schema, Arc::new(properties)).map_err(failed)?;
        let writing = Writing::begin(file, Group::of(columns))?;
        Ok(ParquetRows { group: Group::of(columns), most, is_empty: true, writing })
    }
}

impl Rows for ParquetRows {
    /// As the file's size, counts the bytes written to the file and the cells that are not written yet, uncompressed.
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool> {
        let size = self.writing.bytes() + self.group.bytes() + group::size(cells);
        if most.is_some_and(|most| !self.is_empty && size as u64 > most) {
            return Ok(false);
        }
        self.group.push(cells)?;
        self.is_empty = false;
        if self.group.bytes() >= self.most {
            self.writing.swap(&mut self.group)?;
        }
        Ok(true)
    }

    fn end(mut self: Box<Self>) -> io::Result<HashingSink> {
        if self.group.bytes() > 0 {
            self.writing.swap(&mut self.group)?;
        }
        self.writing.end()?.into_inner().map_err(failed)
    }
}

/// The background thread that writes full row groups, and what passes between it and the caller.
struct Writing {
    full: Option<SyncSender<Group>>,
    /// Receives emptied row groups, each with the size of the file at that moment, in bytes.
    emptied: Receiver<(Group, usize)>,
    thread: Option<JoinHandle<io::Result<File>>>,
    /// The size of the file in bytes, without the row group that is being written.
    written: usize,
    /// The size, in bytes of cells in memory, of the row group that is being written.
    under_way: usize,
}

impl Writing {
    /// Starts the thread. `spare` is the empty row group that the caller gets in exchange for its first full one.
    fn begin(mut file: File, spare: Group) -> io::Result<Writing> {
        let (full, to_write) = sync_channel::<Group>(1);
        let (give, emptied) = sync_channel(1);
        let written = file.bytes_written();
        let write = move || {
            let mut spare = Some((spare, written));
            while let Some(given) = spare.take() {
                // The caller has ended the file or given it up.
                if give.send(given).is_err() {
                    break;
                }
                let Ok(mut group) = to_write.recv() else { break };
                group.write(&mut file).map_err(failed)?;
                spare = Some((group, file.bytes_written()));
            }
            Ok(file)
        };
        let thread = Builder::new().name("parquet".into()).spawn(write)?;
        Ok(Writing { full: Some(full), emptied, thread: Some(thread), written, under_way: 0 })
    }

    /// Returns the bytes written to the file plus the bytes of the cells that are being written.
    fn bytes(&self) -> usize {
        self.written + self.under_way
    }

    /// Waits until the row group before this one is written. Then passes `group` to the thread, and puts an empty one
    /// in its place.
    fn swap(&mut self, group: &mut Group) -> io::Result<()> {
        let Ok((empty, written)) = self.emptied.recv() else { return Err(self.why()) };
        (self.written, self.under_way) = (written, group.bytes());
        let full = std::mem::replace(group, empty);
        match &self.full {
            Some(channel) if channel.send(full).is_ok() => Ok(()),
            _ => Err(self.why()),
        }
    }

    /// Returns the error that ended the thread.
    fn why(&mut self) -> io::Error {
        self.end().err().unwrap_or_else(|| io::Error::other("the thread that writes the file has ended"))
    }

    /// Waits until the thread has written all row groups. Returns the file, or the error that stopped the thread.
    fn end(&mut self) -> io::Result<File> {
        self.full = None;
        let thread = self.thread.take().ok_or_else(|| io::Error::other("the file has failed before"))?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes the file has panicked")))
    }
}

/// Waits for the thread, so that nothing writes to the file after it was abandoned.
impl Drop for Writing {
    fn drop(&mut self) {
        drop(self.end());
    }
}
