//! Searches for orphans: messages whose conversation is gone. Their conversation may have been merged into another
//! one, which shows them now. So the search reads the messages of other conversations completely, first of those that
//! most likely show an orphan ([`crate::mirror::orphans`]). It may spend as many requests as a run has for finding
//! out what is gone. An orphan that another list shows belongs to that list from then on. Lists for which the run has
//! no requests are left to the next run.

use crate::error::Result;
use crate::mirror::orphans::{self as stored, Search};
use crate::policy::{self, Action};
use crate::streams::Stream;
use crate::sync::Context;
use crate::sync::fan_out;
use crate::sync::incremental::audit;

/// Searches the lists of a stream for its orphans, with at most about `requests` requests. Returns the number of
/// requests that were made.
pub async fn search(context: &Context, stream: Stream, requests: u64) -> Result<u64> {
    let Some(parent) = stream.definition().parent.filter(|_| context.source.is_partitioned(stream)) else {
        return Ok(0);
    };
    let made = || context.source.budget.stats().requests;
    let before = made();
    let run = context.begun.run;
    let settle = || context.mirror.call(move |w| w.transaction(|t| stored::settle_unread(t, stream, parent, run)));
    // Messages that may be missing are worth as many requests as what an audit has missed.
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
            // The orphans are kept, and the next run goes on with the search.
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
