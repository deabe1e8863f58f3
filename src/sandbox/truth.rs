//! Computes what a perfect export holds: every current record with every documented column, in list order.
//!
//! A column that the schema's type lacks is null. A column that the schema spells differently appears under its
//! documented name. For a column that holds objects, there are two versions:
//!
//! - *shipped*: the sub-fields that the shipped dialect selects. Objects that no documentation page describes are
//!   null.
//! - *all*: what a selection made from the schema holds: every scalar sub-field in the schema's order, and one level
//!   of inner objects with their scalars.
//!
//! The records are generated page by page, so that only one page is in memory.

use std::sync::{LazyLock, Mutex, PoisonError};

use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::ExtendedType;

use crate::dialect::{Dialect, field_name};
use crate::sandbox::account::data::GeneratedAccount;
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::list::List;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::dialects::DEFAULT_SDL;
use crate::sandbox::graphql::execute::AnswerWriter;
use crate::sandbox::graphql::reading::SchemaMeaning;
use crate::sandbox::graphql::selection::{FieldMeaning, SelectedField, Side};
use crate::streams::{ColumnKind, Stream};

/// The number of rows generated at a time.
const CHUNK: u64 = 500;

/// The number of levels of nested objects that a column holds.
const LEVELS: usize = 2;

/// Which sub-fields of objects the records show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFields {
    /// The sub-fields that the shipped dialect selects.
    Shipped,
    /// All sub-fields that the schema has.
    All,
}

/// An iteration over the current records of a stream, as JSON Lines.
#[derive(Debug)]
pub struct Truth {
    picks: Vec<SelectedField>,
    list: List,
    next: u64,
}

impl Truth {
    /// Starts at the first record of a stream.
    pub fn of(stream: Stream, reading: &SchemaMeaning, objects: ObjectFields) -> Truth {
        let columns = stream.columns().iter();
        Truth {
            picks: columns.map(|c| column(stream, c.name, c.kind, reading, objects)).collect(),
            list: List::of(stream),
            next: 0,
        }
    }

    /// Returns the next records as JSON Lines, or `None` at the end.
    pub fn next_lines(&mut self, world: &GeneratedAccount, lists: &Mutex<AccountLists>) -> Option<Vec<u8>> {
        let mut out = JsonWriter { lossy: true, ..JsonWriter::default() };
        let rows = {
            let lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.rows(self.list, self.next..self.next + CHUNK)
        };
        self.next += rows.len() as u64;
        for row in rows {
            AnswerWriter { world, out: &mut out }.object(&self.picks, world.record(row));
            out.raw("\n");
        }
        (!out.bytes.is_empty()).then_some(out.bytes)
    }
}

/// Returns how to write a column under its documented name.
fn column(
    stream: Stream,
    name: &str,
    kind: ColumnKind,
    reading: &SchemaMeaning,
    objects: ObjectFields,
) -> SelectedField {
    let Some((ty, entity)) = reading.entities.of_stream(stream) else {
        // If the schema has no type for the stream, the stream keeps its columns.
        return shipped(stream, name);
    };
    let definition = entity.field(name).and_then(|field| reading.types.type_field(ty, field).ok());
    match definition {
        None => plain(name, FieldMeaning::Nothing, Vec::new()),
        Some(definition) if definition.arguments.iter().any(|a| a.is_required()) => {
            plain(name, FieldMeaning::Nothing, Vec::new())
        }
        Some(_) if objects == ObjectFields::Shipped && kind == ColumnKind::Json => shipped(stream, name),
        Some(definition) => {
            let pick = reading.pick(name, definition, ty, Side::Record);
            let inner = inner(definition, reading, LEVELS);
            if !pick.leaf && inner.is_empty() {
                return plain(name, FieldMeaning::Nothing, Vec::new());
            }
            SelectedField { picks: inner, ..pick }
        }
    }
}

