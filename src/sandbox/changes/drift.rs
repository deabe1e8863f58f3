//! Drift: changes to lists while they are read. Records are inserted, deleted, edited and moved, starting from the
//! generated account.
//!
//! The changes depend on the seed, the number of the list request and the list that is read, never on time. Therefore
//! a client that asks the same questions meets the same drift.

use std::sync::Arc;

use crate::sandbox::account::list::{List, ListEntry};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::changes::drift_settings::{DriftChange, DriftSettings, ListOrder};

impl AccountLists {
    /// Makes the changes that happen before a question about the list `asked` is answered. Nothing changes before the
    /// very first question. `first_of_request` is `true` for the first list question of a request; fewer changes
    /// happen between the others.
    pub fn pass_time(&mut self, asked: List, first_of_request: bool) {
        let Some(settings) = self.settings.clone() else { return };
        let dice = RandomTable::new(settings.seed).named("drift").at(self.questions);
        self.questions += 1;
        if self.questions == 1 || settings.kinds.is_empty() {
            return;
        }
        let mut expected = if first_of_request { settings.rate } else { settings.rate / 10.0 };
        let mut dice = dice.at(0);
        // Each whole expected change happens for certain, the remaining fraction by chance.
        while self.events < settings.max_events && (expected >= 1.0 || dice.unit() < expected) {
            dice = dice.at(1);
            self.apply_one_change(&settings, dice, asked);
            expected -= 1.0;
        }
    }

    fn apply_one_change(&mut self, settings: &DriftSettings, dice: RandomTable, asked: List) {
        let list = if asked != List::AllMessages && dice.at(1).chance(500) { asked } else { self.any_list(dice.at(2)) };
        let change = dice.at(3).pick(&settings.kinds);
        if matches!(list, List::Messages(c) if self.gone.contains(&c)) {
            return;
        }
        if settings.bulk_deletes && dice.at(6).chance(40) && self.bulk_delete(list, dice.at(7))
            || settings.leaps && dice.at(8).chance(500) && self.leap(list, dice.at(9))
        {
            self.events += 1;
            return;
        }
        let world = Arc::clone(&self.world);
        let entries = self.changed.entry(list).or_insert_with(|| world.slice(list, 0..u64::MAX).collect());
        if entries.is_empty() && change != DriftChange::Insert {
            return;
        }
        let at = usize::try_from(dice.at(4).below(entries.len() as u64)).unwrap_or(0);
        let entry = match change {
            DriftChange::Insert => {
                let inserted = self.inserted.entry(list.stream()).or_default();
                *inserted += 1;
                ListEntry { number: world.first_new(list.stream()) + *inserted - 1, version: 0 }
            }
            DriftChange::Delete => entries.remove(at),
            DriftChange::Edit if settings.order != ListOrder::ByChange => {
                entries[at].version += 1;
                entries[at]
            }
            DriftChange::Edit | DriftChange::Move => {
                let entry = entries.remove(at);
                ListEntry { version: entry.version + 1, ..entry }
            }
        };
        let is_placed = matches!(change, DriftChange::Insert | DriftChange::Move);
        if is_placed || (change == DriftChange::Edit && settings.order == ListOrder::ByChange) {
            let place = match settings.order {
                ListOrder::NewestFirst | ListOrder::ByChange => 0,
                ListOrder::OldestFirst => entries.len(),
                ListOrder::Anywhere => usize::try_from(dice.at(5).below(entries.len() as u64 + 1)).unwrap_or(0),
            };
            entries.insert(place, entry);
        }
        self.events += 1;
        self.touch(list, entry.number, change);
    }

