//! Conversations whose entries show no last message. Such an entry does not change when a message comes, so their
//! messages are asked for every night. This file decides whether such conversations are empty, and says what they
//! cost.

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::mirror::silence;
use crate::mirror::walk_key::Lane;
use crate::quantity::counted;
use crate::source::Source;
use crate::streams::Stream;
use crate::sync::Context;

use super::skip::LAST;

/// Returns whether the field of the parent stream is asked for that shows whether a list of `child` has new records.
pub fn asks_for_signs(source: &Source, child: Stream) -> Result<bool> {
    let Some(parent) = child.definition().parent else { return Ok(false) };
    Ok(source.dialect().stream(parent)?.is_asked_for(&[LAST[0].to_owned()]))
}

/// Returns a sentence about what each night costs because the entries of `lists` conversations do not show a new
/// message. `None` if there are no such conversations.
pub fn cost_of_silence(source: &Source, lists: usize) -> Option<String> {
    let requests = lists.div_ceil(source.aliases.now().max(1));
    let (these, requests) = (counted(lists as u64, "conversation"), counted(requests as u64, "request"));
    (lists > 0).then(|| {
        format!(
            "the entries of {these} show no last message (`{}`), or not the newest one; each night asks for the messages of all \
             of these, in {requests} at least",
            LAST[0]
        )
    })
}

/// Decides whether conversations without a last message in their entries are empty. Reports in the log and in the
/// summary what such entries cost each night.
pub async fn weigh_silence(context: &Context, streams: &[Stream]) -> Result<()> {
    let Some(child) = streams.iter().copied().find(|s| s.definition().parent.is_some()) else { return Ok(()) };
    if context.lane != Lane::Incremental || !context.source.is_partitioned(child) {
        return Ok(());
    }
    let unasked = !asks_for_signs(&context.source, child)?;
    let silence = context.mirror.call(move |w| w.transaction(|t| silence::of_stream(t, child, unasked))).await?;
    context.silence_is_empty.store(silence.is_empty, Ordering::Relaxed);
    if let Some(cost) = cost_of_silence(&context.source, silence.lists.len()) {
        tracing::warn!(stream = %child, "{cost}");
        context.note(format!("{child}: {cost}"));
    }
    Ok(())
}
