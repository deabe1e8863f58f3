//! How far the closing readings of a list are ([`super::closing`]). The list's checkpoint stores it.

use serde::{Deserialize, Serialize};

use super::{Walk, reasons};

/// The state of a list's closing readings, stored in the list's checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// The server's time when the walk began, in milliseconds since 1970, if it is known.
    pub began: Option<i64>,
    /// The page size that the walk used, in rows.
    pub size: u32,
    /// Whether the server serves one page size only.
    pub one_size: bool,
    /// The earliest moment at which the next reading may begin if the server serves one page size only, by the
    /// server's time in milliseconds since 1970. `None` if no reading waits.
    pub not_before: Option<i64>,
    /// The number of closing readings that came to their end.
    pub readings: u32,
    /// The number of records that the closing readings showed and the round had not seen before.
    pub found: u64,
    /// Whether the last closing reading showed too few records: fewer than its rows, or than the server's total.
    pub was_short: bool,
    /// Whether some answer to the walk claimed a larger total than the number of rows that it read.
    pub was_told_more: bool,
    /// The closing reading under way. `None` between two readings.
    pub reading: Option<ClosingReading>,
}

/// The state of a closing reading under way, stored in the list's checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClosingReading {
    /// The walk of this reading, which asks for ids only.
    pub walk: Walk,
    /// The server's time when this reading began, in milliseconds since 1970.
    pub began: i64,
    /// The number of distinct ids that this reading has shown.
    pub ids: u64,
    /// The number of records that this reading has shown, that the round had not seen, and that can have existed when
    /// the walk began.
    pub passed_over: u64,
    /// The total that the first page of this reading claims. `None` if it claims none.
    pub total: Option<u64>,
    /// The largest total that any page of this reading claims. `None` if no page claims one.
    pub most: Option<u64>,
    /// Whether this reading has shown no page yet.
    pub is_first: bool,
    /// How this reading ended. `None` while it goes on.
    pub end: Option<ReadingEnd>,
}

/// How a closing reading came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ReadingEnd {
    /// The reading shows the whole list. If the list stood still, the number is that of its rows; otherwise `None`.
    Whole(Option<u64>),
    /// The reading does not show the whole list, for this reason.
    Broken(String),
    /// The reading met a row for which the server returns an error even if only its id is asked for.
    Unreadable,
}

impl ClosingReading {
    /// Returns why the finished reading showed too few records, or `None` if it did not. There are two reasons:
    ///
    /// - It shows fewer distinct ids than rows. `rows` is the number of rows of a list that stood still, and `None`
    ///   for a list that moved.
    /// - The server's total exceeds the records that it shows plus `unshown`, the number of records that the round
    ///   has seen and this reading does not show.
    pub(super) fn is_short(&self, rows: Option<u64>, unshown: u64) -> Option<String> {
        if let Some(rows) = rows.filter(|rows| *rows > self.ids) {
            return Some(reasons::fewer_ids(rows, self.ids));
        }
        // If the list moved, only the first page's total counts: later totals count what came in meanwhile.
        let total = if rows.is_some() { self.most } else { self.total };
        let total = total.filter(|total| *total > self.ids + unshown)?;
        Some(reasons::fewer_shown(total, self.ids, "record"))
    }
}

impl Closing {
    /// Returns the state before the first closing reading of a list that `walk` has read. `began` is the server's
    /// time when the walk began, in milliseconds since 1970, or `None` if it is not known.
    pub(super) fn new(walk: &Walk, began: Option<i64>) -> Closing {
        Closing {
            began,
            size: walk.page_size(),
            one_size: walk.serves_one_size(),
            not_before: None,
            readings: 0,
            found: 0,
            was_short: false,
            was_told_more: walk.was_told_more(),
            reading: None,
        }
    }

    /// Returns the state before the first closing reading of a list whose walk was not kept. `size` is the largest
    /// page size that the walk can have asked for, in rows.
    pub(super) fn of_unknown_walk(size: u32) -> Closing {
        Closing { size, ..Closing::new(&Walk::new(size), None) }
    }
}
