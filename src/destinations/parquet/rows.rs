//! A Parquet file under way: one row group is filled while the one before it is encoded and written by a thread of the file's
//! own. There are two groups, handed to and fro; what is in the file by then depends on the rows alone, never on which
//! thread was faster.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use parquet::file::writer::SerializedFileWriter;

use super::group::{self, Group};
use super::{Options, failed, schema};
use crate::destinations::cells::Cell;
use crate::destinations::format::{Rows, Summed};
use crate::streams::Column;

type File = SerializedFileWriter<Summed>;

/// The row group that is filled, and the file that full ones go to.
pub struct ParquetRows {
    group: Group,
    /// Bytes of cells in a row group.
    most: usize,
    is_empty: bool,
    writing: Writing,
}

impl ParquetRows {
    /// Begins a file with row groups of `most` bytes of cells.
    pub fn begin(options: &Options, sink: Summed, columns: &[Column], most: usize) -> io::Result<ParquetRows> {
        // No row takes less than a level a column.
        let rows = most / (columns.len().max(1) * size_of::<i16>()) + 1;
        let schema = schema::of(columns).map_err(failed)?;
        let properties = schema::properties(options, columns, rows).map_err(failed)?;
        let file = File::new(sink, schema, Arc::new(properties)).map_err(failed)?;
        let writing = Writing::begin(file, Group::of(columns))?;
        Ok(ParquetRows { group: Group::of(columns), most, is_empty: true, writing })
    }
}

impl Rows for ParquetRows {
    /// A file's size is what is written of it and the cells that are not written yet, before their compression.
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

    fn end(mut self: Box<Self>) -> io::Result<Summed> {
        if self.group.bytes() > 0 {
            self.writing.swap(&mut self.group)?;
        }
        self.writing.end()?.into_inner().map_err(failed)
    }
}

/// The thread that writes full row groups.
struct Writing {
    full: Option<SyncSender<Group>>,
    /// Emptied groups, each with the bytes of the file then.
    emptied: Receiver<(Group, usize)>,
    thread: Option<JoinHandle<io::Result<File>>>,
    /// In the file, without the group that is being written.
    written: usize,
    /// Cells of the group that is being written.
    under_way: usize,
}

impl Writing {
    /// Begins, with a group to give for the first that is full.
    fn begin(mut file: File, spare: Group) -> io::Result<Writing> {
        let (full, to_write) = sync_channel::<Group>(1);
        let (give, emptied) = sync_channel(1);
        let written = file.bytes_written();
        let write = move || {
            let mut spare = Some((spare, written));
            while let Some(given) = spare.take() {
                // Who asks for nothing more is gone, or has ended the file.
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

    /// Bytes written, and of cells that are being written.
    fn bytes(&self) -> usize {
        self.written + self.under_way
    }

    /// Takes a full group once the one before it is written, and leaves an empty one.
    fn swap(&mut self, group: &mut Group) -> io::Result<()> {
        let Ok((empty, written)) = self.emptied.recv() else { return Err(self.why()) };
        (self.written, self.under_way) = (written, group.bytes());
        let full = std::mem::replace(group, empty);
        match &self.full {
            Some(channel) if channel.send(full).is_ok() => Ok(()),
            _ => Err(self.why()),
        }
    }

    /// Why the thread takes nothing more.
    fn why(&mut self) -> io::Error {
        self.end().err().unwrap_or_else(|| io::Error::other("the thread that writes the file has ended"))
    }

    /// The file when all that was handed over is written; or why it could not be.
    fn end(&mut self) -> io::Result<File> {
        self.full = None;
        let thread = self.thread.take().ok_or_else(|| io::Error::other("the file has failed before"))?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes the file has panicked")))
    }
}

/// Nobody writes to a file that was given up.
impl Drop for Writing {
    fn drop(&mut self) {
        drop(self.end());
    }
}
