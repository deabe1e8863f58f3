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
