//! Decides whether a list of a partitioned stream must be read, by what the mirror knows of it. [`super::partitions`]
//! explains when that is, and stores what is known.

use rusqlite::Row;

use crate::clock::is_ahead;

/// What the mirror knows of a list from the last pass over it that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListState {
    /// The seq that the parent record had when the pass was begun.
    pub entry_seq: i64,
    /// A fingerprint of the fields that the pass selected.
    pub selection: i64,
    /// Whether the pass belongs to the incremental lane.
    pub incremental: bool,
    /// The run in which the pass was begun.
    pub run: i64,
    /// When the pass was begun, in milliseconds since 1970.
    pub began: i64,
    /// The newest moment in the list, in milliseconds since 1970. [`UNTOLD`] if its records show no moment, `None` if
    /// the list is empty.
    pub newest: Option<i64>,
    /// Whether the pass has closed complete, and was read with today's settings.
    pub whole: bool,
    /// The first run of the latest round that skipped the list as unchanged. `None` if the list was not skipped since
    /// the pass was begun.
    pub skipped: Option<i64>,
    /// Whether the list showed a newer record than the entry did. An unchanged entry is then no evidence.
    pub lags: bool,
}

/// Stands for the newest moment of a list whose records show no moment. Such records may have been created just
/// before they were read.
pub const UNTOLD: i64 = i64::MAX;

impl ListState {
    /// The columns of table `entry` that hold this. `:counts_since` is the run since which complete readings count,
    /// because they were made with today's settings.
    pub(super) const COLUMNS: &'static str = "entry_seq, selection, lane = 'incremental', run, began, newest, \
         whole AND run >= :counts_since, skipped, lags";

    /// Returns whether the list need not be read. All of this must hold:
    ///
    /// - the entry is the same as when the list was read completely, with the same fields;
    /// - when the list was read, no record in it was newer than `lookback` milliseconds, so none may have changed
    ///   since;
    /// - neither the start of the pass nor the newest moment is in the future. A wrong clock gave such a moment, and
    ///   records that were created since may be older than it.
    pub fn is_unchanged(&self, entry_seq: i64, selection: i64, lookback: i64, now: i64) -> bool {
        !self.lags && self.entry_seq == entry_seq && self.is_settled(selection, lookback, now)
    }

    /// Returns whether the list need not be read as long as its entry stays the same: every condition of
    /// [`ListState::is_unchanged`] that is not about the entry.
    pub(super) fn is_settled(&self, selection: i64, lookback: i64, now: i64) -> bool {
        let to_come = is_ahead(self.began, now) || self.newest_to_come(now).is_some();
        let settled = lookback == 0 || self.newest.is_none_or(|newest| newest < self.began.saturating_sub(lookback));
        self.whole && self.selection == selection && settled && !to_come
    }

    /// Reads a row of [`ListState::COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<ListState> {
        Ok(ListState {
            entry_seq: row.get(0)?,
            selection: row.get(1)?,
            incremental: row.get(2)?,
            run: row.get(3)?,
            began: row.get(4)?,
            newest: row.get(5)?,
            whole: row.get(6)?,
            skipped: row.get(7)?,
            lags: row.get(8)?,
        })
    }

    /// Returns the newest moment in the list if it is in the future, otherwise `None`.
    pub(super) fn newest_to_come(&self, now: i64) -> Option<i64> {
        self.newest.filter(|newest| *newest != UNTOLD && is_ahead(*newest, now))
    }

    /// Returns the moment up to which the list's records are known. The next pass may end where it meets them.
    /// Returns `None` if the pass must read the complete list.
    pub fn known_since(&self, selection: i64, now: i64) -> Option<i64> {
        (self.whole && self.selection == selection && !is_ahead(self.began, now)).then_some(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 110 * DAY;
    const KNOWN: ListState = ListState {
        entry_seq: 7,
        selection: 1,
        incremental: true,
        run: 3,
        began: 100 * DAY,
        newest: Some(90 * DAY),
        whole: true,
        skipped: None,
        lags: false,
    };

    #[test]
    fn a_list_is_unchanged_when_its_entry_its_fields_and_its_age_say_so() {
        assert!(KNOWN.is_unchanged(7, 1, 3 * DAY, NOW));
        assert!(!KNOWN.is_unchanged(8, 1, 3 * DAY, NOW), "another entry");
        assert!(!KNOWN.is_unchanged(7, 2, 3 * DAY, NOW), "other fields");
        assert!(!ListState { whole: false, ..KNOWN }.is_unchanged(7, 1, 3 * DAY, NOW), "not read whole");
        assert!(!ListState { lags: true, ..KNOWN }.is_unchanged(7, 1, 3 * DAY, NOW), "it lags behind its list");
        assert!(!KNOWN.is_unchanged(7, 1, 10 * DAY, NOW), "on the day, it may still change");
        assert!(KNOWN.is_unchanged(7, 1, 10 * DAY - 1, NOW));
        assert!(ListState { newest: None, ..KNOWN }.is_unchanged(7, 1, 3 * DAY, NOW), "there was nothing in it");
    }

    #[test]
    fn records_that_tell_no_moment_may_be_new_unless_nobody_looks_back() {
        let untold = ListState { newest: Some(UNTOLD), ..KNOWN };
        assert!(!untold.is_unchanged(7, 1, 1, NOW));
        assert!(untold.is_unchanged(7, 1, 0, NOW));
        assert!(ListState { newest: Some(101 * DAY), ..KNOWN }.is_unchanged(7, 1, 0, NOW));
    }

    #[test]
    fn a_moment_that_is_still_to_come_is_no_reason_to_leave_a_list_out() {
        for lookback in [0, 3 * DAY] {
            assert!(!KNOWN.is_unchanged(7, 1, lookback, 95 * DAY), "it was read by a clock that was wrong");
            assert!(KNOWN.is_unchanged(7, 1, lookback, 100 * DAY - 300_000), "clocks may differ by five minutes");
            let of_2100 = ListState { newest: Some(47_482 * DAY), ..KNOWN };
            assert!(!of_2100.is_unchanged(7, 1, lookback, NOW), "new ones may stand behind it");
        }
        assert_eq!((KNOWN.known_since(1, 95 * DAY), KNOWN.known_since(1, NOW)), (None, Some(100 * DAY)));
    }

    #[test]
    fn a_pass_may_end_at_known_rows_only_when_all_of_them_are_known() {
        assert_eq!(KNOWN.known_since(1, NOW), Some(100 * DAY));
        assert_eq!(KNOWN.known_since(2, NOW), None);
        assert_eq!(ListState { whole: false, ..KNOWN }.known_since(1, NOW), None);
    }
}
