//! A destination: whether it could be written, and whether there is room.

use std::path::Path;

use super::disk;
use super::line::Line;
use crate::config::destinations::{DestinationSettings, Target};

/// One destination.
pub fn line(settings: &DestinationSettings) -> Line {
    let Target::Files { path, .. } = &settings.target;
    folder(path)
}

fn folder(path: &Path) -> Line {
    let place = path.display().to_string();
    let free = disk::free(path);
    let line = match disk::writable(path) {
        Err(error) => Line::failed("destination", "", &error),
        Ok(()) => Line::ok_if(
            !disk::is_little(free, 0),
            "destination",
            format!("{place} can be written, {}", disk::told(free)),
            "while a file is written anew the one before it stays: there must be room for both",
        ),
    };
    line.with("path", place).with("free_bytes", free)
}
