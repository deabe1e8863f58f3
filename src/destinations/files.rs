//! Delivers files of any format, with their manifest, to a folder or an object store. A snapshot is one file for each
//! stream, or several parts of a given size. Changes are files that each cover a range of seqs; a delivery adds files
//! to those of earlier ranges.
//!
//! The order of steps is the promise:
//!
//! 1. Files are written where readers do not see them, and are made durable.
//! 2. They appear under their names.
//! 3. The manifest names them.
//! 4. Files that no manifest names any more are removed.
//!
//! For changes, the manifest is also the watermark: it records up to which seq they were delivered. A delivery of
//! changes to an empty destination first writes a manifest that names no file. If two deliveries begin there at once,
//! one of them is refused at that step, before any file of its own appears.

mod fold;

use std::collections::BTreeMap;

use super::cells::Cell;
use super::format::{Format, HashingSink, Rows};
use super::manifest::{self, FileEntry, Manifest, ManifestEntry, NAME};
use super::rows::RowBuilder;
use super::store::Store;
use super::{Content, Delivery, Destination, DestinationTerms, Filled, Offer, Receipt};
use crate::error::{Error, Kind, Result, quote};
use crate::record::{Reader, SeqRange};
use crate::streams::Stream;

/// The largest range of seqs that one file of changes covers, counted from its first change.
const SPAN: i64 = 1_000_000;

/// A destination that consists of files and their manifest, in any store and any format.
pub struct Files {
    store: Box<dyn Store>,
    format: Box<dyn Format>,
    terms: DestinationTerms,
    split: Option<u64>,
    most: usize,
    span: i64,
    manifest: Option<Manifest>,
}

impl Files {
    /// Makes the destination that writes files of `format` to `store`. If `split` is set, a snapshot is split into
    /// parts of at most that many bytes, as [`Rows::write`] counts them.
    pub fn new(store: Box<dyn Store>, format: Box<dyn Format>, terms: DestinationTerms, split: Option<u64>) -> Files {
        Files { store, format, terms, split, most: 0, span: SPAN, manifest: None }
    }

    /// Sets the number of change files that a stream may have. A delivery that exceeds it merges the older files into
    /// fewer ones. 0 means no limit.
    #[must_use]
    pub fn with_max_files(self, max_files: usize) -> Files {
        Files { most: max_files, ..self }
    }

    /// Sets the largest range of seqs of a file, so that a test need not write a million changes.
    #[cfg(test)]
    #[must_use]
    pub fn with_span(self, span: i64) -> Files {
        Files { span, ..self }
    }

    fn manifest(&mut self) -> Result<Option<Manifest>> {
        let Some(bytes) = self.store.read(NAME)? else { return Ok(None) };
        let place = self.store.name_of(NAME);
        let manifest: Manifest = match serde_json::from_slice(&bytes) {
            Ok(manifest) => manifest,
            // A snapshot replaces everything, so it needs nothing from an unreadable manifest.
            Err(_) if self.terms.content == Content::Snapshot => return Ok(None),
            Err(e) => {
                return Err(Error::new(Kind::DestinationRefused, format!("{place} is no manifest of ours: {e}")));
            }
        };
        if let Some(name) = manifest.foreign_name() {
            return Err(Error::new(
                Kind::DestinationRefused,
                format!("{place} is no manifest of ours: it names {}, which no delivery writes", quote(name)),
            ));
        }
        if manifest.content != self.terms.content.name() {
            return Err(Error::new(
                Kind::DestinationRefused,
                format!(
                    "{place} is of {}, and the job delivers {}",
                    quote(&manifest.content),
                    self.terms.content.name()
                ),
            ));
        }
        if self.terms.content == Content::Changes && manifest.format != self.described() {
            return Err(Error::new(
                Kind::DestinationRefused,
                format!("{place} is of files that are written otherwise (format, compression) than the job says now"),
            ));
        }
        Ok(Some(manifest))
    }

