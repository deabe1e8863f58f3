//! Validates the values of variables, with the error texts of graphql-js.
//!
//! The GraphQL library used here stops at the first mistake and has other texts. graphql-js reports every mistake.

use apollo_compiler::Schema;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::response::{GraphQLError, JsonMap, JsonValue};
use apollo_compiler::schema::{ExtendedType, InputObjectType};

use crate::sandbox::graphql::graphql_js_messages::scalar_kind;

/// What is needed to check the value of one variable, and the mistakes found so far.
struct Mistakes<'a> {
    schema: &'a Schema,
    sources: &'a SourceMap,
    name: &'a str,
    location: Option<SourceSpan>,
    found: &'a mut Vec<GraphQLError>,
}

/// Returns an error for every mistake in `given`, the values for an operation's variables.
pub fn mistakes(schema: &Schema, operation: &Operation, given: &JsonMap, sources: &SourceMap) -> Vec<GraphQLError> {
    let mut found = Vec::new();
    for variable in &operation.variables {
        let (name, ty) = (variable.name.as_str(), &variable.ty);
        let mut mistakes = Mistakes { schema, sources, name, location: variable.location(), found: &mut found };
        match given.get(name) {
            None if ty.is_non_null() && variable.default_value.is_none() => {
                mistakes.add(format!("Variable \"${name}\" of required type \"{ty}\" was not provided."));
            }
            Some(JsonValue::Null) if ty.is_non_null() => {
                mistakes.add(format!("Variable \"${name}\" of non-null type \"{ty}\" must not be null."));
            }
            Some(value) => mistakes.value(ty, value, ""),
            None => {}
        }
    }
    found
}

