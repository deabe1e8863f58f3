//! The messages of every conversation: one walk a partition, some at the same time, begun as soon as the conversation
//! is known (its page and its partition's checkpoint are committed together). The list of what is left is the mirror's,
//! not ours: memory does not grow with the account, and after a kill nothing has to be remembered.

use std::collections::{HashSet, VecDeque};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::Context;
use super::audit;
use super::landing;
use super::walk::{self, Ended};
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::checkpoint::{self, Checkpoint};
use crate::policy::{self, Action, Patience};
use crate::progress::add;
use crate::source::AtWork;
use crate::streams::Stream;

/// Partitions fetched from the mirror at a time.
const BATCH: u32 = 256;
/// Partitions in a row that cannot be read, after which it is the stream that cannot be read.
const FAILURES: u32 = 16;

/// How far the parent stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parents {
    /// Pages committed: a change says that there may be new partitions.
    pub pages: u64,
    /// No more will come.
    pub over: bool,
}

/// Walks every open partition of `stream` until the parents are over and nothing is open; then those to be audited.
pub async fn fan_out(context: &Context, stream: Stream, mut parents: watch::Receiver<Parents>) -> Result<Ended> {
    let mut waiting: VecDeque<Checkpoint> = VecDeque::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut walks: JoinSet<(Checkpoint, Result<Ended>, AtWork)> = JoinSet::new();
    // From the end of a walk to the beginning of the next one in its place.
    let mut at_work: Option<AtWork> = None;
    let mut failures = 0;
    let mut audited = false;
    loop {
        let over = parents.borrow_and_update().over;
        if waiting.is_empty() && walks.len() < context.walks && !context.stop.requested() {
            let fresh = open(context, stream, taken.len()).await?;
            waiting.extend(fresh.into_iter().filter(|c| !taken.contains(&c.partition)));
            taken.extend(waiting.iter().map(|c| c.partition.clone()));
            add(&context.progress.of(stream).walks, waiting.len() as u64);
        }
        while walks.len() < context.walks && !context.stop.requested() {
            let Some(from) = waiting.pop_front() else { break };
            let context = context.clone();
            let begins = context.source.at_work();
            let walked = async move {
                let result = walk::walk(&context, stream, from.clone(), begins, || ()).await;
                (from, result, context.source.at_work())
            };
            walks.spawn(walked.in_current_span());
        }
        drop(at_work.take());
        if walks.is_empty() && (context.stop.requested() || (over && waiting.is_empty())) {
            let stopped = context.stop.requested();
            if !stopped && !std::mem::replace(&mut audited, true) && audit::begin(context, stream).await? {
                continue;
            }
            return Ok(if stopped { Ended::Stopped } else { Ended::Closed(crate::verdict::Verdict::Continuous) });
        }
        tokio::select! {
            Some(ended) = walks.join_next() => {
                let (from, result, ended_at_work) = ended?;
                at_work = Some(ended_at_work);
                match result {
                    Ok(_) => failures = 0,
                    Err(error) => {
                        failures += 1;
                        if !is_its_own(&error) {
                            walks.shutdown().await;
                            return Err(error);
                        }
                        let error = error.at(format!("conversation {}", quote(&from.partition)));
                        if failures >= FAILURES {
                            walks.shutdown().await;
                            return Err(error);
                        }
                        tracing::warn!(%error, "this conversation's messages cannot be read; the others go on");
                        landing::give_up(context, stream, &from, &error).await?;
                    }
                }
                taken.remove(&from.partition);
            }
            changed = parents.changed(), if !over && walks.len() < context.walks => {
                if changed.is_err() {
                    // The parents' task is gone without a word: nothing more will come.
                    return Err(Error::new(Kind::Internal, "the parent stream ended without saying so"));
                }
            }
            () = context.stop.now(), if context.stop.requested() && walks.is_empty() => {}
        }
    }
}

/// Whether a failure is this partition's own affair, or would meet every other one too.
fn is_its_own(error: &Error) -> bool {
    match policy::decide(&error.kind).action {
        Action::Retry(Patience::Short) => true,
        Action::FailStream => error.kind == Kind::TooLarge,
        Action::Retry(Patience::Long) | Action::Pause | Action::Renew | Action::RenewOnce | Action::FailRun => false,
    }
}

async fn open(context: &Context, stream: Stream, taken: usize) -> Result<Vec<Checkpoint>> {
    let (lane, since) = (context.lane, context.begun.since_run);
    let most = BATCH + u32::try_from(taken).unwrap_or(0);
    context.mirror.call(move |w| w.transaction(|t| checkpoint::open_walks(t, lane, stream, since, most))).await
}