/// Returns the selection of the sub-fields of an object: its scalars, and its inner objects if `levels` is greater
/// than 1.
fn inner(definition: &FieldDefinition, reading: &SchemaMeaning, levels: usize) -> Vec<SelectedField> {
    let ty = definition.ty.inner_named_type();
    let Some(ExtendedType::Object(object)) = reading.types.types.get(ty) else {
        return Vec::new();
    };
    let side = reading.below(Side::Record, ty);
    let fields = object.fields.values().filter(|field| field.arguments.iter().all(|a| !a.is_required()));
    let picks = fields.filter_map(|field| {
        let pick = reading.pick(&field.name, field, ty, side);
        if pick.leaf {
            return Some(pick);
        }
        let picks = if levels > 1 { inner(field, reading, levels - 1) } else { Vec::new() };
        (!picks.is_empty()).then_some(SelectedField { picks, ..pick })
    });
    picks.collect()
}

/// Returns how to write a column with the sub-fields that the shipped dialect selects. If the dialect does not select
/// the column, it is null.
fn shipped(stream: Stream, name: &str) -> SelectedField {
    static DIALECT: LazyLock<Dialect> = LazyLock::new(|| Dialect::shipped().expect("the shipped dialect"));
    static DEFAULT: LazyLock<SchemaMeaning> =
        LazyLock::new(|| SchemaMeaning::of(DEFAULT_SDL).expect("the default schema"));
    let fields = DIALECT.stream(stream).map_or(&[][..], |part| &part.fields);
    let Some(field) = fields.iter().find(|field| field_name(field) == name) else {
        return plain(name, FieldMeaning::Nothing, Vec::new());
    };
    let inner = field.split_once('{').map_or("", |(_, inner)| inner.trim_end_matches('}'));
    let inner = inner.split_whitespace().map(|field| plain(field, FieldMeaning::Field, Vec::new())).collect();
    let definition = DEFAULT.types.type_field(stream.definition().entity, name);
    let list = definition.is_ok_and(|definition| definition.ty.is_list());
    SelectedField { list, ..plain(name, FieldMeaning::Field, inner) }
}

