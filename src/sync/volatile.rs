//! Detects fields that an earlier run declared volatile and the job no longer does. The records concerned are
//! delivered again, because destinations may lack the newer values of those fields.

use super::Context;
use crate::error::Result;
use crate::mirror::volatile_in_place;
use crate::progress::add;
use crate::quantity::counted;
use crate::streams::Stream;

/// Remembers which fields of these streams the job declares volatile: their values change by themselves, and such a
/// change does not make a record changed.
///
/// A field that was declared before and is not now counts again. Records that hold a newer value of it than was
/// delivered get a new `seq`, so that they are delivered again. They count as filled, not as changed.
pub async fn declare(context: &Context, streams: &[Stream]) -> Result<()> {
    for stream in streams.iter().copied() {
        let (run, rule) = (context.begun.run, context.source.volatile()[stream].clone());
        let filled = context.mirror.call(move |w| volatile_in_place::declare(w, run, stream, &rule)).await?;
        if filled > 0 {
            add(&context.progress.of(stream).filled, filled);
            context.note(format!(
                "{stream}: less is declared volatile than before; {} with newer values than were delivered are filled in, and \
                 do not count as changed",
                counted(filled, "record")
            ));
        }
    }
    Ok(())
}
