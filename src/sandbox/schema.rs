//! The GraphQL schema, from an SDL file, and the judgement of incoming requests against it.
//!
//! A request comes out either as [`Prepared`] (valid, its operation chosen, its variables coerced) or as a
//! [`Refusal`] in the words of graphql-js and with the status of Apollo Server 4: 400.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use apollo_compiler::collections::HashMap as TypeMap;
use apollo_compiler::executable::Operation;
use apollo_compiler::introspection;
use apollo_compiler::parser::SourceMap;
use apollo_compiler::request::{RequestError, coerce_variable_values};
use apollo_compiler::response::{GraphQLError, JsonMap};
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Node, ast};
use serde::Deserialize;
use serde_json::json;

use super::plan::{self, Root};
use super::suggest;

/// The shape that is served unless another is asked for.
pub const DEFAULT_SDL: &str = include_str!("dialects/default.graphql");

/// Validated documents that are remembered: a client asks few questions many times.
const REMEMBERED: usize = 512;

/// A schema and the documents that were found valid against it.
#[derive(Debug)]
pub struct Schema {
    schema: Valid<apollo_compiler::Schema>,
    implementers: TypeMap<Name, Implementers>,
    valid: Mutex<HashMap<String, Arc<Valid<ExecutableDocument>>>>,
    introspection: bool,
    suggestions: bool,
}

/// A request that can be executed.
#[derive(Debug)]
pub struct Prepared {
    /// The root fields, in the order in which they are answered.
    pub roots: Vec<Root>,
    document: Arc<Valid<ExecutableDocument>>,
    operation: Node<Operation>,
    variables: Valid<JsonMap>,
}

/// A request that was refused before anything was executed.
#[derive(Debug)]
pub struct Refusal {
    /// The whole body of the answer.
    pub body: String,
    /// The error code in it.
    pub code: &'static str,
}

/// A GraphQL request as it travels.
#[derive(Debug, Deserialize)]
struct Request {
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<JsonMap>,
}

impl Schema {
    /// Reads an SDL file. The error is what is wrong with it, for people.
    pub fn from_sdl(sdl: &str, introspection: bool, suggestions: bool) -> Result<Schema, String> {
        let schema = apollo_compiler::Schema::parse_and_validate(sdl, "schema.graphql").map_err(|e| e.to_string())?;
        let implementers = schema.implementers_map();
        Ok(Schema {
            schema,
            implementers,
            valid: Mutex::default(),
            introspection,
            suggestions,
        })
    }

    /// Judges the body of a request.
    pub fn prepare(&self, body: &[u8]) -> Result<Prepared, Refusal> {
        let request: Request = serde_json::from_slice(body)
            .map_err(|e| Refusal::plain("BAD_REQUEST", &format!("POST body is not a GraphQL request: {e}")))?;
        let Some(query) = request.query else {
            let text = "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.";
            return Err(Refusal::plain("BAD_REQUEST", text));
        };
        let document = self.document(query)?;
        let chosen = document.operations.get(request.operation_name.as_deref());
        let operation = chosen
            .map_err(|e| refuse(&e, "OPERATION_RESOLUTION_FAILURE", &document.sources))?
            .clone();
        let given = request.variables.unwrap_or_default();
        let variables = coerce_variable_values(&self.schema, &operation, &given)
            .map_err(|e| refuse(&e, "BAD_USER_INPUT", &document.sources))?;
        let roots = plan::roots(&self.schema, &document, &operation, &variables);
        if !self.introspection && roots.iter().any(Root::is_introspection) {
            let text = "GraphQL introspection is not allowed by Apollo Server, but the query contained __schema or __type. \
                        To enable introspection, pass introspection: true to ApolloServer in production";
            return Err(Refusal::plain("GRAPHQL_VALIDATION_FAILED", text));
        }
        Ok(Prepared {
            roots,
            document,
            operation,
            variables,
        })
    }

    /// Answers the introspection part of a query: one value per response key.
    pub fn introspect(&self, prepared: &Prepared) -> Result<JsonMap, Refusal> {
        let Prepared {
            document,
            operation,
            variables,
            ..
        } = prepared;
        introspection::check_max_depth(document, operation)
            .and_then(|()| {
                introspection::partial_execute(&self.schema, &self.implementers, document, operation, variables)
            })
            .map(|response| response.data.unwrap_or_default())
            .map_err(|e| refuse(&e, "GRAPHQL_VALIDATION_FAILED", &document.sources))
    }

    fn document(&self, query: String) -> Result<Arc<Valid<ExecutableDocument>>, Refusal> {
        let mut valid = self.valid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = valid.get(&query) {
            return Ok(Arc::clone(known));
        }
        let parsed = ast::Document::parse(query.as_str(), "query").map_err(|e| {
            let errors = e
                .errors
                .iter()
                .map(|d| syntax_error(d.unstable_to_json_compat()))
                .take(1);
            Refusal::new("GRAPHQL_PARSE_FAILED", errors)
        })?;
        let document = parsed.to_executable_validate(&self.schema).map_err(|e| {
            let errors = e.errors.iter().map(|d| d.unstable_to_json_compat());
            Refusal::new("GRAPHQL_VALIDATION_FAILED", errors.map(|e| self.suggested(e)))
        })?;
        if valid.len() >= REMEMBERED {
            valid.clear();
        }
        let document = Arc::new(document);
        valid.insert(query, Arc::clone(&document));
        Ok(document)
    }

