//! The list of all messages: the messages of the first conversation in order, then those of the second, and so on.
//!
//! As long as no conversation has changed, this list is computed like any other. Afterwards it is assembled from the
//! present message lists of the conversations, which takes one step per conversation.

use std::ops::Range;

use crate::sandbox::account::data::{List, ListedRecord};
use crate::sandbox::changes::drift::AccountLists;

impl AccountLists {
    /// Returns the records at these positions of a list, each with the list that it belongs to.
    pub fn rows(&self, list: List, positions: Range<u64>) -> Vec<ListedRecord> {
        if !self.shifted(list) {
            let entries = self.slice(list, positions);
            return entries.into_iter().map(|entry| self.row(list, entry)).collect();
        }
        let (mut rows, mut start) = (Vec::new(), 0);
        for list in self.conversations() {
            let end = start + self.len(list);
            if start >= positions.end {
                break;
            }
            if end > positions.start {
                let within = positions.start.saturating_sub(start)..positions.end - start;
                rows.extend(self.slice(list, within).into_iter().map(|entry| self.row(list, entry)));
            }
            start = end;
        }
        rows
    }

    /// Returns `true` if `list` is the list of all messages and conversations or messages have changed, so that it
    /// must be assembled.
    pub(in crate::sandbox) fn shifted(&self, list: List) -> bool {
        let part = |changed: &List| matches!(changed, List::Conversations | List::Messages(_));
        list == List::AllMessages && self.changed.keys().any(part)
    }

    /// Returns the message list of each conversation, in the order of the conversations.
    pub(in crate::sandbox) fn conversations(&self) -> impl Iterator<Item = List> + use<> {
        let conversations = self.slice(List::Conversations, 0..u64::MAX);
        conversations.into_iter().map(|entry| List::Messages(entry.number))
    }

    /// Returns the message list that contains the message with this number, or `None` if no list does.
    pub(in crate::sandbox) fn conversation_of(&self, number: u64) -> Option<List> {
        if let Some(conversation) = self.world.conversation_of(number) {
            return Some(List::Messages(conversation));
        }
        let mut changed = self.changed.iter().filter(|(list, _)| matches!(list, List::Messages(_)));
        let found = changed.find(|(_, entries)| entries.iter().any(|e| e.number == number));
        found.map(|(list, _)| *list)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::account::data::{GeneratedAccount, ListEntry, Size};
    use crate::sandbox::changes::drift::{DriftSettings, ListOrder};
    use crate::streams::Stream;

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
