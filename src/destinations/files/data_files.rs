//! Writes the data files of a delivery, and returns their entries for the manifest: names, numbers of rows, sizes and
//! checksums. Readers do not see the files until the store publishes them.
//!
//! The data of a delivery decides names and bytes alone. A delivery that is made again overwrites its files with the
//! same bytes, and `verify` can make them once more, to nowhere, and compare the checksums.

use super::Files;
use crate::destinations::cells::Cell;
use crate::destinations::format::{HashingSink, Rows};
use crate::destinations::manifest::{FileEntry, ManifestEntry};
use crate::destinations::rows::RowBuilder;
use crate::destinations::{Delivery, Offer};
use crate::error::Result;
use crate::record::{Reader, SeqRange};
use crate::streams::Stream;

/// One data file that is being written: a whole file or a part of a snapshot.
pub(super) struct DataFile {
    name: String,
    rows: Box<dyn Rows>,
    count: u64,
}

impl DataFile {
    /// Writes a row. Returns `false` and writes nothing if the file would become larger than `most` bytes.
    pub(super) fn write(&mut self, files: &Files, cells: &[Cell<'_>], most: Option<u64>) -> Result<bool> {
        let written = self.rows.write(cells, most).map_err(|e| files.store.failed(&self.name, &e))?;
        self.count += u64::from(written);
        Ok(written)
    }

    /// Completes the file and makes it durable. Returns its entry for the manifest; `seq` is the range that it covers.
    pub(super) fn end(self, files: &Files, seq: Option<SeqRange>) -> Result<FileEntry> {
        let sum = self.rows.end().and_then(HashingSink::finish).map_err(|e| files.store.failed(&self.name, &e))?;
        Ok(FileEntry { path: self.name, rows: self.count, bytes: sum.bytes, sha256: sum.sha256, seq })
    }
}

impl Files {
    /// Begins a data file with this name, where readers do not see it yet.
    pub(super) fn begin(&self, name: String, shape: &RowBuilder) -> Result<DataFile> {
        let sink = HashingSink::new(self.store.stage(&name)?);
        let rows = self.format.begin(sink, &shape.columns()).map_err(|e| self.store.failed(&name, &e))?;
        Ok(DataFile { name, rows, count: 0 })
    }

    /// Writes a stream's snapshot: one file, or parts of at most `split` bytes. Returns the manifest's entries.
    pub(super) fn snapshot(
        &self,
        shape: &mut RowBuilder,
        offer: &Offer,
        reader: &dyn Reader,
    ) -> Result<Vec<FileEntry>> {
        let (stream, extension) = (offer.stream, self.format.extension());
        let number = |n: usize| self.split.map(|_| format!("-{n:05}")).unwrap_or_default();
        let mut files = Vec::new();
        let mut part = self.begin(format!("{stream}{}.{extension}", number(1)), shape)?;
        reader.snapshot(stream, &mut |_, payload| {
            let cells = shape.of_record(payload)?;
            if part.write(self, &cells, self.split)? {
                return Ok(());
            }
            let next = self.begin(format!("{stream}{}.{extension}", number(files.len() + 2)), shape)?;
            files.push(std::mem::replace(&mut part, next).end(self, None)?);
            part.write(self, &cells, None).map(drop)
        })?;
        files.push(part.end(self, None)?);
        Ok(files)
    }

    /// Writes the changes of the range that `offer` names. Each file covers at most `span` seqs. Returns the manifest's
    /// entries.
    pub(super) fn changes(&self, shape: &mut RowBuilder, offer: &Offer, reader: &dyn Reader) -> Result<Vec<FileEntry>> {
        let stream = offer.stream;
        let mut files = Vec::new();
        let mut left = offer.range;
        let fed = left.map_or(0, |range| range.first.saturating_sub(1));
        while let Some(range) = left {
            let Some(first) = reader.first_change(stream, range)? else { break };
            let last = range.last.min(first.saturating_add(self.span - 1));
            let span = SeqRange { first: range.first, last };
            let mut file = self.begin(self.name_of_changes(stream, span), shape)?;
            reader.changes(stream, span, fed, &mut |change| {
                file.write(self, &shape.of_change(change)?, None).map(drop)
            })?;
            files.push(file.end(self, Some(span))?);
            left = (last < range.last).then_some(SeqRange { first: last + 1, last: range.last });
        }
        Ok(files)
    }

    /// Returns the name of the file with the changes of `range`.
    pub(super) fn name_of_changes(&self, stream: Stream, range: SeqRange) -> String {
        format!("{stream}/changes-{:012}-{:012}.{}", range.first, range.last, self.format.extension())
    }

    /// Returns the sizes and checksums that the files of a stream's snapshot would have if they were written now.
    /// `entry` is the stream's entry in the manifest.
    pub fn sums(
        &self,
        delivery: &Delivery,
        offer: &Offer,
        entry: &ManifestEntry,
        reader: &dyn Reader,
    ) -> Result<Vec<FileEntry>> {
        let mut shape = self.shape(delivery, offer, Some(entry));
        self.snapshot(&mut shape, offer, reader)
    }
}
