//! Describes what is known of a server's GraphQL schema, however it was learnt. Introspection fills in all of it in
//! one request; probing fills in what it asked about. The code that infers a dialect reads this type and does not
//! depend on the way.
//!
//! Only what inference needs is kept: names, and the types of arguments and fields without their inner list
//! and non-null marks.

use std::collections::BTreeMap;

/// A schema, whole or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The name of the type whose fields are the queries.
    pub query: String,
    /// The name of the type whose fields are the mutations.
    pub mutation: String,
    /// The types by name. A type of which only the name is known is missing here.
    pub types: BTreeMap<String, Type>,
    /// Whether the server showed all of it.
    pub whole: bool,
}

/// A named type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A scalar.
    Scalar,
    /// An enum and its values, which are empty if they are not known.
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
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// The type that it returns.
    pub ty: TypeRef,
}

/// An argument, or a field of an input object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// The type that it takes.
    pub ty: TypeRef,
    /// Whether it has a default, and may be left out although its type is non-null.
    pub has_default: bool,
}

/// A reference to a type, as a field or an argument has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeRef {
    /// The name of the inner type. Empty if only its being a leaf (a scalar or an enum) is known.
    pub name: String,
    /// Whether it is a list, at any depth.
    pub list: bool,
    /// Whether the outermost mark is non-null: null is not taken, or not returned.
    pub required: bool,
}

impl TypeRef {
    /// Reads a reference as GraphQL writes it: `[Contact!]!`.
    pub fn parse(text: &str) -> TypeRef {
        TypeRef {
            name: text.trim_matches(['[', ']', '!', ' ']).to_owned(),
            list: text.contains('['),
            required: text.trim_end().ends_with('!'),
        }
    }
}

impl Argument {
    /// Returns whether it must be given.
    pub fn is_needed(&self) -> bool {
        self.ty.required && !self.has_default
    }
}

impl Schema {
    /// Returns the fields of an object type. Empty for anything else.
    pub fn fields(&self, type_name: &str) -> &[Field] {
        match self.types.get(type_name) {
            Some(Type::Object(fields)) => fields,
            _ => &[],
        }
    }

    /// Returns the fields of an input object. Empty for anything else.
    pub fn inputs(&self, type_name: &str) -> &[Argument] {
        match self.types.get(type_name) {
            Some(Type::Input(fields)) => fields,
            _ => &[],
        }
    }

    /// Returns whether no field can be selected of it: a scalar, an enum, or a leaf whose type's name is not known.
    pub fn is_leaf(&self, ty: &TypeRef) -> bool {
        matches!(self.types.get(&ty.name), None | Some(Type::Scalar | Type::Enum(_)))
    }

    /// Returns whether it is an object.
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
