//! Decides which records are gone from the source. A walk may not show a record because it is gone, or because it
//! moved past the reading point. Only a *proven* walk tells the two apart. After a *continuous* walk, a record that
//! was not seen becomes a suspect. It is confirmed as gone in one of two ways:
//!
//! - The server is asked for it by its id, if that is possible. Its answer counts only if it is the one that was
//!   shown to mean *no such record*. If the server answers with an error in that case, the answer does not count,
//!   because a fault would look the same.
//! - If the record cannot be asked for, or the answer is unclear: a complete walk of a later round does not show it
//!   either.
//!
//! A record may also go between the reading of its own list and of the list that belongs to it. It was seen, and is
//! gone all the same if the server says so of both ([`crate::sync::deletions::lost_lists`]).
//!
//! Three rules protect the mirror:
//!
//! - From an incomplete walk, nothing is concluded.
//! - A list without rows proves nothing, whatever its verdict.
//! - If the server can be asked for a suspect, the suspect is kept until that is done. Otherwise a record that moves
//!   every night at the same hour, and is missed every night, would be deleted.
//!
//! Records that a list no longer shows because the job asks for something else are left over: see `delete_left_over`.
//!
//! [`mod@judge`] holds the reasoning, which is pure, and `asking` asks the server. [`crate::mirror::deletions`]
//! stores the suspects, and [`crate::delete_limit`] says how many records may be deleted at a time. Every step can be
//! repeated: a run that is killed between two steps concludes the same the next time.

mod asking;
mod delete_left_over;
pub mod judge;
pub mod lost_lists;
pub mod orphans;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

use self::asking::Asking;
use self::judge::{Concluded, DeletionEvidence, Refusal, judge};
use super::Context;
use crate::delete_limit::{LEAST, Refused};
use crate::error::Result;
use crate::mirror::deletions as stored;
use crate::mirror::left_over::{self, LeftOver};
use crate::mirror::orphans as stored_orphans;
use crate::mirror::refusals::{self, Unsettled};
use crate::mirror::settings;
use crate::mirror::store::Writer;
use crate::mirror::suspects::{self, BATCH, JudgedStream, Suspect};
use crate::streams::{self, Stream};

/// The largest number of ids of refused deletions that are reported.
const TOLD: usize = 1000;

/// Decides which records are gone, one stream after the other, parent streams first.
///
/// Records whose parent is gone are orphans ([`crate::mirror::orphans`]). The caller searches other lists for them
/// between [`Concluding::ask`] and [`Concluding::conclude`] of their stream.
pub struct Concluding<'c> {
    context: &'c Context,
    asking: Asking<'c>,
}

impl<'c> Concluding<'c> {
    /// Returns the state before the first stream. If `ask` is `false`, no request is made.
    pub fn new(context: &'c Context, ask: bool) -> Concluding<'c> {
        Concluding { context, asking: Asking::new(context, ask) }
    }

    /// Makes suspects of the records that the round's walks over a stream did not show. Asks for them by their ids,
    /// if that is possible. `streams_left` is the number of streams that share the remaining requests, including this
    /// one. Returns how many suspects exist after all.
    pub async fn ask(&mut self, stream: Stream, streams_left: u64) -> Result<u64> {
        let stage = Stage::of(self.context, stream).await?;
        if let Some(child) = stage.child {
            stage.call(move |w, of| stored_orphans::leave_the_rest(w, of.run, of.stream, child)).await?;
        }
        stage.call(suspects::mark).await?;
        self.asking.ask(&stage, streams_left).await
    }

    /// Returns whether the server has reported further records of a stream as gone since the stream was concluded.
    pub fn has_more_gone(&self, stream: Stream) -> bool {
        let all = self.context.gone.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(of, _)| *of == stream)
    }

    /// Returns the number of requests that are left for finding out what is gone.
    pub fn requests(&self) -> u64 {
        self.asking.requests()
    }

    /// Subtracts requests that another part of the run has made from those that are left for finding out what is
    /// gone.
    pub fn spend(&mut self, requests: u64) {
        self.asking.spend(requests);
    }

