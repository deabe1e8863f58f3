//! The search for orphans: messages whose conversation is gone, and which may have moved to another one that it was merged
//! into. Other conversations' messages are read whole, those first that most likely show them
//! ([`crate::mirror::orphans`]), for as many requests as a run may spend on finding out who is gone. What shows in another
//! list is that list's from then on; what the run has no requests for is left to the next.

use crate::error::Result;
use crate::mirror::orphans::{self as stored, Search};
use crate::policy::{self, Action};
use crate::streams::Stream;
use crate::sync::Context;
use crate::sync::fan_out;
use crate::sync::incremental::audit;

/// Searches the lists of a stream for its orphans. Returns the requests that were spent.
pub async fn search(context: &Context, stream: Stream, requests: u64) -> Result<u64> {
    let Some(parent) = stream.definition().parent.filter(|_| context.source.is_partitioned(stream)) else {
        return Ok(0);
    };
    let made = || context.source.budget.stats().requests;
    let before = made();
    let run = context.begun.run;
    let settle = || context.mirror.call(move |w| w.transaction(|t| stored::settle_unread(t, stream, parent, run)));
    // What may be missing is worth as much as what an audit has missed.
    let requests = if settle().await? { requests.max(context.audit_repair.into()) } else { requests };
    while !context.is_stopped() {
        let left = requests.saturating_sub(made() - before);
        if left == 0 {
            break;
        }
        let search = Search {
            lane: context.lane,
            child: stream,
            parent,
            round: context.begun.since_run,
            run: context.begun.run,
            questions: audit::affordable(context, left),
            page_size: context.page_size,
            now: context.source.now(),
        };
        let begun = context.mirror.call(move |w| w.transaction(|t| stored::begin_search(t, &search))).await?;
        if begun == 0 {
            break;
        }
        tracing::info!(%stream, lists = begun, "what belonged to records that are gone is searched for in other lists");
        match fan_out::walk_the_open(context, stream).await {
            // They are kept, and the next run goes on.
            Err(error) if policy::decide(&error.kind).action != Action::FailRun => {
                tracing::warn!(%stream, %error, "the search cannot go on");
                break;
            }
            ended => drop(ended?),
        }
    }
    settle().await?;
    Ok(made() - before)
}
