//! Describes records and lists that are set aside: they cannot be read, although everything around them can.
//!
//! The server may always fail to return a field of one record. That must not hold up a complete stream. So the record
//! is reported with the reason, the mirror keeps its copy of it, and the rest is delivered with exit code 3. Each run
//! tries the record again.

/// A record or a list that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// What was set aside.
    pub what: What,
    /// The reason why it cannot be read, in one line for the operator.
    pub why: String,
}

/// The first character of a placeholder id. No real id has it.
const NO_ID: char = '\0';

/// Returns whether an id is a placeholder ([`What::placeholder`]) and not the id of a record.
pub fn is_no_id(id: &str) -> bool {
    id.starts_with(NO_ID)
}

/// Describes what can be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A record, by its id.
    Record(Box<str>),
    /// A row whose id is not known, by its position in the list, counted from 0.
    Row(u64),
    /// A complete list, by the id of its parent record.
    List(Box<str>),
}

impl What {
    /// Returns the id that represents this on a page. For a record it is the record's own id; a row or a list gets a
    /// placeholder, which is no record's id.
    pub fn placeholder(&self) -> Box<str> {
        match self {
            What::Record(id) => id.clone(),
            other => format!("{NO_ID}{}", other.name()).into(),
        }
    }

    /// Returns its name in manifests and reports: an id, or `row N` with the position counted from 1.
    pub fn name(&self) -> String {
        match self {
            What::Record(id) | What::List(id) => id.to_string(),
            What::Row(row) => format!("row {}", row + 1),
        }
    }

    /// Returns the word for its kind in the mirror: `record`, `row` or `list`.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Record(_) => "record",
            What::Row(_) => "row",
            What::List(_) => "list",
        }
    }
}
