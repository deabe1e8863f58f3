//! Describes a page that is to be stored, and the result of storing it. [`super::records`] stores it.

use std::collections::HashSet;
use std::sync::Arc;

use super::checkpoint::Advance;
use super::partitions::Partitions;
use super::reread::Remembered;
use super::walk_key::WalkKey;
use crate::record::volatile::Volatile;
use crate::record::{Record, Records};
use crate::set_aside::SetAside;
use crate::streams::PerStream;
use crate::verdict::Verdict;

/// The reason for the verdict `incomplete` of a walk that showed no row although the mirror holds records of the
/// list.
pub const EMPTY: &str = "the list came out empty, but the mirror holds records of it";

/// A page to store, with everything that storing it depends on.
pub struct Landing {
    /// The walk that the page belongs to.
    pub place: WalkKey,
    /// The run that stores the page.
    pub run: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
    /// The run in which the walk's pass began.
    pub since_run: i64,
    /// A fingerprint of how the list is asked for. `None` if the mirror does not remember readings of this list,
    /// because it is a partition's.
    pub query: Option<i64>,
    /// The records of the page. A record with an empty byte range was set aside: the list showed it, but its values
    /// are unknown.
    pub records: Records,
    /// The records and lists that this page set aside, with the reasons.
    pub set_aside: Vec<SetAside>,
    /// For each stream: which values the records' hashes leave out.
    pub volatile: Arc<PerStream<Volatile>>,
    /// The fields whose members the query selects.
    pub nested: Vec<String>,
    /// The paths of undocumented values in the records. A change of these alone does not suggest that the lists which
    /// belong to a record have changed.
    pub collected: Volatile,
    /// Whether the hashes cover values that are masked in the records. A different hash then means a changed record,
    /// even if the masked JSON is equal.
    pub masked: bool,
    /// The step of the checkpoint. [`super::records::land`] sets its counts of rows.
    pub advance: Advance,
    /// The stream whose partitions belong to these records, if there is one, and what the records show of them.
    pub partitions: Option<Partitions>,
    /// When the records of the page were created.
    pub moments: Moments,
    /// Whether to accept an empty list as true even if the mirror holds records of it.
    pub believe_empty: bool,
    /// The ids of records that may move to this list from another list, in which the mirror holds them.
    pub claims: HashSet<Box<str>>,
    /// Whether the caller has decided that the walk ends with this page.
    pub closes: bool,
    /// What the walk stores for its closing readings. Ignored if the walk ends with this page.
    pub remembered: Remembered,
}

impl Landing {
    /// Returns a record's JSON without copying it. [`super::records::land`] has already refused bytes that are not
    /// UTF-8.
    pub(super) fn payload(&self, record: &Record) -> rusqlite::Result<&str> {
        std::str::from_utf8(self.records.payload(record)).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    }
}

/// A record of the page that the mirror holds in the list of another parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The record's id.
    pub id: Box<str>,
    /// The id of the parent in whose list the mirror holds the record.
    pub parent: String,
    /// The last run that saw the record in that list.
    pub last_run: i64,
}

/// The moments at which the rows of a page were created.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    /// For each row, when it was created, in milliseconds since 1970. `None` if the row shows no such moment.
    pub rows: Vec<Option<i64>>,
    /// Whether the order of the list allows the walk to end at this page. It then does if every row is known and
    /// unchanged, and some rows were not seen in this pass before.
    pub may_end: bool,
    /// When the round began, in milliseconds since 1970. An audit does not count records that were created later.
    pub round_began: i64,
}

/// The result of storing a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// The number of records that the mirror did not hold.
    pub new: u64,
    /// The number of records that the mirror held with other values.
    pub changed: u64,
    /// The number of records whose common fields are equal but whose selected fields differ.
    pub filled: u64,
    /// The number of rows whose records this pass had already seen.
    pub repeated: u64,
    /// The number of lone surrogates that were replaced in the stored records.
    pub repaired: u64,
    /// The number of partitions that will not be read, because their parent records are unchanged.
    pub skipped: u64,
    /// The verdict with which the walk ends at this page, if it ends here although the caller expected more: at known
    /// rows, or because the caller decided so when it settled a dispute. `None` if the walk goes on, or ends as the
    /// caller said.
    pub closed: Option<Verdict>,
    /// The records of the page that the mirror holds in the list of another parent. If there are any, nothing was
    /// stored.
    pub disputed: Vec<Dispute>,
}
