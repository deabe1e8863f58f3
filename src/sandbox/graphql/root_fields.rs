//! Finds out the purpose of each root field of a schema, from its return type and the names of its arguments:
//!
//! - a field that returns a list of records, at any depth, serves a page of that list;
//! - a field that returns a record serves that record;
//! - a field that takes a secret and returns a token issues a token.
//!
//! Any other field is unknown and answered with null. A mutation serves a list or a record only if `@sandbox` says
//! so.

use std::collections::HashMap;

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

use crate::sandbox::graphql::directives::{Hints, Ignored, RootHint};
use crate::sandbox::graphql::entities::Entities;
use crate::sandbox::graphql::synonyms;
use crate::sandbox::graphql::synonyms::{Member, fold};
use crate::streams::Stream;

/// The largest number of levels of nested objects in which records are searched for.
const DEEPEST: usize = 6;

/// What a root field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldPurpose {
    /// Issues a token.
    Token,
    /// Returns a page of a list.
    Page(PageAsked),
    /// Returns one record of this stream.
    One(Stream),
    /// The sandbox does not know the field's purpose.
    Unknown,
}

/// How a root field serves the pages of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAsked {
    /// The stream whose records are in the list.
    pub stream: Stream,
    /// The number that the API gives to the first page, such as 0 or 1.
    pub page_from: u64,
    /// The most rows in a page. `None` sets no limit of the field's own.
    pub largest: Option<u64>,
    /// The argument that the server accepts but ignores.
    pub ignores: Option<Ignored>,
    /// `true` if an argument controls paging. Otherwise one answer holds the complete list.
    pub paged: bool,
    /// `true` if the payload has a member that can report a failure, such as `success`.
    pub tells: bool,
}

/// The purposes of a schema's root fields, by the names of the root type and the field.
#[derive(Debug, Default)]
pub struct RootFields(HashMap<(Name, Name), FieldPurpose>);

impl RootFields {
    /// Finds out the purpose of every root field. Returns an error if `@sandbox` names a stream that the field does
    /// not return.
    pub fn of(schema: &Schema, entities: &Entities, hints: &Hints) -> Result<RootFields, String> {
        let mut asks = HashMap::new();
        let definition = &schema.schema_definition;
        for (root, mutates) in [(&definition.query, false), (&definition.mutation, true)] {
            let Some(root) = root else { continue };
            let Some(ExtendedType::Object(object)) = schema.types.get(&root.name) else {
                continue;
            };
            for (name, field) in &object.fields {
                let place = (root.name.clone(), name.clone());
                let hint = hints.roots.get(&place).copied().unwrap_or_default();
                let look = Classifier { schema, entities };
                let asked = look.at(field, hint, mutates);
                if let (Some(stream), FieldPurpose::Unknown) = (hint.stream, asked) {
                    return Err(format!("@sandbox(stream: {stream}) on {}.{name}: it returns none", root.name));
                }
                asks.insert(place, asked);
            }
        }
        Ok(RootFields(asks))
    }

    /// Returns the purpose of a field of the root type `root`.
    pub fn get(&self, root: &str, field: &str) -> FieldPurpose {
        let found = self.0.iter().find(|((r, f), _)| r == root && f == field);
        found.map_or(FieldPurpose::Unknown, |(_, asked)| *asked)
    }
}

/// What the return type of a root field contains.
#[derive(Debug, Default)]
struct Found {
    /// The streams whose records the type contains in lists, the outermost list first.
    lists: Vec<Stream>,
    /// The streams of which the type contains a single record, not in a list.
    records: Vec<Stream>,
    /// The scalars of the envelope, such as a total.
    members: Vec<Member>,
}

struct Classifier<'a> {
    schema: &'a Schema,
    entities: &'a Entities,
}

