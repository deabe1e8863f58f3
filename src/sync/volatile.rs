//! Compares what the job declares volatile with what it declared before.

use super::Context;
use crate::error::Result;
use crate::mirror::volatile_in_place;
use crate::progress::add;
use crate::quantity::counted;
use crate::streams::Stream;

/// Remembers what the job declares volatile: values that change by themselves. A value that was declared before and
/// is not now counts again, so records that hold a newer value than was delivered are filled in.
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
