//! Ranges of the change feed that are being delivered, and the log of those that were. As long as one is pinned nothing
//! lands (a trigger sees to it), so that a delivery that was cut off is made again with the same content.
//!
//! The log knows every seq at which a delivery of changes can have ended: what was handed over, and what was pinned and then
//! let go, of which nobody knows whether it arrived ('let go'). A destination that says another seq was fed by a newer
//! mirror than this. Each delivery has an id, drawn at random and written beside the data: two copies of one mirror give the
//! same seqs to different changes, and a destination that names an id which the log does not know was fed by the other one.

use rusqlite::{Connection, Transaction, params};

use crate::error::Result;
use crate::mirror::store::{Writer, has_table};
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
    /// Which delivery it belongs to; none where an earlier version pinned it.
    pub delivery_id: Option<String>,
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
    /// Which delivery brought the last of its changes.
    pub delivery_id: Option<String>,
}

/// Draws the id of a delivery.
pub fn draw_id(writer: &mut Writer) -> Result<String> {
    writer.transaction(|t| t.query_row("SELECT lower(hex(randomblob(16)))", [], |r| r.get(0)))
}

/// What is pinned.
pub fn all(writer: &mut Writer) -> Result<Vec<Pin>> {
    let rows: Vec<Option<Pin>> = writer.transaction(|t| {
        t.prepare("SELECT destination, job, stream, first, last, delivery_id FROM pin ORDER BY destination, stream")?
            .query_map([], |r| {
                let number: u8 = r.get(2)?;
                let Some(stream) = streams::ALL.into_iter().find(|s| s.number() == number) else { return Ok(None) };
                let range = SeqRange { first: r.get(3)?, last: r.get(4)? };
                Ok(Some(Pin { destination: r.get(0)?, job: r.get(1)?, stream, range, delivery_id: r.get(5)? }))
            })?
            .collect()
    })?;
    Ok(rows.into_iter().flatten().collect())
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
                "INSERT INTO pin (destination, stream, job, first, last, delivery_id) VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    pin.destination,
                    pin.stream.number(),
                    pin.job,
                    pin.range.first,
                    pin.range.last,
                    pin.delivery_id
                ],
            )?;
        }
        Ok(())
    })
}

/// Lets go of what is pinned for a destination: it is delivered, or will not be.
pub fn release(writer: &mut Writer, destination: &str) -> Result<()> {
    writer.transaction(|t| let_go(t, destination))
}

/// The same of every destination.
pub(super) fn let_go_of_all(t: &Transaction<'_>) -> rusqlite::Result<()> {
    let places: Vec<String> = t
        .prepare("SELECT DISTINCT destination FROM pin")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    places.iter().try_for_each(|place| let_go(t, place))
}

/// Unpins, and notes what nobody knows to have been handed over; it holds as many records as seqs at most.
fn let_go(t: &Transaction<'_>, destination: &str) -> rusqlite::Result<()> {
    t.execute(
        "INSERT INTO delivery (destination, stream, content, up_to_seq, records, at, delivery_id)
         SELECT destination, stream, 'let go', last, last - first + 1, ?2, delivery_id FROM pin
         WHERE destination = ?1 AND NOT EXISTS (
             SELECT 1 FROM delivery WHERE stream = pin.stream AND up_to_seq = pin.last AND content <> 'snapshot'
                 AND delivery_id IS pin.delivery_id)",
        params![destination, crate::clock::now()],
    )?;
    t.execute("DELETE FROM pin WHERE destination = ?", [destination]).map(drop)
}

/// Whether the delivery of this id, of a stream's changes, can have ended at this seq: it did, or the seq lies in what is
/// pinned or was let go (its last file may end before it does). At whatever place: folders are moved. Without an id it is an
/// earlier version's delivery.
pub fn can_have_ended_at(
    connection: &Connection,
    stream: Stream,
    seq: i64,
    id: Option<&str>,
) -> rusqlite::Result<bool> {
    let is_it = if knows_ids(connection)? { "delivery_id IS ?3" } else { "?3 IS NULL" };
    connection.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM delivery WHERE stream = ?1 AND {is_it} AND (
                     (content = 'changes' AND up_to_seq = ?2)
                     OR (content = 'let go' AND ?2 BETWEEN up_to_seq - records + 1 AND up_to_seq)))
                 OR EXISTS (SELECT 1 FROM pin WHERE stream = ?1 AND {is_it} AND ?2 BETWEEN first AND last)"
        ),
        params![stream.number(), seq, id],
        |r| r.get(0),
    )
}

/// Whether the mirror is new enough to know the ids of deliveries.
pub(super) fn knows_ids(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('delivery') WHERE name = 'delivery_id')";
    connection.query_row(sql, [], |r| r.get(0))
}

/// Notes what a destination was handed, and lets go of what was pinned for it.
pub fn delivered(writer: &mut Writer, destination: &str, run: i64, what: &[Delivered]) -> Result<()> {
    let now = crate::clock::now();
    writer.transaction(|t| {
        for d in what {
            t.execute(
                "INSERT INTO delivery (run, destination, stream, content, up_to_seq, records, at, delivery_id)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![run, destination, d.stream.number(), d.content, d.up_to_seq, d.records, now, d.delivery_id],
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
        let (destination, job, range) = (PLACE.into(), "j".into(), SeqRange { first, last: 9 });
        Pin { destination, job, stream, range, delivery_id: Some(format!("of {stream}")) }
    }

    /// A checkpoint moves on, as with every page that lands.
    fn land(writer: &mut Writer) -> Result<()> {
        writer.transaction(|t| t.execute("UPDATE checkpoint SET windows = windows + 1", []).map(drop))
    }

    fn sql_of_an_earlier_version(writer: &mut Writer) -> Result<()> {
        let log = "INSERT INTO delivery (id, destination, stream, content, up_to_seq, records, at)
                   VALUES (99, 'a place', 1, 'changes', 5, 5, '')";
        writer.transaction(|t| t.execute(log, []).map(drop))
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
            let delivery_id = Some("of contacts".to_owned());
            let what = Delivered { stream: Stream::Contacts, content: "changes", up_to_seq: 9, records: 3, delivery_id };
            let ended = |w: &mut Writer, stream, seq, id| w.transaction(|t| can_have_ended_at(t, stream, seq, id));
            assert!(ended(w, Stream::Messages, 5, Some("of messages"))?, "it lies in what is pinned");
            delivered(w, PLACE, 7, &[what])?;
            land(w)?;
            for (stream, seq, id, is_ours) in [
                (Stream::Contacts, 9, Some("of contacts"), true),
                (Stream::Contacts, 8, Some("of contacts"), false),
                (Stream::Contacts, 9, Some("of a copy"), false),
                (Stream::Contacts, 9, None, false),
                // Nobody knows whether it arrived.
                (Stream::Messages, 9, Some("of messages"), true),
                (Stream::Messages, 4, Some("of messages"), true),
                (Stream::Messages, 3, Some("of messages"), false),
                (Stream::Messages, 9, Some("of contacts"), false),
                (Stream::Messages, 9, None, false),
            ] {
                assert_eq!(ended(w, stream, seq, id)?, is_ours, "{stream} {seq} {id:?}");
            }
            sql_of_an_earlier_version(w)?;
            assert!(ended(w, Stream::Contacts, 5, None)? && !ended(w, Stream::Contacts, 5, Some("of a copy"))?);
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
