//! Destinations, to which records are delivered: files in a folder or an object store, or tables of a database. A
//! destination is fed from the mirror, never from the API, so delivering again, or to one more destination, costs no
//! request.
//!
//! # The contract
//!
//! A delivery gives a destination either a *snapshot* (every current record) or *changes* (the records of a pinned
//! range of seqs).
//!
//! - [`Destination::check`] runs before the first request. It finds out whether the destination can be written. It
//!   also keeps other runs out as far as possible: by a lock on a local folder, by a conditional write of the
//!   manifest in an object store, by a lock in a database.
//! - [`Destination::delivered`] reads how far the destination has come from *where the data is*: from the manifest
//!   beside the files, or from a row in the database. The mirror keeps only a log of deliveries. So a bucket or a
//!   database that was restored from last week's backup is given what it lacks.
//! - [`Destination::deliver`] writes the records. When it returns, everything is visible and *durable* (it survives a
//!   power failure of this machine), and [`Destination::delivered`] covers it. The watermark moves after the data or
//!   in one transaction with it, never before.
//! - *Repeated delivery*: delivering the same ranges again changes nothing. Names and bytes of files are functions of
//!   the range, so a second delivery overwrites them with the same bytes. A database skips what its watermark covers.
//! - *A crash between any two steps* leaves the earlier data, and a watermark that covers nothing new. There may also
//!   be files that no manifest names; the next delivery removes or replaces them. No reader sees half a file.
//! - *A lost answer* (the step was done, but the answer did not arrive) is handled like any other crash.
//! - A stream whose verdict is not complete is *held*, unless it lacks only records that were set aside: what was
//!   delivered last stays, and its changes are delivered together once the stream is complete. With
//!   `publish = "always"` it is delivered nevertheless, but never a stream with a damaged record.
//! - A destination is refused before the first request in these cases (`delivery/preflight.rs` has a few more):
//!   - Another mirror feeds it: seqs of different mirrors cannot be compared.
//!   - It is ahead of the mirror: this mirror is an older copy of the one that fed it.
//!   - The mirror's log does not know the id of its last delivery: another copy of the mirror feeds it as well.
//! - A destination whose check fails for another reason (it cannot be reached, or its disk is full) does not stop the
//!   deliveries to the others. Its check is repeated once, when its own delivery is due.
//!
//! `contract_tests.rs` tests that every destination keeps this contract.

#[cfg(any(feature = "objects", feature = "postgres"))]
mod background;
pub mod cells;
pub mod coerce;
pub mod compression;
pub mod csv;
pub mod csv_options;
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

/// Returns the columns of a stream, with `_extra`, at a destination whose columns have types.
pub fn typed_columns(stream: Stream) -> Vec<Column> {
    [stream.columns(), &[cells::EXTRA]].concat()
}

/// Whether a delivery brings all records or only those that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Every current record.
    Snapshot,
    /// The records that changed since the last delivery.
    Changes,
}

impl Content {
    /// Returns the name of the content in job files, manifests and the mirror's log: `snapshot` or `changes`.
    pub fn name(self) -> &'static str {
        match self {
            Content::Snapshot => "snapshot",
            Content::Changes => "changes",
        }
    }
}

/// The settings of a destination that do not depend on its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationTerms {
    /// Whether the destination gets snapshots or changes.
    pub content: Content,
    /// Whether incomplete streams are delivered as well, marked as incomplete.
    pub publish_always: bool,
}

/// One delivery to one destination: which streams, from which mirror, for which job.
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
    /// The name of the zone in which moments count that name none.
    pub time_zone: String,
    /// The id of a delivery of changes, stored beside the data. Empty for a snapshot.
    pub id: String,
    /// Whether the job itself says that undocumented fields are collected. Otherwise a destination that was filled
    /// without a column for them keeps its columns.
    pub is_collect_named: bool,
    /// The streams that the job names. A destination may hold other streams, which were removed from the job.
    pub of_job: Vec<Stream>,
    /// The streams that are delivered, in the job's order.
    pub streams: Vec<Offer>,
}

