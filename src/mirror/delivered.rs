//! Reads the mirror's log of deliveries. Only the destination itself knows what it holds now. The log shows what it
//! was given, so that a destination that has lost data since can be detected.

use super::changes::MirrorView;
use super::errors::failed;
use crate::error::Result;
use crate::mirror::pending_deliveries;
use crate::streams::{self, Stream};

/// The latest logged delivery of a stream to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The stream that was delivered.
    pub stream: Stream,
    /// The kind of delivery: `snapshot` or `changes`.
    pub content: String,
    /// The highest seq that the delivery contained.
    pub up_to_seq: i64,
    /// The run that the delivery belongs to, or 0 if it belongs to no run.
    pub run: i64,
    /// The id of a delivery of changes. `None` for a snapshot, or if an earlier version made the delivery.
    pub delivery_id: Option<String>,
}

impl MirrorView {
    /// Returns the latest delivery of each stream to the destination named `place`. Leaves out streams that were
    /// never delivered there.
    pub fn delivered_to(&self, place: &str) -> Result<Vec<Logged>> {
        let all = || -> rusqlite::Result<Vec<(u8, Logged)>> {
            let delivery_id = if pending_deliveries::knows_ids(self.connection())? { "delivery_id" } else { "NULL" };
            self.connection()
                .prepare(&format!(
                    "SELECT stream, content, up_to_seq, coalesce(run, 0), {delivery_id}, max(id) FROM delivery
                     WHERE destination = ? AND content IN ('snapshot', 'changes')
                     GROUP BY stream ORDER BY stream"
                ))?
                .query_map([place], |r| {
                    let logged = Logged {
                        stream: Stream::Contacts,
                        content: r.get(1)?,
                        up_to_seq: r.get(2)?,
                        run: r.get(3)?,
                        delivery_id: r.get(4)?,
                    };
                    Ok((r.get(0)?, logged))
                })?
                .collect()
        };
        let all = all().map_err(|e| failed(self.path(), &e))?;
        let named = |(number, logged): (u8, Logged)| {
            let stream = streams::ALL.into_iter().find(|s| s.number() == number)?;
            Some(Logged { stream, ..logged })
        };
        Ok(all.into_iter().filter_map(named).collect())
    }

    /// Returns whether a delivery of a stream's changes with this id may have ended at `seq`. Such a delivery is in
    /// the log, or it was cut off before it was logged. `None` stands for a delivery of an earlier version, which has
    /// no id.
    pub fn can_have_ended_at(&self, stream: Stream, seq: i64, id: Option<&str>) -> Result<bool> {
        let there = pending_deliveries::can_have_ended_at(self.connection(), stream, seq, id);
        Ok(self.has_table("pin")? && there.map_err(|e| failed(self.path(), &e))?)
    }

    /// Returns whether the mirror has dropped payloads because every destination had them.
    pub fn has_dropped(&self) -> Result<bool> {
        if !self.has_table("dropped")? {
            return Ok(false);
        }
        let there = self.connection().query_row("SELECT EXISTS (SELECT 1 FROM dropped)", [], |r| r.get(0));
        there.map_err(|e| failed(self.path(), &e))
    }
}
