//! Drift: changes to lists while they are read. Records are inserted, deleted, edited and moved, starting from the
//! generated account.
//!
//! Only a changed list is held in memory (16 bytes a record); the others are still computed. The changes depend on
//! the seed, the number of the list request and the list that is read, never on time. Therefore a client that asks
//! the same questions meets the same drift.
//!
//! Deleted records never come back. The id of every record that was inserted, deleted, edited or moved is remembered,
//! so that a test knows which records it must not judge.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::sandbox::account::data::{CHANNELS, GeneratedAccount, List, ListEntry, ListedRecord, TEMPLATES};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::bulk_changes::LastShown;
use crate::sandbox::changes::night::Nights;
use crate::streams::Stream;

/// Where new and moved records appear in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// At the beginning. The generated list is in the order newest first.
    #[default]
    NewestFirst,
    /// At the end. The generated list is in the order oldest first.
    OldestFirst,
    /// At a random position.
    Anywhere,
    /// At the beginning, and edited records move there as well, as in a list sorted by the date of the last change.
    ByChange,
}

impl ListOrder {
    /// Returns the order with this name: `newest_first`, `oldest_first`, `anywhere` or `by_change`.
    pub fn named(name: &str) -> Option<ListOrder> {
        match name {
            "newest_first" => Some(ListOrder::NewestFirst),
            "oldest_first" => Some(ListOrder::OldestFirst),
            "anywhere" => Some(ListOrder::Anywhere),
            "by_change" => Some(ListOrder::ByChange),
            _ => None,
        }
    }
}

/// A kind of change to a record in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftChange {
    /// A new record appears.
    Insert,
    /// A record disappears.
    Delete,
    /// The fields of a record change. The record keeps its position.
    Edit,
    /// The fields of a record change, and the record moves to where new records appear.
    Move,
}

impl DriftChange {
    /// Every kind of change.
    pub const ALL: [DriftChange; 4] = [DriftChange::Insert, DriftChange::Delete, DriftChange::Edit, DriftChange::Move];

    /// Returns the kind of change with this name: `insert`, `delete`, `edit` or `move`.
    pub fn named(name: &str) -> Option<DriftChange> {
        match name {
            "insert" => Some(DriftChange::Insert),
            "delete" => Some(DriftChange::Delete),
            "edit" => Some(DriftChange::Edit),
            "move" => Some(DriftChange::Move),
            _ => None,
        }
    }
}

/// How many changes are made while lists are read, and which.
#[derive(Debug, Clone)]
pub struct DriftSettings {
    /// The seed that decides which changes happen, and when.
    pub seed: u64,
    /// The expected number of changes between two list requests. Between two questions of one request, a tenth of it.
    pub rate: f64,
    /// Where new and moved records appear.
    pub order: ListOrder,
    /// The kinds of change, all equally likely. A kind that is listed twice is twice as likely.
    pub kinds: Vec<DriftChange>,
    /// The number of changes after which the account does not change any more.
    pub max_events: u64,
    /// `true` if a run of rows longer than a page is sometimes deleted.
    pub bulk_deletes: bool,
    /// `true` if rows move by more than a page.
    pub leaps: bool,
}

impl Default for DriftSettings {
    fn default() -> DriftSettings {
        DriftSettings {
            seed: 7,
            rate: 0.6,
            order: ListOrder::default(),
            kinds: DriftChange::ALL.to_vec(),
            max_events: u64::MAX,
            bulk_deletes: false,
            leaps: false,
        }
    }
}

/// The account's lists with all changes so far.
#[derive(Debug)]
pub struct AccountLists {
    pub(in crate::sandbox) world: Arc<GeneratedAccount>,
    settings: Option<DriftSettings>,
    pub(in crate::sandbox) changed: HashMap<List, Vec<ListEntry>>,
    /// The numbers of deleted conversations. Their messages are deleted as well.
    gone: HashSet<u64>,
    touched: BTreeMap<Stream, BTreeSet<u64>>,
    pub(in crate::sandbox) inserted: BTreeMap<Stream, u64>,
    pub(in crate::sandbox) withheld: BTreeSet<Stream>,
    questions: u64,
    events: u64,
    pub(in crate::sandbox) nights: Nights,
    /// The time of the last change of each changed record, in milliseconds since 1970.
    pub(in crate::sandbox) stamped: HashMap<(List, u64), u64>,
    pub(in crate::sandbox) last_shown: Option<LastShown>,
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
    pub(in crate::sandbox) fn row(&self, list: List, entry: ListEntry) -> ListedRecord {
        let newest = || self.nights.last.get(&entry.number).copied();
        ListedRecord { list, entry, last_message: if list == List::Conversations { newest() } else { None } }
    }

    /// Returns the message list of the conversation with this id, or `None` if the conversation is unknown or
    /// deleted.
    pub fn messages_of(&self, conversation: &str) -> Option<List> {
        self.position(List::Conversations, conversation).map(|(_, row)| List::Messages(row.entry.number))
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
                ListEntry { number: first_new(&world, list.stream()) + *inserted - 1, version: 0 }
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

    /// Remembers that a record has changed. If a conversation was deleted, deletes its messages as well.
    pub(in crate::sandbox) fn touch(&mut self, list: List, number: u64, change: DriftChange) {
        self.touched.entry(list.stream()).or_default().insert(number);
        self.stamp(list, number);
        if list == List::Conversations && change == DriftChange::Delete {
            self.forget_messages(number);
        }
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

    fn forget_messages(&mut self, conversation: u64) {
        let list = List::Messages(conversation);
        let numbers: Vec<u64> = self.slice(list, 0..u64::MAX).iter().map(|e| e.number).collect();
        self.touched.entry(Stream::Messages).or_default().extend(numbers);
        self.gone.insert(conversation);
        self.changed.insert(list, Vec::new());
    }
}

/// Returns the number that the first record gets that is added to a stream after the account was generated.
pub(in crate::sandbox) fn first_new(world: &GeneratedAccount, stream: Stream) -> u64 {
    let size = world.size();
    match stream {
        Stream::Contacts => size.contacts,
        Stream::CustomerPersons => size.persons,
        Stream::Conversations => size.conversations,
        Stream::Messages => size.messages,
        Stream::Channels => CHANNELS,
        Stream::WhatsappBusinessTemplates => TEMPLATES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::account::data::Size;

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
}
