//! The account in its initial state: the number of records, the id of each record, and its position in its list.
//!
//! Everything is a function of the seed, the kind of record and its number. The only stored data is the number of the
//! first message of each conversation, four bytes per conversation. So even five million messages need little memory.
//!
//! A record's *number* is its rank by age: 0 is the oldest of its kind. Numbers past the end belong to records added
//! later, by drift (changes while lists are read) or by a simulated night. A record's *position* is its index in a
//! list.

use crate::sandbox::account::ids::Ids;
use crate::sandbox::account::list::{List, ListEntry, ListedRecord};
use crate::sandbox::account::moment::{MomentForm, SPAN, START, created_at_night};
use crate::sandbox::account::object::{GeneratedType, Object};
use crate::sandbox::account::rng::RandomTable;
use crate::streams::Stream;

/// The number of connected channels.
pub const CHANNELS: u64 = 12;
/// The number of message templates.
pub const TEMPLATES: u64 = 12;

/// The number of generated records of each kind.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The number of contacts.
    pub contacts: u64,
    /// The number of customer persons.
    pub persons: u64,
    /// The number of conversations.
    pub conversations: u64,
    /// The number of messages of all conversations together.
    pub messages: u64,
}

/// The account as generated from a seed, before any change.
#[derive(Debug)]
pub struct GeneratedAccount {
    dice: RandomTable,
    size: Size,
    /// Conversation `c` has the messages with the numbers `starts[c]..starts[c + 1]`.
    starts: Vec<u32>,
    newest_first: bool,
    ids: [Ids; 8],
    dates: MomentForm,
}

/// The kinds of objects that have ids.
#[derive(Debug, Clone, Copy)]
pub enum IdKind {
    /// A contact (`ExternalContact`).
    Contact,
    /// A customer person (`CustomerPerson`).
    Person,
    /// A conversation (`ExternalConversation`).
    Conversation,
    /// A message (`ExternalMessage`).
    Message,
    /// A tag (`Tag`) of a contact or a conversation.
    Tag,
    /// A connected channel.
    Channel,
    /// The account itself.
    Customer,
    /// A message template.
    Template,
}

impl GeneratedAccount {
    /// Generates an account of this size. Without conversations there are no messages. `newest_first` is the order of
    /// the lists.
    pub fn new(seed: u64, size: Size, newest_first: bool) -> GeneratedAccount {
        let dice = RandomTable::new(seed);
        let mut size = size;
        if size.conversations == 0 {
            size.messages = 0;
        }
        let ids = std::array::from_fn(|kind| Ids::new(dice.named("ids").at(kind as u64).bits()));
        GeneratedAccount {
            dice,
            size,
            starts: starts(dice.named("weights"), size),
            newest_first,
            ids,
            dates: MomentForm::default(),
        }
    }

    /// Returns the same account with another format of its timestamps.
    pub fn dated(self, dates: MomentForm) -> GeneratedAccount {
        GeneratedAccount { dates, ..self }
    }

    /// Returns the format in which timestamps are written.
    pub fn dates(&self) -> MomentForm {
        self.dates
    }

    /// Returns the source of all random values of this account.
    pub fn dice(&self) -> RandomTable {
        self.dice
    }

    /// Returns how many records of each kind were generated.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns `true` if lists show the newest record first.
    pub fn newest_first(&self) -> bool {
        self.newest_first
    }

    /// Returns the mapping between the numbers and the ids of a kind of object.
    pub fn ids(&self, kind: IdKind) -> Ids {
        self.ids[kind as usize]
    }

    /// Returns the mapping between the numbers and the ids of a stream's records.
    pub fn stream_ids(&self, stream: Stream) -> Ids {
        self.ids(match stream {
            Stream::Contacts => IdKind::Contact,
            Stream::CustomerPersons => IdKind::Person,
            Stream::Conversations => IdKind::Conversation,
            Stream::Messages => IdKind::Message,
            Stream::Channels => IdKind::Channel,
            Stream::WhatsappBusinessTemplates => IdKind::Template,
        })
    }

    /// Returns the range of the numbers of a list's generated records.
    fn numbers(&self, list: List) -> std::ops::Range<u64> {
        match list {
            List::Contacts => 0..self.size.contacts,
            List::Persons => 0..self.size.persons,
            List::Conversations => 0..self.size.conversations,
            List::AllMessages => 0..self.size.messages,
            List::Channels => 0..CHANNELS,
            List::Templates => 0..TEMPLATES,
            List::Messages(conversation) => match usize::try_from(conversation) {
                Ok(c) if conversation < self.size.conversations => {
                    u64::from(self.starts[c])..u64::from(self.starts[c + 1])
                }
                _ => 0..0,
            },
        }
    }

