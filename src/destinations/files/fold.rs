//! Merges older change files into fewer ones, so that neither the manifest nor the time to read all files grows with
//! every night.
//!
//! Once a stream has more than `max_files` files, its older files are replaced by files with what the mirror now
//! holds of their range: the latest version of each record, if its seq is in the range, and the deletions that the
//! mirror still knows. A reader that applies all files, old or new, gets the same result. The newer half of the files
//! stays unchanged, for readers that come each night.
//!
//! The merged files always begin with the first file. An insertion must go together with its deletion, or before it.
//! The mirror may have forgotten the deletion, and then a file that kept the insertion would bring the record back.
//!
//! Nothing is merged if the mirror has dropped payloads of the range, because those files could not be written again.
//! Nor is anything merged unless the number of files becomes at most half, so large files stay.
//!
//! The new files appear under names that no old file has. Then the manifest names them, and then the old files are
//! removed, the oldest first. Until then the manifest names only the old files.

use super::Files;
use crate::destinations::Offer;
use crate::destinations::manifest::{FileEntry, ManifestEntry};
use crate::destinations::rows::RowBuilder;
use crate::error::Result;
use crate::record::{Reader, SeqRange};

impl Files {
    /// Merges the older change files of a stream that has more than `max_files` files, and updates its manifest
    /// `entry`. Returns the names of the files to publish; an empty list if nothing was merged.
    pub(super) fn fold(
        &self,
        shape: RowBuilder,
        offer: &Offer,
        entry: &mut ManifestEntry,
        reader: &dyn Reader,
    ) -> Result<Vec<String>> {
        let Some(folded) = entry.files.len().checked_sub(self.most / 2) else { return Ok(Vec::new()) };
        if self.most == 0 || entry.files.len() <= self.most || folded < 2 {
            return Ok(Vec::new());
        }
        // Folding to more files than half of them would soon have to be done again.
        let rows = entry.files[..folded].iter().fold(0, |all: u64, file| all.saturating_add(file.rows));
        if rows / self.span.unsigned_abs() + 1 > folded as u64 / 2 {
            return Ok(Vec::new());
        }
        let ranges = (entry.files[0].seq, entry.files[folded - 1].seq);
        let (Some(first), Some(last)) = ranges else { return Ok(Vec::new()) };
        let (range, past) = (SeqRange { first: first.first, last: last.last }, reader.past(offer.stream)?);
        if past.dropped >= range.first {
            return Ok(Vec::new());
        }
        let new = self.folded(shape, offer, range, &entry.files[..folded], reader)?;
        let names = new.iter().map(|file| file.path.clone()).collect();
        entry.files.splice(..folded, new);
        entry.rows = entry.files.iter().fold(0, |all, file| all.saturating_add(file.rows));
        if past.forgotten > 0 {
            entry.deletions_since = Some(past.forgotten.min(range.last));
        }
        Ok(names)
    }

    /// Writes what the mirror holds of `range` to new files of `span` records each. Readers do not see them yet.
    fn folded(
        &self,
        mut shape: RowBuilder,
        offer: &Offer,
        range: SeqRange,
        old: &[FileEntry],
        reader: &dyn Reader,
    ) -> Result<Vec<FileEntry>> {
        let mut files = Vec::new();
        for part in self.parts(offer, range, old, reader)? {
            let mut file = self.begin(self.name_of_changes(offer.stream, part), &shape)?;
            let fed = part.first.saturating_sub(1);
            reader.changes(offer.stream, part, fed, &mut |change| {
                file.write(self, &shape.of_change(change)?, None).map(drop)
            })?;
            files.push(file.end(self, Some(part))?);
        }
        Ok(files)
    }

    /// Returns the ranges of the new files. Each ends with a record. No range equals that of an `old` file, because
    /// the new file would have the same name.
    fn parts(&self, offer: &Offer, range: SeqRange, old: &[FileEntry], reader: &dyn Reader) -> Result<Vec<SeqRange>> {
        let is_taken = |part: SeqRange| old.iter().any(|file| file.seq == Some(part));
        let (mut parts, mut first) = (Vec::new(), range.first);
        loop {
            let rest = SeqRange { first, last: range.last };
            let mut records = self.span;
            let part = loop {
                let last = reader.nth(offer.stream, rest, records)?.filter(|last| *last < range.last);
                let part = SeqRange { first, last: last.unwrap_or(range.last) };
                let behind = SeqRange { first: part.last + 1, last: range.last };
                if records > 1 && (is_taken(part) || is_taken(behind)) {
                    records -= 1;
                } else {
                    break part;
                }
            };
            parts.push(part);
            if part.last >= range.last {
                return Ok(parts);
            }
            first = part.last + 1;
        }
    }
}
