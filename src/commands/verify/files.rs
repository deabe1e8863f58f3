//! Reads the files of a destination back, and compares them with their manifest.

use std::io::{Read as _, Seek as _, Write as _};

use sha2::{Digest as _, Sha256};

use super::Differences;
use super::ledger::{DestinationRow, ScratchDatabase};
use crate::destinations::cells::EXTRA;
use crate::destinations::manifest::{FileEntry, Manifest, ManifestEntry, NAME, is_ours};
use crate::destinations::rows::OF_A_CHANGE;
use crate::destinations::store::Store;
use crate::destinations::{Content, read_files};
use crate::error::{Error, Kind, Result};
use crate::record::SeqRange;
use crate::streams::{Column, Stream};

/// Reads the manifest of a destination. Returns `None` if there is no manifest.
pub fn manifest(store: &mut dyn Store) -> Result<Option<Manifest>> {
    let place = store.name_of(NAME);
    let bytes = store.read(NAME).map_err(|e| match e.kind {
        Kind::DestinationRefused => Error::new(Kind::Verification, e.detail),
        _ => e,
    })?;
    let Some(bytes) = bytes else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map_err(|e| {
            Error::new(Kind::Verification, format!("{place} is not readable: line {}", e.line())).caused_by(&e)
        })
        .map(Some)
}

/// Reads every file that the manifest names for a stream into the ledger, and adds a difference for each file that
/// does not agree with the manifest.
pub fn read(
    store: &dyn Store,
    manifest: &Manifest,
    stream: Stream,
    entry: &ManifestEntry,
    ledger: &mut ScratchDatabase,
    differences: &mut Differences,
) -> Result<()> {
    let is_changes = manifest.content == Content::Changes.name();
    let columns: Vec<Column> = entry.columns.iter().filter_map(|c| column(stream, &c.name)).collect();
    let (mut rows, mut end, mut last) = (0, None, 0);
    for file in &entry.files {
        if is_changes {
            adjoins(file, &mut end, differences);
        }
        if !is_ours(stream.name(), &file.path) {
            differences.add(&file.path, "no delivery gives a file this name: it is not looked at".into());
            continue;
        }
        let Some(copy) = copied(store, file, differences)? else { continue };
        let (mut doubled, mut outside) = (0, 0);
        let wanted = ["_id", "_seq", "_op", stream.reference_column().unwrap_or_default()];
        let counted = read_files::rows(copy, manifest.format_of(entry), &columns, &wanted, &mut |cells| {
            let [id, seq, op, parent] = cells else { return Ok(()) };
            let seq: Option<i64> = seq.as_ref().and_then(|s| s.parse().ok());
            if is_changes {
                let seq = seq.unwrap_or(0);
                outside += u64::from(seq <= last || !file.seq.is_some_and(|r| (r.first..=r.last).contains(&seq)));
                last = seq;
            }
            let row = DestinationRow {
                id: id.clone().unwrap_or_default(),
                seq,
                is_live: op.as_deref() != Some("delete"),
                parent: parent.clone(),
                print: None,
            };
            let was_there = ledger.put(stream, &row)?;
            doubled += u64::from(was_there && !is_changes);
            Ok(())
        });
        match counted {
            Ok(counted) => {
                let counted = counted?;
                rows += counted;
                if counted != file.rows {
                    differences.add(&file.path, format!("{counted} rows, the manifest says {}", file.rows));
                }
            }
            Err(error) => differences.add(&file.path, format!("cannot be read: {error}")),
        }
        if doubled > 0 {
            differences.add(&file.path, format!("{doubled} ids stand there that stand in the stream already"));
        }
        if outside > 0 {
            differences.add(&file.path, format!("{outside} seqs do not rise, or lie outside of the file's range"));
        }
    }
    if rows != entry.rows {
        differences.add(stream.name(), format!("{rows} rows in all files, the manifest says {}", entry.rows));
    }
    if is_changes && end != entry.seq.map(|s| s.last) {
        differences.add(stream.name(), "the manifest's range is not that of its files".into());
    }
    Ok(())
}

/// Checks that a file's range of seqs begins right after the range of the file before it; the first file's begins at
/// 1. `end` is the last seq of the file before, `None` for the first file.
fn adjoins(file: &FileEntry, end: &mut Option<i64>, differences: &mut Differences) {
    let Some(SeqRange { first, last }) = file.seq else {
        differences.add(&file.path, "the manifest gives no range of seqs".into());
        return;
    };
    let next = end.map_or(1, |end| end.saturating_add(1));
    if first != next || last < first {
        differences.add(&file.path, format!("its range is {first} to {last}, the next seq was {next}"));
    }
    *end = Some(last);
}

/// Copies a file into a scratch file that can be read in any order. Adds a difference if its size or checksum is not
/// the manifest's. Returns `None` if the file is missing or is not a regular file.
fn copied(store: &dyn Store, file: &FileEntry, differences: &mut Differences) -> Result<Option<std::fs::File>> {
    let mut source = match store.open(&file.path) {
        Ok(Some(source)) => source,
        Ok(None) => {
            differences.add(&file.path, "is not there".into());
            return Ok(None);
        }
        Err(e) if e.kind == Kind::DestinationRefused => {
            differences.add(&file.path, e.detail);
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    let scratch = |e: std::io::Error| Error::new(Kind::Internal, format!("a scratch file: {e}"));
    let mut copy = tempfile::tempfile().map_err(scratch)?;
    let (mut sum, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 256 * 1024]);
    loop {
        let n = source.read(&mut buffer).map_err(|e| store.failed(&file.path, &e))?;
        if n == 0 {
            break;
        }
        sum.update(&buffer[..n]);
        bytes += n as u64;
        copy.write_all(&buffer[..n]).map_err(scratch)?;
    }
    if bytes != file.bytes {
        differences.add(&file.path, format!("{bytes} bytes, the manifest says {}", file.bytes));
    } else if crate::hex::text(&sum.finalize()) != file.sha256 {
        differences.add(&file.path, "its bytes are others than those that were delivered (sha256)".into());
    }
    copy.rewind().map_err(scratch)?;
    Ok(Some(copy))
}

fn column(stream: Stream, name: &str) -> Option<Column> {
    let all = stream.columns().iter().chain([&EXTRA]).chain(&OF_A_CHANGE);
    all.into_iter().find(|c| c.name == name).copied()
}