fn plain(name: &str, part: FieldMeaning, picks: Vec<SelectedField>) -> SelectedField {
    SelectedField {
        key: format!("\"{name}\":"),
        alias: name.to_owned(),
        name: name.to_owned(),
        on: String::new(),
        ty: String::new(),
        list: false,
        non_null: false,
        leaf: picks.is_empty(),
        part,
        fallback: "null".into(),
        picks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::account::data::Size;
    use crate::sandbox::dialects::DEFAULT_SDL;
    use std::sync::Arc;

    fn lines(stream: Stream) -> Vec<serde_json::Value> {
        lines_of(stream, DEFAULT_SDL, ObjectFields::Shipped)
    }

    fn lines_of(stream: Stream, sdl: &str, objects: ObjectFields) -> Vec<serde_json::Value> {
        let text = text_of(stream, sdl, objects);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn text_of(stream: Stream, sdl: &str, objects: ObjectFields) -> String {
        let size = Size { contacts: 1200, persons: 3, conversations: 40, messages: 2500 };
        let world = Arc::new(GeneratedAccount::new(7, size, true));
        let lists = Mutex::new(AccountLists::new(Arc::clone(&world), None));
        let mut truth = Truth::of(stream, &SchemaMeaning::of(sdl).unwrap(), objects);
        let mut all = String::new();
        while let Some(lines) = truth.next_lines(&world, &lists) {
            all.push_str(&String::from_utf8(lines).unwrap());
        }
        all
    }

    #[test]
    fn every_record_is_there_once_with_every_column_in_order() {
        for stream in crate::streams::ALL {
            let count = match stream {
                Stream::Contacts => 1200,
                Stream::CustomerPersons => 3,
                Stream::Conversations => 40,
                Stream::Messages => 2500,
                Stream::Channels | Stream::WhatsappBusinessTemplates => 12,
            };
            let all = lines(stream);
            assert_eq!(all.len(), count, "{stream}");
            let ids: std::collections::HashSet<&str> = all.iter().map(|r| r["_id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), count);
            let documented: Vec<&str> = stream.columns().iter().map(|c| c.name).collect();
            for record in &all {
                let mut keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
                let mut documented = documented.clone();
                keys.sort_unstable();
                documented.sort_unstable();
                assert_eq!(keys, documented);
            }
        }
    }

    #[test]
    fn objects_have_the_sub_fields_that_are_asked_for_and_unknown_ones_are_null() {
        let messages = lines(Stream::Messages);
        assert!(messages.iter().all(|m| m["emailData"].is_null() && m["failedReason"].is_null()));
        assert!(messages.iter().any(|m| m["sender"]["name"].is_string()));
        assert!(messages.iter().any(|m| m["template_cards"].is_object()));
        assert!(messages.iter().any(|m| m["media"].as_array().is_some_and(|a| a.len() > 1)));
        let conversations = lines(Stream::Conversations);
        assert!(conversations.iter().any(|c| c["lastMessage"]["createdAt"].is_string()));
    }

    #[test]
    fn a_column_the_schema_does_not_have_is_null() {
        let zero = crate::sandbox::dialects::shipped("zero").unwrap();
        let contacts = lines_of(Stream::Contacts, zero, ObjectFields::Shipped);
        for column in ["username", "gender", "language"] {
            assert!(contacts.iter().all(|c| c[column].is_null()), "{column}");
            assert!(lines(Stream::Contacts).iter().any(|c| !c[column].is_null()), "{column}");
        }
        assert!(contacts.iter().any(|c| c["country"].is_string()));
        assert!(contacts.iter().any(|c| c["tags"][0]["name"].is_string()));
    }

    #[test]
    fn all_objects_hold_every_scalar_of_two_levels_in_the_schemas_order() {
        let sdl = "type Query { a: [ExternalMessage] }
            type ExternalMessage { _id: ID sender: From media: [Media] emailData: Email conversation: Talk subject(x: Int!): String }
            type From { avatar: String name: String alias: String }
            type Media { type: String url: String more: More one: One }
            type More { url: String deeper: One } type One { deepest: More }
            type Email { to: String secret(key: ID!): String }
            type Talk { id: ID }";
        let messages = lines_of(Stream::Messages, sdl, ObjectFields::All);
        let raw = text_of(Stream::Messages, sdl, ObjectFields::All);
        assert!(raw.contains("\"sender\":{\"avatar\":") && raw.contains(",\"alias\":null}"), "in the schema's order");
        let texts = |column: &str| -> Vec<String> {
            let values = messages.iter().map(|m| &m[column]).filter(|v| !v.is_null());
            values.map(ToString::to_string).collect()
        };
        let senders = texts("sender");
        assert!(senders.len() > 100 && senders.iter().all(|s| s.contains("\"alias\":null")));
        assert!(messages.iter().all(|m| m["subject"].is_null()), "nobody can say what x is");
        assert!(messages.iter().any(|m| m["media"][0].get("more") == Some(&serde_json::Value::Null)));
        assert!(messages.iter().all(|m| m["media"][0].get("one").is_none()), "nothing is left of it");
        assert!(messages.iter().all(|m| m["emailData"].get("secret").is_none()));
        assert!(messages.iter().any(|m| m["emailData"]["to"].is_string()));
        assert!(messages.iter().all(|m| m["conversation"]["id"].is_string()));
    }

    #[test]
    fn a_column_spelled_otherwise_stands_under_its_documented_name() {
        let sdl = r#"type Query { a: [ExternalContact] }
            type ExternalContact { id: ID! born: String @sandbox(column: "createdAt") first_name: String }"#;
        let contacts = lines_of(Stream::Contacts, sdl, ObjectFields::All);
        assert!(
            contacts.iter().all(|c| c["createdAt"].is_string() && c["firstName"].is_string() && c["_id"].is_string())
        );
        assert!(contacts.iter().all(|c| c["country"].is_null()));
    }
}
