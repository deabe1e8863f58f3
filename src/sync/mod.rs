//! The engine. [`run`] runs the streams of a job side by side under the one budget, [`walk`] reads one list page by page
//! into the mirror and says what that has proven, [`fan_out`] walks the messages of every conversation as it becomes known,
//! [`crate::dialect`] makes sure of how the API is spelled, [`settings`] tells what was asked otherwise before, [`limits`] remembers
//! what the server bears, [`crate::record::volatile`] what counts again, [`crate::sync::incremental::skip`] tells which lists need not be asked for, [`crate::sync::incremental::audit`] measures what that misses, [`crate::sync::deletions::lost_lists`] tells lists that cannot be read from
//! lists whose record is gone, [`parents`] makes sure that the rows of a list are those of the record that it was asked for,
//! [`deletions`] what is gone, [`crate::sync::stop`] how a run is stopped, [`time_box`] when by itself, [`estimate`] what it will
//! take.

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
use crate::mirror::checkpoint::Lane;
use crate::mirror::rounds::Begun;
use crate::mirror::store::Mirror;
use crate::progress::Progress;
use crate::record::mask::Masks;
use crate::source::Source;
use crate::streams::{PerStream, Stream};

/// What every part of a run needs.
#[derive(Clone)]
pub struct Context {
    /// Where records come from.
    pub source: Arc<Source>,
    /// Where they go.
    pub mirror: Arc<Mirror>,
    /// The run and its round.
    pub begun: Begun,
    /// The lane.
    pub lane: Lane,
    /// What may be deleted.
    pub deletes: Deletes,
    /// Rows a page to ask for at first.
    pub page_size: u32,
    /// Walks of one stream at the same time.
    pub walks: usize,
    /// The run may end before its reading does: after so many requests, or so long.
    pub boxed: bool,
    /// The name of the job.
    pub job: String,
    /// What the job says of how far a reading reaches back.
    pub terms: settings::Terms,
    /// Lists to audit in a run.
    pub audit: u32,
    /// Requests that a run may spend on reading again what was skipped on a sign that an audit found wrong.
    pub audit_repair: u32,
    /// A conversation whose entry tells nothing is empty, as far as the server has shown when the run began.
    pub silence_is_empty: Arc<AtomicBool>,
    /// What is masked before it lands.
    pub masks: Option<Arc<Masks>>,
    /// Read lists a second time, so that they can be proven.
    pub double_collect: bool,
    /// What was done so far.
    pub progress: Arc<Progress>,
    /// Whether to stop.
    pub stop: stop::Stop,
    /// What is needed to settle anew how the API is spelled.
    pub spelling: Spelling,
    /// What was found out of whose rows the server shows.
    pub parents: Arc<parents::Findings>,
    /// What was found out of the totals that the server tells.
    pub totals: Arc<PerStream<Mutex<walk::Whole>>>,
    /// Records that are gone by the server's own word, found while what belongs to them was read.
    pub gone: Arc<Mutex<Vec<(Stream, String)>>>,
    /// What the summary is to say beside its numbers.
    pub notes: Arc<Mutex<Vec<String>>>,
}

/// What settling a dialect needs to know of a job.
#[derive(Debug, Clone, Default)]
pub struct Spelling {
    /// The address.
    pub endpoint: String,
    /// The job's own `[source.dialect]`.
    pub job: toml::Table,
    /// One at a time: who settles something begins with what is remembered, and must not undo what another is settling.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl Context {
    /// Somebody wants the run to stop. (A run that stops by itself delivers what it has, and concludes first what it can
    /// without a request.)
    pub fn is_stopped(&self) -> bool {
        self.stop.requested() && self.stop.why().is_none()
    }

    /// What is known of a stream's totals.
    pub fn known_totals(&self, stream: Stream) -> walk::Whole {
        if self.source.counts_lists(stream) {
            return walk::Whole::Told;
        }
        *self.totals[stream].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a walk has found out of a stream's totals.
    pub fn learn_totals(&self, stream: Stream, found: walk::Whole) {
        let mut known = self.totals[stream].lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.with(found);
    }

    /// Tells something in the summary, once.
    pub fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// The notes so far.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
