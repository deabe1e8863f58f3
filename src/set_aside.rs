//! What is set aside: records and lists that cannot be read although everything around them can.
//!
//! One record of which the server always fails to resolve a field must not hold up a whole stream. It is named, with the
//! reason; what the mirror holds of it stays; the rest is delivered, with exit code 3; and each run tries it again.

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// What it is.
    pub what: What,
    /// Why it cannot be read, in one line for the operator.
    pub why: String,
}

/// What the id begins with of a row whose id nobody knows.
const NO_ID: char = '\0';

/// Whether an id stands for a row whose id nobody knows.
pub fn is_no_id(id: &str) -> bool {
    id.starts_with(NO_ID)
}

/// What can be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The record with this id.
    Record(Box<str>),
    /// A row of a list whose id nobody knows, counted from 0.
    Row(u64),
    /// The whole list that belongs to the record with this id.
    List(Box<str>),
}

impl What {
    /// The id of the row that stands in its place on a page. What is not known by an id gets one that no record has.
    pub fn placeholder(&self) -> Box<str> {
        match self {
            What::Record(id) => id.clone(),
            other => format!("{NO_ID}{}", other.name()).into(),
        }
    }

    /// Its name in manifests and reports: an id, or the place of a row, counted from 1.
    pub fn name(&self) -> String {
        match self {
            What::Record(id) | What::List(id) => id.to_string(),
            What::Row(row) => format!("row {}", row + 1),
        }
    }

    /// Its kind in the mirror.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Record(_) => "record",
            What::Row(_) => "row",
            What::List(_) => "list",
        }
    }
}
