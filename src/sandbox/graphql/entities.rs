//! Finds out which object types of a schema are the records of which stream, and which of their fields hold which
//! column.
//!
//! A type is recognized by the first of these rules that applies:
//!
//! - `@sandbox(entity:)` names its stream;
//! - it has the documented name of a stream's type;
//! - it has more documented columns of the stream than any other type: at least three, and they are at least half of
//!   its fields.
//!
//! A field is recognized by `@sandbox(column:)`, or else by its name, or else by its name in lower case without
//! underscores (`created_at` holds `createdAt`, `id` holds `_id`).

use std::collections::HashMap;

use apollo_compiler::schema::{ExtendedType, ObjectType};
use apollo_compiler::{Name, Schema};

use crate::sandbox::graphql::directives::Hints;
use crate::sandbox::graphql::synonyms::fold;
use crate::streams::{ALL, Stream};

/// The least number of columns by which a type is recognized.
const ENOUGH: usize = 3;

/// An object type whose objects are records of a stream.
#[derive(Debug)]
pub struct Entity {
    /// The stream whose records are of this type.
    pub stream: Stream,
    /// For each field, the name of the documented column that it holds.
    columns: HashMap<Name, &'static str>,
}

/// The object types of a schema that are records, by name.
#[derive(Debug, Default)]
pub struct Entities(HashMap<Name, Entity>);

impl Entities {
    /// Finds the object types that are records. Returns an error if `@sandbox` names a column that does not exist.
    pub fn of(schema: &Schema, hints: &Hints) -> Result<Entities, String> {
        let mut streams: HashMap<Name, Stream> = hints.entities.clone();
        for stream in ALL {
            let name = stream.definition().entity;
            if let Some((name, ExtendedType::Object(_))) = schema.types.get_key_value(name)
                && !streams.values().any(|s| *s == stream)
            {
                streams.entry(name.clone()).or_insert(stream);
            }
        }
        by_columns(schema, &mut streams);
        let mut entities = HashMap::new();
        for (name, stream) in streams {
            if let Some(ExtendedType::Object(object)) = schema.types.get(&name) {
                let columns = columns(object, stream, hints)?;
                entities.insert(name, Entity { stream, columns });
            }
        }
        Ok(Entities(entities))
    }

    /// Returns what is known about the type with this name, or `None` if its objects are not records.
    pub fn get(&self, ty: &str) -> Option<&Entity> {
        self.0.get(ty)
    }

    /// Returns the type of a stream's records. If there are several, returns the first by name.
    pub fn of_stream(&self, stream: Stream) -> Option<(&Name, &Entity)> {
        let found = self.0.iter().filter(|(_, entity)| entity.stream == stream);
        found.min_by_key(|(name, _)| name.as_str())
    }
}

impl Entity {
    /// Returns the documented column that a field holds, or `None` if it holds none.
    pub fn column(&self, field: &str) -> Option<&'static str> {
        self.columns.get(field).copied()
    }

    /// Returns the field that holds a documented column. If there are several, prefers the one with the column's own
    /// name.
    pub fn field(&self, column: &str) -> Option<&Name> {
        let mut fields: Vec<&Name> = self.columns.iter().filter(|(_, c)| **c == column).map(|(f, _)| f).collect();
        fields.sort_by_key(|field| (field.as_str() != column, field.as_str()));
        fields.first().copied()
    }
}

/// Assigns to each stream without a type the type that has the most of its columns. Adds the types to `streams`.
fn by_columns(schema: &Schema, streams: &mut HashMap<Name, Stream>) {
    let root = &schema.schema_definition;
    let is_root = |name: &Name| {
        let roots = [&root.query, &root.mutation, &root.subscription];
        roots.into_iter().flatten().any(|root| root.name == *name)
    };
    let mut candidates = Vec::new();
    for (name, ty) in &schema.types {
        let ExtendedType::Object(object) = ty else { continue };
        if name.starts_with("__") || is_root(name) || streams.contains_key(name) {
            continue;
        }
        for stream in ALL {
            let carried = stream.columns().iter().filter(|c| carries(object, c.name)).count();
            if carried > 0 && told(object, stream, carried) {
                candidates.push((carried, name, stream));
            }
        }
    }
    // Most columns first; the sort is stable, so of equals the first in the schema comes first.
    candidates.sort_by_key(|(carried, _, _)| std::cmp::Reverse(*carried));
    for (_, name, stream) in candidates {
        if !streams.contains_key(name) && !streams.values().any(|s| *s == stream) {
            streams.insert(name.clone(), stream);
        }
    }
}

