//! Delivers to PostgreSQL, 12 and later: one table for each stream, which holds the stream's current records.
//!
//! A stream is delivered in one transaction. Its rows are sent by binary COPY to a staging table and merged from
//! there into the stream's table (`merge.rs`). The same transaction updates the watermark (`watermark.rs`), which
//! records up to which seq the stream was delivered. Whenever a process is killed, both the rows and the watermark
//! are stored, or neither. If the answer to COMMIT is lost, the watermark shows whether it succeeded.
//!
//! If a table, or a column that a delivery had filled, no longer exists, the stream is delivered again from its first
//! change.

pub mod address;
mod error;
mod inspect;
mod keys;
mod load;
mod merge;
mod pooler;
pub mod read_back;
mod session;
mod startup;
mod tables;
mod watermark;
mod wire;

use std::thread;
use std::time::{Duration, Instant};

use self::address::Address;
use self::inspect::inspect;
use self::load::{Load, Reached, reached};
use self::session::Session;
use super::{Delivery, Destination, DestinationTerms, Filled, Receipt};
use crate::error::{Error, Kind, Result};
use crate::record::Reader;
use crate::record::volatile::Volatile;
use crate::streams::Stream;

/// What happens to the row of a deleted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TombstoneRows {
    /// Deletes the row.
    Delete,
    /// Keeps the row, and sets its `_deleted` to true.
    Flag,
}

/// Which database and schema to deliver to, and how.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct PostgresOptions {
    pub address: Address,
    /// The name of the schema, in lower case, as PostgreSQL converts a name without quotes.
    pub schema: String,
    pub tombstones: TombstoneRows,
    /// How long a delivery waits for a server that cannot be reached. The check before a run does not wait.
    pub retry_for: Duration,
}

/// The first and the longest pause between two attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

impl PostgresOptions {
    /// Returns the name of the database and the schema, for display.
    pub fn place(&self) -> String {
        format!("{} (schema {})", self.address.place(), self.schema)
    }
}

/// A destination of tables in a PostgreSQL schema.
pub struct Postgres {
    options: PostgresOptions,
    terms: DestinationTerms,
    streams: Vec<Stream>,
    holder: String,
    session: Option<Session>,
}

impl Postgres {
    /// Describes the destination. `streams` are those that the job delivers to it. Does not connect.
    pub fn new(options: PostgresOptions, terms: DestinationTerms, streams: Vec<Stream>) -> Postgres {
        Postgres { options, terms, streams, holder: String::new(), session: None }
    }

    /// Checks the database as far as possible without writing. Returns the server's version.
    pub fn look(&self) -> Result<String> {
        let session = self.open("a check")?;
        inspect(&session, &self.options, self.terms, &self.streams)?;
        session.value("SELECT current_setting('server_version')", &[])
    }

    /// Returns how far a stream has been delivered and what is wrong with its table. Returns `None` if the stream was
    /// never delivered.
    pub fn standing(&self, stream: Stream) -> Result<Option<read_back::StreamState>> {
        read_back::standing(&self.open("a verification")?, &self.options, stream)
    }

    /// Returns what [`Destination::delivered`] and [`Destination::filled`] would return, without locking or writing
    /// anything.
    pub fn glance(&self, mirror: &str, stream: Stream) -> Result<(i64, Filled)> {
        let session = self.open("a check")?;
        if watermark::exists(&session, &self.options.schema)? {
            Ok((seq(&session, &self.options, mirror, stream)?, filled(&session, &self.options, stream)?))
        } else {
            Ok((0, Filled::default()))
        }
    }

    /// Calls `each` with every record of a stream. `parent` is the column that refers to another stream. The values
    /// that `volatile` describes are left out of a record's hash.
    pub fn records(
        &self,
        stream: Stream,
        parent: Option<&str>,
        volatile: &Volatile,
        each: &mut dyn FnMut(read_back::StoredRow) -> Result<()>,
    ) -> Result<()> {
        read_back::records(&self.open("a verification")?, &self.options, (stream, parent), volatile, each)
    }

    /// Returns whether a table can hold a record with this id.
    pub fn can_hold(id: &str) -> bool {
        keys::is_key(id)
    }

