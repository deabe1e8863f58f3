//! What is known of a server's GraphQL schema, whichever way it was learnt: introspection fills all of it in one
//! request, asking fills in what was asked about. Whoever settles a dialect reads this and does not care.
//!
//! Only what settling needs is kept: names, argument and field types without their inner list and non-null marks.

use std::collections::BTreeMap;

/// A schema, whole or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The name of the type whose fields are the queries.
    pub query: String,
    /// The name of the type whose fields are the mutations.
    pub mutation: String,
    /// The types by name; one that is only known by name is not here.
    pub types: BTreeMap<String, Type>,
    /// Nothing of it is missing: the server showed it.
    pub whole: bool,
}

/// A named type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A scalar.
    Scalar,
    /// An enum and its values (none when they are not known).
    Enum(Vec<String>),
    /// An object or interface: something that must be selected from.
    Object(Vec<Field>),
    /// A union: nothing can be selected of it by name.
    Union,
    /// An input object.
    Input(Vec<Argument>),
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub arguments: Vec<Argument>,
    /// What it gives.
    pub ty: TypeRef,
}

/// An argument, or a field of an input object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub ty: TypeRef,
    /// It may be left out although its type is non-null.
    pub has_default: bool,
}

/// A type where it is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeRef {
    /// The named type inside; empty when it is only known that it is a leaf (a scalar or an enum).
    pub name: String,
    /// A list of it, at any depth.
    pub list: bool,
    /// The outermost mark: null is not taken, or not given.
    pub required: bool,
}

impl TypeRef {
    /// The reference that GraphQL writes so: `[Contact!]!`.
    pub fn parse(text: &str) -> TypeRef {
        TypeRef {
            name: text.trim_matches(['[', ']', '!', ' ']).to_owned(),
            list: text.contains('['),
            required: text.trim_end().ends_with('!'),
        }
    }
}

impl Argument {
    /// It must be given.
    pub fn is_needed(&self) -> bool {
        self.ty.required && !self.has_default
    }
}

impl Schema {
    /// The fields of an object type; none for anything else.
    pub fn fields(&self, type_name: &str) -> &[Field] {
        match self.types.get(type_name) {
            Some(Type::Object(fields)) => fields,
            _ => &[],
        }
    }

    /// The fields of an input object; none for anything else.
    pub fn inputs(&self, type_name: &str) -> &[Argument] {
        match self.types.get(type_name) {
            Some(Type::Input(fields)) => fields,
            _ => &[],
        }
    }

    /// Nothing can be selected of it: a scalar, an enum, or a leaf whose type's name is not known.
    pub fn is_leaf(&self, ty: &TypeRef) -> bool {
        matches!(self.types.get(&ty.name), None | Some(Type::Scalar | Type::Enum(_)))
    }

    /// It is an object.
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
