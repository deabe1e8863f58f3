//! One selected field and what it stands for: a part of an envelope, a field of a record, or nothing known.

use std::borrow::Cow;

use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::ExtendedType;

use crate::sandbox::graphql::entities;
use crate::sandbox::graphql::reading::SchemaMeaning;
use crate::sandbox::graphql::root_fields;
use crate::sandbox::graphql::synonyms;
use crate::sandbox::graphql::synonyms::Member;
use crate::streams::{ColumnKind, Stream};

/// One selected field.
#[derive(Debug)]
pub struct SelectedField {
    /// The response key as JSON, with quotes and colon.
    pub key: String,
    /// The response key.
    pub alias: String,
    /// The field's name; for a field of a record, the name in the generated data.
    pub name: String,
    /// Name of the type that it is selected on.
    pub on: String,
    /// Name of its own type, without list and non-null.
    pub ty: String,
    /// `true` if it is a list.
    pub list: bool,
    /// `true` if it must not be null.
    pub non_null: bool,
    /// `true` for a scalar or an enum. A field that is not a leaf may still have no picks, because of `@skip`.
    pub leaf: bool,
    /// Its meaning.
    pub part: FieldMeaning,
    /// The JSON written for a leaf that the sandbox does not know.
    pub fallback: Cow<'static, str>,
    /// The fields selected below it.
    pub picks: Vec<SelectedField>,
}

/// The meaning of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldMeaning {
    /// An object around the answer.
    Envelope,
    /// A list of objects around one record each.
    Edges,
    /// The page's records.
    Rows,
    /// A single record.
    Record,
    /// A scalar of the envelope.
    Member(Member),
    /// A field of a record, or of an object in it.
    Field,
    /// An object of which the data has only the id.
    Reference,
    /// Nothing that the sandbox knows.
    Nothing,
}

/// The side of the record's boundary on which a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Around the records of this stream.
    Envelope(Option<Stream>),
    /// In a record.
    Record,
    /// In an object inside a record.
    Inner,
}

impl SchemaMeaning {
    /// Returns a selected field, without its own selection.
    pub fn pick(&self, alias: &str, field: &FieldDefinition, on: &str, side: Side) -> SelectedField {
        let ty = field.ty.inner_named_type().as_str();
        let (list, non_null) = (field.ty.is_list(), field.ty.is_non_null());
        let leaf = self.types.types.get(ty).is_some_and(ExtendedType::is_leaf);
        let entity = self.entities.get(on).filter(|_| side == Side::Record);
        let name = match (side, entity) {
            (Side::Record, Some(entity)) => entity.column(&field.name).unwrap_or(&field.name),
            (Side::Inner, _) => synonyms::nested(&field.name),
            _ => &field.name,
        };
        let part = match side {
            Side::Envelope(stream) => self.around(&field.name, ty, list, leaf, stream),
            Side::Record => inside(entity.and_then(|e| entities::kind(e.stream, name)), name, ty, leaf),
            Side::Inner if leaf => FieldMeaning::Field,
            Side::Inner => FieldMeaning::Nothing,
        };
        SelectedField {
            key: format!("\"{alias}\":"),
            alias: alias.to_owned(),
            name: name.to_owned(),
            on: on.to_owned(),
            ty: ty.to_owned(),
            list,
            non_null,
            leaf,
            part,
            fallback: self.fallback(ty, list, non_null),
            picks: Vec::new(),
        }
    }

    /// Returns the side on which the fields of a type stand.
    pub fn below(&self, side: Side, ty: &str) -> Side {
        match side {
            _ if self.entities.get(ty).is_some() => Side::Record,
            Side::Record | Side::Inner => Side::Inner,
            Side::Envelope(_) => side,
        }
    }

    fn around(&self, name: &str, ty: &str, list: bool, leaf: bool, stream: Option<Stream>) -> FieldMeaning {
        if leaf {
            return synonyms::member(name, ty).map_or(FieldMeaning::Nothing, FieldMeaning::Member);
        }
        let holds = |stream| root_fields::holds(&self.types, &self.entities, ty, stream);
        match (self.entities.get(ty), stream) {
            (Some(entity), Some(stream)) if entity.stream != stream => FieldMeaning::Nothing,
            (Some(_), _) if list => FieldMeaning::Rows,
            (Some(_), _) => FieldMeaning::Record,
            (None, Some(stream)) if list && holds(stream) => FieldMeaning::Edges,
            (None, _) if list => FieldMeaning::Nothing,
            (None, _) => FieldMeaning::Envelope,
        }
    }

    fn fallback(&self, ty: &str, list: bool, non_null: bool) -> Cow<'static, str> {
        match (ty, self.types.types.get(ty)) {
            _ if !non_null => "null".into(),
            _ if list => "[]".into(),
            ("Int" | "Float", _) => "0".into(),
            ("Boolean", _) => "false".into(),
            (_, Some(ExtendedType::Enum(choices))) => {
                let first = choices.values.keys().next();
                format!("\"{}\"", first.map_or("", |name| name.as_str())).into()
            }
            _ => "\"\"".into(),
        }
    }
}

/// Returns the part for a field inside a record whose column is of that kind.
fn inside(kind: Option<ColumnKind>, name: &str, ty: &str, leaf: bool) -> FieldMeaning {
    // Columns ending in `_cards` hold objects of any shape. Only a custom scalar can carry them.
    let shapeless = name.ends_with("_cards");
    match (leaf, kind) {
        (true, _) if shapeless && ty == "String" => FieldMeaning::Nothing,
        (false, Some(ColumnKind::Json)) if shapeless => FieldMeaning::Nothing,
        (true, _) | (false, Some(ColumnKind::Json)) => FieldMeaning::Field,
        (false, Some(ColumnKind::Id)) => FieldMeaning::Reference,
        (false, _) => FieldMeaning::Nothing,
    }
}