    /// Draws a list to change. The four default streams are equally likely. Among message lists, the probability is
    /// in proportion to the number of messages.
    fn any_list(&self, dice: RandomTable) -> List {
        match List::of(dice.at(1).pick(&crate::streams::DEFAULT)) {
            List::AllMessages => {
                let message = dice.at(2).below(self.world.size().messages);
                let conversation = self.world.conversation_of(message);
                conversation.map_or(List::Contacts, List::Messages)
            }
            list => list,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sandbox::account::data::{GeneratedAccount, Size};
    use crate::streams::Stream;

    fn lists(order: ListOrder, kinds: &[DriftChange]) -> AccountLists {
        let size = Size { contacts: 500, persons: 20, conversations: 100, messages: 3000 };
        let world = Arc::new(GeneratedAccount::new(7, size, order != ListOrder::OldestFirst));
        let settings = DriftSettings { rate: 3.0, order, kinds: kinds.to_vec(), ..DriftSettings::default() };
        AccountLists::new(world, Some(settings))
    }

    #[test]
    fn untouched_records_keep_their_order_and_stay() {
        for order in [ListOrder::NewestFirst, ListOrder::OldestFirst, ListOrder::Anywhere, ListOrder::ByChange] {
            let mut l = lists(order, &DriftChange::ALL);
            let before = l.slice(List::Contacts, 0..u64::MAX);
            for _ in 0..200 {
                l.pass_time(List::Contacts, true);
            }
            let touched: HashSet<u64> = l.touched[&Stream::Contacts].iter().copied().collect();
            assert!(touched.len() > 100, "{}", touched.len());
            let calm = |entries: Vec<ListEntry>| -> Vec<ListEntry> {
                entries.into_iter().filter(|e| !touched.contains(&e.number)).collect()
            };
            assert_eq!(calm(before), calm(l.slice(List::Contacts, 0..u64::MAX)));
        }
    }

    impl AccountLists {
        fn ids_of(&self, list: List) -> Vec<u64> {
            self.slice(list, 0..u64::MAX).iter().map(|e| e.number).collect()
        }
    }

    #[test]
    fn no_record_stands_twice_and_positions_are_true() {
        let mut l = lists(ListOrder::Anywhere, &DriftChange::ALL);
        for _ in 0..100 {
            l.pass_time(List::Contacts, true);
        }
        let now = l.ids_of(List::Contacts);
        assert_eq!(now.iter().collect::<HashSet<_>>().len(), now.len());
        assert_eq!(now.len() as u64, l.len(List::Contacts));
        for (at, number) in now.iter().enumerate() {
            let id = l.world.stream_ids(Stream::Contacts).text(*number);
            assert_eq!(l.position(List::Contacts, &id).unwrap().0, at as u64);
        }
    }

    #[test]
    fn new_records_come_in_where_the_order_says() {
        let mut l = lists(ListOrder::NewestFirst, &[DriftChange::Insert]);
        l.pass_time(List::Contacts, true);
        l.pass_time(List::Contacts, true);
        assert!(l.ids_of(List::Contacts)[0] >= 500);
        let mut l = lists(ListOrder::OldestFirst, &[DriftChange::Insert]);
        for _ in 0..3 {
            l.pass_time(List::Contacts, true);
        }
        assert!(*l.ids_of(List::Contacts).last().unwrap() >= 500);
    }

    #[test]
    fn an_edit_moves_a_record_to_the_front_of_a_list_sorted_by_change() {
        let mut l = lists(ListOrder::ByChange, &[DriftChange::Edit]);
        let before = l.ids_of(List::Contacts);
        for _ in 0..50 {
            l.pass_time(List::Contacts, true);
        }
        let now = l.slice(List::Contacts, 0..u64::MAX);
        let edited = now.iter().filter(|e| e.version > 0).count();
        assert!(edited > 20 && now[..edited].iter().all(|e| e.version > 0), "{edited}");
        assert_eq!(now.len(), before.len());
    }

    #[test]
    fn the_same_questions_meet_the_same_drift() {
        let walk = || {
            let mut l = lists(ListOrder::Anywhere, &DriftChange::ALL);
            for n in 0..50 {
                l.pass_time(List::Messages(n % 10), n % 3 == 0);
            }
            (l.touched(), l.ids_of(List::Contacts), l.events())
        };
        assert_eq!(walk(), walk());
    }

    #[test]
    fn a_deleted_conversation_takes_its_messages_along() {
        let mut l = lists(ListOrder::NewestFirst, &[DriftChange::Delete]);
        while l.gone.is_empty() {
            l.pass_time(List::Conversations, true);
        }
        let gone = *l.gone.iter().next().unwrap();
        let id = l.world.stream_ids(Stream::Conversations).text(gone);
        assert_eq!(l.messages_of(&id), None);
        assert_eq!(l.len(List::Messages(gone)), 0);
        let first = l.world.slice(List::Messages(gone), 0..1).next();
        if let Some(message) = first {
            let id = l.world.stream_ids(Stream::Messages).text(message.number);
            assert!(l.touched()["messages"].contains(&id));
        }
    }

    #[test]
    fn nothing_happens_before_the_first_question_nor_past_the_end() {
        let mut l = lists(ListOrder::NewestFirst, &DriftChange::ALL);
        l.pass_time(List::Contacts, true);
        assert_eq!(l.events(), 0);
        if let Some(settings) = &mut l.settings {
            settings.max_events = 4;
        }
        for _ in 0..50 {
            l.pass_time(List::Contacts, true);
        }
        assert_eq!(l.events(), 4);
    }

    #[test]
    fn all_messages_follow_what_changes_in_the_conversations() {
        let size = Size { contacts: 500, persons: 20, conversations: 100, messages: 3000 };
        let settings = DriftSettings { rate: 3.0, order: ListOrder::Anywhere, ..DriftSettings::default() };
        let mut l = AccountLists::new(Arc::new(GeneratedAccount::new(7, size, true)), Some(settings));
        for n in 0..200 {
            let asked = [List::Conversations, List::AllMessages, List::Messages(n % 20)][(n % 3) as usize];
            l.pass_time(asked, true);
        }
        let all = l.rows(List::AllMessages, 0..u64::MAX);
        assert_eq!(all.len() as u64, l.len(List::AllMessages));
        let in_turn: Vec<ListEntry> = l.conversations().flat_map(|list| l.slice(list, 0..u64::MAX)).collect();
        assert_eq!(all.iter().map(|row| row.entry).collect::<Vec<_>>(), in_turn);
        for (at, row) in all.iter().enumerate().step_by(7) {
            let at = at as u64;
            let id = l.world.stream_ids(Stream::Messages).text(row.entry.number);
            assert_eq!(l.position(List::AllMessages, &id), Some((at, *row)));
            assert_eq!(l.rows(List::AllMessages, at..at + 1), [*row]);
        }
    }
}
