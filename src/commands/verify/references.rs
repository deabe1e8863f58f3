//! Compares references with the records that they refer to, at one place. Two streams are compared only if they were
//! delivered by the same run. A stream that was held for a night is older than the other, which may have lost records
//! since, and a stream that left the job stays as it is.

use std::path::Path;

use super::Differences;
use super::ledger::ScratchDatabase;
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::changes::MirrorView;
use crate::mirror::parents;
use crate::quantity::counted;
use crate::say;
use crate::streams::Stream;

/// The state of a stream at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// The stream.
    pub stream: Stream,
    /// The run that delivered it.
    pub run: i64,
    /// The seq that it has reached.
    pub seq: i64,
    /// Whether the job asks for it.
    pub is_of_job: bool,
}

/// Adds a difference for references to records that are not there. Messages of a conversation that the mirror does
/// not have either (it was merged into another one, or is set aside) are not damage of this place.
pub fn hold(
    place: &str,
    streams: &[StreamPosition],
    ledger: &ScratchDatabase,
    differences: &mut Differences,
    mirror: Option<&Path>,
    quiet: bool,
) -> Result<()> {
    let of = |stream| streams.iter().find(|stands| stands.stream == stream && stands.is_of_job);
    for (child, parent) in [(Stream::Messages, Stream::Conversations), (Stream::Conversations, Stream::Contacts)] {
        let (Some(of_child), Some(of_parent)) = (of(child), of(parent)) else { continue };
        if of_child.run != of_parent.run {
            if !quiet {
                let (old, new) = (of_child.run, of_parent.run);
                say!("{place}: {child} are of run {old}, {parent} of run {new}: what refers to what is not compared");
            }
            continue;
        }
        let (count, one) = ledger.dangling(child, parent)?;
        let one = quote(&one.unwrap_or_default());
        let told = format!("{} of {parent} that are not there, {one} for one", counted(count, "reference"));
        if count > 0 && child == Stream::Messages && count > unlisted(mirror, child, of_parent)? {
            differences.add(child.name(), told);
        } else if count > 0 && !quiet {
            // The source deletes contacts and keeps their conversations, and it merges conversations.
            say!("{place}: {child}: {told}: the source may have deleted them");
        }
    }
    Ok(())
}

/// Returns how many records of the mirror itself refer to a record that it does not have, or that has changed since
/// `parent` was delivered.
fn unlisted(mirror: Option<&Path>, child: Stream, parent: &StreamPosition) -> Result<u64> {
    let (Some(path), Some(column)) = (mirror, child.reference_column()) else { return Ok(0) };
    let reading = MirrorView::begin(path)?;
    parents::unlisted(reading.connection(), (child, column), parent.stream, parent.seq)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's references: {e}")))
}
