//! Places that records are delivered to. A destination is fed from the mirror, never from the API, so delivering
//! again, or to one more destination, costs no request.
//!
//! # The contract
//!
//! A delivery hands a destination either a *snapshot* (every current record) or *changes* (the records of a pinned
//! range of seqs).
//!
//! - [`Destination::check`] runs before the first request. It finds out whether the destination can be written, and
//!   keeps other runs out as far as the place allows: by a lock on a local folder, by a conditional write of the
//!   manifest in an object store, by a lock in a database.
//! - [`Destination::delivered`] reads how far the destination has come from *where the data is*: from the manifest
//!   beside the files, or from a row in the database. The mirror keeps only a log of deliveries. So a bucket or a
//!   database that was restored from last week's backup is given what it lacks.
//! - [`Destination::deliver`] hands the records over. When it returns, everything is visible and *durable* (it
//!   survives a power failure of this machine), and [`Destination::delivered`] covers it. The watermark moves after
//!   the data or in one transaction with it, never before.
//! - *Repeated delivery*: delivering the same ranges again changes nothing. Names and bytes of files are functions of
//!   the range, so a second delivery overwrites them with the same bytes. A database skips what its watermark covers.
//! - *A crash between any two steps* leaves what was there before and a watermark that does not cover anything new.
//!   Files that no manifest names may lie beside it; the next delivery removes or replaces them. No reader sees half
//!   a file.
//! - *A lost answer* (the step was done, but the answer did not arrive) is a crash like any other.
//! - A stream whose verdict is not complete is *held*, unless it lacks only records that were set aside: what was
//!   delivered last stays, and its changes go out together once the stream is complete. `publish = "always"` delivers
//!   it all the same, but never a stream with a damaged record.
//! - A destination is refused before the first request in these cases (`delivery/preflight.rs` has a few more):
//!   - Another mirror feeds it: seqs of different mirrors do not compare.
//!   - It is ahead of the mirror: this mirror is an older copy of the one that fed it.
//!   - The mirror's log does not know the id of its last delivery: another copy of the mirror feeds it as well.
//! - A destination whose check fails otherwise (it cannot be reached, or its disk is full) does not keep the others
//!   from their deliveries. It is tried once more when its own delivery is due.
//!
//! `contract_tests.rs` holds every destination to this.

pub mod cells;
pub mod coerce;
pub mod compression;
pub mod csv;
mod csv_rows;
pub mod files;
pub mod folder;
pub mod format;
mod formula;
pub mod jsonl;
pub mod location;
pub mod manifest;
pub mod no_links;
pub mod null;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod read_files;
pub mod rows;
pub mod store;
pub mod years;

#[cfg(test)]
pub(crate) mod contract_tests;

use crate::error::Result;
use crate::record::{Reader, SeqRange};
use crate::streams::{Column, Dates, Stream};
use crate::verdict::{Moved, Verdict};
use years::YearsOfColumns;

/// Returns the columns of a stream at a destination whose columns have types.
pub fn typed_columns(stream: Stream) -> Vec<Column> {
    [stream.columns(), &[cells::EXTRA]].concat()
}

/// The content of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Every current record.
    Snapshot,
    /// The records that changed since the last delivery.
    Changes,
}

impl Content {
    /// Returns its name in jobs, manifests and the mirror's log.
    pub fn name(self) -> &'static str {
        match self {
            Content::Snapshot => "snapshot",
            Content::Changes => "changes",
        }
    }
}

/// A job's settings for a destination, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationTerms {
    /// The content that it is handed.
    pub content: Content,
    /// Whether streams without a complete verdict are delivered, too, marked as incomplete.
    pub publish_always: bool,
}

/// A delivery: what a destination is handed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The job's name.
    pub job: String,
    /// The run that read the records.
    pub run: i64,
    /// The id of the mirror that the records come from.
    pub mirror: String,
    /// How the API writes each stream's timestamps.
    pub dates: Dates,
    /// The id of a delivery of changes, stored beside the data. Empty for a snapshot.
    pub id: String,
    /// The streams that the job asks for. Another stream that lies at a destination was removed from the job.
    pub of_job: Vec<Stream>,
    /// The streams that are delivered, in the job's order.
    pub streams: Vec<Offer>,
}

