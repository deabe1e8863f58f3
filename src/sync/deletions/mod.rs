//! What is gone from the source, and from what that is concluded. A walk does not show a record because it is gone, or
//! because it moved past the reading point: only a *proven* walk tells the two apart. After a *continuous* one who was not
//! seen is a suspect, and is confirmed
//!
//! - by asking for it by its id, where this server can be asked so: only the answer that was shown to mean *not there*
//!   counts, and where that is an error, which a fault would look like, it does not;
//! - where it cannot be asked, or the answer says nothing, by not being seen in a complete walk of a later round either.
//!
//! A record that goes between its own list and the list that belongs to it was seen, and is gone all the same when the
//! server says so of both ([`super::lost_lists`]).
//!
//! An incomplete walk concludes nothing. A list without a row proves nothing, whatever its verdict. Where a server can be
//! asked, a suspect waits until it is: a record that moves every night at the same hour is missed every night.
//!
//! [`mod@judge`] holds the reasoning, pure; `asking` asks; what is stored is [`crate::mirror::deletions`]'s, how many may go at a
//! time [`crate::guard`]'s.
//! Every step can be done again: a run that is killed between two of them concludes the same the next time.

mod asking;
pub mod judge;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

use self::asking::Asking;
use self::judge::{Concluded, Evidence, Refusal, judge};
use super::Context;
use crate::error::Result;
use crate::guard::{LEAST, Refused};
use crate::mirror::deletions::{self as stored, BATCH, Judged, Suspect};
use crate::mirror::store::Writer;
use crate::streams::{self, Stream};

/// Ids of refused deletions that are told.
const TOLD: usize = 1000;

/// Concludes what is gone from these streams, parents before what belongs to them. Without `ask`, the API is not asked for
/// anything.
pub async fn conclude(context: &Context, of: &[Stream], ask: bool) -> Result<Vec<(Stream, Concluded)>> {
    let mut all = Vec::new();
    if !context.deletes.on {
        return Ok(all);
    }
    let mut asking = Asking::new(context, ask);
    // Records that went with a record of another stream.
    let mut covered: Option<(Stream, u64)> = None;
    for (n, stream) in of.iter().copied().enumerate() {
        if context.is_stopped() {
            break;
        }
        let stage = Stage::of(context, stream);
        let (mut concluded, took) = stage.conclude(&mut asking, (of.len() - n) as u64).await?;
        concluded.covered = covered.filter(|(child, _)| *child == stream).map_or(0, |(_, n)| n);
        covered = stage.child.map(|child| (child, took)).or(covered);
        all.push((stream, concluded));
    }
    Ok(all)
}

/// One stream's part.
struct Stage<'c> {
    context: &'c Context,
    of: Judged,
    child: Option<Stream>,
}

impl<'c> Stage<'c> {
    fn of(context: &'c Context, stream: Stream) -> Stage<'c> {
        let begun = context.begun;
        let partitioned = context.source.is_partitioned(stream);
        let child = streams::ALL.into_iter().find(|s| s.definition().parent == Some(stream));
        Stage {
            context,
            of: Judged { lane: context.lane, stream, partitioned, since: begun.since_run, run: begun.run },
            child: child.filter(|child| context.source.is_partitioned(*child)),
        }
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer, Judged) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let of = self.of;
        let done = self.context.mirror.call(move |w| work(w, of)).await;
        step();
        done
    }

