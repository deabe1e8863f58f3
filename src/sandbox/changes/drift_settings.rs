//! The settings of drift: how many records change while lists are read, in which ways, and where they then appear.

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
