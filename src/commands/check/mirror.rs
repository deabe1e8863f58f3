//! Checks the mirror: whether it can be opened, what it remembers of the API's spelling, how large it is, and how
//! much space is free. The check changes no file of the mirror, even during a run or after one that was killed.

use std::path::Path;

use super::disk;
use super::line::CheckLine;
use crate::commands::overlap::apart;
use crate::config::settings::Settings;
use crate::discovery::negotiate::SavedPart;
use crate::error::{Error, Kind, Result};
use crate::mirror::integrity_check::{self, Depth, Soundness};
use crate::mirror::{account, migrations, open, schema, wal};
use crate::quantity::size;
use crate::sync::dialect;

/// The mirror's line of the checklist, and what the other checks need from the mirror.
pub struct MirrorCheck {
    /// How this endpoint spells its API, as earlier runs found it out. Empty if there is no mirror.
    pub remembered: Vec<SavedPart>,
    /// The mirror's line of the checklist.
    pub line: CheckLine,
}

/// What was read from an existing mirror.
struct Found {
    version: usize,
    remembered: Vec<SavedPart>,
    /// An error if the mirror's records were stored with other masks than the job's.
    masked: Result<()>,
}

/// Checks the job's mirror without changing it.
pub fn look(settings: &Settings) -> MirrorCheck {
    let path = &settings.mirror;
    let place = path.display().to_string();
    let (bytes, free) = (bytes(path), disk::free(path));
    let room = !disk::is_little(free, bytes);
    let (line, remembered) = match found(settings) {
        Err(error) => (CheckLine::failed("mirror", "", &error), Vec::new()),
        Ok(None) => (
            CheckLine::ok_if(room, "mirror", format!("{place} will be made, {}", disk::told(free)), hint(room)),
            Vec::new(),
        ),
        Ok(Some(Found { remembered, masked: Err(error), .. })) => (CheckLine::failed("mirror", "", &error), remembered),
        Ok(Some(Found { version, remembered, masked: Ok(()) })) => {
            let older = if version < migrations::VERSION {
                format!(" (a run brings it to {})", migrations::VERSION)
            } else {
                String::new()
            };
            let detail = format!("{place}: schema version {version}{older}, {}, {}", size(bytes), disk::told(free));
            (CheckLine::ok_if(room, "mirror", detail, hint(room)).with("version", version), remembered)
        }
    };
    let line = line.with("path", place).with("bytes", bytes).with("free_bytes", free);
    MirrorCheck { remembered, line }
}

/// Checks the folder for temporary files. A delivery that sorts its records needs space there.
pub fn temporary() -> CheckLine {
    let Some(folder) = disk::temporary() else {
        let error = Error::new(Kind::NoTemporaryFiles, "there is no folder for temporary files, which sorting needs");
        return CheckLine::failed("temporary files", "", &error);
    };
    let (place, free) = (folder.display().to_string(), disk::free(&folder));
    CheckLine::ok_if(
        !disk::is_little(free, 0),
        "temporary files",
        format!("{place} can be written, {}", disk::told(free)),
        "a delivery sorts its largest stream there; TMPDIR or SQLITE_TMPDIR names another folder",
    )
    .with("path", place)
    .with("free_bytes", free)
}

fn hint(room: bool) -> &'static str {
    if room {
        "keep it between runs: it is what makes the next one resume"
    } else {
        "free some space: a mirror grows with every record, and as much again is used while it is rewritten"
    }
}

fn found(settings: &Settings) -> Result<Option<Found>> {
    apart(settings)?;
    let path = settings.mirror.as_path();
    if !path.exists() {
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk::writable(folder)?;
        return Ok(None);
    }
    let connection = open::untouched(path)?;
    if integrity_check::look(&connection, path, Depth::Opening)? == Soundness::Records {
        return Err(Error::new(
            Kind::RecordDamaged,
            format!("the mirror {}: records in it are damaged; a run names and marks them", path.display()),
        ));
    }
    let version = schema::version(&connection, path)?;
    let remembered = dialect::recall_read_only(&connection, &settings.source.endpoint)?;
    let masked = account::check_masks(&connection, path, &settings.mask_at.landing(&settings.masks));
    Ok(Some(Found { version, remembered, masked }))
}

/// Returns the size in bytes of the mirror's file and of its write-ahead log.
fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len()) + wal::size(path)
}
