//! Walks the messages of every conversation: one walk for each partition, several at the same time. A walk begins as
//! soon as the conversation is known, because its page and its partition's checkpoint are committed together.
//!
//! The mirror holds the list of what is left to read, not this module. So memory does not grow with the account, and
//! after a kill there is nothing to restore.

use std::collections::{HashSet, VecDeque};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::Context;
use super::walk::{Ended, driver};
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::checkpoint::{self, Checkpoint};
use crate::mirror::parents;
use crate::policy::{self, Concerns};
use crate::progress::add;
use crate::source::AtWork;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::deletions::lost_lists;
use crate::sync::deletions::lost_lists::Lost;
use crate::sync::incremental::audit;

/// The number of partitions that are fetched from the mirror at a time.
const BATCH: u32 = 256;
/// The number of successive partitions that may fail before other lists are tried, to see whether any list can still
/// be read.
const FAILURES: u32 = 16;
/// The number of other lists that are asked for, to see whether a failure is due to one list alone.
const WITNESSES: usize = 4;

/// How far the parent stream, such as conversations, has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parents {
    /// The number of pages of the parent stream that were committed. When it changes, there may be new partitions.
    pub pages: u64,
    /// Whether the parent stream is at its end, so that no further partition will come.
    pub over: bool,
}

/// Walks every open partition of `stream` until the parent stream is at its end (`above` announces that) and no
/// partition is open. Then walks the partitions to be audited, and those to be read again because of an audit.
pub async fn fan_out(context: &Context, stream: Stream, above: watch::Receiver<Parents>) -> Result<Ended> {
    let mut audits = Audits::default();
    loop {
        match walk_open(context, stream, above.clone()).await? {
            Ended::Closed(_) if audits.begin(context, stream).await? => {}
            ended => return Ok(ended),
        }
    }
}

/// Walks every open partition of `stream`, when no further parent record is expected.
pub async fn walk_the_open(context: &Context, stream: Stream) -> Result<Ended> {
    let (_over, above) = watch::channel(Parents { pages: 0, over: true });
    walk_open(context, stream, above).await
}

/// The audits and repairs that follow when no partition of a stream is open any more.
#[derive(Debug, Default)]
struct Audits {
    sampled: bool,
    /// The number of requests that the run had made before the first repair. `None` before that.
    spent: Option<u64>,
}

impl Audits {
    /// Begins the next audits or repairs. Returns whether there were any.
    async fn begin(&mut self, context: &Context, stream: Stream) -> Result<bool> {
        if !std::mem::replace(&mut self.sampled, true) && audit::begin(context, stream).await? {
            return Ok(true);
        }
        audit::repair(context, stream, &mut self.spent).await
    }
}

