//! Checks literals for three mistakes that the library's validator misses and graphql-js reports:
//!
//! - a variable of the wrong type in a field of an input object or in an item of a list;
//! - a field that is given twice;
//! - a variable that defaults to null where null is not allowed.

use std::collections::HashSet;

use apollo_compiler::ast::{self, Type, Value};
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::GraphQLError;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Node, Schema};

/// A pass over one operation of a document, which collects mistakes.
struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    /// The names of the fragments visited so far.
    seen: HashSet<&'a str>,
    found: Vec<GraphQLError>,
}

/// Returns the mistakes in a document that the library's validator has found valid.
pub fn mistakes(schema: &Schema, document: &ExecutableDocument) -> Vec<GraphQLError> {
    let of = |operation| {
        let mut walk = Walk { schema, document, operation, seen: HashSet::new(), found: Vec::new() };
        walk.directives(&operation.directives);
        walk.selections(&operation.selection_set);
        walk.found
    };
    document.operations.iter().flat_map(|operation| of(operation)).collect()
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    for given in &field.arguments {
                        if let Some(known) = field.definition.argument_by_name(&given.name) {
                            self.value(&known.ty, known.default_value.is_some(), &given.value);
                        }
                    }
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|f| self.seen.insert(f.name.as_str())) {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &ast::DirectiveList) {
        for directive in directives {
            let Some(known) = self.schema.directive_definitions.get(&directive.name) else {
                continue;
            };
            for given in &directive.arguments {
                if let Some(known) = known.argument_by_name(&given.name) {
                    self.value(&known.ty, known.default_value.is_some(), &given.value);
                }
            }
        }
    }

    fn value(&mut self, ty: &Type, has_default: bool, value: &Node<Value>) {
        match &**value {
            Value::Variable(name) => self.variable(ty, has_default, name, value.location()),
            Value::List(items) if ty.is_list() => {
                for item in items {
                    self.value(ty.item_type(), false, item);
                }
            }
            Value::Object(given) => {
                let Some(ExtendedType::InputObject(object)) = self.schema.types.get(ty.inner_named_type()) else {
                    return;
                };
                for (n, (name, value)) in given.iter().enumerate() {
                    if given[..n].iter().any(|(earlier, _)| earlier == name) {
                        let message = format!("There can be only one input field named \"{name}\".");
                        self.add(message, name.location());
                    }
                    if let Some(known) = object.fields.get(name) {
                        self.value(&known.ty, known.default_value.is_some(), value);
                    }
                }
            }
            _ => {}
        }
    }

    fn variable(&mut self, ty: &Type, has_default: bool, name: &str, at: Option<SourceSpan>) {
        let Some(variable) = self.operation.variables.iter().find(|v| v.name == name) else {
            return;
        };
        let never_null = has_default || variable.default_value.as_ref().is_some_and(|value| !value.is_null());
        let fits = if ty.is_non_null() && !variable.ty.is_non_null() {
            never_null && variable.ty.is_assignable_to(&ty.clone().nullable())
        } else {
            variable.ty.is_assignable_to(ty)
        };
        if !fits {
            let given = &variable.ty;
            let message = format!("Variable \"${name}\" of type \"{given}\" used in position expecting type \"{ty}\".");
            self.add(message, at);
        }
    }

    fn add(&mut self, message: String, at: Option<SourceSpan>) {
        self.found.push(GraphQLError::new(message, at, &self.document.sources));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Vec<String> {
        let sdl = "type Query { f(id: ID!, in: In, all: [In!], n: Int! = 1): Int } input In { id: ID! more: [Int!] }";
        let schema = Schema::parse_and_validate(sdl, "s").unwrap();
        let document = ExecutableDocument::parse_and_validate(&schema, query, "q").unwrap();
        mistakes(&schema, &document).into_iter().map(|e| e.message).collect()
    }

    #[test]
    fn what_is_right_passes() {
        for query in [
            "query($id: ID!, $n: Int) { f(id: $id, in: {id: $id, more: 1}, all: [{id: $id}], n: $n) }",
            "query($id: ID = 1, $m: [Int!]) { f(id: $id, in: {id: $id, more: $m}) }",
            "query($i: Int!) { ...F } fragment F on Query { f(id: 1, in: {id: 1, more: [1, $i]}) }",
        ] {
            assert_eq!(found(query), [""; 0], "{query}");
        }
    }

    #[test]
    fn what_the_validator_overlooks_is_found() {
        let expecting = |name: &str, given: &str, ty: &str| {
            format!("Variable \"${name}\" of type \"{given}\" used in position expecting type \"{ty}\".")
        };
        for (query, message) in [
            ("query($i: ID) { f(id: 1, in: {id: $i}) }", expecting("i", "ID", "ID!")),
            ("query($i: ID = null) { f(id: $i) }", expecting("i", "ID", "ID!")),
            ("query($i: Int) { f(id: 1, all: [{id: 1, more: [$i]}]) }", expecting("i", "Int", "Int!")),
            ("query($i: ID) { ...F } fragment F on Query { f(id: 1, in: {id: $i}) }", expecting("i", "ID", "ID!")),
            ("{ f(id: 1, in: {id: 1, id: 2}) }", "There can be only one input field named \"id\".".to_owned()),
        ] {
            assert_eq!(found(query), [message], "{query}");
        }
    }
}
