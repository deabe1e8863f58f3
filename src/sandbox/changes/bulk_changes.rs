//! Changes that extend over more than a page: long runs of rows that are deleted, and rows that jump to the other
//! side of the page that is being read.

use crate::sandbox::account::list::{List, ListEntry};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::changes::drift_settings::DriftChange;

impl AccountLists {
    /// Deletes a run of rows that is longer than a page. Returns `false`, and deletes nothing, if the list has two
    /// pages or fewer or is not the one shown last.
    pub(in crate::sandbox) fn bulk_delete(&mut self, list: List, dice: RandomTable) -> bool {
        let Some((_, page)) = self.shown(list) else { return false };
        let len = self.len(list);
        if len <= 2 * page {
            return false;
        }
        let run = page + 1 + dice.at(1).below(page);
        let start = dice.at(2).below(len - run.min(len - 1));
        let mut entries = self.entries(list);
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX).min(entries.len());
        let gone: Vec<ListEntry> = entries.drain(place(start)..place(start + run)).collect();
        self.changed.insert(list, entries);
        for entry in gone {
            self.touch(list, entry.number, DriftChange::Delete);
        }
        true
    }

    /// Moves a row by more than a page, forward more often than back. Half of the moved rows keep their content.
    /// Returns `false`, and moves nothing, if the list has one page or less or is not the one shown last.
    pub(in crate::sandbox) fn leap(&mut self, list: List, dice: RandomTable) -> bool {
        let Some((rows, page)) = self.shown(list) else { return false };
        let len = self.len(list);
        if len <= page {
            return false;
        }
        let near = dice.at(1).chance(700) && !rows.is_empty();
        let from = if near { rows.start + dice.at(2).below(rows.end - rows.start) } else { dice.at(2).below(len) };
        let far = page + dice.at(3).below(page);
        let to = if dice.at(4).chance(700) { from + far } else { from.saturating_sub(far) };
        let mut entries = self.entries(list);
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let mut entry = entries.remove(place(from));
        entry.version += u32::from(dice.at(5).chance(500));
        let to = place(to).min(entries.len());
        entries.insert(to, entry);
        self.changed.insert(list, entries);
        self.touch(list, entry.number, DriftChange::Move);
        true
    }

    fn entries(&self, list: List) -> Vec<ListEntry> {
        self.slice(list, 0..u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::account::data::{GeneratedAccount, Size};
    use crate::streams::Stream;

    fn lists() -> AccountLists {
        let size = Size { contacts: 500, persons: 20, conversations: 300, messages: 3000 };
        let mut lists = AccountLists::new(Arc::new(GeneratedAccount::new(7, size, true)), None);
        lists.shows(List::Contacts, 40, 40);
        lists
    }

    #[test]
    fn a_run_longer_than_a_page_disappears_and_is_told() {
        for seed in 0..50 {
            let mut l = lists();
            assert!(l.bulk_delete(List::Contacts, RandomTable::new(seed)));
            let gone = 500 - l.len(List::Contacts);
            assert!((41..=80).contains(&gone), "{gone}");
            assert_eq!(l.touched()["contacts"].len() as u64, gone);
            assert!(!l.bulk_delete(List::Persons, RandomTable::new(seed)), "its pages are not known");
        }
        let mut l = lists();
        l.shows(List::Conversations, 0, 40);
        assert!(l.bulk_delete(List::Conversations, RandomTable::new(1)));
        assert!(l.touched()["messages"].len() > 40, "messages go with their conversation");
        l.shows(List::Persons, 0, 40);
        assert!(!l.bulk_delete(List::Persons, RandomTable::new(1)), "shorter than two pages");
    }

    #[test]
    fn a_row_leaps_and_the_others_keep_their_order() {
        let mut same = 0;
        for seed in 0..50 {
            let mut l = lists();
            let before = l.entries(List::Contacts);
            assert!(l.leap(List::Contacts, RandomTable::new(seed)));
            let after = l.entries(List::Contacts);
            let touched: HashSet<String> = l.touched()["contacts"].iter().cloned().collect();
            let ids = l.world.stream_ids(Stream::Contacts);
            let calm = |entries: &[ListEntry]| -> Vec<ListEntry> {
                entries.iter().filter(|e| !touched.contains(&ids.text(e.number))).copied().collect()
            };
            assert_eq!((touched.len(), calm(&before)), (1, calm(&after)));
            let stood = |all: &[ListEntry]| all.iter().position(|e| touched.contains(&ids.text(e.number))).unwrap();
            let (from, to) = (stood(&before), stood(&after));
            assert!(from.abs_diff(to) >= 40 || to == 0 || to == 499, "{from} {to}");
            same += usize::from(before[from] == after[to]);
        }
        assert!((10..40).contains(&same), "{same} look the same");
    }
}