/// One stream of a delivery.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The stream.
    pub stream: Stream,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// What its readings have proven.
    pub verdict: Verdict,
    /// Whether the mirror's copy of a record is damaged and was not read again yet. Such a stream is held, whatever
    /// the terms.
    pub is_damaged: bool,
    /// The names of records and lists that could not be read, if the stream lacks nothing else. It is delivered
    /// without them, and the manifest names them.
    pub set_aside: Vec<String>,
    /// What closing readings found of records that moved while their list was read.
    pub moved: Moved,
    /// The number of records that a complete reading did not show and that are kept: the account may have so many
    /// fewer.
    pub suspects: u64,
    /// The server's claims that the job tells the run not to believe.
    pub ignored: Vec<String>,
    /// The fingerprint of the masks that its rows go through, `""` for no mask. It reveals neither the masks nor
    /// their key.
    pub masks: String,
    /// The moment (RFC 3339, UTC) that the stream is at least as fresh as.
    pub as_of: Option<String>,
    /// The range to hand over, for changes. `None` if there is nothing new or the stream is held.
    pub range: Option<SeqRange>,
}

impl Offer {
    /// Returns whether the stream is held back under these terms.
    pub fn is_held(&self, terms: DestinationTerms) -> bool {
        self.is_damaged || (!self.verdict.is_complete() && self.set_aside.is_empty() && !terms.publish_always)
    }
}

/// What a destination records about how a stream of it was filled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// The delivery that brought the last of its changes. `None` if an earlier version delivered it, or nothing was
    /// delivered.
    pub delivery_id: Option<String>,
    /// The fingerprint of the masks that its rows went through, `""` for no mask. `None` if an earlier version filled
    /// it, or nothing did.
    pub masks: Option<String>,
}

/// The outcome of a delivery for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The stream.
    pub stream: Stream,
    /// Whether it was held back.
    pub held: bool,
    /// The number of records delivered; for a held stream, of the delivery that stays.
    pub records: u64,
    /// The highest seq delivered.
    pub up_to_seq: i64,
    /// The number of values that did not fit their column and were put elsewhere or changed: [`coerce`] says how.
    pub misfits: u64,
    /// The number of records and lists that could not be read, and that the delivery lacks.
    pub set_aside: u64,
    /// The years that its timestamps lie in, by column, at a destination whose columns have types.
    pub years: YearsOfColumns,
    /// The escaped ids of records that this destination cannot hold. It has all the others.
    pub left_out: Vec<String>,
    /// The files that hold the stream, for display.
    pub files: Vec<String>,
    /// The table that holds the stream, if a table does.
    pub table: Option<String>,
}

/// A place that records are delivered to. The module documentation is its contract.
pub trait Destination {
    /// Returns the destination's one name, however a job spells it. People and the mirror's log see this name.
    fn place(&self) -> String;

    /// Returns the name under which mirrors of earlier versions remember the masks that filled it.
    fn formerly(&self) -> String {
        self.place()
    }

    /// Returns the job's settings for it.
    fn terms(&self) -> DestinationTerms;

    /// Checks that it can be written, and locks it for `holder`. If this fails, its delivery may call it once more.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// Returns the last seq of `stream` that it has, or 0 if it has nothing. Returns an error if another mirror than
    /// `mirror` fed it.
    fn delivered(&mut self, mirror: &str, stream: Stream) -> Result<i64>;

    /// Returns what it records about how `stream` was filled.
    fn filled(&mut self, stream: Stream) -> Result<Filled>;

    /// Returns whether it belongs to one mirror and refuses the records of any other. A destination of changes does,
    /// because seqs mean nothing in another mirror. Files of a snapshot are replaced, whichever mirror they came
    /// from.
    fn is_one_mirrors(&self) -> bool {
        self.terms().content == Content::Changes
    }

    /// Tells people how to empty it so that it is filled again.
    fn to_empty(&self) -> String {
        "empty that place".into()
    }

    /// Hands over a snapshot of every stream that is not held, or the ranges of their changes.
    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>>;
}
