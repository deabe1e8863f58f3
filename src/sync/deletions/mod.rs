//! What is gone from the source, and from what that is concluded. A walk does not show a record because it is gone, or
//! because it moved past the reading point: only a *proven* walk tells the two apart. After a *continuous* one who was not
//! seen is a suspect, and is confirmed
//!
//! - by asking for it by its id, where this server can be asked so: only the answer that was shown to mean *not there*
//!   counts, and where that is an error, which a fault would look like, it does not;
//! - where it cannot be asked, or the answer says nothing, by not being seen in a complete walk of a later round either.
//!
//! A record that goes between its own list and the list that belongs to it was seen, and is gone all the same when the
//! server says so of both ([`crate::sync::deletions::lost_lists`]).
//!
//! An incomplete walk concludes nothing. A list without a row proves nothing, whatever its verdict. Where a server can be
//! asked, a suspect waits until it is: a record that moves every night at the same hour is missed every night.
//!
//! What a list shows no more since something else is asked for is left over: see `let_go`.
//!
//! [`mod@judge`] holds the reasoning, pure; `asking` asks; what is stored is [`crate::mirror::deletions`]'s, how many may go at a
//! time [`crate::delete_limit`]'s.
//! Every step can be done again: a run that is killed between two of them concludes the same the next time.

mod asking;
pub mod judge;
mod let_go;
pub mod lost_lists;
pub mod orphans;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

use self::asking::Asking;
use self::judge::{Concluded, Evidence, Refusal, judge};
use super::Context;
use crate::delete_limit::{LEAST, Refused};
use crate::error::Result;
use crate::mirror::deletions::{self as stored, BATCH, Judged, Suspect};
use crate::mirror::left_over::{self, LeftOver};
use crate::mirror::orphans as stored_orphans;
use crate::mirror::refusals::{self, Unsettled};
use crate::mirror::settings;
use crate::mirror::store::Writer;
use crate::streams::{self, Stream};

/// Ids of refused deletions that are told.
const TOLD: usize = 1000;

/// Concluding what is gone, one stream after the other: parents before what belongs to them.
///
/// What belongs to a parent that is gone are orphans ([`crate::mirror::orphans`]): between [`Concluding::ask`] and
/// [`Concluding::conclude`] of their stream, who reads lists searches for them.
pub struct Concluding<'c> {
    context: &'c Context,
    asking: Asking<'c>,
}

impl<'c> Concluding<'c> {
    /// Without `ask`, the API is not asked for anything.
    pub fn new(context: &'c Context, ask: bool) -> Concluding<'c> {
        Concluding { context, asking: Asking::new(context, ask) }
    }

    /// Puts under suspicion what the round's walks over a stream did not show, and asks for these by their ids where the
    /// server can be asked so, for its share of the requests: as many other streams are to come. Returns how many were
    /// there.
    pub async fn ask(&mut self, stream: Stream, streams_left: u64) -> Result<u64> {
        let stage = Stage::of(self.context, stream).await?;
        if let Some(child) = stage.child {
            stage.call(move |w, of| stored_orphans::leave_the_rest(w, of.run, of.stream, child)).await?;
        }
        stage.call(stored::suspect).await?;
        self.asking.ask(&stage, streams_left).await
    }

    /// Whether records of a stream went since it was concluded, by the server's own word.
    pub fn has_more_gone(&self, stream: Stream) -> bool {
        let all = self.context.gone.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(of, _)| *of == stream)
    }

    /// Requests that are left for asking who is gone.
    pub fn requests(&self) -> u64 {
        self.asking.requests()
    }

    /// So many of these were spent elsewhere.
    pub fn spend(&mut self, requests: u64) {
        self.asking.spend(requests);
    }

    /// Concludes who is gone of a stream that was asked for, of whom `moved` were there.
    pub async fn conclude(&mut self, stream: Stream, moved: u64) -> Result<Concluded> {
        Stage::of(self.context, stream).await?.conclude(&self.asking, moved).await
    }
}

/// One stream's part.
struct Stage<'c> {
    context: &'c Context,
    of: Judged,
    /// A stream that has a list for each of its records.
    child: Option<Stream>,
    /// The stream for each of whose records it has a list.
    parent: Option<Stream>,
    left_over: LeftOver,
}

/// How far the suspects of a stream were looked at: at first those that a walk did not show, then orphans.
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
        // What the round saw before it began its lists anew was seen in others.
        let (since, run, shown) = (begun.since_run.max(counts_since), begun.run, left_over.shown);
        let partitioned = context.source.is_partitioned(stream);
        let child = streams::ALL.into_iter().find(|s| s.definition().parent == Some(stream));
        Ok(Stage {
            context,
            of: Judged { lane: context.lane, stream, partitioned, since, run, shown },
            child: child.filter(|child| context.source.is_partitioned(*child)),
            parent: stream.definition().parent.filter(|_| partitioned),
            left_over,
        })
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
                // They were seen in this round, before they went.
                self.bury_all(told_gone, i64::MAX).await?;
            }
            self.let_go(&mut concluded).await?;
            if concluded.refusal.is_none() {
                self.call(|w, of| refusals::settle(w, of.stream)).await?;
            }
            self.call(stored::judged).await?;
        }
        let (stream, parent) = (self.of.stream, self.parent);
        let left = move |w: &mut Writer, _| {
            w.transaction(|t| {
                let orphans = parent.map(|parent| stored_orphans::left(t, stream, parent)).transpose()?;
                Ok((stored::counts(t, stream)?, orphans.unwrap_or_default(), stored_orphans::unread(t, stream)?))
            })
        };
        let ((_, suspects), (orphans, lists), unread) = self.call(left).await?;
        concluded.unread = unread;
        (concluded.suspects, concluded.orphans, concluded.unsearched) =
            (suspects.saturating_sub(orphans), orphans, lists);
        Ok(concluded)
    }

    /// Takes the records that went while what belongs to them was read, by the server's own word.
    fn told_gone(&self) -> Vec<String> {
        let mut all = self.context.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.extract_if(.., |(stream, _)| *stream == self.of.stream);
        own.map(|(_, id)| id).collect()
    }

    /// Counts what is gone; the first ids of it.
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

    /// The next suspects.
    async fn page(&self, cursor: &mut Cursor) -> Result<Option<Vec<Suspect>>> {
        let from = cursor.behind.clone();
        let page = match self.parent.filter(|_| cursor.at_orphans) {
            None => self.call(move |w, of| stored::suspects(w, of, from.as_ref(), BATCH)).await?,
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

    fn judged(&self, suspect: &Suspect, asking: &Asking<'_>) -> Option<Evidence> {
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

    /// Makes tombstones of these, unless they were seen in `since` or later.
    async fn bury_all(&self, ids: Vec<String>, since: i64) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let child = self.child;
        self.call(move |w, of| {
            if let Some(child) = child {
                stored_orphans::relate(w, of.run, of.stream, child, &ids)?;
                stored_orphans::note_unread(w, of.run, of.stream, child, &ids)?;
            }
            stored::bury(w, of.run, of.stream, child, &ids, since)
        })
        .await
        .map(drop)
    }

    /// Stores a refusal, so that the stream is held until it is settled.
    async fn remember(&self, refusal: &Refusal, told_gone: Vec<String>) -> Result<()> {
        let (records, live) = (refusal.count, refusal.live);
        let emptied = refusal.why == Refused::Empty;
        self.call(move |w, of| {
            refusals::remember(w, of.stream, &Unsettled { run: of.run, records, live, emptied }, &told_gone)
        })
        .await
    }

    /// Whether so many may not go.
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