    fn open(&self, holder: &str) -> Result<Session> {
        startup::start(&self.options.address, &format!("qpien-sync {holder}"))
    }

    /// Opens a session. Waits up to `retry_for` for a server that cannot be reached or is just starting.
    fn open_patiently(&self) -> Result<Session> {
        let (until, mut pause) = (Instant::now() + self.options.retry_for, PAUSES.0);
        loop {
            match self.open(&self.holder) {
                Err(error) if error.kind == Kind::DestinationUnreachable && Instant::now() + pause < until => {
                    tracing::debug!(place = %self.options.place(), %error, "not reached: once more");
                    thread::sleep(pause);
                    pause = PAUSES.1.min(pause * 2);
                }
                opened => return opened,
            }
        }
    }

    /// Makes sure that there is a working session. If the last one is lost, opens a new one and locks the schema
    /// again.
    fn connect(&mut self) -> Result<()> {
        let is_alive = self.session.as_ref().is_some_and(|s| !s.is_lost() && s.run("SELECT 1").is_ok());
        if !is_alive {
            self.session = None;
            let session = self.open_patiently()?;
            session.lock(&self.options.schema)?;
            self.session = Some(session);
        }
        Ok(())
    }
}

impl Destination for Postgres {
    fn place(&self) -> String {
        self.options.place()
    }

    fn terms(&self) -> DestinationTerms {
        self.terms
    }

    fn check(&mut self, holder: &str) -> Result<()> {
        // Before a run a person waits for the answer, so the first check does not wait for the server.
        let is_first = self.holder.is_empty();
        holder.clone_into(&mut self.holder);
        let session = if is_first { self.open(holder)? } else { self.open_patiently()? };
        inspect(&session, &self.options, self.terms, &self.streams)?;
        session.lock(&self.options.schema)?;
        watermark::make(&session, &self.options.schema)?;
        self.session = Some(session);
        Ok(())
    }

    fn delivered(&mut self, mirror: &str, stream: Stream) -> Result<i64> {
        self.connect()?;
        let Some(session) = &self.session else { return Ok(0) };
        seq(session, &self.options, mirror, stream)
    }

    fn filled(&mut self, stream: Stream) -> Result<Filled> {
        self.connect()?;
        let Some(session) = &self.session else { return Ok(Filled::default()) };
        filled(session, &self.options, stream)
    }

    fn is_one_mirrors(&self) -> bool {
        true
    }

    fn to_empty(&self) -> String {
        load::to_empty(&self.options.schema)
    }

    fn deliver(&mut self, delivery: &Delivery, reader: &dyn Reader) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for offer in &delivery.streams {
            self.connect()?;
            let once = |this: &Self| match &this.session {
                Some(session) => {
                    Load { session, options: &this.options, terms: this.terms, delivery, reader }.stream(offer)
                }
                None => Err(Error::new(Kind::Internal, "there is no session")),
            };
            let mut delivered = once(self);
            // A broken connection is opened once more. The watermark tells what had been committed before it broke.
            if delivered.is_err() && self.session.as_ref().is_some_and(Session::is_lost) {
                tracing::warn!(place = %self.place(), stream = %offer.stream, "the connection is lost: once more");
                self.connect()?;
                delivered = once(self);
            }
            receipts.push(delivered?);
        }
        self.connect()?;
        if let Some(session) = &self.session {
            watermark::leave(session, &self.options.schema, &delivery.of_job)?;
        }
        Ok(receipts)
    }
}

/// Returns the last seq of a stream, according to its watermark. Returns 0 if everything must be delivered again.
fn seq(session: &Session, options: &PostgresOptions, mirror: &str, stream: Stream) -> Result<i64> {
    Ok(match reached(session, options, mirror, stream)? {
        Reached::Seq(seq) => seq,
        Reached::Damaged => 0,
    })
}

/// Returns what a stream's watermark records about its last delivery.
fn filled(session: &Session, options: &PostgresOptions, stream: Stream) -> Result<Filled> {
    let mark = watermark::read(session, &options.schema, stream)?;
    Ok(mark.map(|mark| Filled { delivery_id: mark.delivery_id, masks: mark.masks }).unwrap_or_default())
}

#[cfg(test)]
mod tests;
