//! Names a walk: its lane, and the list that it reads. Nearly every file of the mirror uses these types. So this file
//! imports no other file of the mirror.

use crate::streams::Stream;

/// The purpose of a run. Each lane has its own checkpoints in the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Reads everything, once.
    Backfill,
    /// Reads what changed, every night.
    Incremental,
}

impl Lane {
    /// Returns the lane's name in the mirror and in job files.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Backfill => "backfill",
            Lane::Incremental => "incremental",
        }
    }

    /// Returns the other lane.
    #[must_use]
    pub fn other(self) -> Lane {
        match self {
            Lane::Backfill => Lane::Incremental,
            Lane::Incremental => Lane::Backfill,
        }
    }
}

/// Identifies a walk: the lane, and the list that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkKey {
    /// The lane whose checkpoints the walk uses.
    pub lane: Lane,
    /// The stream whose list the walk reads.
    pub stream: Stream,
    /// The id of the parent record whose list the walk reads. Empty if the stream is read as one list.
    pub partition: String,
}
