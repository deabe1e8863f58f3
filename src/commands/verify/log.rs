//! Compares a destination with what the mirror's log says was delivered to it. The log is needed because a manifest
//! or a watermark that names too little cannot show that by itself.

use super::Differences;
use crate::destinations::Content;
use crate::error::Result;
use crate::mirror::changes::MirrorView;
use crate::streams::Stream;

/// How far a stream has been delivered, according to the destination's own manifest or watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Says {
    /// The last seq that was delivered; 0 if the destination names none.
    pub seq: i64,
    /// The run that made the delivery; 0 if the destination names none.
    pub run: i64,
    /// The id of the delivery that brought the last changes. `None` if the destination names none.
    pub delivery_id: Option<String>,
}

/// Compares what a destination says about its streams with the mirror's log, and adds the differences. `place` is the
/// destination's name in the log. `says` returns what the destination says about a stream, or `None` for a stream
/// that it does not name.
pub fn hold(
    reading: &MirrorView,
    place: &str,
    content: Content,
    says: impl Fn(Stream) -> Option<Says>,
    differences: &mut Differences,
) -> Result<()> {
    for logged in reading.delivered_to(place)?.iter().filter(|logged| logged.content == content.name()) {
        let (name, reached) = (logged.stream.name(), logged.up_to_seq);
        let is_ours = |says: &Says| reading.can_have_ended_at(logged.stream, says.seq, says.delivery_id.as_deref());
        let Some(says) = says(logged.stream) else {
            differences.add(name, format!("nothing of it is named there, and it was delivered up to seq {reached}"));
            continue;
        };
        match content {
            Content::Changes if says.seq < reached => {
                differences.add(name, format!("it is there up to seq {}, and was delivered up to {reached}", says.seq));
            }
            // A delivery that was cut off before it was logged may be ahead of the log.
            Content::Changes if says.seq > reached && !is_ours(&says)? => {
                let what = format!("it says to be there up to seq {}, and was delivered up to {reached}", says.seq);
                differences.add(name, what);
            }
            Content::Changes if says.delivery_id != logged.delivery_id && !is_ours(&says)? => {
                let what = "its last changes were delivered by another copy of this mirror, or the mark was changed";
                differences.add(name, what.into());
            }
            Content::Snapshot if says.run < logged.run => {
                differences.add(name, format!("it is of run {}, and was delivered after run {}", says.run, logged.run));
            }
            Content::Snapshot if says.run == logged.run && says.seq != reached => {
                let what = format!("it says to be there up to seq {}, and was delivered up to {reached}", says.seq);
                differences.add(name, what);
            }
            Content::Changes | Content::Snapshot => {}
        }
    }
    Ok(())
}
