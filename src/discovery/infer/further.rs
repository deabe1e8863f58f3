//! Finds what a server's records hold beside the documented columns: which of it a query selects, too, and which is
//! left to a person.
//!
//! - A scalar is selected, and of an object its scalars, two levels deep.
//! - Of an object that is a record of its own, its id is selected and nothing else. The record belongs to another
//!   list, and a change of it is no change of the record that names it.
//! - A list of such records, a field that needs an argument, a list with pages and a union are not selected. They
//!   cost the server more than a field, or cannot be selected by name.
//! - A name that looks like a credential is never selected.
//!
//! A documented column that is an object is completed: the fields of the object that are not selected yet are
//! selected as well.

use crate::dialect::{field_name, outer_names};
use crate::discovery::infer::{arguments, entity};
use crate::discovery::names::{self, Role, folded, words};
use crate::discovery::schema::{Argument, Field, Schema, Type, TypeRef};
use crate::streams::Stream;

/// How many levels of objects below a record are selected.
const LEVELS: u32 = 2;

/// The fields of a stream's records that no documented column holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FurtherFields {
    /// The selections to add to a query, such as `nickname` or `loyalty { points }`. One that begins like a selected
    /// column completes that column.
    pub asked: Vec<String>,
    /// The fields that are not selected.
    pub unasked: Vec<UnaskedField>,
    /// The names of the fields that the server has failed to give.
    refused: Vec<String>,
}

/// A field that is not selected, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnaskedField {
    /// The dotted path of the field within a record.
    pub path: String,
    /// The reason, as the end of a sentence that begins with the field.
    pub why: &'static str,
}

/// Returns the further fields of a stream's records, whose type is `type_name`. `selected` are the selections that
/// the query has already, and `refused` are names of fields that the server has failed to give.
pub fn fields(
    schema: &Schema,
    type_name: &str,
    stream: Stream,
    selected: &[&str],
    refused: Vec<String>,
) -> FurtherFields {
    let all = schema.fields(type_name);
    let mut further = FurtherFields { refused, ..FurtherFields::default() };
    for field in all {
        let column = stream.columns().iter().find(|c| entity::carrying(all, c).is_some_and(|f| f.name == field.name));
        let Some(column) = column else {
            let is_selected = selected.iter().any(|selection| field_name(selection) == field.name);
            if !is_selected && let Some(text) = further.selection(schema, field, &field.name, LEVELS) {
                further.asked.push(text);
            }
            continue;
        };
        let own = selected.iter().find(|selection| field_name(selection) == column.name);
        let Some((head, inner)) = own.and_then(|selection| selection.split_once('{')) else { continue };
        let known = outer_names(inner);
        let mut rest = Vec::new();
        for below in schema.fields(&field.ty.name).iter().filter(|below| !known.contains(&below.name.as_str())) {
            let path = format!("{}.{}", column.name, below.name);
            rest.extend(further.selection(schema, below, &path, LEVELS - 1));
        }
        if !rest.is_empty() {
            further.asked.push(format!("{} {{ {} }}", head.trim(), rest.join(" ")));
        }
    }
    further
}

impl FurtherFields {
    /// Returns the selection of a field, `levels` of objects deep. Returns `None` and notes the reason if the field
    /// is not selected. `path` is the field's path within the record.
    fn selection(&mut self, schema: &Schema, field: &Field, path: &str, levels: u32) -> Option<String> {
        let fails = self.refused.contains(&field.name).then_some("fails");
        if let Some(why) = fails.or_else(|| reason_against(schema, field)) {
            self.unasked.push(UnaskedField { path: path.to_owned(), why });
            return None;
        }
        if schema.is_leaf(&field.ty) {
            return Some(field.name.clone());
        }
        if let Some(id) = id_of(schema, &field.ty) {
            return Some(format!("{} {{ {id} }}", field.name));
        }
        if levels == 0 {
            return None;
        }
        let mut inner = Vec::new();
        for below in schema.fields(&field.ty.name) {
            inner.extend(self.selection(schema, below, &format!("{path}.{}", below.name), levels - 1));
        }
        (!inner.is_empty()).then(|| format!("{} {{ {} }}", field.name, inner.join(" ")))
    }
}

/// Returns why a field is not selected, or `None` if it is.
fn reason_against(schema: &Schema, field: &Field) -> Option<&'static str> {
    let is_paged = || {
        let roles = arguments::sort(schema, &field.arguments).roles;
        roles.keys().any(|role| *role != Role::Parent)
    };
    if looks_secret(&field.name) {
        Some("looks like a credential")
    } else if field.arguments.iter().any(Argument::is_needed) {
        Some("needs an argument")
    } else if matches!(schema.types.get(&field.ty.name), Some(Type::Union)) {
        Some("is a union")
    } else if !schema.is_leaf(&field.ty) && is_paged() {
        Some("is a list with pages")
    } else if field.ty.list && id_of(schema, &field.ty).is_some() {
        Some("is a list of records of their own")
    } else {
        None
    }
}

