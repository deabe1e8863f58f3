//! Ranges of the change feed that are being delivered, and the log of those that were. As long as one is pinned nothing
//! lands (a trigger sees to it), so that a delivery that was cut off is made again with the same content.
//!
//! The log knows every seq at which a delivery of changes can have ended: what was handed over, and what was pinned and then
//! let go, of which nobody knows whether it arrived ('let go'). A destination that says another seq was fed by a newer
//! mirror than this.

use rusqlite::{Connection, Transaction, params};

use super::store::{Writer, has_table};
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

/// Pins ranges, all of them or none. What was read so far is on the disk then: no loss of power takes back what a
/// destination is about to be given.
pub fn pin(writer: &mut Writer, pins: &[Pin]) -> Result<()> {
    if pins.is_empty() {
        return Ok(());
    }
    writer.durably(|t| {
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
    writer.transaction(|t| let_go(t, destination))
}

/// Unpins, and notes what nobody knows to have been handed over; it holds as many records as seqs at most.
fn let_go(t: &Transaction<'_>, destination: &str) -> rusqlite::Result<()> {
    t.execute(
        "INSERT INTO delivery (destination, stream, content, up_to_seq, records, at)
         SELECT destination, stream, 'let go', last, last - first + 1, ?2 FROM pin WHERE destination = ?1 AND NOT EXISTS (
             SELECT 1 FROM delivery WHERE stream = pin.stream AND up_to_seq = pin.last AND content <> 'snapshot')",
        params![destination, crate::clock::now()],
    )?;
    t.execute("DELETE FROM pin WHERE destination = ?", [destination]).map(drop)
}

/// Whether a delivery of a stream's changes can have ended at this seq: one did, or it lies in what is pinned or
/// was let go (its last file may end before it does). At whatever place: folders are moved.
pub fn can_have_ended_at(connection: &Connection, stream: Stream, seq: i64) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE stream = ?1 AND (
                 (content = 'changes' AND up_to_seq = ?2)
                 OR (content = 'let go' AND ?2 BETWEEN up_to_seq - records + 1 AND up_to_seq)))
             OR EXISTS (SELECT 1 FROM pin WHERE stream = ?1 AND ?2 BETWEEN first AND last)",
        params![stream.number(), seq],
        |r| r.get(0),
    )
}

/// Notes what a destination was handed, and lets go of what was pinned for it.
pub fn delivered(writer: &mut Writer, destination: &str, run: i64, what: &[Delivered]) -> Result<()> {
    let now = crate::clock::now();
    writer.transaction(|t| {
        for d in what {
            t.execute(
                "INSERT INTO delivery (run, destination, stream, content, up_to_seq, records, at)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![run, destination, d.stream.number(), d.content, d.up_to_seq, d.records, now],
            )?;
        }
        let_go(t, destination)
    })
}

/// The last seq given.
pub fn last_seq(writer: &mut Writer) -> Result<i64> {
    writer.transaction(|t| t.query_row("SELECT last FROM sequence", [], |r| r.get(0)))
}

/// Which mirror this is; none of one that is older than identities.
pub fn identity_of(connection: &Connection) -> rusqlite::Result<Option<String>> {
    if !has_table(connection, "identity")? {
        return Ok(None);
    }
    connection.query_row("SELECT id FROM identity", [], |r| r.get(0)).map(Some)
}

/// Which mirror this is.
pub fn identity(writer: &mut Writer) -> Result<String> {
    writer.transaction(|t| t.query_row("SELECT id FROM identity", [], |r| r.get(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::store::Mirror;
    use crate::streams::DateForm;

    const PLACE: &str = "a place";

    fn pinned(stream: Stream, first: i64) -> Pin {
        Pin { destination: PLACE.into(), job: "j".into(), stream, range: SeqRange { first, last: 9 } }
    }

    /// A checkpoint moves on, as with every page that lands.
    fn land(writer: &mut Writer) -> Result<()> {
        writer.transaction(|t| t.execute("UPDATE checkpoint SET windows = windows + 1", []).map(drop))
    }

    #[tokio::test]
    async fn nothing_lands_until_every_pinned_range_is_delivered_or_let_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&dir.path().join("m.db"), "a test", DateForm::Iso8601).expect("a mirror");
        let tested = mirror.call(|w| {
            w.transaction(|t| {
                t.execute_batch(
                    "INSERT INTO checkpoint (lane, stream, partition, pass, since_run) VALUES ('incremental', 1, '', 1, 1)",
                )
            })?;
            land(w)?;
            let both = [pinned(Stream::Contacts, 1), pinned(Stream::Messages, 4)];
            pin(w, &both)?;
            assert!(land(w).expect_err("refused").detail.contains("a pinned range is not finished"));
            // All of them or none: the place has one range of a stream at a time.
            pin(w, &[pinned(Stream::Conversations, 1), pinned(Stream::Contacts, 5)]).expect_err("twice");
            assert_eq!(all(w)?, both);
            // What another place was handed finishes nothing here.
            delivered(w, "another place", 1, &[])?;
            land(w).expect_err("still pinned");
            let what = Delivered { stream: Stream::Contacts, content: "changes", up_to_seq: 9, records: 3 };
            delivered(w, PLACE, 7, &[what])?;
            land(w)?;
            let log = "SELECT run, destination, stream, content, up_to_seq, records FROM delivery";
            let told = w.transaction(|t| {
                let row = |r: &rusqlite::Row<'_>| {
                    let (run, place, stream): (i64, String, u8) = (r.get(0)?, r.get(1)?, r.get(2)?);
                    let (content, up_to, records): (String, i64, i64) = (r.get(3)?, r.get(4)?, r.get(5)?);
                    Ok((run, place, stream, content, up_to, records))
                };
                t.query_row(log, [], row)
            })?;
            assert_eq!(told, (7, PLACE.into(), Stream::Contacts.number(), "changes".into(), 9, 3));
            pin(w, &both)?;
            release(w, PLACE)?;
            land(w)
        });
        tested.await.expect("the test");
    }
}
