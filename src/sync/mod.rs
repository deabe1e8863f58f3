//! Runs a job: reads its streams into the mirror, and says what that has proven.
//!
//! - [`run`] runs the streams side by side under one budget.
//! - [`walk`] reads one list page by page into the mirror and says what that has proven.
//! - [`fan_out`] walks the messages of each conversation as soon as the conversation is known.
//! - [`crate::sync::incremental::skip`] says which lists need not be asked for, and
//!   [`crate::sync::incremental::audit`] measures what that misses.
//! - [`parents`] checks that the rows of a list belong to the record that it was asked for.
//! - [`deletions`] concludes what is gone. [`crate::sync::deletions::lost_lists`] tells lists that cannot be read
//!   from lists whose record is gone.
//! - [`dialect`] finds out how the API is spelled, and [`limits`] remembers what the server bears.
//! - [`settings`] says which settings differ from those of earlier readings, and [`volatile`] which volatile
//!   values count again.
//! - [`crate::sync::stop`] stops a run on request, and [`time_box`] lets it stop by itself.
//! - [`estimate`] says what a run will take.

pub mod deletions;
pub mod dialect;
pub mod estimate;
pub mod fan_out;
pub mod incremental;
pub mod limits;
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
use crate::mirror::checkpoint::Lane;
use crate::mirror::rounds::Begun;
use crate::mirror::store::Mirror;
use crate::progress::Progress;
use crate::record::mask::Masks;
use crate::source::Source;
use crate::streams::{PerStream, Stream};

/// The state that every part of a run needs.
#[derive(Clone)]
pub struct Context {
    /// The API that records come from.
    pub source: Arc<Source>,
    /// The mirror that they go to.
    pub mirror: Arc<Mirror>,
    /// The run and its round.
    pub begun: Begun,
    /// The lane that the run reads in.
    pub lane: Lane,
    /// The limits of what may be deleted.
    pub deletes: Deletes,
    /// The page size to ask for at first, in rows.
    pub page_size: u32,
    /// How many walks of one stream run at the same time.
    pub walks: usize,
    /// Whether the run may end before its reading does, because it has a time box or a limit of requests.
    pub boxed: bool,
    /// The name of the job.
    pub job: String,
    /// How far back a reading reaches, as the job says.
    pub terms: settings::ReadingTerms,
    /// The number of lists to audit in a run.
    pub audit: u32,
    /// The number of requests that a run may spend on reading lists again that were skipped on a sign that an audit
    /// found wrong.
    pub audit_repair: u32,
    /// Whether a conversation whose entry shows no last message is empty, as far as the server had shown when the run
    /// began.
    pub silence_is_empty: Arc<AtomicBool>,
    /// The masks applied to values before they are stored.
    pub masks: Option<Arc<Masks>>,
    /// Whether to read lists a second time, so that they can be proven.
    pub double_collect: bool,
    /// The counters of what was done so far.
    pub progress: Arc<Progress>,
    /// The wish to stop.
    pub stop: stop::Stop,
    /// The settings needed to settle again how the API is spelled.
    pub spelling: DialectSettings,
    /// What this run has found out about whose rows the server shows.
    pub parents: Arc<parents::Findings>,
    /// What this run has found out about the totals that the server claims.
    pub totals: Arc<PerStream<Mutex<walk::TotalsKnowledge>>>,
    /// Records that are gone by the server's own word, found while their own lists were read.
    pub gone: Arc<Mutex<Vec<(Stream, String)>>>,
    /// Notes for the summary, beside its numbers.
    pub notes: Arc<Mutex<Vec<String>>>,
}

/// The settings of a job that settling a dialect needs.
#[derive(Debug, Clone, Default)]
pub struct DialectSettings {
    /// The address of the API.
    pub endpoint: String,
    /// The job's own `[source.dialect]`.
    pub job: Box<DialectLayer>,
    /// The lock for settling. Each settling starts from what is remembered, so two at once would undo each other's
    /// work.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl Context {
    /// Returns whether somebody wants the run to stop. A run that stops by itself does not count: it delivers what it
    /// has, and first concludes what it can without a request.
    pub fn is_stopped(&self) -> bool {
        self.stop.requested() && self.stop.why().is_none()
    }

    /// Returns what is known of a stream's totals.
    pub fn known_totals(&self, stream: Stream) -> walk::TotalsKnowledge {
        if self.source.counts_lists(stream) {
            return walk::TotalsKnowledge::Told;
        }
        *self.totals[stream].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a walk has found out about a stream's totals.
    pub fn learn_totals(&self, stream: Stream, found: walk::TotalsKnowledge) {
        let mut known = self.totals[stream].lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.with(found);
    }

    /// Adds a note to the summary, once.
    pub fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Returns the notes so far.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
