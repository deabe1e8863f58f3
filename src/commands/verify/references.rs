//! Compares references with the records that they refer to, within one destination. Two streams are compared only if
//! the same run delivered them. Otherwise they are of different age: a stream that was held back for a night is older
//! than the other, from which records may have been deleted since. And a stream that the job no longer names is never
//! updated.

use std::path::Path;

use super::Differences;
use super::ledger::ScratchDatabase;
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::changes::MirrorView;
use crate::mirror::parents;
use crate::quantity::counted;
use crate::say;
use crate::streams::Stream;

/// How far a stream has been delivered to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// The stream.
    pub stream: Stream,
    /// The run that delivered the stream last.
    pub run: i64,
    /// The last seq that was delivered.
    pub seq: i64,
    /// Whether the job still names the stream.
    pub is_of_job: bool,
}

/// Adds a difference if messages refer to conversations that the destination does not hold. A conversation that the
/// mirror does not hold either is not counted, because it was merged into another one or set aside.
///
/// Conversations that refer to missing contacts are only reported, because Qpien deletes contacts and keeps their
/// conversations.
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

/// Returns how many records of the mirror itself refer to a record that the mirror does not hold, or that has changed
/// since `parent` was delivered. Without a mirror, returns 0.
fn unlisted(mirror: Option<&Path>, child: Stream, parent: &StreamPosition) -> Result<u64> {
    let (Some(path), Some(column)) = (mirror, child.reference_column()) else { return Ok(0) };
    let reading = MirrorView::begin(path)?;
    parents::unlisted(reading.connection(), (child, column), parent.stream, parent.seq)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's references: {e}")).caused_by(&e))
}
