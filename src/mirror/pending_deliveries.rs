//! Stores which ranges of changes are being delivered (*pinned*), and the log of finished deliveries. While a range
//! is pinned, a trigger refuses to store a page. So a delivery that was cut off is repeated with the same content.
//!
//! The log knows every seq at which a delivery of changes may have ended: the seqs of finished deliveries, and the
//! ranges that were pinned and then released without a confirmation (`let go`). If a destination names another seq, a
//! newer copy of this mirror fed it.
//!
//! Each delivery has a random id, which is also written beside the data, because two copies of one mirror give the
//! same seqs to different changes. If a destination names an id that the log does not know, the other copy fed it.

use rusqlite::{Connection, Transaction, params};

use crate::error::Result;
use crate::mirror::schema::has_table;
use crate::mirror::store::Writer;
use crate::record::SeqRange;
use crate::streams::{self, Stream};

/// A range of a stream's changes that is pinned for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The name of the destination.
    pub destination: String,
    /// The name of the job that delivers the range.
    pub job: String,
    /// The stream whose changes are pinned.
    pub stream: Stream,
    /// The pinned range of seqs.
    pub range: SeqRange,
    /// The id of the delivery, or `None` if an earlier version pinned the range.
    pub delivery_id: Option<String>,
}

/// An entry of the log: a delivery of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// The stream that was delivered.
    pub stream: Stream,
    /// The kind of delivery: `snapshot` or `changes`.
    pub content: &'static str,
    /// The highest seq that the delivery contained.
    pub up_to_seq: i64,
    /// The number of records that were delivered.
    pub records: u64,
    /// The id of the delivery that carried the last of the changes, or `None` for a snapshot.
    pub delivery_id: Option<String>,
}

/// Returns a new random id for a delivery: 32 hexadecimal digits.
pub fn draw_id(writer: &mut Writer) -> Result<String> {
    writer.transaction(|t| t.query_row("SELECT lower(hex(randomblob(16)))", [], |r| r.get(0)))
}

/// Returns all pinned ranges, sorted by destination.
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

/// Pins ranges: all of them, or none if one cannot be pinned. When this returns, everything that was stored in the
/// mirror so far is durable, so that a power failure cannot undo what a destination is about to receive.
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

/// Releases the pins of a destination, because their ranges were delivered or will not be.
pub fn release(writer: &mut Writer, destination: &str) -> Result<()> {
    writer.transaction(|t| let_go(t, destination))
}

/// Does the same as [`release`] for every destination, within a transaction.
pub(super) fn let_go_of_all(t: &Transaction<'_>) -> rusqlite::Result<()> {
    let places: Vec<String> = t
        .prepare("SELECT DISTINCT destination FROM pin")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    places.iter().try_for_each(|place| let_go(t, place))
}

/// Releases the pins of a destination. Logs each range as `let go` if the log does not show that it was delivered.
/// The logged number of records is then the number of seqs in the range, the most that it can hold.
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

/// Returns whether a delivery of a stream's changes with this id may have ended at `seq`. That is so if it did,
/// according to the log, or if the seq is in a range that is pinned or was let go: the last file of such a delivery
/// may end before the range does. The destination is not compared, because people move folders. `None` stands for a
/// delivery of an earlier version, which has no id.
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

/// Returns whether the mirror is new enough to store the ids of deliveries.
pub(super) fn knows_ids(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('delivery') WHERE name = 'delivery_id')";
    connection.query_row(sql, [], |r| r.get(0))
}

/// Logs the deliveries `what` to a destination, and releases the destination's pins. `run` is the run that the
/// deliveries belong to.
pub fn delivered(writer: &mut Writer, destination: &str, run: i64, what: &[LoggedDelivery]) -> Result<()> {
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

/// Returns the highest seq that any change has, or 0 if there are no changes.
pub fn last_seq(writer: &mut Writer) -> Result<i64> {
    writer.transaction(|t| t.query_row("SELECT last FROM sequence", [], |r| r.get(0)))
}

/// Returns the mirror's id, or `None` if the mirror is of a version that gave no ids to mirrors.
pub fn identity_of(connection: &Connection) -> rusqlite::Result<Option<String>> {
    if !has_table(connection, "identity")? {
        return Ok(None);
    }
    connection.query_row("SELECT id FROM identity", [], |r| r.get(0)).map(Some)
}

/// Returns the mirror's id.
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

    /// Moves a checkpoint, as every page does that lands.
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
            // The whole call fails, because a destination has at most one pinned range of a stream.
            pin(w, &[pinned(Stream::Conversations, 1), pinned(Stream::Contacts, 5)]).expect_err("twice");
            assert_eq!(all(w)?, both);
            // A delivery to another destination does not release this one's pins.
            delivered(w, "another place", 1, &[])?;
            land(w).expect_err("still pinned");
            let delivery_id = Some("of contacts".to_owned());
            let what = LoggedDelivery { stream: Stream::Contacts, content: "changes", up_to_seq: 9, records: 3, delivery_id };
            let ended = |w: &mut Writer, stream, seq, id| w.transaction(|t| can_have_ended_at(t, stream, seq, id));
            assert!(ended(w, Stream::Messages, 5, Some("of messages"))?, "it lies in what is pinned");
            delivered(w, PLACE, 7, &[what])?;
            land(w)?;
            for (stream, seq, id, is_ours) in [
                (Stream::Contacts, 9, Some("of contacts"), true),
                (Stream::Contacts, 8, Some("of contacts"), false),
                (Stream::Contacts, 9, Some("of a copy"), false),
                (Stream::Contacts, 9, None, false),
                // The log cannot show whether these arrived.
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
