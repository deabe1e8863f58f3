//! Ranges of the change feed that are being delivered. As long as one is pinned nothing lands (a trigger sees to it), so
//! that a delivery that was cut off is made again with the same content.

use rusqlite::params;

use super::store::Writer;
use crate::error::Result;
use crate::record::SeqRange;
use crate::streams::{self, Stream};

/// A pinned range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The place it is delivered to.
    pub destination: String,
    /// The job that delivers it.
    pub job: String,
    /// Of which stream.
    pub stream: Stream,
    /// The range.
    pub range: SeqRange,
}

/// What was handed over, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The stream.
    pub stream: Stream,
    /// `snapshot` or `changes`.
    pub content: &'static str,
    /// The highest seq.
    pub up_to_seq: i64,
    /// Records.
    pub records: u64,
}

/// What is pinned.
pub fn all(writer: &mut Writer) -> Result<Vec<Pin>> {
    let rows: Vec<(String, String, u8, SeqRange)> = writer.transaction(|t| {
        t.prepare("SELECT destination, job, stream, first, last FROM pin ORDER BY destination, stream")?
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, SeqRange { first: r.get(3)?, last: r.get(4)? })))?
            .collect()
    })?;
    let stream = |number| streams::ALL.into_iter().find(|s| s.number() == number);
    let pin = |(destination, job, number, range)| Some(Pin { destination, job, stream: stream(number)?, range });
    Ok(rows.into_iter().filter_map(pin).collect())
}

/// Pins ranges, all of them or none.
pub fn pin(writer: &mut Writer, pins: &[Pin]) -> Result<()> {
    writer.transaction(|t| {
        for pin in pins {
            t.execute(
                "INSERT INTO pin (destination, stream, job, first, last) VALUES (?, ?, ?, ?, ?)",
                params![pin.destination, pin.stream.number(), pin.job, pin.range.first, pin.range.last],
            )?;
        }
        Ok(())
    })
}

/// Lets go of what is pinned for a destination: it is delivered, or will not be.
pub fn release(writer: &mut Writer, destination: &str) -> Result<()> {
    writer.transaction(|t| t.execute("DELETE FROM pin WHERE destination = ?", [destination]).map(drop))
}

/// Notes what a destination was handed, and lets go of what was pinned for it.
pub fn delivered(writer: &mut Writer, destination: &str, run: i64, what: &[Delivered]) -> Result<()> {
    let now = crate::clock::now();
    writer.transaction(|t| {
        t.execute("DELETE FROM pin WHERE destination = ?", [destination])?;
        for d in what {
            t.execute(
                "INSERT INTO delivery (run, destination, stream, content, up_to_seq, records, at)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![run, destination, d.stream.number(), d.content, d.up_to_seq, d.records, now],
            )?;
        }
        Ok(())
    })
}

/// The last seq given.
pub fn last_seq(writer: &mut Writer) -> Result<i64> {
    writer.transaction(|t| t.query_row("SELECT last FROM sequence", [], |r| r.get(0)))
}

/// Which mirror this is.
pub fn identity(writer: &mut Writer) -> Result<String> {
    writer.transaction(|t| t.query_row("SELECT id FROM identity", [], |r| r.get(0)))
}
