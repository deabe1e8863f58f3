//! Makes the column lists that the SQL templates need, in the order of the columns of the change files.

use crate::destinations::cells::EXTRA;
use crate::destinations::rows::OF_A_CHANGE;
use crate::streams::{ColumnKind, Stream};

/// An engine's names for the types of columns. Ids and JSON are stored as text; a query reads a nested value with the
/// engine's own JSON functions.
pub(super) struct Types {
    pub(super) text: &'static str,
    pub(super) boolean: &'static str,
    pub(super) timestamp: &'static str,
    pub(super) integer: &'static str,
}

impl Types {
    fn of(&self, kind: ColumnKind) -> &'static str {
        match kind {
            ColumnKind::Id | ColumnKind::Text | ColumnKind::Json => self.text,
            ColumnKind::Boolean => self.boolean,
            ColumnKind::Timestamp => self.timestamp,
            ColumnKind::Integer => self.integer,
        }
    }
}

/// Returns the lists of a stream that the templates refer to by name:
///
/// - `columns` and `typed`: the columns of a table of current records, without and with their types.
/// - `change_columns` and `change_typed`: the same for the change files and the tables that they are loaded into.
///   `change_quoted` has types as well, and quotes the names, so that they keep their case as in JSON.
/// - `values` and `updates`: the values of a current row and the assignments that update it, from the alias `s`.
/// - `excluded`: the assignments from the row that an upsert proposes (`excluded`).
///
/// The assignments leave out `_id`.
pub(super) fn lists(stream: Stream, types: &Types) -> [(&'static str, Vec<String>); 8] {
    let all: Vec<(&str, &str)> =
        stream.columns().iter().chain([&EXTRA]).chain(&OF_A_CHANGE).map(|c| (c.name, types.of(c.kind))).collect();
    let list = |change: bool, form: &dyn Fn(&str, &str) -> String| {
        all.iter().filter(|(name, _)| change || *name != "_op").map(|(name, kind)| form(name, kind)).collect::<Vec<_>>()
    };
    let mut updates = list(false, &|name, _| format!("{name} = s.{name}"));
    let mut excluded = list(false, &|name, _| format!("{name} = excluded.{name}"));
    updates.remove(0);
    excluded.remove(0);
    [
        ("columns", list(false, &|name, _| name.to_owned())),
        ("typed", list(false, &|name, kind| format!("{name} {kind}"))),
        ("change_columns", list(true, &|name, _| name.to_owned())),
        ("change_typed", list(true, &|name, kind| format!("{name} {kind}"))),
        ("change_quoted", list(true, &|name, kind| format!("\"{name}\" {kind}"))),
        ("values", list(false, &|name, _| format!("s.{name}"))),
        ("updates", updates),
        ("excluded", excluded),
    ]
}
