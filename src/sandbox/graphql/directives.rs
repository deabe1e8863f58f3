//! The directive `@sandbox(...)`, with which an SDL file describes what SDL itself cannot express, such as an ignored
//! argument.
//!
//! Clients never see the directive: its definition and its uses are removed from the schema, so that introspection
//! does not show them. An SDL file need neither define nor use it. Everything that it can express has a guessed
//! default (`entities.rs`, `root_fields.rs`).

use std::collections::HashMap;

use apollo_compiler::ast::Directive;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Schema};

use crate::sandbox::account::moment::MomentForm;
use crate::streams::Stream;

const NAME: &str = "sandbox";

/// The directive's definition, which is added to an SDL file that lacks it.
const DEFINITION: &str = r#"
directive @sandbox(
  "on a root field: the stream whose list or record it is"
  stream: String
  "on a root field: the number of the first page"
  pageFrom: Int
  "on a root field: the most rows a page has; a larger size is cut down in silence"
  largest: Int
  "on a root field: `page`, `size` or `since`, the argument that the server takes and ignores"
  ignores: String
  "on an object type: the stream whose records are of this type"
  entity: String
  "on a field of such a type: the documented column it holds"
  column: String
  "anywhere: how moments are written: iso8601, epoch_ms, epoch_s, epoch_ms_text"
  dates: String
) on FIELD_DEFINITION | OBJECT | SCALAR | SCHEMA
"#;

/// An argument that a server accepts but ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The page number: every answer is the first page.
    Page,
    /// The page size: every page has the default size.
    Size,
    /// The date of the last change: every answer shows the complete list, not the changes only.
    Since,
}

/// What `@sandbox` says about a root field.
#[derive(Debug, Clone, Copy, Default)]
pub struct RootHint {
    /// The stream whose list or record the root field returns.
    pub stream: Option<Stream>,
    /// The number of the first page, such as 0 or 1.
    pub page_from: Option<u64>,
    /// The most rows in a page.
    pub largest: Option<u64>,
    /// The argument that the server accepts but ignores.
    pub ignores: Option<Ignored>,
}

/// Everything that `@sandbox` says in an SDL file.
#[derive(Debug, Default)]
pub struct Hints {
    /// What is said about root fields, by the names of the type and the field.
    pub roots: HashMap<(Name, Name), RootHint>,
    /// The stream whose records are of a type, by the type's name.
    pub entities: HashMap<Name, Stream>,
    /// The documented column that a field holds, by the names of the type and the field.
    pub columns: HashMap<(Name, Name), String>,
    /// The format in which timestamps are written.
    pub dates: Option<MomentForm>,
}

/// Parses an SDL file. Returns the schema to serve, without `@sandbox`, and what the directive said. The error is a
/// message for people.
pub fn load(sdl: &str) -> Result<(Valid<Schema>, Hints), String> {
    let mut schema = Schema::parse(sdl, "schema.graphql").map_err(|e| e.to_string())?;
    if !schema.directive_definitions.contains_key(NAME) {
        let supplied = Schema::parse(DEFINITION, "sandbox").map_err(|e| e.to_string())?;
        let definition = supplied.directive_definitions.get_key_value(NAME);
        schema.directive_definitions.extend(definition.map(|(k, v)| (k.clone(), v.clone())));
    }
    let mut schema = schema.validate().map_err(|e| e.to_string())?.into_inner();
    let hints = take(&mut schema)?;
    let served = schema.validate().map_err(|e| e.to_string())?;
    Ok((served, hints))
}

/// Removes every use of `@sandbox` from a schema, and returns what they said.
fn take(schema: &mut Schema) -> Result<Hints, String> {
    let mut hints = Hints::default();
    let root = &schema.schema_definition;
    let roots: Vec<Name> = [&root.query, &root.mutation].into_iter().flatten().map(|root| root.name.clone()).collect();
    schema.directive_definitions.shift_remove(NAME);
    let of_schema = &mut schema.schema_definition.make_mut().directives;
    for directive in of_schema.get_all(NAME) {
        hints.dates(directive)?;
    }
    of_schema.retain(|d| d.name != NAME);
    for (name, ty) in &mut schema.types {
        match ty {
            ExtendedType::Object(object) if !name.starts_with("__") => {
                let object = object.make_mut();
                for directive in object.directives.get_all(NAME) {
                    hints.dates(directive)?;
                    if let Some(stream) = text(directive, "entity") {
                        hints.entities.insert(name.clone(), named(stream)?);
                    }
                }
                object.directives.retain(|d| d.name != NAME);
                for (field, definition) in &mut object.fields {
                    let definition = definition.make_mut();
                    for directive in definition.directives.get_all(NAME) {
                        hints.dates(directive)?;
                        let place = (name.clone(), field.clone());
                        if roots.contains(name) {
                            hints.roots.insert(place, root_hint(directive)?);
                        } else if let Some(column) = text(directive, "column") {
                            hints.columns.insert(place, column.to_owned());
                        }
                    }
                    definition.directives.retain(|d| d.name != NAME);
                }
            }
            ExtendedType::Scalar(scalar) => {
                for directive in scalar.directives.get_all(NAME) {
                    hints.dates(directive)?;
                }
                if scalar.directives.has(NAME) {
                    scalar.make_mut().directives.retain(|d| d.name != NAME);
                }
            }
            _ => {}
        }
    }
    Ok(hints)
}

