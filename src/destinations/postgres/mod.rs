//! PostgreSQL, 12 and later: a table a stream, which holds its current records.
//!
//! A stream is one transaction: its rows go by binary COPY into a staging table, from there into the table (`merge.rs`), and
//! the mark of how far it has come (`marks.rs`) moves with them. Whatever is killed, and whenever, both are there or
//! neither. An answer to COMMIT that was lost is not guessed at: the mark tells.
//!
//! Where a table is gone, or a column of it that had been filled, the stream is delivered again from its first change.

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
use super::{Delivery, Destination, Filled, Receipt, Terms};
use crate::error::{Error, Kind, Result};
use crate::record::Reader;
use crate::record::volatile::Volatile;
use crate::streams::Stream;

/// What becomes of the row of a record that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tombstones {
    /// It goes, too.
    Delete,
    /// It stays, with `_deleted` true.
    Flag,
}

/// A schema of a database.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Options {
    pub address: Address,
    /// Lower case, as it is when it is written without quotes.
    pub schema: String,
    pub tombstones: Tombstones,
    /// How long a server that cannot be reached is waited for, once a run has read.
    pub retry_for: Duration,
}

/// The first pause between two tries to connect, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

impl Options {
    /// Where it is, for people.
    pub fn place(&self) -> String {
        format!("{} (schema {})", self.address.place(), self.schema)
    }
}

/// The destination.
pub struct Postgres {
    options: Options,
    terms: Terms,
    streams: Vec<Stream>,
    holder: String,
    session: Option<Session>,
}

impl Postgres {
    /// The destination of these streams.
    pub fn new(options: Options, terms: Terms, streams: Vec<Stream>) -> Postgres {
        Postgres { options, terms, streams, holder: String::new(), session: None }
    }

    /// Whether it could be written, as far as looking tells; nothing is left behind. The server's version.
    pub fn look(&self) -> Result<String> {
        let session = self.open("a check")?;
        inspect(&session, &self.options, self.terms, &self.streams)?;
        session.value("SELECT current_setting('server_version')", &[])
    }

    /// How a stream stands; none where it was never delivered.
    pub fn standing(&self, stream: Stream) -> Result<Option<read_back::Standing>> {
        read_back::standing(&self.open("a verification")?, &self.options, stream)
    }

    /// What [`Destination::delivered`] and [`Destination::filled`] would say after a look, without a lock.
    pub fn glance(&self, mirror: &str, stream: Stream) -> Result<(i64, Filled)> {
        let session = self.open("a check")?;
        if watermark::exists(&session, &self.options.schema)? {
            Ok((seq(&session, &self.options, mirror, stream)?, filled(&session, &self.options, stream)?))
        } else {
            Ok((0, Filled::default()))
        }
    }

    /// Hands every record of a stream to `each`; `parent` is the column by which it refers to another stream's, and
    /// `volatile` is left out of its print.
    pub fn records(
        &self,
        stream: Stream,
        parent: Option<&str>,
        volatile: &Volatile,
        each: &mut dyn FnMut(read_back::Held) -> Result<()>,
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

    /// Waits for a server that cannot be reached, or is only just starting.
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

    /// Makes sure of a session: a new one where the last is lost.
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

    fn terms(&self) -> Terms {
        self.terms
    }

    fn check(&mut self, holder: &str) -> Result<()> {
        // Somebody stands and waits for the first answer; later there is time.
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
            // A connection that broke is made once more; what had been committed by then the mark tells.
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

/// The last seq of a stream, by its mark; 0 where all is to be delivered again.
fn seq(session: &Session, options: &Options, mirror: &str, stream: Stream) -> Result<i64> {
    Ok(match reached(session, options, mirror, stream)? {
        Reached::Seq(seq) => seq,
        Reached::Damaged => 0,
    })
}

/// What a stream's mark says of how its table was filled.
fn filled(session: &Session, options: &Options, stream: Stream) -> Result<Filled> {
    let mark = watermark::read(session, &options.schema, stream)?;
    Ok(mark.map(|mark| Filled { delivery_id: mark.delivery_id, masks: mark.masks }).unwrap_or_default())
}

#[cfg(test)]
mod tests;
