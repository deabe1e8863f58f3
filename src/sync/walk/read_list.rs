//! A list that a walk has read to its end, and that is read again. It stores what a reading shows, together with how
//! far the reading is.

use super::closing_state::Closing;
use super::commit::{ReadWindow, WalkState, land};
use super::position::Position;
use crate::error::Result;
use crate::mirror::checkpoint::Checkpoint;
use crate::mirror::walk_key::WalkKey;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::Context;

/// A list that a walk has read to its end.
pub(super) struct ReadList<'c> {
    pub context: &'c Context,
    pub stream: Stream,
    /// The checkpoint of the list as it was when this run began to read it.
    pub from: &'c Checkpoint,
    /// The number of windows that this pass over the list has stored.
    pub windows: i64,
}

impl ReadList<'_> {
    pub(super) fn place(&self) -> WalkKey {
        WalkKey { lane: self.context.lane, stream: self.stream, partition: self.from.partition.clone() }
    }

    /// Returns the id of the parent record that the list belongs to, or `None` for the only list of a stream.
    pub(super) fn parent(&self) -> Option<String> {
        Some(self.from.partition.clone()).filter(|partition| !partition.is_empty())
    }

    /// Returns the question for the ids of the list's first `size` rows.
    pub(super) fn first_page(&self, size: u32) -> Question {
        let parent = self.parent().or_else(|| self.context.source.any_parent(self.stream));
        Question { stream: self.stream, parent, size, start: Start::Row(0), select: Select::Ids, since: None }
    }

    /// Stores a window, and in the same transaction `closing` as the walk's position.
    pub(super) async fn keep(&mut self, window: ReadWindow, closing: &Closing) -> Result<()> {
        let position = Position::closing(closing)?;
        land(self.context, self.stream, self.from, self.windows, window, WalkState::Open(Some(position))).await?;
        self.windows += 1;
        Ok(())
    }
}
