//! The account's lists with all changes so far. The other files of this folder make the changes.
//!
//! Only a changed list is held in memory (16 bytes a record); the others are still computed from the generated
//! account. Deleted records never come back. The id of every record that was inserted, deleted, edited or moved is
//! remembered, so that a test knows which records it must not judge.
//!
//! The list of all messages holds the messages of the first conversation in order, then those of the second, and so
//! on. As long as no conversation has changed, this list is computed like any other. Afterwards it is assembled from
//! the present message lists of the conversations, which takes one step per conversation.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::sandbox::account::data::GeneratedAccount;
use crate::sandbox::account::list::{List, ListEntry, ListedRecord};
use crate::sandbox::account::moment::{DAY, FIRST_NIGHT};
use crate::sandbox::changes::drift_settings::{DriftChange, DriftSettings};
use crate::streams::Stream;

/// The account's lists with all changes so far.
#[derive(Debug)]
pub struct AccountLists {
    pub(in crate::sandbox) world: Arc<GeneratedAccount>,
    pub(super) settings: Option<DriftSettings>,
    pub(super) changed: HashMap<List, Vec<ListEntry>>,
    /// The numbers of deleted conversations. Their messages are deleted as well.
    pub(super) gone: HashSet<u64>,
    pub(super) touched: BTreeMap<Stream, BTreeSet<u64>>,
    pub(super) inserted: BTreeMap<Stream, u64>,
    pub(super) withheld: BTreeSet<Stream>,
    pub(super) questions: u64,
    pub(super) events: u64,
    pub(super) nights: Nights,
    /// The time of the last change of each changed record, in milliseconds since 1970.
    pub(super) stamped: HashMap<(List, u64), u64>,
    last_shown: Option<LastShown>,
}

/// What the simulated nights so far have added.
#[derive(Debug, Default)]
pub(super) struct Nights {
    pub(super) count: u64,
    pub(super) conversations: u64,
    /// For each conversation that got messages at night, the number of the newest.
    pub(super) last: HashMap<u64, u64>,
    /// For each message that a night added, `(night, conversation, message)`.
    pub(super) made: Vec<(u64, u64, u64)>,
}

/// The page that was shown last. Changes are made near it, where they are hardest for a reader to notice.
#[derive(Debug, Clone)]
struct LastShown {
    list: List,
    rows: Range<u64>,
}

impl AccountLists {
    /// Returns the lists of an account as generated. With `settings`, they change while they are read.
    pub fn new(world: Arc<GeneratedAccount>, settings: Option<DriftSettings>) -> AccountLists {
        AccountLists {
            world,
            settings,
            changed: HashMap::new(),
            gone: HashSet::new(),
            touched: BTreeMap::new(),
            inserted: BTreeMap::new(),
            withheld: BTreeSet::new(),
            questions: 0,
            events: 0,
            nights: Nights::default(),
            stamped: HashMap::new(),
            last_shown: None,
        }
    }

    /// Returns the present number of records in a list.
    pub fn len(&self, list: List) -> u64 {
        match self.changed.get(&list) {
            Some(entries) => entries.len() as u64,
            None if self.shifted(list) => self.conversations().map(|list| self.len(list)).sum(),
            None => self.world.len(list),
        }
    }

    /// Returns the records at these positions of a list. Positions beyond the end of the list are ignored.
    pub fn slice(&self, list: List, positions: Range<u64>) -> Vec<ListEntry> {
        match self.changed.get(&list) {
            Some(entries) => {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(entries.len());
                entries[place(positions.start)..place(positions.end).max(place(positions.start))].to_vec()
            }
            None => self.world.slice(list, positions).collect(),
        }
    }

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

    /// Returns the record with this id and its position in a list, or `None` if the list does not contain it.
    pub fn position(&self, list: List, id: &str) -> Option<(u64, ListedRecord)> {
        let number = self.world.stream_ids(list.stream()).number(id)?;
        if self.shifted(list) {
            let own = self.conversation_of(number)?;
            let (within, row) = self.position(own, id)?;
            let before = self.conversations().take_while(|other| *other != own);
            return Some((before.map(|list| self.len(list)).sum::<u64>() + within, row));
        }
        let row = |entry| self.row(list, entry);
        match self.changed.get(&list) {
            Some(entries) => {
                let at = entries.iter().position(|e| e.number == number)?;
                Some((at as u64, row(entries[at])))
            }
            None => self.world.position(list, number).map(|at| (at, row(ListEntry { number, version: 0 }))),
        }
    }