/// One stream of a delivery: what is known about it, and what is to be delivered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The stream.
    pub stream: Stream,
    /// The stream's columns, in the order in which the destination has them.
    pub columns: Vec<Column>,
    /// Whether the undocumented fields that the server shows are collected, today and later.
    pub collects: bool,
    /// The fields that the server has and that are not asked for, each with the reason.
    pub unasked: Vec<String>,
    /// What the readings of the stream have proven.
    pub verdict: Verdict,
    /// Whether a record of the stream is damaged in the mirror and was not read again yet. Such a stream is held,
    /// even with `publish = "always"`.
    pub is_damaged: bool,
    /// The names of records and lists that could not be read. The stream is delivered without them, and the manifest
    /// names them. Empty if the stream lacks anything else as well.
    pub set_aside: Vec<String>,
    /// What closing readings have found about records that moved while their list was read.
    pub moved: Moved,
    /// The number of records that a complete reading did not show but that are still delivered. The account may have
    /// that many fewer.
    pub suspects: u64,
    /// The server's values about the list (`total`, `has_next`) that the job tells the run to ignore because they are
    /// wrong.
    pub ignored: Vec<String>,
    /// The fingerprint of the masks that its rows go through, `""` for no mask. It reveals neither the masks nor
    /// their key.
    pub masks: String,
    /// The time as of which the stream is at least up to date (RFC 3339, UTC).
    pub as_of: Option<String>,
    /// The range of seqs to deliver as changes. `None` if there is nothing new or the stream is held.
    pub range: Option<SeqRange>,
}

impl Offer {
    /// Returns whether the stream is held back, given the destination's settings.
    pub fn is_held(&self, terms: DestinationTerms) -> bool {
        self.is_damaged || (!self.verdict.is_complete() && self.set_aside.is_empty() && !terms.publish_always)
    }
}

/// What a destination records about the last delivery of a stream.
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
    /// Whether the stream was held back.
    pub held: bool,
    /// The number of records that were delivered. For a held stream, the number in the delivery that stays.
    pub records: u64,
    /// The highest seq delivered.
    pub up_to_seq: i64,
    /// The number of values that did not fit their column and were put into `_extra` or changed ([`coerce`]).
    pub misfits: u64,
    /// The number of records and lists that could not be read, so that the delivery lacks them.
    pub set_aside: u64,
    /// For each timestamp column, the years of its values. Empty at a destination whose columns have no types.
    pub years: YearsOfColumns,
    /// The escaped ids of records that this destination cannot hold. All other records were delivered.
    pub left_out: Vec<String>,
    /// The names, for display, of the files that hold the stream.
    pub files: Vec<String>,
    /// The name of the table that holds the stream. `None` if files hold it.
    pub table: Option<String>,
}

/// A destination to which records are delivered. The module documentation is its contract.
pub trait Destination {
    /// Returns the destination's canonical name, which is the same however a job spells it. Messages and the mirror's
    /// log use this name.
    fn place(&self) -> String;

    /// Returns the name under which mirrors of earlier versions remember the masks of this destination.
    fn formerly(&self) -> String {
        self.place()
    }

    /// Returns the job's settings for the destination.
    fn terms(&self) -> DestinationTerms;

    /// Checks that the destination can be written, and locks it for `holder`, a name for messages. If the check
    /// fails, it may be called once more when the delivery is due.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// Returns the last seq of `stream` that the destination has received, or 0 if it has received nothing. Returns
    /// an error if another mirror than `mirror` fed it.
    fn delivered(&mut self, mirror: &str, stream: Stream) -> Result<i64>;

    /// Returns what the destination records about the last delivery of `stream`.
    fn filled(&mut self, stream: Stream) -> Result<Filled>;

    /// Returns whether the destination belongs to one mirror and refuses the records of any other. A destination of
    /// changes does, because seqs of different mirrors cannot be compared. Files of a snapshot are replaced,
    /// whichever mirror they came from.
    fn is_one_mirrors(&self) -> bool {
        self.terms().content == Content::Changes
    }

    /// Returns a sentence that says how to empty the destination so that the next delivery fills it again.
    fn to_empty(&self) -> String {
        "empty that place".into()
    }

    /// Writes a snapshot, or the offered range of changes, of every stream that is not held. Returns a receipt for
    /// each stream. `reader` reads the records from the mirror.
    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>>;
}