impl Classifier<'_> {
    fn at(&self, field: &FieldDefinition, hint: RootHint, mutates: bool) -> FieldPurpose {
        let mut found = Found::default();
        self.into(&field.ty, &field.name, false, DEEPEST, &mut found);
        let arguments = self.arguments(&field.arguments);
        let takes = |words: &[&str]| arguments.iter().any(|a| words.contains(&a.as_str()));
        let secret = takes(synonyms::CLIENT_SECRET);
        // A token may also be the whole answer.
        let bare = field.ty.inner_named_type() == "String";
        if secret && (found.members.contains(&Member::Token) || bare) {
            return FieldPurpose::Token;
        }
        if mutates && hint.stream.is_none() {
            return FieldPurpose::Unknown;
        }
        let wanted = |stream: &&Stream| hint.stream.is_none_or(|hinted| hinted == **stream);
        let list = found.lists.iter().find(wanted);
        let record = found.records.iter().find(wanted);
        let paged = [synonyms::PAGE, synonyms::SIZE, synonyms::OFFSET, synonyms::CURSOR].into_iter().any(takes);
        match (list, record) {
            (Some(_), Some(stream)) if !paged && takes(synonyms::ID) => FieldPurpose::One(*stream),
            (Some(stream), _) => FieldPurpose::Page(PageAsked {
                stream: *stream,
                page_from: hint.page_from.unwrap_or(1),
                largest: hint.largest,
                ignores: hint.ignores,
                paged,
                tells: found.members.iter().any(|m| matches!(m, Member::Success | Member::Code)),
            }),
            (None, Some(stream)) => FieldPurpose::One(*stream),
            (None, None) => FieldPurpose::Unknown,
        }
    }

    /// Collects in `found` what a type contains, down to `deeper` further levels. `name` is the field of that type,
    /// and `listed` whether it is inside a list.
    fn into(&self, ty: &Type, name: &str, listed: bool, deeper: usize, found: &mut Found) {
        let (named, listed) = (ty.inner_named_type(), listed || ty.is_list());
        if let Some(entity) = self.entities.get(named) {
            let place = if listed { &mut found.lists } else { &mut found.records };
            return place.push(entity.stream);
        }
        match self.schema.types.get(named) {
            Some(ExtendedType::Object(object)) if deeper > 0 => {
                for (name, field) in &object.fields {
                    self.into(&field.ty, name, listed, deeper - 1, found);
                }
            }
            _ => found.members.extend(synonyms::member(name, named)),
        }
    }

    /// Returns the names of all arguments, including those inside input objects, in lower case and without
    /// underscores.
    fn arguments(&self, definitions: &[apollo_compiler::Node<InputValueDefinition>]) -> Vec<String> {
        let mut names = Vec::new();
        for definition in definitions {
            self.argument(&definition.name, &definition.ty, DEEPEST, &mut names);
        }
        names
    }

    fn argument(&self, name: &str, ty: &Type, deeper: usize, names: &mut Vec<String>) {
        match self.schema.types.get(ty.inner_named_type()) {
            Some(ExtendedType::InputObject(input)) if deeper > 0 => {
                for (name, field) in &input.fields {
                    self.argument(name, &field.ty, deeper - 1, names);
                }
            }
            _ => names.push(fold(name)),
        }
    }
}

/// Returns `true` if the type with the name `ty` contains records of a stream, at any depth.
pub fn holds(schema: &Schema, entities: &Entities, ty: &str, stream: Stream) -> bool {
    fn look(schema: &Schema, entities: &Entities, ty: &str, stream: Stream, deeper: usize) -> bool {
        if let Some(entity) = entities.get(ty) {
            return entity.stream == stream;
        }
        let Some(ExtendedType::Object(object)) = schema.types.get(ty) else {
            return false;
        };
        deeper > 0
            && object.fields.values().any(|field| {
                let inner = field.ty.inner_named_type();
                look(schema, entities, inner, stream, deeper - 1)
            })
    }
    look(schema, entities, ty, stream, DEEPEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::graphql::directives::load;

    fn asked(fields: &str, rest: &str) -> Result<FieldPurpose, String> {
        let sdl = format!(
            "type Query {{ {fields} }} type ExternalContact {{ _id: ID! }} type ExternalMessage {{ _id: ID }}
             type Edge {{ node: ExternalContact cursor: String }} {rest}"
        );
        let (schema, hints) = load(&sdl)?;
        let entities = Entities::of(&schema, &hints)?;
        Ok(RootFields::of(&schema, &entities, &hints)?.get("Query", "f"))
    }

    #[test]
    fn a_field_is_told_by_what_it_returns() {
        let list = PageAsked {
            stream: Stream::Contacts,
            page_from: 1,
            largest: None,
            ignores: None,
            paged: true,
            tells: false,
        };
        for (fields, rest, expected) in [
            ("f(skip: Int): [ExternalContact]", "", FieldPurpose::Page(list)),
            ("f: [ExternalContact!]!", "", FieldPurpose::Page(PageAsked { paged: false, ..list })),
            (
                "f(by: In): A",
                "input In { paging: P } input P { page_size: Int } type A { b: B ok: Boolean } type B { edges: [Edge] }",
                FieldPurpose::Page(PageAsked { tells: true, ..list }),
            ),
            ("f(key: ID!): A", "type A { one: ExternalContact }", FieldPurpose::One(Stream::Contacts)),
            (
                r#"f(n: Int): A @sandbox(stream: "messages", pageFrom: 0, largest: 5)"#,
                "type A { contacts: [ExternalContact] messages: [ExternalMessage] }",
                FieldPurpose::Page(PageAsked {
                    stream: Stream::Messages,
                    page_from: 0,
                    largest: Some(5),
                    paged: false,
                    ..list
                }),
            ),
            ("f(clientId: ID, client_secret: ID): A", "type A { b: B } type B { jwt: ID }", FieldPurpose::Token),
            ("f(id: ID, secret: String): String", "", FieldPurpose::Token),
            ("f(clientId: ID): A", "type A { token: ID }", FieldPurpose::Unknown),
            ("f: A", "type A { a: A }", FieldPurpose::Unknown),
        ] {
            assert_eq!(asked(fields, rest).unwrap(), expected, "{fields}");
        }
        let error = asked(r#"f: Int @sandbox(stream: "contacts")"#, "").unwrap_err();
        assert!(error.contains("Query.f"), "{error}");
    }
}
