//! Describes what is known of a server's GraphQL schema, however it was learnt. Introspection shows all of it in one
//! request; probing shows the names that were tested. The code that derives a dialect reads this type and does not
//! depend on how the schema was learnt.
//!
//! Only what deriving a dialect needs is kept: names, and the types of arguments and fields without their inner list
//! and non-null marks.

use std::collections::BTreeMap;

/// A schema, complete or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The name of the type whose fields are the queries.
    pub query: String,
    /// The name of the type whose fields are the mutations.
    pub mutation: String,
    /// The types by name. A type of which only the name is known is missing here.
    pub types: BTreeMap<String, Type>,
    /// Whether the schema is complete, because the server showed it. A schema learnt by probing is not.
    pub whole: bool,
}

/// A named type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A scalar type, such as `String`.
    Scalar,
    /// An enum and its values. The list is empty if they are not known.
    Enum(Vec<String>),
    /// An object or an interface: a query must select fields of it.
    Object(Vec<Field>),
    /// A union: no field can be selected of it by name.
    Union,
    /// An input object.
    Input(Vec<Argument>),
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name of the field.
    pub name: String,
    /// The arguments of the field.
    pub arguments: Vec<Argument>,
    /// The type that the field returns.
    pub ty: TypeRef,
}

/// An argument, or a field of an input object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The name of the argument.
    pub name: String,
    /// The type that the argument takes.
    pub ty: TypeRef,
    /// Whether the argument has a default value, so that it may be left out although its type is non-null.
    pub has_default: bool,
}

/// The type of a field or an argument, such as `[Contact!]!`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeRef {
    /// The name of the inner type, without list and non-null marks. Empty if only known to be a scalar or an enum.
    pub name: String,
    /// Whether the type is a list, at any depth.
    pub list: bool,
    /// Whether the type is non-null, seen from outside: `true` for `[Contact]!`, `false` for `[Contact!]`.
    pub required: bool,
}

impl TypeRef {
    /// Reads a type in GraphQL's notation, such as `[Contact!]!`.
    pub fn parse(text: &str) -> TypeRef {
        TypeRef {
            name: text.trim_matches(['[', ']', '!', ' ']).to_owned(),
            list: text.contains('['),
            required: text.trim_end().ends_with('!'),
        }
    }
}

impl Argument {
    /// Returns whether a query must give the argument: its type is non-null and it has no default.
    pub fn is_needed(&self) -> bool {
        self.ty.required && !self.has_default
    }
}

impl Schema {
    /// Returns the fields of the object type with this name, or an empty slice if there is no such object type.
    pub fn fields(&self, type_name: &str) -> &[Field] {
        match self.types.get(type_name) {
            Some(Type::Object(fields)) => fields,
            _ => &[],
        }
    }

    /// Returns the fields of the input object with this name, or an empty slice if there is no such input object.
    pub fn inputs(&self, type_name: &str) -> &[Argument] {
        match self.types.get(type_name) {
            Some(Type::Input(fields)) => fields,
            _ => &[],
        }
    }

    /// Returns whether the type has no fields to select: it is a scalar, an enum, or a type of which nothing more is
    /// known.
    pub fn is_leaf(&self, ty: &TypeRef) -> bool {
        matches!(self.types.get(&ty.name), None | Some(Type::Scalar | Type::Enum(_)))
    }

    /// Returns whether the type is an object or an interface.
    pub fn is_object(&self, ty: &TypeRef) -> bool {
        matches!(self.types.get(&ty.name), Some(Type::Object(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_graphql_writes_it() {
        let list = TypeRef::parse("[ExternalContact!]!");
        assert_eq!((list.name.as_str(), list.list, list.required), ("ExternalContact", true, true));
        let one = TypeRef::parse("ID");
        assert_eq!((one.name.as_str(), one.list, one.required), ("ID", false, false));
    }
}
