//! Where records go. A destination is fed from the mirror, never from the API: delivering again, or to one more
//! destination, costs no request.
//!
//! The contract: [`Destination::check`] says before the first request whether it can be written, and takes its lock.
//! [`Destination::deliver`] hands over a snapshot; when it returns, the data is durable and visible as a whole. A crash
//! between any two steps leaves what was there before, or a whole new stream that the manifest does not yet name; the
//! same delivery again mends it. A stream that did not end complete is *held*: what was delivered last stays.

pub mod cells;
pub mod csv;
mod csv_file;
pub mod folder;
pub mod manifest;

use crate::error::Result;
use crate::record::Reader;
use crate::streams::{Column, Stream};
use crate::verdict::Verdict;

/// What is handed over.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The job's name.
    pub job: String,
    /// The run that read the records.
    pub run: i64,
    /// The streams, in the job's order.
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
    /// As of when: the stream is at least as fresh as this (RFC 3339, UTC).
    pub as_of: Option<String>,
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
    /// Where it lies, for people.
    pub files: Vec<String>,
}

/// A place that records go to.
pub trait Destination {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Whether it can be written; takes its lock for `holder`.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// Hands over a snapshot of every stream that may be published.
    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>>;
}
