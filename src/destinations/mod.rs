//! Where records go. A destination is fed from the mirror, never from the API: delivering again, or to one more
//! destination, costs no request.
//!
//! # The contract
//!
//! A destination is handed either a *snapshot* (every current record) or *changes* (those of a pinned range of seqs).
//!
//! - [`Destination::check`] says before the first request whether it can be written, and keeps other runs out as far as
//!   the place allows: a lock on a local folder, a conditional write of the manifest in an object store, a lock in a
//!   database.
//! - [`Destination::delivered`] reads how far it has come from *where the data is*: the manifest beside the files, a row
//!   in the database. The mirror keeps a log, not the truth: whoever restores a bucket or a database of last week is
//!   given what is missing there.
//! - [`Destination::deliver`] hands over. When it returns, everything is *durable* (it survives the loss of power of this
//!   machine) and visible, and what [`Destination::delivered`] reads covers it. The mark moves after the data, or in one
//!   transaction with it, never before.
//! - *Again*: the same ranges again change nothing. Names and bytes of files are functions of the range, so they are
//!   written over by themselves; a database skips what its mark covers.
//! - *A crash between any two steps* leaves what was there before, beside it perhaps files that no manifest names (the
//!   next delivery removes or replaces them), and a mark that does not cover them. Nobody sees half a file.
//! - *A lost answer* (it was done, but we were not told) is a crash like any other.
//! - A stream that did not end complete is *held*: what was delivered last stays, and its changes go out together when
//!   it is complete. `publish = "always"` delivers it all the same.
//! - A destination that another mirror feeds is refused, seqs of different mirrors do not compare; and so is one that is
//!   ahead of the mirror (this is an older copy of the one that fed it), and one whose last delivery the mirror's log does
//!   not know by its id (another copy of it feeds the place as well). All before the first request.
//! - A destination elsewhere that cannot be reached then keeps no other from its delivery, and is tried once more at its own.
//!
//! `contract_tests.rs` holds every destination to this.

pub mod below;
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
pub mod null;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod reading;
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

/// The columns of a stream where columns have types.
pub fn typed_columns(stream: Stream) -> Vec<Column> {
    [stream.columns(), &[cells::EXTRA]].concat()
}

/// What a destination is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Everything, as it is now.
    Snapshot,
    /// What changed since the last delivery.
    Changes,
}

impl Content {
    /// Its name in jobs, manifests and the log.
    pub fn name(self) -> &'static str {
        match self {
            Content::Snapshot => "snapshot",
            Content::Changes => "changes",
        }
    }
}

/// What a job says of a destination, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What it is handed.
    pub content: Content,
    /// Deliver streams that did not end complete, too, marked so.
    pub publish_always: bool,
}

/// What is handed over.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The job's name.
    pub job: String,
    /// The run that read the records.
    pub run: i64,
    /// Which mirror they come from.
    pub mirror: String,
    /// How the API writes each stream's moments.
    pub dates: Dates,
    /// Of changes: which delivery this is, for the mark at the place.
    pub id: String,
    /// The streams that the job asks for. Others that lie at a place left the job.
    pub of_job: Vec<Stream>,
    /// Those that are delivered, in the job's order.
    pub streams: Vec<Offer>,
}

/// One stream of a delivery.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The stream.
    pub stream: Stream,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// What was proven of it.
    pub verdict: Verdict,
    /// The mirror's copy of a record is damaged and not read again yet: the stream is held, whatever the terms.
    pub is_damaged: bool,
    /// The names of records and lists that could not be read, where the stream lacks nothing else: it is delivered without
    /// them, and the manifest names them.
    pub set_aside: Vec<String>,
    /// What closing readings found of records that moved meanwhile.
    pub moved: Moved,
    /// Records that a complete reading did not show and that are kept: more than the account may have.
    pub suspects: u64,
    /// Claims of the server that are not believed, because the job says so.
    pub ignored: Vec<String>,
    /// A name of the masks that its rows go through, `""` for none. It tells neither the masks nor their key.
    pub masks: String,
    /// As of when: the stream is at least as fresh as this (RFC 3339, UTC).
    pub as_of: Option<String>,
    /// Of changes: the range to hand over; none where there is nothing new, or the stream is held.
    pub range: Option<SeqRange>,
}

impl Offer {
    /// Whether it is held back under these terms.
    pub fn is_held(&self, terms: Terms) -> bool {
        self.is_damaged || (!self.verdict.is_complete() && self.set_aside.is_empty() && !terms.publish_always)
    }
}

/// What a place says of how a stream of it was filled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// The delivery that brought the last of its changes. `None` where an earlier version did, or nobody.
    pub delivery_id: Option<String>,
    /// A name of the masks that its rows went through; `""`: none. `None` where an earlier version filled it, or nobody did.
    pub masks: Option<String>,
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The stream.
    pub stream: Stream,
    /// Whether it was held back.
    pub held: bool,
    /// Records delivered; of a held stream, those of the delivery that stays.
    pub records: u64,
    /// The highest seq delivered.
    pub up_to_seq: i64,
    /// Values that were put elsewhere or written otherwise, because they do not fit: [`coerce`] says how.
    pub misfits: u64,
    /// Records and lists that could not be read, and that the delivery is without.
    pub set_aside: u64,
    /// The years of its moments, by column, where columns have types.
    pub years: YearsOfColumns,
    /// Records that this place cannot hold, by their names as they may be shown: it has all the others.
    pub left_out: Vec<String>,
    /// The files that it lies in, for people.
    pub files: Vec<String>,
    /// The table that it lies in, where it lies in one.
    pub table: Option<String>,
}

/// A place that records go to. The module says what it must hold to.
pub trait Destination {
    /// Where it is: its one name, however a job writes it, for people and for the mirror's log.
    fn place(&self) -> String;

    /// The name by which mirrors of earlier versions remember with which masks it was filled.
    fn formerly(&self) -> String {
        self.place()
    }

    /// What the job says of it.
    fn terms(&self) -> Terms;

    /// Whether it can be written; takes its lock for `holder`. One that could not be reached is asked once more later.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// The last seq of `stream` that it has, 0 where it has nothing; refuses when another mirror than `mirror` fed it.
    fn delivered(&mut self, mirror: &str, stream: Stream) -> Result<i64>;

    /// What it says of how `stream` was filled.
    fn filled(&mut self, stream: Stream) -> Result<Filled>;

    /// Whether it belongs to one mirror, and another's records are refused. Changes do, for their seqs mean nothing
    /// elsewhere; files of a snapshot are replaced whatever they are of.
    fn is_one_mirrors(&self) -> bool {
        self.terms().content == Content::Changes
    }

    /// How it is emptied, so that it is filled again: for people.
    fn to_empty(&self) -> String {
        "empty that place".into()
    }

    /// Hands over a snapshot of every stream that may be published, or the ranges of their changes.
    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>>;
}
