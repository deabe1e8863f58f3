//! The changes of a simulated night: the account changes all at once, while no client reads it.
//!
//! The same account, seeds and counts give the same nights. Each night is a day after the one before, and the first
//! comes a month after the newest generated record. The report gives the time after the night ([`NightReport::now`]),
//! which the client under test should take as the present. The kinds of change are those that a nightly run meets:
//!
//! - new messages (the conversation's entry shows the last one), new conversations, and edited or new contacts;
//! - a changed status in messages of the last two days (no entry shows it);
//! - changes to old messages, which should no longer change: only an audit can find them.

use std::collections::HashSet;

use serde::Serialize;

use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::list::{List, ListEntry};
use crate::sandbox::account::moment::{DAY, FIRST_NIGHT, MomentForm, NIGHTLY};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::streams::Stream;

/// How many changes of each kind a night makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NightChanges {
    /// The seed that decides which records change.
    pub seed: u64,
    /// The number of conversations that get new messages.
    pub changed: u64,
    /// The number of new conversations, each with messages.
    pub new: u64,
    /// The number of contacts that are edited.
    pub contacts: u64,
    /// The number of new contacts.
    pub new_contacts: u64,
    /// The number of messages of the last two days whose status changes.
    pub status: u64,
    /// The number of old messages that are edited, in conversations that do not change otherwise.
    pub old_edits: u64,
}

/// The changes that a night has made, as the ids of records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NightReport {
    /// The number of the night, from 1.
    pub night: u64,
    /// The time after the night, in ISO 8601.
    pub now: String,
    /// The ids of the conversations that got new messages.
    pub changed: Vec<String>,
    /// The ids of the new conversations.
    pub new: Vec<String>,
    /// The ids of the edited contacts.
    pub contacts: Vec<String>,
    /// The ids of the new contacts.
    pub new_contacts: Vec<String>,
    /// The ids of the conversations with recent messages whose status changed.
    pub status: Vec<String>,
    /// The ids of the conversations with old messages that were edited.
    pub old_edits: Vec<String>,
}

impl NightChanges {
    /// Parses a URL query such as `seed=5&changed=20`. Returns `None` if it has an unknown name or an invalid value.
    pub fn of_query(query: &str) -> Option<NightChanges> {
        let mut night = NightChanges::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            let value = value.parse().ok()?;
            match name {
                "seed" => night.seed = value,
                "changed" => night.changed = value,
                "new" => night.new = value,
                "contacts" => night.contacts = value,
                "new_contacts" => night.new_contacts = value,
                "status" => night.status = value,
                "old_edits" => night.old_edits = value,
                _ => return None,
            }
        }
        Some(night)
    }
}

impl AccountLists {
    /// Makes the changes of a night, and reports them.
    pub fn night(&mut self, night: NightChanges) -> NightReport {
        self.nights.count += 1;
        let count = self.nights.count;
        let dice = RandomTable::new(night.seed).named("night").at(count);
        let mut moment = JsonWriter::default();
        MomentForm::Iso8601.write(FIRST_NIGHT + count * DAY + DAY / 2, &mut moment);
        let now = String::from_utf8_lossy(&moment.bytes).trim_matches('"').to_owned();
        let mut told = NightReport { night: count, now, ..NightReport::default() };
        let mut busy: HashSet<u64> = self.nights.made.iter().filter(|m| m.0 + 4 > count).map(|m| m.1).collect();

        // Statuses change first, so that they hit messages of earlier nights only.
        let recent: Vec<(u64, u64, u64)> = self.nights.made.iter().filter(|m| m.0 + 2 >= count).copied().collect();
        for at in sample(dice.at(1), recent.len() as u64, night.status) {
            let (_, conversation, message) = recent[at];
            self.edit(List::Messages(conversation), message);
            told.status.push(self.id(Stream::Conversations, conversation));
        }
        let there = self.whole(List::Conversations);
        for at in sample(dice.at(2), there.len() as u64, night.changed) {
            let conversation = there[at].number;
            self.messages(conversation, 1 + dice.at(3).at(conversation).below(3));
            busy.insert(conversation);
            told.changed.push(self.id(Stream::Conversations, conversation));
        }
        for n in 0..night.new {
            let number = self.world.size().conversations + self.nights.conversations;
            self.nights.conversations += 1;
            self.put(List::Conversations, number);
            self.messages(number, 1 + dice.at(4).at(n).below(4));
            busy.insert(number);
            told.new.push(self.id(Stream::Conversations, number));
        }
        let contacts = self.whole(List::Contacts);
        for at in sample(dice.at(5), contacts.len() as u64, night.contacts) {
            self.edit(List::Contacts, contacts[at].number);
            told.contacts.push(self.id(Stream::Contacts, contacts[at].number));
        }
        for _ in 0..night.new_contacts {
            let inserted = self.inserted.entry(Stream::Contacts).or_default();
            *inserted += 1;
            let number = *inserted - 1 + self.world.first_new(Stream::Contacts);
            self.put(List::Contacts, number);
            told.new_contacts.push(self.id(Stream::Contacts, number));
        }
        let quiet: Vec<u64> = there.iter().map(|e| e.number).filter(|c| !busy.contains(c)).collect();
        let quiet: Vec<(u64, u64)> = quiet.into_iter().filter_map(|c| Some((c, self.old_message(c, dice)?))).collect();
        for at in sample(dice.at(6), quiet.len() as u64, night.old_edits) {
            let (conversation, message) = quiet[at];
            self.edit(List::Messages(conversation), message);
            told.old_edits.push(self.id(Stream::Conversations, conversation));
        }
        told
    }

    fn id(&self, stream: Stream, number: u64) -> String {
        self.world.stream_ids(stream).text(number)
    }

