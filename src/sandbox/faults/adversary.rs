//! Adversaries: habits of real servers that make lists hard to read completely. With each of them, a walk must either
//! read the complete list or report it as incomplete. Rows that an adversary hides are still in the account: `/truth`
//! shows them.
//!
//! An answer depends only on the seed and the questions so far, never on time, so that a failed test can be repeated.

use std::collections::HashMap;

use crate::sandbox::account::list::{List, ListedRecord};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::graphql::execute::ServedPage;
use crate::sandbox::graphql::question::PageStart;

/// A habit of a server that makes lists hard to read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adversary {
    /// Sometimes a run of rows longer than a page is deleted. `changes/bulk_changes.rs` does this.
    BulkDeletes,
    /// A page has at most 25 rows, even if more were asked for, and no error says so.
    Clamp,
    /// Some rows are removed after skip and limit were applied. Pages in the middle of a list are short, and the
    /// total counts the removed rows as well.
    Filtered,
    /// Rows after the 250th are never served.
    DepthCap,
    /// A page beyond the end shows the last page again.
    LastPageRepeated,
    /// Groups of 60 neighbouring rows have the same sort key, and each question gets them in another order.
    Ties,
    /// If a question is repeated within 30 questions, it gets its earlier answer again.
    Cached,
    /// The server ignores which page is asked for: every question gets the first page.
    PageIgnored,
    /// Rows move by more than a page, most often rows that were just shown. Half of them keep their content.
    /// `changes/bulk_changes.rs` does this.
    MovedAnchor,
}

impl Adversary {
    /// Every adversary with its name.
    pub const NAMED: [(&str, Adversary); 9] = [
        ("bulk-deletes", Adversary::BulkDeletes),
        ("clamp", Adversary::Clamp),
        ("filtered", Adversary::Filtered),
        ("depth-cap", Adversary::DepthCap),
        ("last-page-repeated", Adversary::LastPageRepeated),
        ("ties", Adversary::Ties),
        ("cached", Adversary::Cached),
        ("page-ignored", Adversary::PageIgnored),
        ("moved-anchor", Adversary::MovedAnchor),
    ];

    /// Returns the adversary with this name.
    pub fn named(name: &str) -> Option<Adversary> {
        Adversary::NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, adversary)| adversary)
    }

    /// Returns `true` if the adversary changes the account while a list is read.
    pub fn moves(self) -> bool {
        matches!(self, Adversary::BulkDeletes | Adversary::MovedAnchor)
    }
}

/// The most rows in a page under [`Adversary::Clamp`].
const CLAMPED: u64 = 25;
/// The number of rows after which [`Adversary::DepthCap`] cuts a list off.
const DEPTH: u64 = 250;
/// The number of neighbouring rows that share a sort key under [`Adversary::Ties`].
const TIED: u64 = 60;
/// How many rows of a thousand [`Adversary::Filtered`] removes.
const LEFT_OUT: u64 = 60;
/// Number of questions for which [`Adversary::Cached`] repeats an answer.
const FRESH: u64 = 30;

/// What identifies a page in the cache: its list, where it begins, and the number of its rows.
pub type PageKey = (List, PageStart, u64);

/// The adversaries that a sandbox uses, and what they remember.
#[derive(Debug, Default)]
pub struct Adversaries {
    which: Vec<Adversary>,
    dice: RandomTable,
    questions: u64,
    given: HashMap<PageKey, (u64, ServedPage)>,
}

impl Adversaries {
    /// Returns these adversaries, with the seed of their random choices.
    pub fn new(which: Vec<Adversary>, seed: u64) -> Adversaries {
        Adversaries { which, dice: RandomTable::new(seed).named("adversary"), ..Adversaries::default() }
    }

    fn has(&self, adversary: Adversary) -> bool {
        self.which.contains(&adversary)
    }

    /// Returns the largest page size, which an adversary may lower. `largest` is the server's own.
    pub fn largest(&self, largest: u64) -> u64 {
        if self.has(Adversary::Clamp) { largest.min(CLAMPED) } else { largest }
    }

    /// Counts the question, and returns its cached answer. Returns `None` if there is no answer that is recent
    /// enough.
    pub fn given(&mut self, asked: &PageKey) -> Option<ServedPage> {
        self.questions += 1;
        let (when, page) = self.given.get(asked)?;
        (self.questions - when <= FRESH).then(|| page.clone())
    }

    /// Stores an answer for [`Adversaries::given`], if [`Adversary::Cached`] is used.
    pub fn give(&mut self, asked: PageKey, page: &ServedPage) {
        if self.has(Adversary::Cached) {
            self.given.insert(asked, (self.questions, page.clone()));
        }
    }

    /// Returns the row with which a page really begins if the client asked for the row `start`. `total` is the number
    /// of rows in the list.
    pub fn start(&self, start: u64, limit: u64, total: u64) -> u64 {
        if self.has(Adversary::PageIgnored) {
            return 0;
        }
        if self.has(Adversary::LastPageRepeated) && start >= total {
            return total.saturating_sub(1) / limit.max(1) * limit;
        }
        start
    }