    /// Decides which records of a stream are gone, and deletes them if that is allowed. The suspects were asked for
    /// before; `moved` of them exist.
    pub async fn conclude(&mut self, stream: Stream, moved: u64) -> Result<Concluded> {
        Stage::of(self.context, stream).await?.conclude(&self.asking, moved).await
    }
}

/// The work on one stream.
struct Stage<'c> {
    context: &'c Context,
    of: JudgedStream,
    /// The stream that has a list for each record of this one. `None` if there is none.
    child: Option<Stream>,
    /// The stream that has a record for each list of this one. `None` if this stream has only one list.
    parent: Option<Stream>,
    left_over: LeftOver,
}

/// How far the suspects of a stream were looked at: first those that a walk did not show, then the orphans.
#[derive(Debug, Default)]
struct Cursor {
    behind: Option<Suspect>,
    at_orphans: bool,
}

impl<'c> Stage<'c> {
    async fn of(context: &'c Context, stream: Stream) -> Result<Stage<'c>> {
        let (begun, most) = (context.begun, context.deletes.most);
        let (left_over, counts_since) = context
            .mirror
            .call(move |w| w.transaction(|t| Ok((left_over::of(t, stream, most)?, settings::counts_since(t, stream)))))
            .await?;
        // Records that the round saw before it began the stream's lists again were seen in other lists.
        let (since, run, shown) = (begun.since_run.max(counts_since), begun.run, left_over.shown);
        let partitioned = context.source.is_partitioned(stream);
        let child = streams::ALL.into_iter().find(|s| s.definition().parent == Some(stream));
        Ok(Stage {
            context,
            of: JudgedStream { lane: context.lane, stream, partitioned, since, run, shown },
            child: child.filter(|child| context.source.is_partitioned(*child)),
            parent: stream.definition().parent.filter(|_| partitioned),
            left_over,
        })
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer, JudgedStream) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let of = self.of;
        let done = self.context.mirror.call(move |w| work(w, of)).await;
        step();
        done
    }

    async fn conclude(&self, asking: &Asking<'c>, moved: u64) -> Result<Concluded> {
        let mut concluded = Concluded { moved, askable: asking.is_possible(), ..Concluded::default() };
        if !self.context.is_stopped() {
            let told_gone = self.told_gone();
            let mut ids = self.count(&mut concluded, asking).await?;
            concluded.told_gone = told_gone.len() as u64;
            ids.extend(told_gone.iter().take(TOLD.saturating_sub(ids.len())).cloned());
            concluded.refusal = self.refusal(concluded.found(), ids).await?;
            if let Some(refusal) = &concluded.refusal {
                self.remember(refusal, told_gone).await?;
                concluded = concluded.refused();
            } else if concluded.deleted() > 0 {
                self.bury(asking).await?;
                // These records were seen in this round, before they went.
                self.bury_all(told_gone, i64::MAX).await?;
            }
            self.delete_left_over(&mut concluded).await?;
            if concluded.refusal.is_none() {
                self.call(|w, of| refusals::settle(w, of.stream)).await?;
            }
            self.call(stored::judged).await?;
        }
        let (stream, parent) = (self.of.stream, self.parent);
        let left = move |w: &mut Writer, _| {
            w.transaction(|t| {
                let orphans = parent.map(|parent| stored_orphans::count_remaining(t, stream, parent)).transpose()?;
                Ok((stored::counts(t, stream)?, orphans.unwrap_or_default(), stored_orphans::unread(t, stream)?))
            })
        };
        let ((_, suspects), (orphans, lists), unread) = self.call(left).await?;
        concluded.unread = unread;
        (concluded.suspects, concluded.orphans, concluded.unsearched) =
            (suspects.saturating_sub(orphans), orphans, lists);
        Ok(concluded)
    }

    /// Takes the ids of this stream's records that no longer exist according to the server, found while their own
    /// lists were read.
    fn told_gone(&self) -> Vec<String> {
        let mut all = self.context.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.extract_if(.., |(stream, _)| *stream == self.of.stream);
        own.map(|(_, id)| id).collect()
    }