/// Returns `true` if a type with `carried` of the stream's columns is recognized by them. A stream with fewer than
/// three columns also needs `template` in the type's name.
fn told(object: &ObjectType, stream: Stream, carried: usize) -> bool {
    if stream.columns().len() >= ENOUGH {
        return carried >= ENOUGH && carried * 2 >= object.fields.len();
    }
    carried == stream.columns().len() && fold(&object.name).contains("template")
}

fn carries(object: &ObjectType, column: &str) -> bool {
    let folded = fold(column);
    object.fields.keys().any(|field| *field == column || fold(field) == folded)
}

fn columns(object: &ObjectType, stream: Stream, hints: &Hints) -> Result<HashMap<Name, &'static str>, String> {
    let mut columns = HashMap::new();
    let known = |name: &str| stream.column(name).map(|column| column.name);
    for field in object.fields.keys() {
        let place = (object.name.clone(), field.clone());
        let column = match hints.columns.get(&place) {
            Some(hinted) => Some(known(hinted).ok_or_else(|| {
                format!("@sandbox(column: {hinted}) on {}.{field}: {stream} has no such column", object.name)
            })?),
            None => known(field).or_else(|| {
                let mut all = stream.columns().iter();
                all.find(|c| fold(c.name) == fold(field)).map(|c| c.name)
            }),
        };
        columns.extend(column.map(|column| (field.clone(), column)));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::graphql::directives::load;

    fn entities(sdl: &str) -> Result<Entities, String> {
        let (schema, hints) = load(sdl)?;
        Entities::of(&schema, &hints)
    }

    #[test]
    fn a_type_is_told_by_its_name_or_by_the_columns_it_carries() {
        let found = entities(
            "type Query { a: ExternalContact b: Talk c: Line d: Summary e: Tag f: WaTemplate }
             type ExternalContact { _id: ID }
             type Talk { id: ID joined_person: ID joinedCPerson: ID is_starred: Boolean subject: String }
             type Line { _id: ID conversation: ID content: String senderType: String ackStatus: String createdAt: String }
             type Summary { content: String createdAt: String senderType: String }
             type Tag { _id: ID name: String }
             type WaTemplate { id: ID name: String body: String }",
        )
        .unwrap();
        let stream = |ty: &str| found.get(ty).map(|e| e.stream);
        assert_eq!(stream("ExternalContact"), Some(Stream::Contacts));
        assert_eq!(stream("Talk"), Some(Stream::Conversations));
        assert_eq!(stream("Line"), Some(Stream::Messages));
        assert_eq!(stream("Summary"), None, "one type a stream");
        assert_eq!(stream("Tag"), None);
        assert_eq!(stream("WaTemplate"), Some(Stream::WhatsappBusinessTemplates));
        let talk = found.get("Talk").unwrap();
        assert_eq!(talk.column("joined_person"), Some("joinedPerson"));
        assert_eq!(talk.column("subject"), None);
        assert_eq!(talk.field("_id").unwrap(), "id");
    }

    #[test]
    fn what_is_said_goes_before_what_is_guessed() {
        let found = entities(
            r#"type Query { a: ExternalContact b: Person }
               type ExternalContact { _id: ID firstName: String }
               type Person @sandbox(entity: "contacts") { uid: ID @sandbox(column: "_id") name: String }"#,
        )
        .unwrap();
        assert!(found.get("ExternalContact").is_none());
        assert_eq!(found.get("Person").unwrap().column("uid"), Some("_id"));
        let error =
            entities(r#"type Query { a: ExternalContact } type ExternalContact { x: ID @sandbox(column: "y") }"#);
        assert!(error.unwrap_err().contains("no such column"));
    }
}