/// Walks every open partition of `stream` until the parent stream is at its end (`above` announces that) and no
/// partition is open.
async fn walk_open(context: &Context, stream: Stream, mut above: watch::Receiver<Parents>) -> Result<Ended> {
    let mut waiting: VecDeque<Checkpoint> = VecDeque::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut walks: JoinSet<(Checkpoint, Result<Ended>, AtWork)> = JoinSet::new();
    // Held from the end of a walk until the next one begins in its place.
    let mut at_work: Option<AtWork> = None;
    // Lists that cannot be read. At the end it is found out whether their records are gone.
    let mut lost: Vec<Lost> = Vec::new();
    let (mut failures, mut read): (u32, Option<String>) = (0, None);
    loop {
        let over = above.borrow_and_update().over;
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
                let result = driver::walk(&context, stream, from.clone(), begins, || ()).await;
                (from, result, context.source.at_work())
            };
            walks.spawn(walked.in_current_span());
        }
        drop(at_work.take());
        if walks.is_empty() && (context.stop.requested() || (over && waiting.is_empty())) {
            let stopped = context.stop.requested();
            // After a stop they stay open, and the next run tries them again.
            if !stopped && !lost.is_empty() {
                for again in lost_lists::settle(context, stream, std::mem::take(&mut lost)).await? {
                    taken.remove(&again);
                }
                continue;
            }
            return Ok(if stopped { Ended::Stopped } else { Ended::Closed(crate::verdict::Verdict::Continuous) });
        }
        tokio::select! {
            Some(ended) = walks.join_next() => {
                let (from, result, ended_at_work) = ended?;
                at_work = Some(ended_at_work);
                match result {
                    Ok(Ended::ParentIgnored) => {
                        walks.shutdown().await;
                        return Ok(Ended::ParentIgnored);
                    }
                    Ok(_) => {
                        taken.remove(&from.partition);
                        (failures, read) = (0, Some(from.partition));
                    }
                    Err(error) => {
                        // Released first, because what follows may ask whether other lists are answered.
                        drop(at_work.take());
                        failures += 1;
                        if !is_its_own(context, stream, &error, read.as_ref(), &lost).await? {
                            walks.shutdown().await;
                            return Err(error);
                        }
                        let error = error.at(format!("conversation {}", quote(&from.partition)));
                        tracing::warn!(%error, "this conversation's messages cannot be read; the others go on");
                        // The partition stays in `taken`, or it would be walked again.
                        lost.push(Lost { from, error });
                        if failures >= FAILURES {
                            // After so many failures in a row: do these lists fail by themselves, or can nothing be
                            // read any more?
                            if !are_others_read(context, stream, read.as_ref(), &lost).await? {
                                let first = lost.pop().map(|one| one.error);
                                walks.shutdown().await;
                                lost_lists::settle(context, stream, lost).await?;
                                return Err(first.unwrap_or_else(|| Error::new(Kind::Internal, "no failure")));
                            }
                            failures = 0;
                        }
                    }
                }
            }
            changed = above.changed(), if !over && walks.len() < context.walks => {
                if changed.is_err() {
                    // The parents' task ended without saying so, and nothing more will come.
                    return Err(Error::new(Kind::Internal, "the parent stream ended without saying so"));
                }
            }
            () = context.stop.now(), if context.stop.requested() && walks.is_empty() => {}
        }
    }
}

/// Returns whether the server answers for some other list of the stream now. Asks for the partition `read`, which was
/// read before, and for some partitions that are not in `lost`.
async fn are_others_read(context: &Context, stream: Stream, read: Option<&String>, lost: &[Lost]) -> Result<bool> {
    let Some(parent) = stream.definition().parent else { return Ok(false) };
    let but: Vec<String> = lost.iter().map(|one| one.from.partition.clone()).collect();
    let mut others =
        context.mirror.call(move |w| w.transaction(|t| parents::others(t, parent, &but, WITNESSES))).await?;
    others.extend(read.cloned());
    let first = |id: String| Question {
        stream,
        parent: Some(id),
        size: context.page_size,
        start: Start::Row(0),
        select: Select::Ids,
        since: None,
    };
    let questions = others.into_iter().rev().take(WITNESSES).map(first).collect();
    Ok(context.source.ask_all_briefly(questions).await.iter().any(Result::is_ok))
}

/// Returns whether `error` is due to one partition alone, so that the other partitions can go on. If the kind of
/// error does not show that, returns whether the server answers for another list now.
async fn is_its_own(
    context: &Context,
    stream: Stream,
    error: &Error,
    read: Option<&String>,
    lost: &[Lost],
) -> Result<bool> {
    Ok(match policy::concerns(&error.kind) {
        Concerns::Itself => true,
        Concerns::All => false,
        Concerns::Unclear => !context.stop.requested() && are_others_read(context, stream, read, lost).await?,
    })
}

async fn open(context: &Context, stream: Stream, taken: usize) -> Result<Vec<Checkpoint>> {
    let (lane, since) = (context.lane, context.begun.since_run);
    let most = BATCH + u32::try_from(taken).unwrap_or(0);
    context.mirror.call(move |w| w.transaction(|t| checkpoint::open_walks(t, lane, stream, since, most))).await
}
