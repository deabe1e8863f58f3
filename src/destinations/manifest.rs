//! `manifest.json`: the list of the files in an output folder. A delivery writes it last, and a reader reads it
//! first: every file that it names is complete, and its checksum proves that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::EXTRA;
use super::{Delivery, Filled, Offer};
use crate::error::{Error, Kind, Result, in_our_words};
use crate::number;
use crate::record::SeqRange;
use crate::streams::{self, Column, Stream};

/// The manifest's file name.
pub const NAME: &str = "manifest.json";

/// The status of a stream that the job no longer names.
pub const NOT_IN_JOB: &str = "not in the job";

/// The endings of data files, for every format and compression.
pub(crate) const ENDINGS: [&str; 7] = ["csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst", "parquet"];

/// Returns whether a delivery could have given a file of this stream this name. There are three forms: a snapshot
/// `contacts.csv`, a part of a snapshot `contacts-00002.csv`, and changes
/// `contacts/changes-000000000001-000000000007.csv`. Files with other names are never read, written or removed,
/// whatever a manifest says.
pub fn is_ours(stream: &str, path: &str) -> bool {
    let is_name = !stream.is_empty() && stream.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let Some(rest) = path.strip_prefix(stream).filter(|_| is_name) else { return false };
    let (rest, numbers) = match (rest.strip_prefix("/changes-"), rest.strip_prefix('-')) {
        (Some(rest), _) => (rest, &[12, 12][..]),
        (None, Some(rest)) => (rest, &[5][..]),
        (None, None) => (rest, &[][..]),
    };
    let Some((digits, _)) = rest.split_once('.').filter(|(_, ending)| ENDINGS.contains(ending)) else {
        return false;
    };
    let parts: Vec<&str> = if digits.is_empty() { Vec::new() } else { digits.split('-').collect() };
    let fits = |(part, least): (&&str, &usize)| {
        (*least..=19).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit())
    };
    parts.len() == numbers.len() && parts.iter().zip(numbers).all(fits)
}

/// Returns whether a delivery could have given a file of any stream this name.
pub fn is_ours_of_any(path: &str) -> bool {
    streams::ALL.iter().any(|stream| is_ours(stream.name(), path))
}

/// The complete manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Manifest {
    /// The version of the manifest's own format and of the columns.
    pub schema_version: u32,
    pub generator: String,
    /// The id of the mirror that the records come from. Seqs are comparable only within one mirror.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    pub job: String,
    /// The run that made the latest delivery.
    pub run_id: i64,
    /// When the latest delivery was made (RFC 3339, UTC).
    pub published_at: String,
    pub content: String,
    /// The zone in which moments count that name none, such as `UTC`. `None` in manifests of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The format of the files that the latest delivery wrote. The files of a stream that is held, or that has left
    /// the job, may have an earlier format, which the stream's entry names.
    pub format: FormatEntry,
    pub streams: BTreeMap<String, ManifestEntry>,
}

/// How the files are written: format, compression and options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct FormatEntry {
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_end: Option<String>,
    pub compression: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula_safe: Option<bool>,
    /// The largest size, in bytes before compression, of a part of a snapshot. `None` if each stream is one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<u64>,
    /// How a reader distinguishes null from an empty string.
    pub null: String,
}

/// The manifest's entry for one stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ManifestEntry {
    /// Whether this delivery updated the stream's files:
    ///
    /// - `published`: it did, and the stream is complete.
    /// - `incomplete`: it did, although the stream is incomplete.
    /// - `held`: it did not, because the stream is incomplete or one of its records is damaged.
    /// - `not in the job`: it did not, because the job no longer names the stream.
    pub status: String,
    /// What the latest run has proven about the stream: `proven`, `continuous` or `incomplete`.
    pub verdict: String,
    /// Why the stream is incomplete, in this program's words, never in a server's. `None` if it is complete.
    pub why: Option<String>,
    /// The server's values about the list (`total`, `has_next`) that the job tells the run to ignore because they are
    /// wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The number of records that moved while their list was read, and that a further reading found.
    #[serde(default, skip_serializing_if = "is_no_count", deserialize_with = "number::read_count")]
    pub found_again: u64,
    /// An estimate of how many records that existed all along may still be missing, because they moved past every
    /// reading.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub may_miss: f64,
    /// The number of records that a complete reading did not show but that are still delivered. The account may have
    /// that many fewer.
    #[serde(default, skip_serializing_if = "is_no_count", deserialize_with = "number::read_count")]
    pub suspects: u64,
    /// The ids of records that could not be read, or whose lists could not be read. If an earlier run read such a
    /// record, the files hold it as it was then. All other records are in the files as usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<String>,
    /// The fields that the server has and that are not asked for, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_asked_for: Vec<String>,
    /// Whether undocumented fields are collected. If they are, the column `_extra` appears once there are some.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collects: bool,
    /// The latest run, even if it did not write the files.
    pub latest_run_id: i64,
    /// The run that wrote the files. `None` if there are no files.
    pub run_id: Option<i64>,
    /// The time as of which the files are at least up to date (RFC 3339, UTC). `None` if it is unknown.
    pub as_of: Option<String>,
    #[serde(deserialize_with = "number::read_count")]
    pub rows: u64,
    /// The fingerprint of the masks that were applied to the rows, or `""` if none were. It reveals neither the masks
    /// nor their key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<String>,
    pub seq: Option<SeqRange>,
    /// The id of the delivery that brought the last changes. The log of the mirror that made the delivery holds the
    /// same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<String>,
    /// Set if older change files were merged: all deletions after this seq are in the files, earlier ones may be
    /// missing. A reader that has read only up to a lower seq must start over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions_since: Option<i64>,
    /// How the stream's files are written. `None` in manifests of earlier versions, which have one format for all
    /// streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FormatEntry>,
    pub files: Vec<FileEntry>,
    pub columns: Vec<ColumnEntry>,
}

