//! One selected field of a query, and what it stands for: a part of the envelope, a field of a record, or nothing
//! that the sandbox knows.

use std::borrow::Cow;

use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::ExtendedType;

use crate::sandbox::graphql::reading::SchemaMeaning;
use crate::sandbox::graphql::root_fields;
use crate::sandbox::graphql::synonyms;
use crate::sandbox::graphql::synonyms::Member;
use crate::streams::{ColumnKind, Stream};

/// One selected field of a query.
#[derive(Debug)]
pub struct SelectedField {
    /// The response key as JSON text, with quotes and colon.
    pub key: String,
    /// The response key: the alias, or else the field's name.
    pub alias: String,
    /// The name of the field. For a field of a record, its name in the generated data.
    pub name: String,
    /// The name of the type that has the field.
    pub on: String,
    /// The name of the field's own type, without list and non-null marks.
    pub ty: String,
    /// `true` if the field's type is a list.
    pub list: bool,
    /// `true` if the field's type does not allow null.
    pub non_null: bool,
    /// `true` if the field's type is a scalar or an enum. A field of another type may still have no fields below it,
    /// because of `@skip`.
    pub leaf: bool,
    /// What the field stands for.
    pub part: FieldMeaning,
    /// The JSON text that is written if the sandbox does not know a value for this field.
    pub fallback: Cow<'static, str>,
    /// The fields selected below this one.
    pub picks: Vec<SelectedField>,
}

/// What a selected field stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldMeaning {
    /// An object around the records.
    Envelope,
    /// A list of objects, each around one record.
    Edges,
    /// The list of the page's records.
    Rows,
    /// A single record, not in a list.
    Record,
    /// A scalar of the envelope, such as a total.
    Member(Member),
    /// A field of a record, or of an object inside a record.
    Field,
    /// An object whose id is all that the generated data has.
    Reference,
    /// Nothing that the sandbox knows. It is answered with null or the simplest value allowed.
    Nothing,
}

/// Whether a selected field belongs to a record itself, to an object inside a record, or to the objects that wrap the
/// records, such as an envelope or an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The field belongs to an object that wraps records of this stream. `None` if the question is not about records.
    Envelope(Option<Stream>),
    /// The field belongs to a record.
    Record,
    /// The field belongs to an object inside a record.
    Inner,
}

impl SchemaMeaning {
    /// Returns a selected field with its meaning, but without the fields selected below it. `on` is the name of the
    /// type that has the field.
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
            Side::Record => {
                inside(entity.and_then(|e| e.stream.column(name)).map(|column| column.kind), name, ty, leaf)
            }
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

    /// Returns the side of the fields below a field. `side` is the field's own side, and `ty` the name of its type.
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

/// Returns the meaning of a field inside a record. `kind` is the kind of the column that it holds, `None` if it holds
/// no documented column.
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
