//! Decides where a walk over a list that was read before may end early: at a window whose rows are all known and
//! unchanged. Pure.
//!
//! That is sound only if no row behind the window can be new or changed. Three conditions together ensure it:
//!
//! - The list is seen to show the newest rows first: the creation times of all rows read in this pass never rise, and
//!   at least two of them differ, because equal times show no order.
//! - The window reaches back to before what may have changed since the list was read last: `known_since - lookback`.
//! - The windows are consecutive from the first row on: each shows the last row of the window before.
//!
//! The transaction that stores the window decides whether every row is known.

use crate::source::page::Page;

/// The state of a pass that may end early.
#[derive(Debug, Default)]
pub struct EarlyStop {
    /// The moment before which everything in the list is known, in milliseconds since 1970. `None` reads the list to
    /// its end.
    horizon: Option<i64>,
    /// Of the windows that are consecutive from the first row on: the newest creation time, and the creation time and
    /// id of the last row. `None` if there is no such window yet.
    run: Option<(i64, i64, Box<str>)>,
}

impl EarlyStop {
    /// Returns the state for a list of which everything created before `horizon` (in milliseconds since 1970) is
    /// known. `None` reads the list to its end.
    pub fn new(horizon: Option<i64>) -> EarlyStop {
        EarlyStop { horizon, run: None }
    }

    /// Returns whether a window may still end the pass early. As long as it may, one page is asked for at a time.
    pub fn is_near(&self) -> bool {
        self.horizon.is_some()
    }

    /// Takes in a window and `moments`, the creation times of its rows. Returns whether the walk may end here,
    /// provided that all rows of the window are known. `first` says that the window begins with the list's first row,
    /// `joined` that it joins the rows read before by the walk's own rules.
    pub fn may_end(&mut self, page: &Page, moments: &[Option<i64>], first: bool, joined: bool) -> bool {
        let (Some(horizon), Some((_, oldest, _))) = (self.horizon, self.take(page, moments, first, joined)) else {
            return false;
        };
        self.run.as_ref().is_some_and(|(newest, ..)| *newest > oldest) && oldest < horizon
    }

    fn take(
        &mut self,
        page: &Page,
        moments: &[Option<i64>],
        first: bool,
        joined: bool,
    ) -> Option<(i64, i64, Box<str>)> {
        self.horizon?;
        let rows = &page.records.rows;
        let (Some(last), true, 0) = (rows.last(), joined, page.nameless) else {
            if !rows.is_empty() || page.nameless > 0 {
                self.horizon = self.horizon.filter(|_| page.nameless == 0);
                self.run = None;
            }
            return None;
        };
        let told: Option<Vec<i64>> = moments.iter().copied().collect();
        let falls = |told: &Vec<i64>| told.is_sorted_by(|a, b| a >= b);
        let Some((newest, oldest)) = told.filter(falls).and_then(|t| t.first().copied().zip(t.last().copied())) else {
            // The rows are not newest first, or do not tell their moments: the list is read whole.
            self.horizon = None;
            return None;
        };
        let newest = match &self.run {
            _ if first => newest,
            Some((newest, _, tail)) if rows.iter().any(|row| row.id == *tail) => *newest,
            _ => {
                self.run = None;
                return None;
            }
        };
        self.run = Some((newest, oldest, last.id.clone()));
        self.run.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, Records};

    /// Returns a page with one row for each of these creation times. The time is also the id of the row.
    fn page(moments: &[i64]) -> Page {
        let row = |m: &i64| Record { range: 0..0, id: m.to_string().into(), hash: 0, volatile: false, repaired: 0 };
        let rows = moments.iter().map(row).collect();
        Page { records: Records { rows, ..Records::default() }, ..Page::default() }
    }

    fn told(moments: &[i64]) -> Vec<Option<i64>> {
        moments.iter().copied().map(Some).collect()
    }

    fn shows(end: &mut EarlyStop, moments: &[i64], first: bool) -> bool {
        end.may_end(&page(moments), &told(moments), first, true)
    }

    #[test]
    fn newest_first_may_end_beyond_the_horizon() {
        let mut end = EarlyStop::new(Some(50));
        assert!(!shows(&mut end, &[90, 80, 70], true), "all of it may have changed");
        assert!(!shows(&mut end, &[80, 70, 60], false));
        assert!(shows(&mut end, &[70, 60, 40], false));
    }

    #[test]
    fn oldest_first_is_read_whole() {
        let mut end = EarlyStop::new(Some(50));
        assert!(!shows(&mut end, &[10, 20, 30], true));
        assert!(!end.is_near());
        assert!(!shows(&mut end, &[30, 20, 10], true), "and nothing later changes that");
    }

    #[test]
    fn one_moment_shows_no_order() {
        let mut end = EarlyStop::new(Some(50));
        assert!(!shows(&mut end, &[10, 10, 10], true));
        assert!(!shows(&mut EarlyStop::new(Some(50)), &[10], true));
        // Equal moments do not spoil the order: once one of them falls, the page has shown it.
        assert!(shows(&mut end, &[10, 10, 9], false));
    }

    #[test]
    fn a_row_that_tells_no_moment_has_it_read_whole() {
        let mut end = EarlyStop::new(Some(50));
        assert!(!end.may_end(&page(&[30, 20]), &[Some(30), None], true, true));
        assert!(!end.is_near());
        assert!(!shows(&mut EarlyStop::new(None), &[30, 20], true), "nothing is known of this list");
    }

    #[test]
    fn a_gap_is_never_taken_for_the_end() {
        let mut end = EarlyStop::new(Some(50));
        assert!(!shows(&mut end, &[90, 80, 70], true));
        assert!(!shows(&mut end, &[40, 30, 20], false), "what lies between was not seen");
        assert!(!shows(&mut end, &[20, 10], false), "nor is what follows it");
        assert!(shows(&mut end, &[40, 30, 20], true), "from the first row on again");
        let mut end = EarlyStop::new(Some(50));
        assert!(!end.may_end(&page(&[40, 30]), &told(&[40, 30]), true, false), "the walk says it does not join");
        let mut end = EarlyStop::new(Some(50));
        assert!(!end.may_end(&Page { nameless: 1, ..page(&[40, 30]) }, &told(&[40, 30]), true, true));
        assert!(!end.is_near());
    }
}