/// The manifest's entry for one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct FileEntry {
    pub path: String,
    #[serde(deserialize_with = "number::read_count")]
    pub rows: u64,
    #[serde(deserialize_with = "number::read_count")]
    pub bytes: u64,
    pub sha256: String,
    /// The range of seqs that a file of changes covers. The ranges of a stream adjoin, even if some seqs in them have
    /// no change. `None` in a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<SeqRange>,
}

/// The name and type of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ColumnEntry {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so
fn is_no_count(count: &u64) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so
fn is_zero(may_miss: &f64) -> bool {
    *may_miss <= 0.0
}

impl Manifest {
    /// Returns the first file name in the manifest that no delivery of this program would write. Returns `None` if
    /// all names are in order.
    pub fn foreign_name(&self) -> Option<&str> {
        let names = self.streams.iter().flat_map(|(stream, entry)| entry.files.iter().map(move |file| (stream, file)));
        names.into_iter().find(|(stream, file)| !is_ours(stream, &file.path)).map(|(_, file)| file.path.as_str())
    }

    /// Returns whether the manifest names no file.
    pub fn names_nothing(&self) -> bool {
        self.streams.values().all(|entry| entry.files.is_empty())
    }

    /// Returns the last seq of a stream's changes, or 0 if no changes were delivered. Returns an error if the changes
    /// come from another mirror than `mirror`. `place` names the destination in the error.
    pub fn delivered(&self, place: &str, mirror: &str, stream: Stream) -> Result<i64> {
        if self.names_nothing() {
            return Ok(0);
        }
        if self.mirror.as_deref() != Some(mirror) {
            return Err(Error::new(
                Kind::DestinationOfAnother,
                format!("{place} holds changes from another mirror, whose seqs mean nothing here"),
            ));
        }
        Ok(self.streams.get(stream.name()).and_then(|entry| entry.seq).map_or(0, |seq| seq.last))
    }

    /// Returns the format of a stream's files.
    pub fn format_of<'m>(&'m self, entry: &'m ManifestEntry) -> &'m FormatEntry {
        entry.format.as_ref().unwrap_or(&self.format)
    }

    /// Returns the entries with which the next manifest begins. Each names its own format. The entries of streams
    /// that are not in `of_job` get the status [`NOT_IN_JOB`].
    pub fn kept(&self, of_job: &[Stream]) -> BTreeMap<String, ManifestEntry> {
        let mut kept = self.streams.clone();
        for (name, entry) in &mut kept {
            entry.format.get_or_insert_with(|| self.format.clone());
            if of_job.iter().all(|stream| stream.name() != name) {
                entry.status = NOT_IN_JOB.into();
            }
        }
        kept
    }

    /// Returns what the manifest records about how a stream's files were made: the last delivery and the masks.
    pub fn filled(&self, stream: Stream) -> Filled {
        let entry = self.streams.get(stream.name());
        entry.map(|e| Filled { delivery_id: e.delivery_id.clone(), masks: e.masks.clone() }).unwrap_or_default()
    }
}

impl ManifestEntry {
    /// Returns whether the files have no column for undocumented fields, because no version that collects them, or no
    /// job that does, has written them.
    pub fn keeps_documented_columns(&self) -> bool {
        let has_extra = self.columns.iter().any(|column| column.name == EXTRA.name);
        !self.collects && !has_extra && !self.columns.is_empty()
    }

