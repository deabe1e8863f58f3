//! Reads the manifest that an earlier delivery left, and compares it with the job. A destination whose files the job
//! cannot continue is refused, before any file of its own appears.
//!
//! Changes are added to files that exist already, so their manifest must be readable, and must agree in content and
//! format. A snapshot replaces everything, so an unreadable manifest does not stop it.

use super::Files;
use crate::destinations::manifest::{self, Manifest, ManifestEntry, NAME};
use crate::destinations::{Content, Delivery, Offer};
use crate::error::{Error, Kind, Result, quote};

impl Files {
    /// Returns the manifest at the destination, or `None` if there is none that the job needs. Returns an error if the
    /// job cannot continue what the manifest describes.
    pub(super) fn earlier_manifest(&mut self) -> Result<Option<Manifest>> {
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
        let columns = manifest::described(&self.shape(delivery, offer, Some(entry)).columns());
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
}