    /// Returns a list entry as a row: with its list and, for a conversation, the newest message of a simulated night.
    fn row(&self, list: List, entry: ListEntry) -> ListedRecord {
        let newest = || self.nights.last.get(&entry.number).copied();
        ListedRecord { list, entry, last_message: if list == List::Conversations { newest() } else { None } }
    }

    /// Returns the message list of the conversation with this id, or `None` if the conversation is unknown or
    /// deleted.
    pub fn messages_of(&self, conversation: &str) -> Option<List> {
        self.position(List::Conversations, conversation).map(|(_, row)| List::Messages(row.entry.number))
    }

    /// Returns `true` if `list` is the list of all messages and conversations or messages have changed, so that it
    /// must be assembled.
    fn shifted(&self, list: List) -> bool {
        let part = |changed: &List| matches!(changed, List::Conversations | List::Messages(_));
        list == List::AllMessages && self.changed.keys().any(part)
    }

    /// Returns the message list of each conversation, in the order of the conversations.
    pub(super) fn conversations(&self) -> impl Iterator<Item = List> + use<> {
        let conversations = self.slice(List::Conversations, 0..u64::MAX);
        conversations.into_iter().map(|entry| List::Messages(entry.number))
    }

    /// Returns the message list that contains the message with this number, or `None` if no list does.
    pub(super) fn conversation_of(&self, number: u64) -> Option<List> {
        if let Some(conversation) = self.world.conversation_of(number) {
            return Some(List::Messages(conversation));
        }
        let mut changed = self.changed.iter().filter(|(list, _)| matches!(list, List::Messages(_)));
        let found = changed.find(|(_, entries)| entries.iter().any(|e| e.number == number));
        found.map(|(list, _)| *list)
    }

    /// Returns the number of changes that drift has made so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Returns the ids of all records that were inserted, deleted, edited or moved, by stream.
    pub fn touched(&self) -> BTreeMap<&'static str, Vec<String>> {
        crate::streams::ALL
            .into_iter()
            .map(|stream| {
                let numbers = self.touched.get(&stream).into_iter().flatten();
                (stream.name(), numbers.map(|n| self.world.stream_ids(stream).text(*n)).collect())
            })
            .collect()
    }

    /// Remembers that a record has changed. If a conversation was deleted, deletes its messages as well.
    pub(super) fn touch(&mut self, list: List, number: u64, change: DriftChange) {
        self.touched.entry(list.stream()).or_default().insert(number);
        self.stamp(list, number);
        if list == List::Conversations && change == DriftChange::Delete {
            self.forget_messages(number);
        }
    }

    fn forget_messages(&mut self, conversation: u64) {
        let list = List::Messages(conversation);
        let numbers: Vec<u64> = self.slice(list, 0..u64::MAX).iter().map(|e| e.number).collect();
        self.touched.entry(Stream::Messages).or_default().extend(numbers);
        self.gone.insert(conversation);
        self.changed.insert(list, Vec::new());
    }

    /// Returns the sandbox's present time, in milliseconds since 1970: noon after the last simulated night.
    pub(in crate::sandbox) fn now(&self) -> u64 {
        FIRST_NIGHT + self.nights.count * DAY + DAY / 2
    }

    /// Notes that the record of this number changes now.
    pub(super) fn stamp(&mut self, list: List, number: u64) {
        let now = self.now();
        self.stamped.insert((list, number), now);
    }

    /// Remembers that a page has shown `limit` rows of a list, beginning with the row `start`.
    pub fn shows(&mut self, list: List, start: u64, limit: u64) {
        self.last_shown = Some(LastShown { list, rows: start..start.saturating_add(limit) });
    }

    /// Returns the rows of the page that was shown last, without those beyond the list's end, and the page size.
    /// Returns `None` if that page was of another list.
    pub(super) fn shown(&self, list: List) -> Option<(Range<u64>, u64)> {
        let shown = self.last_shown.as_ref()?;
        let rows = shown.rows.start.min(self.len(list))..shown.rows.end.min(self.len(list));
        (shown.list == list).then(|| (rows, shown.rows.end - shown.rows.start))
    }
}