    fn snapshot(&self, shape: &mut RowBuilder, offer: &Offer, reader: &dyn Reader) -> Result<Vec<FileEntry>> {
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

    fn changes(&self, shape: &mut RowBuilder, offer: &Offer, reader: &dyn Reader) -> Result<Vec<FileEntry>> {
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

    fn name_of_changes(&self, stream: Stream, range: SeqRange) -> String {
        format!("{stream}/changes-{:012}-{:012}.{}", range.first, range.last, self.format.extension())
    }

    /// Describes the format, for the manifest, in which this delivery writes files.
    fn described(&self) -> manifest::FormatEntry {
        manifest::FormatEntry { split: self.split, ..self.format.described() }
    }

    fn shape(&self, delivery: &Delivery, offer: &Offer) -> RowBuilder {
        RowBuilder::new(offer, self.format.is_typed(), delivery.dates[offer.stream], self.terms.content)
    }

    /// Returns the names of the settings that the job has changed since a stream's snapshot was delivered. `before`
    /// and `entry` are the manifest of that delivery and the stream's entry in it.
    pub fn edited(
        &self,
        delivery: &Delivery,
        offer: &Offer,
        before: &Manifest,
        entry: &ManifestEntry,
    ) -> Vec<&'static str> {
        let (was, is) = (before.format_of(entry), self.described());
        let columns = manifest::described(&self.shape(delivery, offer).columns());
        let masks = entry.masks.as_ref().is_some_and(|masks| *masks != offer.masks);
        let edits = [
            (before.content != self.terms.content.name(), "content"),
            (*was != manifest::FormatEntry { split: was.split, ..is.clone() }, "format"),
            (was.split != is.split, "split"),
            (entry.columns != columns, "columns"),
            (masks, "masks, or their key"),
        ];
        edits.into_iter().filter(|(is_edited, _)| *is_edited).map(|(_, what)| what).collect()
    }

    /// Returns the sizes and checksums that the files of a stream's snapshot would have if they were written now.
    pub fn sums(&self, delivery: &Delivery, offer: &Offer, reader: &dyn Reader) -> Result<Vec<FileEntry>> {
        let mut shape = self.shape(delivery, offer);
        self.snapshot(&mut shape, offer, reader)
    }

    fn begin(&self, name: String, shape: &RowBuilder) -> Result<Part> {
        let sink = HashingSink::new(self.store.stage(&name)?);
        let rows = self.format.begin(sink, &shape.columns()).map_err(|e| self.store.failed(&name, &e))?;
        Ok(Part { name, rows, count: 0 })
    }

    /// Removes change files that no manifest names: those that a killed delivery left, and those that were merged
    /// into others.
    fn sweep(&self, manifest: &Manifest, streams: &[Offer]) -> Result<()> {
        for offer in streams {
            let named = manifest.streams.get(offer.stream.name());
            // The oldest goes first. So a reader of everything that lies there never meets an insertion whose
            // deletion was removed before it.
            let mut there = self.store.list(offer.stream.name())?;
            there.sort();
            for name in there {
                let is_ours = manifest::is_ours(offer.stream.name(), &name);
                if is_ours && !named.is_some_and(|entry| entry.files.iter().any(|f| f.path == name)) {
                    self.store.remove(&name)?;
                }
            }
        }
        Ok(())
    }

    /// Removes the files of a snapshot that the manifest `before` named and the manifest `now` does not.
    fn remove_former(&self, before: &Manifest, now: &Manifest) -> Result<()> {
        let named: Vec<&str> = now.streams.values().flat_map(|e| &e.files).map(|f| f.path.as_str()).collect();
        // The last part goes first. So if the removal is cut off, the parts that remain still follow the last part
        // that the manifest names, without a gap.
        for (stream, entry) in &before.streams {
            for old in entry.files.iter().rev() {
                let is_ours = manifest::is_ours(stream, &old.path) && !old.path.contains('/');
                if is_ours && !named.contains(&old.path.as_str()) {
                    self.store.remove(&old.path)?;
                }
            }
        }
        Ok(())
    }

    /// Returns whether a regular file of this name exists. Anything else, such as a folder, was not made by this
    /// program.
    fn is_there(&self, name: &str) -> Result<bool> {
        match self.store.open(name) {
            Err(e) if e.kind == Kind::DestinationRefused => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    /// Removes the parts of a snapshot after the last one that the manifest names. A killed delivery with more parts
    /// left them.
    fn remove_further_parts(&self, now: &Manifest) -> Result<()> {
        for (stream, entry) in now.streams.iter().filter(|(_, e)| !["held", manifest::NOT_IN_JOB].contains(&&*e.status))
        {
            let name = |n: usize| format!("{stream}-{n:05}.{}", self.format.extension());
            let mut last = entry.files.len();
            while self.is_there(&name(last + 1))? {
                last += 1;
            }
            for n in (entry.files.len() + 1..=last).rev() {
                self.store.remove(&name(n))?;
            }
        }
        Ok(())
    }

    fn naming(&self, delivery: &Delivery, streams: BTreeMap<String, ManifestEntry>) -> Manifest {
        Manifest {
            schema_version: 1,
            generator: concat!("qpien-sync ", env!("CARGO_PKG_VERSION")).into(),
            mirror: Some(delivery.mirror.clone()),
            job: delivery.job.clone(),
            run_id: delivery.run,
            published_at: crate::clock::now(),
            content: self.terms.content.name().into(),
            format: self.described(),
            streams,
        }
    }

    fn put(&mut self, manifest: &Manifest) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(manifest).map_err(|e| Error::new(Kind::Internal, e.to_string()).caused_by(&e))?;
        self.store.replace(NAME, &text)
    }

    /// Writes the files of one stream, where readers do not see them yet. Returns the stream's entry for the
    /// manifest, its receipt, and the names of the files to publish. `before` is its entry in the last manifest.
    fn stream(
        &self,
        delivery: &Delivery,
        offer: &Offer,
        before: Option<&ManifestEntry>,
        reader: &dyn Reader,
    ) -> Result<(ManifestEntry, Receipt, Vec<String>)> {
        let mut shape = self.shape(delivery, offer);
        let columns = shape.columns();
        let held = offer.is_held(self.terms);
        let (mut fresh, mut folded) = (Vec::new(), Vec::new());
        let entry = if held {
            ManifestEntry::held(offer, delivery, before, &columns)
        } else if self.terms.content == Content::Snapshot {
            // The snapshot shows everything that changed up to the mirror's last seq, deletions included.
            let last = reader.last_seq()?;
            let seq = reader.extent(offer.stream)?.seqs.map(|(first, _)| SeqRange { first, last });
            fresh = self.snapshot(&mut shape, offer, reader)?;
            let format = Some(self.described());
            ManifestEntry { format, ..ManifestEntry::published(offer, delivery, seq, fresh.clone(), &columns) }
        } else {
            fresh = self.changes(&mut shape, offer, reader)?;
            let format = Some(self.described());
            let mut entry =
                ManifestEntry { format, ..ManifestEntry::extended(offer, delivery, before, fresh.clone(), &columns) };
            folded = self.fold(self.shape(delivery, offer), offer, &mut entry, reader)?;
            entry
        };
        let of_now = if held { &entry.files } else { &fresh };
        let receipt = Receipt {
            stream: offer.stream,
            held,
            records: of_now.iter().fold(0, |all, file| all.saturating_add(file.rows)),
            up_to_seq: entry.seq.map_or(0, |s| s.last),
            misfits: shape.misfits(),
            set_aside: offer.set_aside.len() as u64,
            years: shape.years(),
            left_out: Vec::new(),
            files: of_now.iter().map(|f| self.store.name_of(&f.path)).collect(),
            table: None,
        };
        folded.extend(fresh.into_iter().map(|f| f.path));
        Ok((entry, receipt, folded))
    }
}

impl Destination for Files {
    fn place(&self) -> String {
        self.store.place()
    }

    fn terms(&self) -> DestinationTerms {
        self.terms
    }

    fn check(&mut self, holder: &str) -> Result<()> {
        self.store.check(holder)?;
        self.manifest = self.manifest()?;
        Ok(())
    }

    fn delivered(&mut self, mirror: &str, stream: Stream) -> Result<i64> {
        self.manifest.as_ref().map_or(Ok(0), |manifest| manifest.delivered(&self.store.place(), mirror, stream))
    }

    fn formerly(&self) -> String {
        self.store.formerly()
    }

    fn filled(&mut self, stream: Stream) -> Result<Filled> {
        Ok(self.manifest.as_ref().map(|manifest| manifest.filled(stream)).unwrap_or_default())
    }

    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>> {
        let delivered = self.hand_over(delivery, reader);
        if delivered.is_err() {
            // The files written aside may be what fills the disk, and the failed delivery does not need them.
            let _ = self.store.clear_staging();
        }
        delivered
    }
}

impl Files {
    fn hand_over(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>> {
        self.store.clear_staging()?;
        if self.terms.content == Content::Changes && self.manifest.as_ref().is_none_or(Manifest::names_nothing) {
            self.put(&self.naming(delivery, BTreeMap::new()))?;
        }
        let mut streams = self.manifest.as_ref().map(|m| m.kept(&delivery.of_job)).unwrap_or_default();
        let (mut receipts, mut fresh) = (Vec::new(), Vec::new());
        for offer in &delivery.streams {
            let name = offer.stream.name();
            let (entry, receipt, files) = self.stream(delivery, offer, streams.get(name), reader)?;
            streams.insert(name.into(), entry);
            receipts.push(receipt);
            fresh.extend(files);
        }
        let manifest = self.naming(delivery, streams);
        self.store.publish(&fresh)?;
        self.put(&manifest)?;
        match (&self.manifest, self.terms.content) {
            (_, Content::Changes) => self.sweep(&manifest, &delivery.streams)?,
            (Some(before), Content::Snapshot) => self.remove_former(before, &manifest)?,
            (None, Content::Snapshot) => {}
        }
        if self.split.is_some() {
            self.remove_further_parts(&manifest)?;
        }
        self.manifest = Some(manifest);
        self.store.clear_staging()?;
        Ok(receipts)
    }
}

/// One data file that is being written: a whole file or a part of a snapshot.
struct Part {
    name: String,
    rows: Box<dyn Rows>,
    count: u64,
}

impl Part {
    fn write(&mut self, files: &Files, cells: &[Cell<'_>], most: Option<u64>) -> Result<bool> {
        let written = self.rows.write(cells, most).map_err(|e| files.store.failed(&self.name, &e))?;
        self.count += u64::from(written);
        Ok(written)
    }

    fn end(self, files: &Files, seq: Option<SeqRange>) -> Result<FileEntry> {
        let sum = self.rows.end().and_then(HashingSink::finish).map_err(|e| files.store.failed(&self.name, &e))?;
        Ok(FileEntry { path: self.name, rows: self.count, bytes: sum.bytes, sha256: sum.sha256, seq })
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
pub(crate) mod tests;