/// Returns the name of the id field of an object type, or `None` if the type is no object or has no id.
fn id_of<'s>(schema: &'s Schema, ty: &TypeRef) -> Option<&'s str> {
    let fields = schema.fields(&ty.name);
    let id = |name: &&str| fields.iter().find(|f| f.name == **name && !f.ty.list && schema.is_leaf(&f.ty));
    names::ID.iter().find_map(id).map(|field| field.name.as_str())
}

/// Returns whether a field's name looks like that of a credential.
pub fn looks_secret(name: &str) -> bool {
    const WORDS: [&str; 8] = ["token", "secret", "password", "passwd", "pwd", "key", "credential", "apikey"];
    let is_such = |word: &str| WORDS.contains(&word) || WORDS.contains(&word.trim_end_matches('s'));
    let whole = folded(name);
    words(name).iter().any(|word| is_such(word))
        || ["token", "secret", "password", "apikey", "credential"].iter().any(|word| whole.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(types: &[(&str, &str)]) -> Schema {
        let mut schema = Schema { whole: true, ..Schema::default() };
        for (name, fields) in types {
            let fields = fields.split(',').map(str::trim).filter(|text| !text.is_empty()).map(|text| {
                let (head, ty) = text.rsplit_once(": ").expect("a type");
                let (name, arguments) = head.split_once('(').unwrap_or((head, ""));
                let argument = |text: &str| {
                    let (name, ty) = text.split_once(' ').expect("an argument");
                    Argument { name: name.into(), ty: TypeRef::parse(ty), has_default: false }
                };
                let arguments = arguments.trim_end_matches(')').split(';').filter(|a| !a.is_empty()).map(argument);
                Field { name: name.into(), arguments: arguments.collect(), ty: TypeRef::parse(ty) }
            });
            let ty = if fields.clone().count() == 0 { Type::Union } else { Type::Object(fields.collect()) };
            schema.types.insert((*name).into(), ty);
        }
        schema
    }

    #[test]
    fn scalars_objects_and_references_are_selected_and_the_rest_is_named() {
        let schema = schema(&[
            (
                "ExternalContact",
                "_id: ID!, firstName: String, nick: String, score: Float, days: [Int!], loyalty: Loyalty, boss: ExternalContact, \
                 orders: [Order!]!, notes(first Int): NoteList, address(kind Kind!): Address, accessToken: String, \
                 monkey: String, apiKeys: [String], either: Either, spots: [Spot]",
            ),
            ("Loyalty", "points: Int, tier: Tier, pinSecret: String, manager: Manager"),
            ("Tier", "name: String, deep: Deep"),
            ("Deep", "value: Int"),
            ("Manager", "id: ID, name: String"),
            ("Order", "_id: ID, sum: Int"),
            ("NoteList", "nodes: [Order]"),
            ("Address", "city: String"),
            ("Spot", "x: Int, y: Int"),
            ("Either", ""),
        ]);
        let found = fields(&schema, "ExternalContact", Stream::Contacts, &["_id", "firstName"], Vec::new());
        assert_eq!(
            found.asked,
            [
                "nick",
                "score",
                "days",
                "loyalty { points tier { name } manager { id } }",
                "boss { _id }",
                "monkey",
                "spots { x y }",
            ]
        );
        let unasked: Vec<(&str, &str)> = found.unasked.iter().map(|f| (f.path.as_str(), f.why)).collect();
        assert_eq!(
            unasked,
            [
                ("loyalty.pinSecret", "looks like a credential"),
                ("orders", "is a list of records of their own"),
                ("notes", "is a list with pages"),
                ("address", "needs an argument"),
                ("accessToken", "looks like a credential"),
                ("apiKeys", "looks like a credential"),
                ("either", "is a union"),
            ]
        );
    }

    #[test]
    fn a_documented_object_is_completed_and_what_is_selected_already_is_not_selected_twice() {
        let schema = schema(&[
            ("Message", "_id: ID, sender: Sender, content: String, flowBotId: ID, media: [Media]"),
            ("Sender", "name: String, avatar: String, role: String, team: Team"),
            ("Team", "_id: ID, name: String"),
            ("Media", "url: String, type: String"),
        ]);
        let selected = ["_id", "sender { name avatar }", "media { url type }", "flowBotId"];
        let found = fields(&schema, "Message", Stream::Messages, &selected, Vec::new());
        assert_eq!(found.asked, ["sender { role team { _id } }"]);
        let selected = ["_id", "sender: from { name avatar role team { _id } }"];
        let asked = |selected: &[&str], refused: &[&str]| {
            let refused = refused.iter().map(|name| (*name).to_owned()).collect();
            fields(&schema, "Message", Stream::Messages, selected, refused).asked
        };
        assert_eq!(asked(&selected, &[]), ["flowBotId"]);
        // A column that is not selected, because the job drops it, is not selected here either.
        assert_eq!(asked(&["_id"], &[]), ["flowBotId"]);
        assert_eq!(asked(&["_id", "sender { name avatar }"], &["flowBotId", "team"]), ["sender { role }"]);
    }

    #[test]
    fn a_credential_is_known_by_its_words() {
        for name in ["token", "accessToken", "api_key", "APIKey", "clientSecret", "passwordHash", "apikey", "keys"] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["monkey", "keyboard", "name", "turkeyId", "keyword"] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