    fn suggested(&self, mut error: GraphQLError) -> GraphQLError {
        if self.suggestions
            && let Some(suggestion) = suggest::suggestion(&self.schema, &error.message)
        {
            error.message = format!("{} {suggestion}", error.message);
        }
        error
    }
}

impl Refusal {
    fn new(code: &'static str, errors: impl Iterator<Item = GraphQLError>) -> Refusal {
        let errors: Vec<_> = errors
            .map(|e| {
                let mut error = json!({"message": e.message});
                if !e.locations.is_empty() {
                    error["locations"] = json!(e.locations);
                }
                error["extensions"] = json!({"code": code});
                error
            })
            .collect();
        Refusal {
            body: json!({"errors": errors}).to_string(),
            code,
        }
    }

    fn plain(code: &'static str, message: &str) -> Refusal {
        Refusal {
            body: json!({"errors": [{"message": message, "extensions": {"code": code}}]}).to_string(),
            code,
        }
    }
}

fn refuse(error: &RequestError, code: &'static str, sources: &SourceMap) -> Refusal {
    Refusal::new(code, std::iter::once(error.to_graphql_error(sources)))
}

/// graphql-js begins syntax errors so, and reports the first only.
fn syntax_error(mut error: GraphQLError) -> GraphQLError {
    let text = error.message.trim_start_matches("syntax error: ");
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    error.message = format!("Syntax Error: {first}{}.", letters.as_str().trim_end_matches('.'));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str, variables: &serde_json::Value) -> (String, &'static str) {
        let schema = Schema::from_sdl(DEFAULT_SDL, true, false).unwrap();
        let body = json!({"query": query, "variables": variables}).to_string();
        let refusal = schema.prepare(body.as_bytes()).err().unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&refusal.body).unwrap();
        assert_eq!(parsed["errors"][0]["extensions"]["code"], refusal.code);
        (
            parsed["errors"][0]["message"].as_str().unwrap().to_owned(),
            refusal.code,
        )
    }

    #[test]
    fn what_is_invalid_is_refused_in_the_words_of_graphql_js() {
        let none = json!({});
        for (query, message) in [
            (
                "{ getContactList { success data { docs { nope } } } }",
                "Cannot query field \"nope\" on type \"ExternalContact\".",
            ),
            (
                "{ getContactList(size: 3) { success } }",
                "Unknown argument \"size\" on field \"Query.getContactList\".",
            ),
            (
                "{ getMessages { success } }",
                "Field \"getMessages\" argument \"conversationId\" of type \"ID!\" is required, but it was not provided.",
            ),
            (
                "{ getContactList { data } }",
                "Field \"data\" of type \"ContactPage\" must have a selection of subfields. Did you mean \"data { ... }\"?",
            ),
            (
                "query($p: String) { getContactList(page: $p) { success } }",
                "Variable \"$p\" of type \"String\" used in position expecting type \"Int\".",
            ),
            (
                "{ getContactList(page: 1.5) { success } }",
                "Int cannot represent non-integer value: 1.5",
            ),
        ] {
            assert_eq!(
                refused(query, &none),
                (message.to_owned(), "GRAPHQL_VALIDATION_FAILED"),
                "{query}"
            );
        }
    }

    #[test]
    fn what_cannot_be_parsed_and_wrong_variables_have_their_own_codes() {
        let (message, code) = refused("{ getContactList(", &json!({}));
        assert_eq!(code, "GRAPHQL_PARSE_FAILED");
        assert!(message.starts_with("Syntax Error: "), "{message}");
        let query = "query($p: Int) { getContactList(page: $p) { success } }";
        assert_eq!(refused(query, &json!({"p": "one"})).1, "BAD_USER_INPUT");
        let two = "query A { getContactList { success } } query B { getContactList { success } }";
        assert_eq!(refused(two, &json!({})).1, "OPERATION_RESOLUTION_FAILURE");
    }

    #[test]
    fn a_schema_that_is_wrong_is_refused_with_the_reason() {
        let error = Schema::from_sdl("type Query { a: Nope }", true, false).unwrap_err();
        assert!(error.contains("Nope"), "{error}");
    }

    #[test]
    fn every_documented_column_is_in_the_default_schema() {
        let schema = Schema::from_sdl(DEFAULT_SDL, true, false).unwrap();
        for stream in crate::streams::ALL {
            for column in stream.columns() {
                let field = schema.schema.type_field(stream.definition().entity, column.name);
                assert!(field.is_ok(), "{stream} {}", column.name);
            }
        }
    }
}