    /// What was concluded, and how many records of another stream went with these.
    async fn conclude(&self, asking: &mut Asking<'c>, streams_left: u64) -> Result<(Concluded, u64)> {
        let mut concluded = Concluded::default();
        let mut covered = 0;
        if let Some(child) = self.child {
            covered += self.call(move |w, of| stored::cover_the_rest(w, of.run, of.stream, child)).await?;
        }
        self.call(stored::suspect).await?;
        concluded.moved = asking.ask(self, streams_left).await?;
        concluded.askable = asking.is_possible();
        if !self.context.is_stopped() {
            let told_gone = self.told_gone();
            let mut ids = self.count(&mut concluded, asking).await?;
            concluded.told_gone = told_gone.len() as u64;
            ids.extend(told_gone.iter().take(TOLD.saturating_sub(ids.len())).cloned());
            concluded.refusal = self.refusal(concluded.found(), ids).await?;
            if concluded.refusal.is_some() {
                concluded = Concluded { proven: 0, not_there: 0, told_gone: 0, twice: 0, empty: 0, ..concluded };
            } else if concluded.found() > 0 {
                covered += self.bury(asking).await?;
                // They were seen in this round, before they went.
                let (child, whenever) = (self.child, i64::MAX);
                let buried =
                    self.call(move |w, of| stored::bury(w, of.run, of.stream, child, &told_gone, whenever)).await?;
                covered += buried.covered;
            }
        }
        let count = move |w: &mut Writer, of: Judged| w.transaction(|t| stored::counts(t, of.stream));
        (_, concluded.suspects) = self.call(count).await?;
        Ok((concluded, covered))
    }

    /// Records that went while what belongs to them was read, by the server's own word.
    fn told_gone(&self) -> Vec<String> {
        let all = self.context.gone.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(stream, _)| *stream == self.of.stream).map(|(_, id)| id.clone()).collect()
    }

    /// Counts what is gone; the first ids of it.
    async fn count(&self, concluded: &mut Concluded, asking: &Asking<'_>) -> Result<Vec<String>> {
        let (mut ids, mut behind) = (Vec::new(), None);
        while let Some(page) = self.page(&mut behind).await? {
            for suspect in page {
                if let Some(evidence) = self.judged(&suspect, asking) {
                    concluded.count(evidence);
                    if ids.len() < TOLD {
                        ids.push(suspect.id);
                    }
                }
            }
        }
        Ok(ids)
    }

    /// The next suspects.
    async fn page(&self, behind: &mut Option<Suspect>) -> Result<Option<Vec<Suspect>>> {
        let from = behind.clone();
        let page = self.call(move |w, of| stored::suspects(w, of, from.as_ref(), BATCH)).await?;
        *behind = page.last().cloned();
        Ok((!page.is_empty()).then_some(page))
    }

    fn judged(&self, suspect: &Suspect, asking: &Asking<'_>) -> Option<Evidence> {
        judge(suspect, asking.asked(&suspect.id), self.of.since, self.context.deletes.allowed)
    }

    async fn bury(&self, asking: &Asking<'c>) -> Result<u64> {
        let (mut behind, mut covered, child) = (None, 0, self.child);
        while let Some(page) = self.page(&mut behind).await? {
            let gone = page.into_iter().filter(|s| self.judged(s, asking).is_some()).map(|s| s.id);
            let ids: Vec<String> = gone.collect();
            let buried = self.call(move |w, of| stored::bury(w, of.run, of.stream, child, &ids, of.since)).await?;
            covered += buried.covered;
        }
        Ok(covered)
    }

    /// Whether so many may not go.
    async fn refusal(&self, count: u64, ids: Vec<String>) -> Result<Option<Refusal>> {
        let stream = self.of.stream;
        if self.call(stored::came_out_empty).await? {
            let (live, ids) =
                self.call(|w, of| Ok((stored::live(w, of.stream)?, stored::first_ids(w, of.stream, TOLD)?))).await?;
            return Ok(Some(Refusal { stream, count: live, live, why: Refused::Empty, ids }));
        }
        if count <= LEAST {
            return Ok(None);
        }
        let (live, shows) = self.call(|w, of| Ok((stored::live(w, of.stream)?, stored::shows_rows(w, of)?))).await?;
        let why = self.context.deletes.refuse(count, live, !shows);
        Ok(why.map(|why| Refusal { stream, count, live, why, ids }))
    }
}

/// For the test that kills a run between any two steps; not in a release.
fn step() {
    static STEPS: AtomicU32 = AtomicU32::new(1);
    if !cfg!(debug_assertions) {
        return;
    }
    let last = std::env::var("QPIEN_TEST_DELETION_STEPS").ok().and_then(|n| n.parse::<u32>().ok());
    if last == Some(STEPS.fetch_add(1, Ordering::Relaxed)) {
        std::process::abort();
    }
}
