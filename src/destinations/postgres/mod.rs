//! Delivers to PostgreSQL, 12 and later: one table for each stream, which holds the stream's current records.
//!
//! A stream is delivered in one transaction. Its rows go by binary COPY into a staging table and from there into the
//! table (`merge.rs`). The watermark, which tells how far the stream has come (`watermark.rs`), moves in the same
//! transaction. Whenever a process is killed, the rows and the watermark are both there, or neither is. If the answer
//! to COMMIT is lost, the watermark tells what happened.
//!
//! If a table is gone, or a column of it that had been filled, the stream is delivered again from its first change.

pub mod address;
mod error;
mod inspect;
mod keys;
mod load;
mod merge;
mod pooler;
pub mod read_back;
mod session;
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

/// What happens to the row of a record that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TombstoneRows {
    /// The row is deleted.
    Delete,
    /// The row stays, with `_deleted` true.
    Flag,
}

/// The schema of a database to deliver to, and how.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct PostgresOptions {
    pub address: Address,
    /// In lower case, as PostgreSQL folds a name without quotes.
    pub schema: String,
    pub tombstones: TombstoneRows,
    /// How long a delivery waits for a server that cannot be reached. The check before a run does not wait.
    pub retry_for: Duration,
}

/// The first and the longest pause between two tries to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

impl PostgresOptions {
    /// Returns its name, for display.
    pub fn place(&self) -> String {
        format!("{} (schema {})", self.address.place(), self.schema)
    }
}

/// The destination.
pub struct Postgres {
    options: PostgresOptions,
    terms: DestinationTerms,
    streams: Vec<Stream>,
    holder: String,
    session: Option<Session>,
}

impl Postgres {
    /// Makes the destination of these streams. Does not connect.
    pub fn new(options: PostgresOptions, terms: DestinationTerms, streams: Vec<Stream>) -> Postgres {
        Postgres { options, terms, streams, holder: String::new(), session: None }
    }

    /// Checks as far as looking allows whether it could be written, and leaves nothing behind. Returns the server's
    /// version.
    pub fn look(&self) -> Result<String> {
        let session = self.open("a check")?;
        inspect(&session, &self.options, self.terms, &self.streams)?;
        session.value("SELECT current_setting('server_version')", &[])
    }

    /// Returns the state of a stream, or `None` if it was never delivered.
    pub fn standing(&self, stream: Stream) -> Result<Option<read_back::StreamState>> {
        read_back::standing(&self.open("a verification")?, &self.options, stream)
    }

    /// Returns what [`Destination::delivered`] and [`Destination::filled`] would return, without a lock and without
    /// writing.
    pub fn glance(&self, mirror: &str, stream: Stream) -> Result<(i64, Filled)> {
        let session = self.open("a check")?;
        if watermark::exists(&session, &self.options.schema)? {
            Ok((seq(&session, &self.options, mirror, stream)?, filled(&session, &self.options, stream)?))
        } else {
            Ok((0, Filled::default()))
        }
    }

    /// Hands every record of a stream to `each`. `parent` is the column that refers to another stream. The values
    /// that `volatile` describes are left out of a record's print.
    pub fn records(
        &self,
        stream: Stream,
        parent: Option<&str>,
        volatile: &Volatile,
        each: &mut dyn FnMut(read_back::StoredRow) -> Result<()>,
    ) -> Result<()> {
        read_back::records(&self.open("a verification")?, &self.options, (stream, parent), volatile, each)
    }

    /// Returns whether a table can hold a record of this id.
    pub fn can_hold(id: &str) -> bool {
        keys::is_key(id)
    }

    fn open(&self, holder: &str) -> Result<Session> {
        Session::open(&self.options.address, &format!("qpien-sync {holder}"))
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

    /// Makes sure that there is a session: opens and locks a new one if the last is lost.
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

/// Returns the last seq of a stream by its watermark, or 0 if everything must be delivered again.
fn seq(session: &Session, options: &PostgresOptions, mirror: &str, stream: Stream) -> Result<i64> {
    Ok(match reached(session, options, mirror, stream)? {
        Reached::Seq(seq) => seq,
        Reached::Damaged => 0,
    })
}

/// Returns what a stream's watermark records about how its table was filled.
fn filled(session: &Session, options: &PostgresOptions, stream: Stream) -> Result<Filled> {
    let mark = watermark::read(session, &options.schema, stream)?;
    Ok(mark.map(|mark| Filled { delivery_id: mark.delivery_id, masks: mark.masks }).unwrap_or_default())
}

#[cfg(test)]
mod tests;
