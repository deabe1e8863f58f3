//! Refuses a job whose mirror is in a folder into which the job delivers, before anything is opened. A delivery
//! replaces the files that it names and removes older ones, so it could overwrite or remove the mirror.
//!
//! The module compares the real locations of the two paths. `.` and `..`, symbolic links and hard links do not hide
//! that two paths lead to the same file.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::settings::Settings;
use crate::destinations::folder::{LOCK, STAGING};
use crate::destinations::location::canonical;
use crate::destinations::manifest::{NAME, is_ours_of_any};
use crate::error::{Error, Result};
use crate::streams;

/// The endings of the mirror's file and of the files beside it: SQLite's and the lock.
const BESIDE: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];

/// Returns an error if a delivery of the job would overwrite or remove the mirror.
pub fn apart(settings: &Settings) -> Result<()> {
    let mirror = canonical(&settings.mirror);
    for folder in settings.destinations.iter().filter_map(|d| d.target.folder()) {
        let output = canonical(&folder);
        let meets = output.starts_with(&mirror)
            || BESIDE.iter().any(|ending| is_written(&output, &with(&mirror, ending)))
            || has_second_name(&mirror, &output);
        if meets {
            return Err(Error::usage(format!(
                "the mirror {} lies where the job writes its output ({}): give one of them a place of its own",
                settings.mirror.display(),
                folder.display()
            )));
        }
    }
    Ok(())
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Returns whether a delivery into the folder `output` writes or removes a file at `path`.
fn is_written(output: &Path, path: &Path) -> bool {
    let Ok(name) = path.strip_prefix(output) else { return false };
    // Some file systems do not distinguish case.
    let name = name.to_string_lossy().to_ascii_lowercase();
    let first = name.split('/').next().unwrap_or_default();
    first == STAGING || [NAME, LOCK].contains(&&*name) || is_ours_of_any(&name)
}

/// Returns whether one of the files that a delivery into `output` replaces is a hard link or a symbolic link to the
/// mirror or to a file beside it.
fn has_second_name(mirror: &Path, output: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    let of_mirror: Vec<_> = BESIDE.iter().filter_map(|ending| identity(&with(mirror, ending))).collect();
    let folders = std::iter::once(output.to_owned()).chain(streams::ALL.iter().map(|s| output.join(s.name())));
    let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    files
        .map(|entry| entry.path())
        .filter(|path| is_written(output, path))
        .any(|path| identity(&path).is_some_and(|one| of_mirror.contains(&one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_however_it_is_written() {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("a folder");
        std::fs::create_dir(root.join("out")).expect("a folder");
        std::os::unix::fs::symlink(root.join("out"), root.join("link")).expect("a link");
        std::os::unix::fs::symlink(root.join("out/contacts.csv"), root.join("dangling")).expect("a link");
        for path in [
            "out/contacts.csv",
            "out/./contacts.csv",
            "out/../out/contacts.csv",
            "new/../out/contacts.csv",
            "link/contacts.csv",
            "dangling",
        ] {
            let place = canonical(&root.join(path));
            assert_eq!(place, root.join("out/contacts.csv"), "{path}");
            assert!(is_written(&canonical(&root.join("link")), &place), "{path}");
        }
        for path in
            ["out/qpien.db", "contacts.csv", "out/contacts.csv.db", "outer/contacts.csv", "out/deep/contacts.csv"]
        {
            assert!(!is_written(&root.join("out"), &canonical(&root.join(path))), "{path}");
        }
    }
}
