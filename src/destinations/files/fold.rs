//! Folding a feed's older files, so that neither its manifest nor the time that it takes to read it grows with the nights.
//!
//! Once a stream has more than `max_files` files, the older ones give way to what the mirror holds of their range now: of each
//! record its latest version, where that lies in the range, and the deletions that the mirror still knows. Merged with the files
//! behind them, they give what the old ones gave. The newer half stays as it is, for readers that come each night.
//!
//! Folding always begins with the first file. An insertion must go with its deletion, or before it: the mirror may have
//! forgotten the deletion, and then a file that is left with the insertion would bring the record back. So nothing is folded of
//! which the mirror has dropped payloads.
//!
//! Large files stay: nothing is folded that would not become half as many files at most.
//!
//! The new files appear under names that none of the old ones has, then the manifest names them, then the old ones go, the
//! oldest first. Until then the manifest names the old ones alone.

use super::{Entry, FileEntry, Files, Offer, Reader, Result, SeqRange, Shape};

impl Files {
    /// Folds the older files of a stream where it has more than the most of them. Returns the names to publish.
    pub(super) fn fold(
        &self,
        shape: Shape,
        offer: &Offer,
        entry: &mut Entry,
        reader: &dyn Reader,
    ) -> Result<Vec<String>> {
        let Some(folded) = entry.files.len().checked_sub(self.most / 2) else { return Ok(Vec::new()) };
        if self.most == 0 || entry.files.len() <= self.most || folded < 2 {
            return Ok(Vec::new());
        }
        // So many files at most, or it would be done again soon.
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

    /// Writes what the mirror holds of a range aside, in files of so many records.
    fn folded(
        &self,
        mut shape: Shape,
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

    /// The ranges of the files to write: each ends with a record, and is none of an old file, whose name it would have.
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
