//! Names what is set aside: records and lists that cannot be read although everything around them can.
//!
//! One record of which the server always fails to resolve a field must not hold up a whole stream. So the record is
//! named with the reason, the mirror keeps its copy of it, and the rest is delivered with exit code 3. Each run tries
//! the record again.

/// A record or a list that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The thing that was set aside.
    pub what: What,
    /// The reason why it cannot be read, in one line for the operator.
    pub why: String,
}

/// The first character of a placeholder id, which no real id has.
const NO_ID: char = '\0';

/// Returns whether an id is a placeholder, not the id of a record.
pub fn is_no_id(id: &str) -> bool {
    id.starts_with(NO_ID)
}

/// Describes what can be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A record, by its id.
    Record(Box<str>),
    /// A row of a list, counted from 0, whose id is not known.
    Row(u64),
    /// The whole list that belongs to the record with this id.
    List(Box<str>),
}

impl What {
    /// Returns the id of the row that stands in its place on a page. A row or a list gets an id that no record has.
    pub fn placeholder(&self) -> Box<str> {
        match self {
            What::Record(id) => id.clone(),
            other => format!("{NO_ID}{}", other.name()).into(),
        }
    }

    /// Returns its name in manifests and reports: an id, or the place of a row, counted from 1.
    pub fn name(&self) -> String {
        match self {
            What::Record(id) | What::List(id) => id.to_string(),
            What::Row(row) => format!("row {}", row + 1),
        }
    }

    /// Returns its kind, as the mirror stores it.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Record(_) => "record",
            What::Row(_) => "row",
            What::List(_) => "list",
        }
    }
}