    fn whole(&self, list: List) -> Vec<ListEntry> {
        self.slice(list, 0..u64::MAX)
    }

    fn materialized(&mut self, list: List) -> &mut Vec<ListEntry> {
        let world = std::sync::Arc::clone(&self.world);
        self.changed.entry(list).or_insert_with(|| world.slice(list, 0..u64::MAX).collect())
    }

    /// Adds a record to a list, where new records appear.
    fn put(&mut self, list: List, number: u64) {
        let newest_first = self.world.newest_first();
        let entries = self.materialized(list);
        let at = if newest_first { 0 } else { entries.len() };
        entries.insert(at, ListEntry { number, version: 0 });
        self.stamp(list, number);
    }

    fn edit(&mut self, list: List, number: u64) {
        if let Some(entry) = self.materialized(list).iter_mut().find(|e| e.number == number) {
            entry.version += 1;
        }
        self.stamp(list, number);
    }

    /// Adds `count` messages to a conversation. Its entry shows the last of them, and moves to where new records
    /// appear.
    fn messages(&mut self, conversation: u64, count: u64) {
        let night = self.nights.count;
        for _ in 0..count {
            let tonight = self.nights.made.iter().filter(|m| m.0 == night).count() as u64;
            let number = self.world.size().messages + night * NIGHTLY + tonight;
            self.put(List::Messages(conversation), number);
            self.nights.made.push((night, conversation, number));
            self.nights.last.insert(conversation, number);
        }
        let newest_first = self.world.newest_first();
        let entries = self.materialized(List::Conversations);
        if let Some(at) = entries.iter().position(|e| e.number == conversation) {
            let entry = entries.remove(at);
            let place = if newest_first { 0 } else { entries.len() };
            entries.insert(place, entry);
        }
        self.stamp(List::Conversations, conversation);
    }

    /// Draws one of the messages that the conversation had when the account was generated. Returns `None` if it has
    /// none any more.
    fn old_message(&self, conversation: u64, dice: RandomTable) -> Option<u64> {
        let old = |e: &ListEntry| e.number < self.world.size().messages;
        let all: Vec<u64> =
            self.whole(List::Messages(conversation)).iter().filter(|e| old(e)).map(|e| e.number).collect();
        let at = dice.at(7).at(conversation).below(all.len() as u64);
        all.get(usize::try_from(at).unwrap_or(0)).copied()
    }
}

/// Draws `count` different numbers below `end`, in random order. Draws all of them if there are fewer.
fn sample(dice: RandomTable, end: u64, count: u64) -> Vec<usize> {
    let mut places: Vec<usize> = (0..usize::try_from(end).unwrap_or(0)).collect();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(places.len());
    for n in 0..count {
        let left = (places.len() - n) as u64;
        let other = n + usize::try_from(dice.at(n as u64).below(left)).unwrap_or(0);
        places.swap(n, other);
    }
    places.truncate(count);
    places
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::account::data::{GeneratedAccount, Size};
    use crate::sandbox::account::fields;
    use crate::sandbox::account::object::Value;

    const NIGHT: NightChanges =
        NightChanges { seed: 5, changed: 6, new: 2, contacts: 4, new_contacts: 0, status: 3, old_edits: 5 };

    fn lists() -> AccountLists {
        let size = Size { contacts: 50, persons: 3, conversations: 60, messages: 900 };
        AccountLists::new(Arc::new(GeneratedAccount::new(7, size, true)), None)
    }

    fn written(l: &AccountLists, list: List) -> Vec<(u64, String)> {
        let rows = l.rows(list, 0..u64::MAX);
        let text = |row| {
            let mut out = JsonWriter::default();
            match fields::field(l.world.record(row), &l.world, "lastMessage", &mut out) {
                Value::Object(message) => message.number.to_string(),
                _ => String::new(),
            }
        };
        rows.into_iter().map(|row| (row.entry.number, text(row))).collect()
    }

    #[test]
    fn the_same_seeds_give_the_same_nights() {
        let (mut a, mut b) = (lists(), lists());
        for _ in 0..3 {
            assert_eq!(a.night(NIGHT), b.night(NIGHT));
        }
        assert_ne!(a.night(NIGHT), b.night(NightChanges { seed: 6, ..NIGHT }));
    }

    #[test]
    fn a_new_message_shows_in_its_conversations_entry_and_an_old_edit_in_none() {
        let mut l = lists();
        l.night(NIGHT);
        let before: HashMap<u64, String> = written(&l, List::Conversations).into_iter().collect();
        let told = l.night(NIGHT);
        let after: HashMap<u64, String> = written(&l, List::Conversations).into_iter().collect();
        for (number, last) in &after {
            let id = l.id(Stream::Conversations, *number);
            let touched = told.changed.contains(&id) || told.new.contains(&id);
            assert_eq!(before.get(number) != Some(last), touched, "{id}");
            assert!(!touched || !told.old_edits.contains(&id));
        }
        assert_eq!((told.changed.len(), told.new.len(), told.status.len(), told.old_edits.len()), (6, 2, 3, 5));
        assert_eq!(told.now, "2025-02-02T12:00:00.000Z");
    }

    #[test]
    fn what_a_night_brings_is_as_old_as_the_night() {
        let mut l = lists();
        for night in 1..=2 {
            let told = l.night(NIGHT);
            let conversation = l.world.stream_ids(Stream::Conversations).number(&told.new[0]).unwrap();
            let newest = l.whole(List::Messages(conversation))[0];
            let made = l.world.created(List::Messages(conversation), newest.number);
            assert_eq!((made - FIRST_NIGHT) / DAY, night);
        }
    }
}