    /// Returns the number of generated records in a list.
    pub fn len(&self, list: List) -> u64 {
        let numbers = self.numbers(list);
        numbers.end - numbers.start
    }

    /// Returns the number that the first record gets that is added to a stream after the account was generated.
    pub fn first_new(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Contacts => self.size.contacts,
            Stream::CustomerPersons => self.size.persons,
            Stream::Conversations => self.size.conversations,
            Stream::Messages => self.size.messages,
            Stream::Channels => CHANNELS,
            Stream::WhatsappBusinessTemplates => TEMPLATES,
        }
    }

    /// Returns the records at these positions of a list. Positions beyond the end of the list are ignored.
    pub fn slice(&self, list: List, positions: std::ops::Range<u64>) -> impl Iterator<Item = ListEntry> + use<> {
        let (numbers, newest_first) = (self.numbers(list), self.newest_first);
        let end = positions.end.min(numbers.end - numbers.start);
        (positions.start.min(end)..end).map(move |position| ListEntry {
            number: if newest_first { numbers.end - 1 - position } else { numbers.start + position },
            version: 0,
        })
    }

    /// Returns the position of the record with this number in a list, or `None` if it is not a generated record of
    /// the list.
    pub fn position(&self, list: List, number: u64) -> Option<u64> {
        let numbers = self.numbers(list);
        numbers
            .contains(&number)
            .then(|| if self.newest_first { numbers.end - 1 - number } else { number - numbers.start })
    }

    /// Returns the number of the conversation to which a generated message belongs.
    pub fn conversation_of(&self, message: u64) -> Option<u64> {
        let end = self.starts.partition_point(|start| u64::from(*start) <= message);
        (message < self.size.messages && end > 0).then(|| end as u64 - 1)
    }

    /// Returns the time at which the record with this number was created, in milliseconds since 1970.
    pub fn created(&self, list: List, number: u64) -> u64 {
        let numbers = self.numbers(list);
        let dice = self.dice.at(number);
        match list {
            List::AllMessages if number >= self.size.messages => self.created(List::Messages(0), number),
            List::AllMessages => self.created(List::Messages(self.conversation_of(number).unwrap_or(0)), number),
            List::Messages(_) if number >= self.size.messages => {
                let beyond = number - self.size.messages;
                created_at_night(beyond).unwrap_or(START + SPAN + beyond * 1000)
            }
            List::Messages(conversation) => {
                let start = self.dice.named("start").at(conversation).below(SPAN);
                START + start + (number - numbers.start) * 97_000 + dice.below(97_000)
            }
            _ if number >= numbers.end => START + SPAN + (number - numbers.end) * 1000,
            _ => {
                let step = SPAN / numbers.end.max(1);
                START + number * step + dice.below(step)
            }
        }
    }

    /// Returns the record of a list entry as an object whose fields can be written.
    pub fn object(&self, list: List, entry: ListEntry) -> Object {
        let (shape, parent) = match list {
            List::Contacts => (GeneratedType::Contact, 0),
            List::Persons => (GeneratedType::Person, 0),
            List::Conversations => (GeneratedType::Conversation, 0),
            List::Messages(conversation) => (GeneratedType::Message, conversation),
            List::AllMessages => (GeneratedType::Message, self.conversation_of(entry.number).unwrap_or(0)),
            List::Channels => (GeneratedType::Platform, 0),
            List::Templates => (GeneratedType::Template, 0),
        };
        let dice = self.dice.at(shape as u64).at(entry.number);
        Object { shape, dice, number: entry.number, version: entry.version, parent }
    }

    /// Returns the record of a row as an object whose fields can be written. The object of a conversation also holds
    /// the number of its newest message if [`ListedRecord::last_message`] is set.
    pub fn record(&self, row: ListedRecord) -> Object {
        let object = self.object(row.list, row.entry);
        Object { parent: row.last_message.map_or(object.parent, |number| number + 1), ..object }
    }

    /// Returns the newest generated message of a conversation, or `None` if it has none.
    pub fn newest_message(&self, conversation: u64) -> Option<Object> {
        let list = List::Messages(conversation);
        let numbers = self.numbers(list);
        (!numbers.is_empty()).then(|| self.object(list, ListEntry { number: numbers.end - 1, version: 0 }))
    }
}

