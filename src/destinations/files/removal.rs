//! Removes the files that the manifest does not name, after it was replaced. Removes only files whose names a delivery
//! could have given; everything else at the destination belongs to somebody else.
//!
//! The order of removal matters, because a kill may cut it off, and some readers read every file that lies there. The
//! oldest changes go first, and the last part of a snapshot goes first.

use super::Files;
use crate::destinations::Offer;
use crate::destinations::manifest::{self, Manifest};
use crate::error::{Kind, Result};

impl Files {
    /// Removes change files that no manifest names: those that a killed delivery left, and those that were merged
    /// into others.
    pub(super) fn sweep(&self, manifest: &Manifest, streams: &[Offer]) -> Result<()> {
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
    pub(super) fn remove_former(&self, before: &Manifest, now: &Manifest) -> Result<()> {
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
    pub(super) fn remove_further_parts(&self, now: &Manifest) -> Result<()> {
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
}
