//! Runs a job: reads its streams into the mirror, and reports for each stream whether it was read completely.
//!
//! - [`run`] reads all streams of a job side by side under one request budget.
//! - [`walk`] reads one list page by page into the mirror, and decides whether that reading was complete.
//! - [`fan_out`] walks the messages of each conversation as soon as the conversation is known.
//! - [`crate::sync::incremental::skip`] decides which lists need not be asked for, because their records have not
//!   changed. [`crate::sync::incremental::audit`] measures how many changes that misses.
//! - [`parents`] checks that the rows of a list belong to the record that it was asked for.
//! - [`deletions`] decides which records no longer exist in Qpien. [`crate::sync::deletions::lost_lists`] finds out
//!   whether a list cannot be read because its record is gone.
//! - [`dialect`] finds out how the API spells its queries. [`limits`] remembers how large pages and requests may be.
//! - [`settings`] reports which settings differ from those of earlier readings. [`volatile`] finds the fields that
//!   the job no longer declares volatile. [`notes`] collects what the summary says of a run before it reads anything.
//! - [`crate::sync::stop`] stops a run on request. [`time_box`] ends a run after a time or a number of requests.
//! - [`estimate`] estimates how many rows and requests a run will take.

pub mod deletions;
pub mod dialect;
pub mod estimate;
pub mod fan_out;
pub mod incremental;
pub mod limits;
pub mod notes;
pub mod parents;
pub mod run;
pub mod settings;
pub mod stop;
pub mod time_box;
pub mod volatile;
pub mod walk;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use crate::delete_limit::Deletes;
use crate::dialect::DialectLayer;
use crate::mirror::rounds::Begun;
use crate::mirror::store::Mirror;
use crate::mirror::walk_key::Lane;
use crate::progress::Progress;
use crate::record::mask::Masks;
use crate::source::Source;
use crate::streams::{PerStream, Stream};

/// The state that every part of a run needs.
#[derive(Clone)]
pub struct Context {
    /// The client of the API that records are read from.
    pub source: Arc<Source>,
    /// The mirror that records are stored in.
    pub mirror: Arc<Mirror>,
    /// The number of this run, and the round that it belongs to.
    pub begun: Begun,
    /// The lane of the run: backfill or incremental.
    pub lane: Lane,
    /// Whether, and how many, records may be deleted.
    pub deletes: Deletes,
    /// The page size that the job sets, in rows. The server may serve smaller pages.
    pub page_size: u32,
    /// The number of walks of one stream that may run at the same time.
    pub walks: usize,
    /// Whether the run has a time box or a limit of requests, so that it may end before its reading does.
    pub boxed: bool,
    /// The name of the job.
    pub job: String,
    /// The job's `lookback` and `full_every`, which decide how much of a list is read again.
    pub terms: settings::ReadingTerms,
    /// The number of skipped lists that a run reads completely, as a sample of what skipping misses.
    pub audit: u32,
    /// The number of requests that a run may spend on reading skipped lists after all, once an audit has shown that
    /// skipping misses records.
    pub audit_repair: u32,
    /// Whether a conversation without a last message in its entry is taken to be empty. Set when the run begins, from
    /// what the server had shown until then.
    pub silence_is_empty: Arc<AtomicBool>,
    /// The masks applied to values before they are stored.
    pub masks: Option<Arc<Masks>>,
    /// Whether to read lists a second time, so that they can become `proven`.
    pub double_collect: bool,
    /// The counters of what was done so far.
    pub progress: Arc<Progress>,
    /// The request to stop, shared by all tasks of the run.
    pub stop: stop::Stop,
    /// What is needed to find out again how the API spells its queries.
    pub spelling: DialectSettings,
    /// What this run has found out about lists that show rows of another record.
    pub parents: Arc<parents::Findings>,
    /// Whether each stream's totals count its whole lists, as far as this run has found out.
    pub totals: Arc<PerStream<Mutex<walk::TotalsKnowledge>>>,
    /// Records (stream and id) that no longer exist according to the server. They were found when their own lists,
    /// such as the messages of a conversation, could not be read.
    pub gone: Arc<Mutex<Vec<(Stream, String)>>>,
    /// Notes for the summary, beside its numbers.
    pub notes: Arc<Mutex<Vec<String>>>,
}

/// The settings of a job that are needed to find out how the API spells its queries.
#[derive(Debug, Clone, Default)]
pub struct DialectSettings {
    /// The URL of the API.
    pub endpoint: String,
    /// The job's own `[source.dialect]`.
    pub job: Box<DialectLayer>,
    /// A lock, so that only one task at a time finds out the spelling. Each task starts from what the mirror
    /// remembers, so two at once would overwrite each other's results.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl Context {
    /// Returns whether a signal asked the run to stop. Returns `false` for a run that stops by itself, at its time
    /// box or its limit of requests: that run still delivers what it has, and before that concludes what it can
    /// without a request.
    pub fn is_stopped(&self) -> bool {
        self.stop.requested() && self.stop.why().is_none()
    }

    /// Returns whether a stream's totals count its whole lists, as far as this run and earlier ones have found out.
    pub fn known_totals(&self, stream: Stream) -> walk::TotalsKnowledge {
        if self.source.counts_lists(stream) {
            return walk::TotalsKnowledge::Told;
        }
        *self.totals[stream].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a walk has found out about whether a stream's totals count its whole lists.
    pub fn learn_totals(&self, stream: Stream, found: walk::TotalsKnowledge) {
        let mut known = self.totals[stream].lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.with(found);
    }

    /// Adds a note to the summary, unless the summary has it already.
    pub fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Returns the notes that were added so far.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
