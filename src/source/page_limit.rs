//! Remembers the server's limit on the rows of a stream's pages, if the server sends fewer rows than are asked for.
//!
//! A limit that an earlier run found is tested again. One list at a time begins with as many rows as the job allows,
//! until a page shows whether the limit still holds. A list shorter than the limit shows nothing, but it costs
//! nothing either, because it is one page anyway.

use std::sync::{Mutex, PoisonError};

/// The server's limit on the rows of a page of one stream.
#[derive(Debug, Default)]
pub struct PageLimit(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// The most rows that a page has, or `None` if a page has as many as are asked for.
    rows: Option<u32>,
    /// Whether the limit comes from an earlier run and no page of this run has shown yet that it still holds.
    untried: bool,
    /// Whether a page with more rows than the limit was asked for and has not come yet.
    tries: bool,
}

impl PageLimit {
    /// Returns the most rows that a page has, or `None` if a page has as many as are asked for.
    pub fn rows(&self) -> Option<u32> {
        self.change(|state| state.rows)
    }

    /// Notes that this run found a limit of `rows` rows a page; 0 means that there is no limit.
    pub fn found(&self, rows: u32) {
        self.change(|state| *state = State { rows: Some(rows).filter(|rows| *rows > 0), ..State::default() });
    }

    /// Notes that an earlier run found a limit of `rows` rows a page; 0 means that there is no limit.
    pub fn remember(&self, rows: u32) {
        self.change(|state| *state = State { rows: Some(rows).filter(|rows| *rows > 0), untried: true, tries: false });
    }

    /// Returns how many rows to ask for in the first page of a list. `allowed` is the page size that the job allows.
    pub fn first(&self, allowed: u32) -> u32 {
        self.change(|state| match state.rows {
            Some(rows) if rows < allowed && state.untried && !state.tries => {
                state.tries = true;
                allowed
            }
            Some(rows) => rows.min(allowed),
            None => allowed,
        })
    }

    /// Keeps the limit that an earlier run found, and does not test it in this run.
    pub fn keep(&self) {
        self.change(|state| state.untried = false);
    }

    /// Notes that a page had `rows` rows when `asked` were asked for.
    pub fn saw(&self, asked: u32, rows: usize) {
        self.change(|state| {
            let Some(limit) = state.rows.filter(|limit| state.untried && asked > *limit) else { return };
            state.tries = false;
            if rows > limit as usize {
                *state = State::default();
            } else if rows == limit as usize {
                state.untried = false;
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_run_has_found_is_not_tried_again() {
        let limit = PageLimit::default();
        assert_eq!((limit.rows(), limit.first(100)), (None, 100));
        limit.found(10);
        assert_eq!((limit.rows(), limit.first(100), limit.first(5)), (Some(10), 10, 5));
        limit.found(0);
        assert_eq!(limit.first(100), 100);
    }

    #[test]
    fn what_an_earlier_run_has_found_is_tried_by_one_list_at_a_time_until_a_page_tells() {
        let limit = PageLimit::default();
        limit.remember(10);
        assert_eq!((limit.first(100), limit.first(100)), (100, 10));
        // A short list says nothing, nor does a page for which no more rows than the limit were asked.
        limit.saw(10, 10);
        assert_eq!(limit.first(100), 10, "the first has not come yet");
        limit.saw(100, 3);
        assert_eq!((limit.first(100), limit.first(100)), (100, 10));
        limit.saw(100, 10);
        assert_eq!((limit.first(100), limit.rows()), (10, Some(10)), "it still holds");
    }

    #[test]
    fn a_server_that_serves_more_again_is_found_out() {
        let limit = PageLimit::default();
        limit.remember(10);
        assert_eq!(limit.first(100), 100);
        limit.saw(100, 11);
        assert_eq!((limit.rows(), limit.first(100)), (None, 100));
    }
}