impl Mistakes<'_> {
    fn add(&mut self, message: String) {
        self.found.push(GraphQLError::new(message, self.location, self.sources));
    }

    fn invalid(&mut self, value: &JsonValue, path: &str, why: &str) {
        let name = self.name;
        let place = if path.is_empty() { String::new() } else { format!(" at \"{name}{path}\"") };
        self.add(format!("Variable \"${name}\" got invalid value {}{place}; {why}", inspect(value, 0)));
    }

    fn value(&mut self, ty: &Type, value: &JsonValue, path: &str) {
        let inner = match ty {
            _ if value.is_null() && !ty.is_non_null() => return,
            _ if value.is_null() => {
                let why = format!("Expected non-nullable type \"{ty}\" not to be null.");
                return self.invalid(value, path, &why);
            }
            Type::List(item) | Type::NonNullList(item) => match value.as_array() {
                Some(items) => {
                    for (n, one) in items.iter().enumerate() {
                        self.value(item, one, &format!("{path}[{n}]"));
                    }
                    return;
                }
                None => return self.value(item, value, path),
            },
            Type::Named(name) | Type::NonNullNamed(name) => name,
        };
        let schema = self.schema;
        match schema.types.get(inner) {
            Some(ExtendedType::InputObject(object)) => self.object(object, value, path),
            Some(ExtendedType::Enum(choice)) if !value.as_str().is_some_and(|v| choice.values.contains_key(v)) => {
                let why = match value.as_str() {
                    Some(text) => format!("Value \"{text}\" does not exist in \"{inner}\" enum."),
                    None => format!("Enum \"{inner}\" cannot represent non-string value: {}.", inspect(value, 0)),
                };
                self.invalid(value, path, &why);
            }
            Some(ExtendedType::Scalar(_)) => {
                if let Some(kind) = scalar_mistake(inner, value) {
                    self.invalid(value, path, &format!("{inner} cannot represent {kind}: {}", inspect(value, 0)));
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, ty: &InputObjectType, value: &JsonValue, path: &str) {
        let Some(object) = value.as_object() else {
            return self.invalid(value, path, &format!("Expected type \"{}\" to be an object.", ty.name));
        };
        for field in ty.fields.values() {
            match object.get(field.name.as_str()) {
                Some(inner) => self.value(&field.ty, inner, &format!("{path}.{}", field.name)),
                None if field.is_required() => {
                    let why = format!("Field \"{}\" of required type \"{}\" was not provided.", field.name, field.ty);
                    self.invalid(value, path, &why);
                }
                None => {}
            }
        }
        for name in object.keys().filter(|name| !ty.fields.contains_key(name.as_str())) {
            let why = format!("Field \"{}\" is not defined by type \"{}\".", name.as_str(), ty.name);
            self.invalid(value, path, &why);
        }
    }
}

/// Returns how a built-in scalar type describes a value that it rejects, or `None` if it accepts the value. Custom
/// scalar types accept everything.
fn scalar_mistake(ty: &str, value: &JsonValue) -> Option<&'static str> {
    let fits = match ty {
        "Int" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        "Float" => value.is_number(),
        "String" => value.is_string(),
        "Boolean" => value.is_boolean(),
        "ID" if !value.is_string() && !value.is_i64() => return Some("value"),
        _ => true,
    };
    if fits { None } else { scalar_kind(ty, &value.to_string()) }
}

/// Prints a value as JavaScript's `inspect` does. `depth` is the level of nesting; deep objects are abbreviated.
fn inspect(value: &JsonValue, depth: usize) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        JsonValue::Array(items) if items.is_empty() => "[]".to_owned(),
        JsonValue::Array(_) if depth > 2 => "[Array]".to_owned(),
        JsonValue::Array(items) => {
            let mut parts: Vec<String> = items.iter().take(10).map(|item| inspect(item, depth + 1)).collect();
            match items.len() {
                0..=10 => {}
                11 => parts.push("... 1 more item".to_owned()),
                many => parts.push(format!("... {} more items", many - 10)),
            }
            format!("[{}]", join(parts))
        }
        JsonValue::Object(object) if object.is_empty() => "{}".to_owned(),
        JsonValue::Object(_) if depth > 2 => "[Object]".to_owned(),
        JsonValue::Object(object) => {
            let members =
                object.iter().map(|(name, value)| format!("{}: {}", name.as_str(), inspect(value, depth + 1)));
            format!("{{ {} }}", join(members.collect()))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::dialects::DEFAULT_SDL;
    use apollo_compiler::ExecutableDocument;

    fn found(variables: &str, given: &str) -> Vec<String> {
        let schema = Schema::parse_and_validate(DEFAULT_SDL, "s").unwrap();
        let query = format!("query({variables}) {{ __typename }}");
        // The query uses none of its variables: `parse` does not validate.
        let document = ExecutableDocument::parse(&schema, query, "q").unwrap();
        let operation = document.operations.get(None).unwrap();
        let given: JsonMap = serde_json::from_str(given).unwrap();
        let mistakes = mistakes(&schema, operation, &given, &document.sources);
        mistakes.into_iter().map(|e| e.message).collect()
    }

    #[test]
    fn every_mistake_is_named() {
        assert_eq!(
            found("$a: Int!, $b: ID, $c: Boolean!, $d: Int", r#"{"b": true, "c": null, "d": 3, "e": 1}"#),
            [
                r#"Variable "$a" of required type "Int!" was not provided."#,
                r#"Variable "$b" got invalid value true; ID cannot represent value: true"#,
                r#"Variable "$c" of non-null type "Boolean!" must not be null."#,
            ]
        );
    }

    #[test]
    fn mistakes_inside_have_their_place() {
        assert_eq!(
            found(
                "$a: [Int!], $i: GenerateOAuthTokenInput!",
                r#"{"a": [1, "x", null], "i": {"clientId": 5, "more": [{}]}}"#
            ),
            [
                r#"Variable "$a" got invalid value "x" at "a[1]"; Int cannot represent non-integer value: "x""#,
                r#"Variable "$a" got invalid value null at "a[2]"; Expected non-nullable type "Int!" not to be null."#,
                r#"Variable "$i" got invalid value 5 at "i.clientId"; String cannot represent a non string value: 5"#,
                r#"Variable "$i" got invalid value { clientId: 5, more: [{}] }; Field "clientSecret" of required type "String!" was not provided."#,
                r#"Variable "$i" got invalid value { clientId: 5, more: [{}] }; Field "more" is not defined by type "GenerateOAuthTokenInput"."#,
            ]
        );
        assert_eq!(
            found("$c: CustomerType", r#"{"c": "BOSS"}"#),
            [r#"Variable "$c" got invalid value "BOSS"; Value "BOSS" does not exist in "CustomerType" enum."#]
        );
    }
}