    /// Returns the rows of a page of `limit` rows that begins with the row `start`, as the adversaries show them.
    pub fn rows(&self, lists: &AccountLists, list: List, start: u64, limit: u64) -> Vec<ListedRecord> {
        let mut end = start.saturating_add(limit);
        if self.has(Adversary::DepthCap) {
            end = end.min(DEPTH.max(start));
        }
        let mut rows =
            if self.has(Adversary::Ties) { self.tied(lists, list, start, end) } else { lists.rows(list, start..end) };
        if self.has(Adversary::Filtered) {
            let kept =
                |row: &ListedRecord| !self.dice.named(list.stream().name()).at(row.entry.number).chance(LEFT_OUT);
            rows.retain(kept);
        }
        rows
    }

    /// Returns the rows from `start` to `end` of a list in which rows with the same sort key are in another order for
    /// each page.
    fn tied(&self, lists: &AccountLists, list: List, start: u64, end: u64) -> Vec<ListedRecord> {
        let mut rows = lists.rows(list, 0..u64::MAX);
        let dice = self.dice.at(start).at(end);
        for group in rows.chunk_by_mut(|a, b| a.entry.number / TIED == b.entry.number / TIED) {
            for last in (1..group.len()).rev() {
                let other = dice.at(group[last].entry.number).below(last as u64 + 1);
                group.swap(last, usize::try_from(other).unwrap_or(0));
            }
        }
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX).min(rows.len());
        rows[place(start)..place(end).max(place(start))].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::account::data::{GeneratedAccount, Size};

    fn lists() -> AccountLists {
        let size = Size { contacts: 600, persons: 20, conversations: 10, messages: 300 };
        AccountLists::new(Arc::new(GeneratedAccount::new(7, size, true)), None)
    }

    fn numbers(which: Adversary, start: u64, limit: u64) -> Vec<u64> {
        let rows = Adversaries::new(vec![which], 3).rows(&lists(), List::Contacts, start, limit);
        rows.iter().map(|row| row.entry.number).collect()
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        for (name, adversary) in Adversary::NAMED {
            assert_eq!(Adversary::named(name), Some(adversary));
        }
        assert_eq!(Adversary::named("tie"), None);
    }

    #[test]
    fn rows_are_filtered_from_pages_and_nothing_is_served_past_the_cap() {
        let shown: Vec<u64> = (0..6).flat_map(|page| numbers(Adversary::Filtered, page * 100, 100)).collect();
        assert!((500..598).contains(&shown.len()), "{}", shown.len());
        assert_eq!(shown, (0..3).flat_map(|page| numbers(Adversary::Filtered, page * 200, 200)).collect::<Vec<_>>());
        assert_eq!(numbers(Adversary::DepthCap, 200, 100).len(), 50);
        assert!(numbers(Adversary::DepthCap, 300, 100).is_empty());
    }

    #[test]
    fn ties_come_in_another_order_for_another_question_and_the_same_for_the_same() {
        let all = |limit| numbers(Adversary::Ties, 0, limit);
        let sorted = |mut numbers: Vec<u64>| {
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(all(600), all(600));
        assert_ne!(all(600), all(700));
        assert_eq!(sorted(all(600)), sorted(all(700)));
        assert_ne!(sorted(all(100)), (500..600).collect::<Vec<_>>(), "a page shows any of those at its end");
        assert_eq!(sorted(all(60)), (540..600).collect::<Vec<_>>());
    }

    #[test]
    fn pages_begin_where_the_adversary_says() {
        let start = |which, at| Adversaries::new(vec![which], 3).start(at, 40, 100);
        assert_eq!((start(Adversary::PageIgnored, 40), start(Adversary::Clamp, 40)), (0, 40));
        assert_eq!((start(Adversary::LastPageRepeated, 120), start(Adversary::LastPageRepeated, 80)), (80, 80));
        assert_eq!(Adversaries::new(vec![Adversary::LastPageRepeated], 3).start(80, 40, 80), 40);
        assert_eq!(Adversaries::new(vec![Adversary::Clamp], 3).largest(100), 25);
    }

    #[test]
    fn an_answer_is_given_again_for_a_while() {
        let page = ServedPage { rows: Vec::new(), total: Some(4), more: false, start: 0, limit: 40, counts_from: 1 };
        let asked = (List::Contacts, PageStart::Page(0), 40);
        for (which, again) in [(Adversary::Cached, true), (Adversary::Clamp, false)] {
            let mut adversaries = Adversaries::new(vec![which], 3);
            assert!(adversaries.given(&asked).is_none());
            adversaries.give(asked.clone(), &page);
            assert!(adversaries.given(&(List::Contacts, PageStart::Page(0), 39)).is_none());
            assert_eq!(adversaries.given(&asked).is_some(), again);
            (0..FRESH).for_each(|_| _ = adversaries.given(&(List::Persons, PageStart::Page(0), 40)));
            assert!(adversaries.given(&asked).is_none(), "too old");
        }
    }
}
