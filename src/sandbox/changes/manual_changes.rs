//! Changes that a test makes between two runs: it deletes records, or lets lists come out empty.

use crate::sandbox::account::list::{List, ListEntry};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::changes::drift_settings::DriftChange;
use crate::streams::Stream;

impl AccountLists {
    /// Deletes up to `n` records of a stream, and returns their ids. The same seed deletes the same records.
    pub fn delete(&mut self, stream: Stream, n: usize, seed: u64) -> Vec<String> {
        let mut dice = RandomTable::new(seed).named("delete").named(stream.name());
        let mut ids = Vec::new();
        while ids.len() < n {
            dice = dice.at(ids.len() as u64);
            let of = List::of(stream);
            let len = self.len(of);
            if len == 0 {
                break;
            }
            let at = dice.below(len);
            let Some(row) = self.rows(of, at..at + 1).pop() else { break };
            // A message is stored in the list of its conversation.
            let list = match row.list {
                List::AllMessages => self.conversation_of(row.entry.number),
                list => Some(list),
            };
            let Some(list) = list else { break };
            let mut entries: Vec<ListEntry> = self.slice(list, 0..u64::MAX);
            entries.retain(|entry| entry.number != row.entry.number);
            self.changed.insert(list, entries);
            self.touch(list, row.entry.number, DriftChange::Delete);
            ids.push(self.world.stream_ids(stream).text(row.entry.number));
        }
        ids
    }

    /// If `withheld` is set, the lists of a stream are served empty from now on; otherwise they are served as usual
    /// again. Questions for a single record are answered in both cases.
    pub fn withhold(&mut self, stream: Stream, withheld: bool) {
        if withheld {
            self.withheld.insert(stream)
        } else {
            self.withheld.remove(&stream)
        };
    }

    /// Returns `true` if this list is to be served empty.
    pub fn is_withheld(&self, list: List) -> bool {
        self.withheld.contains(&list.stream())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::account::data::{GeneratedAccount, Size};

    #[test]
    fn what_is_deleted_is_gone_everywhere_and_the_same_for_the_same_seed() {
        let lists = || {
            let size = Size { contacts: 50, persons: 5, conversations: 20, messages: 400 };
            AccountLists::new(Arc::new(GeneratedAccount::new(7, size, true)), None)
        };
        for stream in [Stream::Contacts, Stream::Conversations, Stream::Messages] {
            let mut l = lists();
            let before = l.len(List::of(stream));
            let gone = l.delete(stream, 7, 3);
            assert_eq!((gone.iter().collect::<HashSet<_>>().len(), l.len(List::of(stream))), (7, before - 7));
            assert!(gone.iter().all(|id| l.position(List::of(stream), id).is_none()), "{stream}");
            assert_eq!(gone, lists().delete(stream, 7, 3));
            assert_ne!(gone, lists().delete(stream, 7, 4));
        }
        let mut l = lists();
        let messages = l.len(List::AllMessages);
        let gone = l.delete(Stream::Conversations, 3, 1);
        assert!(gone.iter().all(|id| l.messages_of(id).is_none()) && l.len(List::AllMessages) < messages);
        assert_eq!(l.delete(Stream::CustomerPersons, 9, 1).len(), 5);
        l.withhold(Stream::Contacts, true);
        assert!(l.is_withheld(List::Contacts) && !l.is_withheld(List::Persons));
        l.withhold(Stream::Contacts, false);
        assert!(!l.is_withheld(List::Contacts));
    }
}