/// Returns the number of the first message of each conversation.
///
/// One in ten conversations has no messages, most have between a few and some dozens, and a few have thousands. The
/// sum is exactly `size.messages`. Each conversation draws a weight, and its share of all messages follows from the
/// running sum of the weights.
fn starts(dice: RandomTable, size: Size) -> Vec<u32> {
    let weight = |conversation: u64| {
        let dice = dice.at(conversation);
        match dice.at(1).below(1000) {
            0..100 => 0,
            100..750 => 1 + dice.at(2).below(12),
            750..970 => 12 + dice.at(2).below(48),
            970..995 => 60 + dice.at(2).below(240),
            _ => 1000 + dice.at(2).below(4000),
        }
    };
    let total: u64 = (0..size.conversations).map(weight).sum();
    let mut starts = Vec::with_capacity(usize::try_from(size.conversations).unwrap_or(0) + 1);
    starts.push(0);
    let mut running = 0_u64;
    for conversation in 0..size.conversations {
        running += weight(conversation);
        let cut = (u128::from(size.messages) * u128::from(running)).checked_div(u128::from(total));
        // If all weights are 0 (only a few conversations), the last conversation has every message.
        let last = conversation + 1 == size.conversations;
        let cut = cut.unwrap_or(if last { u128::from(size.messages) } else { 0 });
        starts.push(u32::try_from(cut).unwrap_or(u32::MAX));
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(conversations: u64, messages: u64) -> GeneratedAccount {
        GeneratedAccount::new(7, Size { contacts: 50, persons: 3, conversations, messages }, true)
    }

    #[test]
    fn messages_add_up_exactly_and_are_skewed() {
        for (conversations, messages) in [(5000, 200_000), (1, 10), (2, 3), (100, 7), (1000, 0)] {
            let w = world(conversations, messages);
            let lens: Vec<u64> = (0..conversations).map(|c| w.len(List::Messages(c))).collect();
            assert_eq!(lens.iter().sum::<u64>(), messages, "{conversations}");
            if conversations == 5000 {
                let none = lens.iter().filter(|l| **l == 0).count();
                assert!((400..650).contains(&none), "{none}");
                assert!(lens.iter().any(|l| *l > 2000));
                assert!(lens.iter().filter(|l| (1..60).contains(*l)).count() > 3000);
            }
        }
        assert_eq!(world(0, 10).size().messages, 0);
    }

    #[test]
    fn a_slice_shows_what_position_says() {
        for newest_first in [true, false] {
            let w = GeneratedAccount::new(
                7,
                Size { contacts: 50, persons: 3, conversations: 20, messages: 400 },
                newest_first,
            );
            for list in [List::Contacts, List::Persons, List::Conversations, List::Messages(3)] {
                let all: Vec<ListEntry> = w.slice(list, 0..u64::MAX).collect();
                assert_eq!(all.len() as u64, w.len(list));
                for (at, entry) in all.iter().enumerate() {
                    assert_eq!(w.position(list, entry.number), Some(at as u64));
                }
                assert!(w.slice(list, w.len(list)..w.len(list) + 5).next().is_none());
            }
            let first = w.slice(List::Contacts, 0..1).next().unwrap().number;
            assert_eq!(first, if newest_first { 49 } else { 0 });
        }
    }

    #[test]
    fn all_messages_are_those_of_each_conversation_in_turn() {
        let w = world(20, 400);
        let all: Vec<ListEntry> = w.slice(List::AllMessages, 0..u64::MAX).collect();
        let in_turn: Vec<ListEntry> = w
            .slice(List::Conversations, 0..u64::MAX)
            .flat_map(|c| w.slice(List::Messages(c.number), 0..u64::MAX))
            .collect();
        assert_eq!(all, in_turn);
        for entry in all {
            let list = List::Messages(w.conversation_of(entry.number).unwrap());
            assert_eq!(w.created(List::AllMessages, entry.number), w.created(list, entry.number));
            assert_eq!(w.object(List::AllMessages, entry).parent, w.object(list, entry).parent);
        }
    }

    #[test]
    fn a_message_knows_its_conversation() {
        let w = world(100, 5000);
        for c in 0..100 {
            for entry in w.slice(List::Messages(c), 0..u64::MAX) {
                assert_eq!(w.conversation_of(entry.number), Some(c));
            }
        }
        assert_eq!(w.conversation_of(5000), None);
    }

    #[test]
    fn newer_records_are_created_later() {
        let w = world(20, 400);
        let list = List::Messages(w.conversation_of(200).unwrap());
        for (newer, older) in w.slice(list, 0..100).zip(w.slice(list, 1..100)) {
            assert!(w.created(list, newer.number) > w.created(list, older.number));
        }
        assert!(w.created(List::Contacts, 50) > w.created(List::Contacts, 49));
    }
}