impl Hints {
    fn dates(&mut self, directive: &Directive) -> Result<(), String> {
        if let Some(name) = text(directive, "dates") {
            let known = "iso8601, epoch_ms, epoch_s, epoch_ms_text";
            let dates = MomentForm::named(name).ok_or_else(|| wrong("dates", name, known))?;
            self.dates = Some(dates);
        }
        Ok(())
    }
}

fn root_hint(directive: &Directive) -> Result<RootHint, String> {
    let ignores = match text(directive, "ignores") {
        None => None,
        Some("page") => Some(Ignored::Page),
        Some("size") => Some(Ignored::Size),
        Some("since") => Some(Ignored::Since),
        Some(other) => return Err(wrong("ignores", other, "page, size, since")),
    };
    Ok(RootHint {
        stream: text(directive, "stream").map(named).transpose()?,
        page_from: number(directive, "pageFrom")?,
        largest: number(directive, "largest")?,
        ignores,
    })
}

fn text<'a>(directive: &'a Directive, argument: &str) -> Option<&'a str> {
    directive.specified_argument_by_name(argument)?.as_str()
}

fn number(directive: &Directive, argument: &str) -> Result<Option<u64>, String> {
    let value = directive.specified_argument_by_name(argument).and_then(|v| v.to_i32());
    let not_negative = |n: i32| u64::try_from(n).map_err(|_| wrong(argument, &n.to_string(), "0, 1, 2, ..."));
    value.map(not_negative).transpose()
}

fn named(stream: &str) -> Result<Stream, String> {
    let known = crate::streams::ALL.map(Stream::name).join(", ");
    Stream::named(stream).ok_or_else(|| wrong("stream", stream, &known))
}

fn wrong(argument: &str, value: &str, known: &str) -> String {
    format!("@sandbox({argument}: {value}): known are {known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDL: &str = r#"
        schema @sandbox(dates: "epoch_ms") { query: Root }
        type Root { people(p: Int): [Person] @sandbox(stream: "contacts", pageFrom: 0, largest: 7, ignores: "page") }
        type Person @sandbox(entity: "contacts") { key: ID @sandbox(column: "_id") at: Moment }
        scalar Moment @sandbox(dates: "epoch_s")
    "#;

    #[test]
    fn hints_are_read_and_nothing_of_them_is_left() {
        for sdl in [SDL.to_owned(), format!("{DEFINITION}{SDL}")] {
            let (schema, hints) = load(&sdl).unwrap();
            assert!(!schema.to_string().contains("sandbox"), "{schema}");
            let root = hints.roots.values().next().unwrap();
            assert_eq!(root.stream, Some(Stream::Contacts));
            assert_eq!((root.page_from, root.largest), (Some(0), Some(7)));
            assert_eq!(root.ignores, Some(Ignored::Page));
            assert_eq!(hints.entities.values().next(), Some(&Stream::Contacts));
            assert_eq!(hints.columns.values().next().unwrap(), "_id");
            assert_eq!(hints.dates, Some(MomentForm::EpochS));
        }
    }

    #[test]
    fn a_hint_that_is_wrong_is_refused_by_name() {
        for (sdl, word) in [
            (r#"type Query { a: Int @sandbox(stream: "people") }"#, "customer_persons"),
            (r#"type Query { a: Int @sandbox(ignores: "all") }"#, "ignores: all"),
            ("type Query { a: Int @sandbox(pageFrom: -1) }", "pageFrom: -1"),
            (r#"type Query @sandbox(dates: "roman") { a: Int }"#, "epoch_ms_text"),
            ("type Query { a: Int @sandbox(nothing: 1) }", "nothing"),
        ] {
            let error = load(sdl).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