    /// Makes the entry of a stream whose files are exactly `files`.
    pub fn published(
        offer: &Offer,
        delivery: &Delivery,
        seq: Option<SeqRange>,
        files: Vec<FileEntry>,
        columns: &[Column],
    ) -> ManifestEntry {
        ManifestEntry {
            status: if offer.verdict.is_complete() { "published" } else { "incomplete" }.into(),
            verdict: offer.verdict.word().into(),
            why: offer.verdict.why().map(in_our_words),
            ignored: offer.ignored.clone(),
            found_again: offer.moved.found,
            may_miss: offer.moved.may_miss,
            suspects: offer.suspects,
            set_aside: offer.set_aside.clone(),
            not_asked_for: offer.unasked.clone(),
            collects: offer.collects,
            latest_run_id: delivery.run,
            run_id: Some(delivery.run),
            as_of: offer.as_of.clone(),
            rows: files.iter().fold(0, |all, file| all.saturating_add(file.rows)),
            masks: Some(offer.masks.clone()),
            seq,
            delivery_id: None,
            deletions_since: None,
            format: None,
            files,
            columns: described(columns),
        }
    }

    /// Makes the entry of a stream of changes whose files are those of the entry `before`, followed by `files`.
    pub fn extended(
        offer: &Offer,
        delivery: &Delivery,
        before: Option<&ManifestEntry>,
        files: Vec<FileEntry>,
        columns: &[Column],
    ) -> ManifestEntry {
        let before_this = before.and_then(|before| before.delivery_id.clone());
        let delivery_id = if files.is_empty() { before_this } else { Some(delivery.id.clone()) };
        let mut all: Vec<FileEntry> = before.map(|b| b.files.clone()).unwrap_or_default();
        all.retain(|old| files.iter().all(|new| new.path != old.path));
        all.extend(files);
        let first = all.first().and_then(|f| f.seq);
        let seq = first.zip(all.last().and_then(|f| f.seq)).map(|(a, b)| SeqRange { first: a.first, last: b.last });
        let deletions_since = before.and_then(|before| before.deletions_since);
        ManifestEntry { delivery_id, deletions_since, ..ManifestEntry::published(offer, delivery, seq, all, columns) }
    }

    /// Makes the entry of a stream that is held back. The files of the entry `before`, if there are any, stay.
    pub fn held(
        offer: &Offer,
        delivery: &Delivery,
        before: Option<&ManifestEntry>,
        columns: &[Column],
    ) -> ManifestEntry {
        let before = before.cloned();
        ManifestEntry {
            status: "held".into(),
            verdict: offer.verdict.word().into(),
            why: offer.verdict.why().map(in_our_words),
            ignored: offer.ignored.clone(),
            found_again: 0,
            may_miss: 0.0,
            suspects: offer.suspects,
            set_aside: Vec::new(),
            not_asked_for: offer.unasked.clone(),
            collects: offer.collects,
            latest_run_id: delivery.run,
            run_id: before.as_ref().and_then(|b| b.run_id),
            as_of: before.as_ref().and_then(|b| b.as_of.clone()),
            rows: before.as_ref().map_or(0, |b| b.rows),
            masks: before.as_ref().and_then(|b| b.masks.clone()),
            delivery_id: before.as_ref().and_then(|b| b.delivery_id.clone()),
            deletions_since: before.as_ref().and_then(|b| b.deletions_since),
            format: before.as_ref().and_then(|b| b.format.clone()),
            seq: before.as_ref().and_then(|b| b.seq),
            files: before.map(|b| b.files).unwrap_or_default(),
            columns: described(columns),
        }
    }
}

/// Returns the columns as they are listed in a manifest.
pub fn described(columns: &[Column]) -> Vec<ColumnEntry> {
    columns.iter().map(|c| ColumnEntry { name: c.name.into(), kind: c.kind.name().into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_delivery_gives_are_ours() {
        for name in [
            "contacts.csv",
            "contacts.jsonl.zst",
            "contacts.parquet",
            "contacts-00001.csv.gz",
            "contacts-123456.csv",
            "contacts/changes-000000000001-000000000007.jsonl",
        ] {
            assert!(is_ours("contacts", name) && is_ours_of_any(name), "{name}");
            assert!(!is_ours("messages", name) && !is_ours("", name), "{name}");
        }
        for name in [
            "",
            "contacts",
            "contacts.",
            "contacts.json",
            "contacts.csv/",
            "contacts.csv.bak",
            "contacts.CSV",
            "contacts-1.csv",
            "contacts-00001-00002.csv",
            "contacts-0000x.csv",
            "contacts/contacts.csv",
            "contacts/changes-1-2.csv",
            "contacts/changes-000000000001.csv",
            "contacts/changes-000000000001-000000000007.csv/../../x",
            "contacts/../x.csv",
            "../contacts.csv",
            "./contacts.csv",
            "/contacts.csv",
            "contacts\\x.csv",
            "manifest.json",
            ".qpien-sync.lock",
            "contacts.csv\n",
            "contacts\0.csv",
        ] {
            assert!(!is_ours("contacts", name) && !is_ours_of_any(name), "{name}");
        }
        assert!(!is_ours("../x", "../x.csv") && !is_ours("a/b", "a/b.csv") && !is_ours(".", "..csv"));
    }
}
