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

mod data_files;
mod earlier_delivery;
mod fold;
mod removal;

use std::collections::BTreeMap;

use super::cells::EXTRA;
use super::format::Format;
use super::manifest::{self, Manifest, ManifestEntry, NAME};
use super::rows::RowBuilder;
use super::store::Store;
use super::{Content, Delivery, Destination, DestinationTerms, Filled, Offer, Receipt};
use crate::error::{Error, Kind, Result};
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
    /// parts of at most that many bytes, as [`Rows::write`](super::format::Rows::write) counts them.
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

    /// Describes the format, for the manifest, in which this delivery writes files.
    fn described(&self) -> manifest::FormatEntry {
        manifest::FormatEntry { split: self.split, ..self.format.described() }
    }

    /// Returns the maker of a stream's rows. `before` is the stream's entry in the last manifest.
    fn shape(&self, delivery: &Delivery, offer: &Offer, before: Option<&ManifestEntry>) -> RowBuilder {
        let mut columns = offer.columns.clone();
        if keeps_columns(delivery, before) {
            columns.retain(|column| *column != EXTRA);
        }
        RowBuilder::new(columns, self.format.is_typed(), delivery.dates[offer.stream], self.terms.content)
    }

    /// Returns the manifest that names the files of `streams`, made by this delivery.
    fn naming(&self, delivery: &Delivery, streams: BTreeMap<String, ManifestEntry>) -> Manifest {
        Manifest {
            schema_version: 1,
            generator: concat!("qpien-sync ", env!("CARGO_PKG_VERSION")).into(),
            mirror: Some(delivery.mirror.clone()),
            job: delivery.job.clone(),
            run_id: delivery.run,
            published_at: crate::clock::now(),
            time_zone: Some(delivery.time_zone.clone()),
            content: self.terms.content.name().into(),
            format: self.described(),
            streams,
        }
    }

    /// Replaces the manifest at the destination.
    fn put(&mut self, manifest: &Manifest) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(manifest).map_err(|e| Error::new(Kind::Internal, e.to_string()).caused_by(&e))?;
        self.store.replace(NAME, &text)
    }

    /// Makes a delivery in the order that the module documentation promises. Returns a receipt for each stream.
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

    /// Writes the files of one stream, where readers do not see them yet. Returns the stream's entry for the
    /// manifest, its receipt, and the names of the files to publish. `before` is its entry in the last manifest.
    fn stream(
        &self,
        delivery: &Delivery,
        offer: &Offer,
        before: Option<&ManifestEntry>,
        reader: &dyn Reader,
    ) -> Result<(ManifestEntry, Receipt, Vec<String>)> {
        let mut shape = self.shape(delivery, offer, before);
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
            folded = self.fold(self.shape(delivery, offer, before), offer, &mut entry, reader)?;
            entry
        };
        let entry = ManifestEntry { collects: offer.collects && !keeps_columns(delivery, before), ..entry };
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

/// Returns whether a stream's files go on without a column for undocumented fields, because earlier ones have none and
/// the job does not ask for it. `before` is the stream's entry in the last manifest.
fn keeps_columns(delivery: &Delivery, before: Option<&ManifestEntry>) -> bool {
    !delivery.is_collect_named && before.is_some_and(ManifestEntry::keeps_documented_columns)
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
        self.manifest = self.earlier_manifest()?;
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

#[cfg(test)]
pub(crate) mod tests;
