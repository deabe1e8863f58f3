//! Folds older files of changes, so that neither the manifest nor the time to read the feed grows with every night.
//!
//! Once a stream has more than `max_files` files, its older ones are replaced by what the mirror holds of their range
//! now: the latest version of each record, if its seq lies in the range, and the deletions that the mirror still
//! knows. Merged with the files behind them, the new files give what the old ones gave. The newer half stays as it
//! is, for readers that come each night.
//!
//! Folding always begins with the first file. An insertion must go together with its deletion, or before it. The
//! mirror may have forgotten the deletion, and then a file that keeps the insertion would bring the record back. A
//! file whose payloads the mirror has dropped cannot be written again. So nothing is folded if the range holds
//! dropped payloads.
//!
//! Large files stay: nothing is folded unless it becomes at most half as many files.
//!
//! The new files appear under names that no old file has. Then the manifest names them, and then the old files are
//! removed, the oldest first. Until then the manifest names only the old files.

use super::{FileEntry, Files, ManifestEntry, Offer, Reader, Result, RowBuilder, SeqRange};

impl Files {
    /// Folds the older files of a stream that has more than `max_files` files. Returns the names to publish; none if
    /// nothing was folded.
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

    /// Writes aside what the mirror holds of a range, in files of `span` records each.
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

    /// Returns the ranges of the files to write. Each ends with a record. No range equals that of an old file,
    /// because the new file would have the old one's name.
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
