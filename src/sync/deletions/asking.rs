//! Asks the server for suspects by their ids: as many in a request as the server accepts, within the requests that a
//! run may spend on that.

use std::collections::HashMap;

use super::judge::{SuspectLookup, at_once, believed};
use super::{Cursor, Stage, step};
use crate::discovery::fetch_by_id::{RecordLookup, look_up};
use crate::discovery::negotiate::Negotiation;
use crate::error::Result;
use crate::mirror::deletions as stored;
use crate::mirror::suspects::{self, Suspect};
use crate::policy::{self, Action};
use crate::sync::{Context, dialect};

/// The number of known records that are tried to find out how single records are asked for. Several, because the
/// first may be gone.
const THERE: usize = 2;

/// The state of asking for suspects by their ids, one stream after the other.
pub(super) struct Asking<'c> {
    context: &'c Context,
    negotiation: Option<Negotiation<'c>>,
    /// The number of requests that are left for asking.
    requests: u64,
    /// For the current stream, by id, what the server's answer shows about a record.
    found: HashMap<String, RecordLookup>,
    /// Whether records of the current stream can be asked for, now or later.
    possible: bool,
}

impl<'c> Asking<'c> {
    /// Returns the state at the beginning. If `ask` is `false`, no request is made, and only what needs none is done.
    pub(super) fn new(context: &'c Context, ask: bool) -> Asking<'c> {
        let requests = if ask { context.deletes.confirm_requests } else { 0 };
        Asking { context, negotiation: None, requests, found: HashMap::new(), possible: false }
    }

    /// Returns whether records of the current stream can be asked for, now or later.
    pub(super) fn is_possible(&self) -> bool {
        self.possible
    }

    /// Returns the number of requests that are left for asking.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Subtracts requests that another part of the run has made from those that are left for asking.
    pub(super) fn spend(&mut self, requests: u64) {
        self.requests = self.requests.saturating_sub(requests);
    }

    /// Returns what asking for the record `id` has shown.
    pub(super) fn asked(&self, id: &str) -> SuspectLookup {
        match self.found.get(id) {
            Some(found) => SuspectLookup::Answered(*found),
            None if self.possible => SuspectLookup::NotYet,
            None => SuspectLookup::NoQuery,
        }
    }

    /// Asks for the suspects of a stream, the oldest suspicion first, with this stream's share of the remaining
    /// requests. `streams_left` is the number of streams that share them. A suspect that exists is no longer a
    /// suspect. Returns how many exist.
    pub(super) async fn ask(&mut self, stage: &Stage<'c>, streams_left: u64) -> Result<u64> {
        self.found.clear();
        self.possible = false;
        if self.context.deletes.confirm_requests == 0 {
            return Ok(0);
        }
        let share = self.requests.div_ceil(streams_left.max(1));
        let before = self.spent();
        let asked = self.ask_within(stage, before + share).await;
        self.requests = self.requests.saturating_sub(self.spent() - before);
        match asked {
            // Asking failed in a way that does not fail the run. The suspects are asked for the next time, and
            // nothing more is asked in this run.
            Err(error) if policy::decide(&error.kind).action != Action::FailRun => {
                tracing::info!(stream = %stage.of.stream, %error, "who is gone cannot be asked");
                self.possible = true;
                self.requests = 0;
            }
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        Ok(self.found.values().filter(|found| **found == RecordLookup::There).count() as u64)
    }

    fn spent(&self) -> u64 {
        self.context.source.budget.stats().requests
    }

    async fn ask_within(&mut self, stage: &Stage<'c>, until: u64) -> Result<()> {
        let (mut cursor, mut settled) = (Cursor::default(), false);
        let mut waiting: Vec<String> = Vec::new();
        loop {
            let page = stage.page(&mut cursor).await?;
            let over = page.is_none();
            let open = |s: &Suspect| at_once(s, self.context.deletes.allowed).is_none();
            waiting.extend(page.into_iter().flatten().filter(open).map(|s| s.id));
            while !waiting.is_empty() && (over || waiting.len() >= self.together()) {
                if !settled {
                    self.possible = self.query(stage, until).await?;
                    settled = true;
                }
                if !self.possible || self.spent() >= until || self.context.stop.requested() {
                    return Ok(());
                }
                let rest = waiting.split_off(waiting.len().min(self.together()));
                let ids = std::mem::replace(&mut waiting, rest);
                self.look_up(stage, ids, cursor.at_orphans).await?;
            }
            if over {
                return Ok(());
            }
        }
    }

    fn together(&self) -> usize {
        self.context.source.aliases.now().max(1)
    }

    /// Returns whether single records of the stream can be asked for. Also returns `true` as long as that cannot be
    /// found out, for lack of requests or of records that exist: the suspects then wait. `until` is the total number
    /// of requests at which the share of the stream is used up.
    async fn query(&mut self, stage: &Stage<'c>, until: u64) -> Result<bool> {
        let context = self.context;
        let there = if self.spent() < until {
            stage.call(|w, of| stored::seen(w, of.stream, of.since, THERE)).await?
        } else {
            Vec::new()
        };
        let settling = dialect::single_records(context, &mut self.negotiation, stage.of.stream, &there);
        let known = tokio::select! {
            biased;
            known = settling => known?,
            () = context.stop.now() => None,
        };
        step();
        Ok(known.unwrap_or(true))
    }

    async fn look_up(&mut self, stage: &Stage<'c>, ids: Vec<String>, are_orphans: bool) -> Result<()> {
        let (context, stream) = (self.context, stage.of.stream);
        let answers = tokio::select! {
            biased;
            answers = look_up(&context.source, stream, &ids) => answers?,
            () = context.stop.now() => return Ok(()),
        };
        step();
        let one = context.source.dialect().stream(stream)?.one.as_ref().and_then(|one| one.not_found);
        let answers = answers.into_iter().map(|found| believed(found, one));
        let answered: Vec<(String, RecordLookup)> = ids.into_iter().zip(answers).collect();
        let there = answered.iter().filter(|(_, found)| *found == RecordLookup::There).map(|(id, _)| id.clone());
        // An orphan that exists stays an orphan until a list shows it, because it stands in no known list now.
        let there: Vec<String> = there.filter(|_| !are_orphans).collect();
        if !there.is_empty() {
            stage.call(move |w, of| suspects::clear(w, of.stream, &there)).await?;
        }
        self.found.extend(answered);
        Ok(())
    }
}
