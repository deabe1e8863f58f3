//! Reads a server's schema by introspection, in one request, if the server shows it.

use serde::Deserialize;
use serde_json::Value;

use crate::discovery::schema::{Argument, Field, Schema, Type, TypeRef};
use crate::source::server::Reply;

/// The introspection query. It asks for names, arguments, types and values, without descriptions.
pub const QUERY: &str = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } \
    types { kind name fields(includeDeprecated: true) { name args { name defaultValue type { ...T } } type { ...T } } \
    inputFields { name defaultValue type { ...T } } enumValues(includeDeprecated: true) { name } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";

/// Reads the schema from an answer to [`QUERY`]. Returns `None` if the server does not show it.
pub fn schema(reply: &Reply) -> Option<Schema> {
    let told: Told = serde_json::from_value(reply.data.get("__schema")?.clone()).ok()?;
    let mut schema = Schema {
        query: told.query_type.map(|n| n.name).unwrap_or_default(),
        mutation: told.mutation_type.map(|n| n.name).unwrap_or_default(),
        whole: true,
        ..Schema::default()
    };
    for ty in told.types.into_iter().filter(|ty| is_name(&ty.name)) {
        let kept = match ty.kind.as_str() {
            "OBJECT" | "INTERFACE" => Type::Object(named(ty.fields, |f| &f.name).map(field).collect()),
            "INPUT_OBJECT" => Type::Input(named(ty.input_fields, |f| &f.name).map(argument).collect()),
            "ENUM" => Type::Enum(named(ty.enum_values, |v| &v.name).map(|v| v.name).collect()),
            "UNION" => Type::Union,
            _ => Type::Scalar,
        };
        schema.types.insert(ty.name, kept);
    }
    (!schema.fields(&schema.query).is_empty()).then_some(schema)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    query_type: Option<Named>,
    mutation_type: Option<Named>,
    types: Vec<ToldType>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldType {
    kind: String,
    name: String,
    fields: Option<Vec<ToldField>>,
    input_fields: Option<Vec<ToldArgument>>,
    enum_values: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct ToldField {
    name: String,
    #[serde(default)]
    args: Vec<ToldArgument>,
    #[serde(rename = "type")]
    ty: Wrapped,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldArgument {
    name: String,
    #[serde(default)]
    default_value: Value,
    #[serde(rename = "type")]
    ty: Wrapped,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wrapped {
    kind: String,
    name: Option<String>,
    of_type: Option<Box<Wrapped>>,
}

/// Returns whether `text` is a GraphQL name. Names are written into documents and shown to people, so anything else
/// is left out.
fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn named<T>(told: Option<Vec<T>>, name: fn(&T) -> &str) -> impl Iterator<Item = T> {
    told.into_iter().flatten().filter(move |one| is_name(name(one)))
}

fn field(told: ToldField) -> Field {
    Field {
        name: told.name,
        arguments: named(Some(told.args), |a| &a.name).map(argument).collect(),
        ty: unwrapped(&told.ty),
    }
}

fn argument(told: ToldArgument) -> Argument {
    Argument { name: told.name, ty: unwrapped(&told.ty), has_default: !told.default_value.is_null() }
}

fn unwrapped(told: &Wrapped) -> TypeRef {
    let mut ty = TypeRef { required: told.kind == "NON_NULL", ..TypeRef::default() };
    let mut inner = Some(told);
    while let Some(wrapped) = inner {
        ty.list |= wrapped.kind == "LIST";
        if let Some(name) = &wrapped.name {
            ty.name = Some(name).filter(|name| is_name(name)).cloned().unwrap_or_default();
        }
        inner = wrapped.of_type.as_deref();
    }
    ty
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_lose_their_wrappers_and_keep_what_matters() {
        let id = json!({"kind": "NON_NULL", "name": null, "ofType": {"kind": "SCALAR", "name": "ID"}});
        let rows = json!({"kind": "NON_NULL", "ofType": {"kind": "LIST", "ofType": {"kind": "NON_NULL", "ofType": {"kind": "OBJECT", "name": "Row"}}}});
        let reply = Reply {
            data: json!({"__schema": {"queryType": {"name": "Q"}, "mutationType": null, "types": [
                {"kind": "OBJECT", "name": "Q", "fields": [
                    {"name": "rows", "args": [{"name": "of", "type": id, "defaultValue": null}], "type": rows}]},
                {"kind": "INPUT_OBJECT", "name": "In", "inputFields": [{"name": "n", "type": id, "defaultValue": "1"}]},
                {"kind": "ENUM", "name": "E", "enumValues": [{"name": "A"}]}]}}),
            ..Reply::default()
        };
        let schema = schema(&reply).expect("a schema");
        let rows = &schema.fields("Q")[0];
        assert_eq!(rows.ty, TypeRef::parse("[Row!]!"));
        assert!(rows.arguments[0].is_needed() && !schema.inputs("In")[0].is_needed());
        assert_eq!(schema.types["E"], Type::Enum(vec!["A".into()]));
    }

    #[test]
    fn a_refusal_is_no_schema() {
        assert_eq!(schema(&Reply::default()), None);
    }
}