    /// Counts the records that are gone in `concluded`, and returns the first of their ids, without orphans.
    async fn count(&self, concluded: &mut Concluded, asking: &Asking<'_>) -> Result<Vec<String>> {
        let (mut ids, mut cursor) = (Vec::new(), Cursor::default());
        while let Some(page) = self.page(&mut cursor).await? {
            for suspect in page {
                if let Some(evidence) = self.judged(&suspect, asking) {
                    concluded.count(evidence);
                    if ids.len() < TOLD && !evidence.is_of_an_orphan() {
                        ids.push(suspect.id);
                    }
                }
            }
        }
        Ok(ids)
    }

    /// Returns the next suspects after `cursor`, or `None` if there are no more.
    async fn page(&self, cursor: &mut Cursor) -> Result<Option<Vec<Suspect>>> {
        let from = cursor.behind.clone();
        let page = match self.parent.filter(|_| cursor.at_orphans) {
            None => self.call(move |w, of| suspects::list(w, of, from.as_ref(), BATCH)).await?,
            Some(parent) => {
                self.call(move |w, of| stored_orphans::orphans(w, of, parent, from.as_ref(), BATCH)).await?
            }
        };
        cursor.behind = page.last().cloned();
        if page.is_empty() && self.parent.is_some() && !cursor.at_orphans {
            cursor.at_orphans = true;
            return Box::pin(self.page(cursor)).await;
        }
        Ok((!page.is_empty()).then_some(page))
    }

    fn judged(&self, suspect: &Suspect, asking: &Asking<'_>) -> Option<DeletionEvidence> {
        judge(suspect, asking.asked(&suspect.id), self.of.since, self.context.deletes.allowed)
    }

    async fn bury(&self, asking: &Asking<'c>) -> Result<()> {
        let mut cursor = Cursor::default();
        while let Some(page) = self.page(&mut cursor).await? {
            let gone = page.into_iter().filter(|s| self.judged(s, asking).is_some()).map(|s| s.id);
            // An orphan may have been seen in this round, before its parent went.
            let since = if cursor.at_orphans { i64::MAX } else { self.of.since };
            self.bury_all(gone.collect(), since).await?;
        }
        Ok(())
    }

    /// Makes tombstones of these records, except those that were seen in run `since` or later.
    async fn bury_all(&self, ids: Vec<String>, since: i64) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let child = self.child;
        self.call(move |w, of| {
            if let Some(child) = child {
                stored_orphans::mark_related_lists(w, of.run, of.stream, child, &ids)?;
                stored_orphans::note_unread(w, of.run, of.stream, child, &ids)?;
            }
            stored::make_tombstones(w, of.run, of.stream, child, &ids, since)
        })
        .await
        .map(drop)
    }

    /// Stores a refusal, so that the stream is held back until the refusal is settled.
    async fn remember(&self, refusal: &Refusal, told_gone: Vec<String>) -> Result<()> {
        let (records, live) = (refusal.count, refusal.live);
        let emptied = refusal.why == Refused::Empty;
        self.call(move |w, of| {
            refusals::remember(w, of.stream, &Unsettled { run: of.run, records, live, emptied }, &told_gone)
        })
        .await
    }

    /// Returns the refusal if `count` records may not be deleted, or `None` if they may. `ids` are the first of their
    /// ids.
    async fn refusal(&self, count: u64, ids: Vec<String>) -> Result<Option<Refusal>> {
        let stream = self.of.stream;
        if self.call(stored::came_out_empty).await? {
            let (live, ids) =
                self.call(|w, of| Ok((stored::live(w, of.stream)?, stored::first_ids(w, of.stream, TOLD)?))).await?;
            return Ok(Some(Refusal { stream, count: live, live, why: Refused::Empty, ids, settings: Vec::new() }));
        }
        if count <= LEAST {
            return Ok(None);
        }
        let (live, shows) = self.call(|w, of| Ok((stored::live(w, of.stream)?, stored::shows_rows(w, of)?))).await?;
        let why = self.context.deletes.refuse(count, live, !shows);
        Ok(why.map(|why| Refusal { stream, count, live, why, ids, settings: Vec::new() }))
    }
}

/// Aborts the process after a certain number of steps, for the test that kills a run between any two steps. Does
/// nothing in a release.
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
