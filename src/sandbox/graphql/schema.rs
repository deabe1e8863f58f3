//! The GraphQL schema, read from an SDL file, and the validation of requests against it.
//!
//! A valid request becomes [`Prepared`]: its operation is chosen, and its variables have values. An invalid request
//! gets a rejection in the words of graphql-js and with the status of Apollo Server 4: 400.

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

use crate::sandbox::graphql::graphql_js_messages;
use crate::sandbox::graphql::graphql_js_messages::InvalidDocument;
use crate::sandbox::graphql::outcome::{DocumentOutcome, Problem};
use crate::sandbox::graphql::plan;
use crate::sandbox::graphql::plan::Root;
use crate::sandbox::graphql::reading::SchemaMeaning;
use crate::sandbox::graphql::variables;
use crate::sandbox::graphql::{literal_checks, missing_values};

/// The number of valid documents in the cache. A client repeats few questions, and a large document takes 250 KB.
const REMEMBERED: usize = 64;

const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";

/// A schema, and a cache of the documents that were found valid for it.
#[derive(Debug)]
pub struct SandboxSchema {
    reading: SchemaMeaning,
    implementers: TypeMap<Name, Implementers>,
    valid: Mutex<HashMap<String, Arc<Valid<ExecutableDocument>>>>,
    introspection: bool,
    suggestions: bool,
}

/// A valid request that can be executed.
#[derive(Debug)]
pub struct Prepared {
    /// The root fields, in the order in which they are answered.
    pub roots: Vec<Root>,
    document: Arc<Valid<ExecutableDocument>>,
    operation: Node<Operation>,
    variables: Valid<JsonMap>,
}

/// A GraphQL request as the client sends it.
#[derive(Debug, Deserialize)]
struct Request {
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<JsonMap>,
}

impl SandboxSchema {
    /// Parses an SDL file. `introspection` says whether introspection queries are answered, and `suggestions` whether
    /// errors suggest similar names. The error is a message for people.
    pub fn from_sdl(sdl: &str, introspection: bool, suggestions: bool) -> Result<SandboxSchema, String> {
        let reading = SchemaMeaning::of(sdl)?;
        let implementers = reading.types.implementers_map();
        Ok(SandboxSchema { reading, implementers, valid: Mutex::default(), introspection, suggestions })
    }

    /// Returns the meaning of the schema's types and fields.
    pub fn reading(&self) -> &SchemaMeaning {
        &self.reading
    }

    /// Validates the body of a request. The error is the rejection with which the server answers.
    pub fn prepare(&self, body: &[u8]) -> Result<Prepared, DocumentOutcome> {
        let request: Request = serde_json::from_slice(body)
            .map_err(|e| plain_refusal("BAD_REQUEST", &format!("POST body is not a GraphQL request: {e}")))?;
        let Some(query) = request.query else {
            let text = "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.";
            return Err(plain_refusal("BAD_REQUEST", text));
        };
        let document = self.document(query)?;
        let chosen = document.operations.get(request.operation_name.as_deref());
        let operation = chosen
            .map_err(|_| {
                let text = match &request.operation_name {
                    Some(name) => format!("Unknown operation named \"{name}\"."),
                    None => "Must provide operation name if query contains multiple operations.".to_owned(),
                };
                plain_refusal("OPERATION_RESOLUTION_FAILURE", &text)
            })?
            .clone();
        let given = request.variables.unwrap_or_default();
        let variables = coerce_variable_values(&self.reading.types, &operation, &given).map_err(|e| {
            let found = variables::mistakes(&self.reading.types, &operation, &given, &document.sources);
            if found.is_empty() {
                return refuse(&e, "BAD_USER_INPUT", &document.sources);
            }
            refusal("BAD_USER_INPUT", found)
        })?;
        let roots = plan::roots(&self.reading, &document, &operation, &variables);
        if !self.introspection && roots.iter().any(Root::is_introspection) {
            let text = "GraphQL introspection is not allowed by Apollo Server, but the query contained __schema or __type. \
                        To enable introspection, pass introspection: true to ApolloServer in production";
            return Err(plain_refusal(INVALID, text));
        }
        Ok(Prepared { roots, document, operation, variables })
    }

    /// Answers the introspection part of a query. Returns one value for each response key. The error is the rejection
    /// with which the server answers.
    pub fn introspect(&self, prepared: &Prepared) -> Result<JsonMap, DocumentOutcome> {
        let Prepared { document, operation, variables, .. } = prepared;
        introspection::check_max_depth(document, operation)
            .and_then(|()| {
                introspection::partial_execute(&self.reading.types, &self.implementers, document, operation, variables)
            })
            .map(|response| response.data.unwrap_or_default())
            .map_err(|e| refuse(&e, INVALID, &document.sources))
    }

    fn document(&self, query: String) -> Result<Arc<Valid<ExecutableDocument>>, DocumentOutcome> {
        let remembered = || self.valid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered().get(&query) {
            return Ok(Arc::clone(known));
        }
        let parsed = ast::Document::parse(query.as_str(), "query").map_err(|e| {
            // graphql-js stops at the first syntax error.
            let first = e.errors.iter().next().map(|d| d.unstable_to_json_compat());
            let reworded = first
                .map(|error| GraphQLError { message: graphql_js_messages::syntax_message(&error.message), ..error });
            refusal("GRAPHQL_PARSE_FAILED", reworded)
        })?;
        if let Some(message) = missing_values::mistake(&query) {
            return Err(plain_refusal("GRAPHQL_PARSE_FAILED", &message));
        }
        let document = parsed.to_executable_validate(&self.reading.types).map_err(|e| {
            let wrong = InvalidDocument {
                schema: &self.reading.types,
                query: &query,
                parsed: &parsed,
                suggestions: self.suggestions,
            };
            refusal(INVALID, wrong.errors(&e.errors))
        })?;
        let overlooked = literal_checks::mistakes(&self.reading.types, &document);
        if !overlooked.is_empty() {
            return Err(refusal(INVALID, overlooked));
        }
        let mut valid = remembered();
        if valid.len() >= REMEMBERED {
            valid.clear();
        }
        let document = Arc::new(document);
        valid.insert(query, Arc::clone(&document));
        Ok(document)
    }
}

/// Returns the rejection of a request with these errors, in the form of Apollo Server 4.
fn refusal(code: &'static str, errors: impl IntoIterator<Item = GraphQLError>) -> DocumentOutcome {
    let problems: Vec<Problem> = errors
        .into_iter()
        .map(|error| {
            let locations = error.locations.iter().map(|at| json!({"line": at.line, "column": at.column})).collect();
            Problem { locations, ..Problem::new(&error.message, code) }
        })
        .collect();
    DocumentOutcome::failed(400, &problems)
}

fn plain_refusal(code: &'static str, message: &str) -> DocumentOutcome {
    DocumentOutcome::failed(400, &[Problem::new(message, code)])
}

fn refuse(error: &RequestError, code: &'static str, sources: &SourceMap) -> DocumentOutcome {
    refusal(code, [error.to_graphql_error(sources)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::dialects::DEFAULT_SDL;

    fn refused(query: &str, variables: &serde_json::Value) -> (String, String) {
        let schema = SandboxSchema::from_sdl(DEFAULT_SDL, true, false).unwrap();
        let body = json!({"query": query, "variables": variables}).to_string();
        let refusal = schema.prepare(body.as_bytes()).err().unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&refusal.body).unwrap();
        assert_eq!(parsed["errors"].as_array().unwrap().len(), 1, "{parsed}");
        assert_eq!(parsed["errors"][0]["extensions"]["code"].as_str(), refusal.code.as_deref());
        (parsed["errors"][0]["message"].as_str().unwrap().to_owned(), refusal.code.unwrap())
    }

    #[test]
    fn what_is_invalid_is_refused_in_the_words_of_graphql_js() {
        for (query, message) in [
            (
                "{ getContactList { success data { docs { nope } } } }",
                r#"Cannot query field "nope" on type "ExternalContact"."#,
            ),
            ("{ getContactList(size: 3) { success } }", r#"Unknown argument "size" on field "Query.getContactList"."#),
            (
                "{ getMessages { success } }",
                r#"Field "getMessages" argument "conversationId" of type "ID!" is required, but it was not provided."#,
            ),
            (
                "{ getContactList { data { docs } } }",
                r#"Field "docs" of type "[ExternalContact]" must have a selection of subfields. Did you mean "docs { ... }"?"#,
            ),
            (
                "query($p: String) { getContactList(page: $p) { success } }",
                r#"Variable "$p" of type "String" used in position expecting type "Int"."#,
            ),
            ("{ getContactList(page: 1.5) { success } }", "Int cannot represent non-integer value: 1.5"),
            (
                "{ getContactList { success { yes } } }",
                r#"Field "success" must not have a selection since type "Boolean!" has no subfields."#,
            ),
            ("{ getContactList(page: {a: [1 X]}) { success } }", "Int cannot represent non-integer value: {a: [1, X]}"),
            ("{ getContact(_id: null) { success } }", r#"Expected value of type "ID!", found null."#),
            (
                "mutation { generateOAuthToken(input: {clientId: \"a\", clientSecret: null}) { success } }",
                r#"Expected value of type "String!", found null."#,
            ),
            ("query($p: Nope) { getContactList(page: $p) { success } }", r#"Unknown type "Nope"."#),
            ("query Q($p: Int) { getContactList { success } }", r#"Variable "$p" is never used in operation "Q"."#),
            (
                "query Q { ...F } fragment F on Query { getContactList(page: $p) { success } }",
                r#"Variable "$p" is not defined by operation "Q"."#,
            ),
            (
                "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }",
                r#"Cannot spread fragment "A" within itself via "B", "C"."#,
            ),
            (
                "{ getContactList { a: success a: code } }",
                r#"Fields "a" conflict because "success" and "code" are different fields. Use different aliases on the fields to fetch both if this was intentional."#,
            ),
            (r#"{ getContactList(page: "1") { success } }"#, r#"Int cannot represent non-integer value: "1""#),
        ] {
            assert_eq!(refused(query, &json!({})), (message.to_owned(), INVALID.to_owned()), "{query}");
        }
    }

    #[test]
    fn wrong_variables_are_refused_in_the_words_of_graphql_js() {
        for (variable, given, message) in [
            (
                "$p: Int",
                json!({"p": "one"}),
                r#"Variable "$p" got invalid value "one"; Int cannot represent non-integer value: "one""#,
            ),
            (
                "$p: Int = 1",
                json!({"p": 1.5}),
                r#"Variable "$p" got invalid value 1.5; Int cannot represent non-integer value: 1.5"#,
            ),
            ("$p: Int!", json!({}), r#"Variable "$p" of required type "Int!" was not provided."#),
            ("$p: Int!", json!({"p": null}), r#"Variable "$p" of non-null type "Int!" must not be null."#),
        ] {
            let query = format!("query({variable}) {{ getContactList(page: $p) {{ success }} }}");
            assert_eq!(refused(&query, &given), (message.to_owned(), "BAD_USER_INPUT".to_owned()));
        }
    }

    #[test]
    fn what_cannot_be_parsed_or_chosen_has_its_own_code() {
        let (message, code) = refused("{ getContactList(", &json!({}));
        assert_eq!(code, "GRAPHQL_PARSE_FAILED");
        assert!(message.starts_with("Syntax Error: "), "{message}");
        let two = "query A { getContactList { success } } query B { getContactList { success } }";
        let (message, code) = refused(two, &json!({}));
        assert_eq!(code, "OPERATION_RESOLUTION_FAILURE");
        assert_eq!(message, "Must provide operation name if query contains multiple operations.");
        assert_eq!(
            refused("{ getContactList(page) { success } }", &json!({})).0,
            "Syntax Error: Expected \":\", found \")\"."
        );
    }

    #[test]
    fn a_schema_that_is_wrong_is_refused_with_the_reason() {
        let error = SandboxSchema::from_sdl("type Query { a: Nope }", true, false).unwrap_err();
        assert!(error.contains("Nope"), "{error}");
    }

    #[test]
    fn introspection_can_be_off() {
        let schema = SandboxSchema::from_sdl(DEFAULT_SDL, false, false).unwrap();
        let refusal = schema.prepare(br#"{"query":"{ __schema { queryType { name } } }"}"#).err().unwrap();
        assert!(String::from_utf8(refusal.body).unwrap().contains("introspection is not allowed"));
        assert!(schema.prepare(br#"{"query":"{ __typename }"}"#).is_ok());
    }

    #[test]
    fn every_documented_column_is_in_the_default_schema() {
        let schema = SandboxSchema::from_sdl(DEFAULT_SDL, true, false).unwrap();
        for stream in crate::streams::ALL {
            for column in stream.columns() {
                let field = schema.reading.types.type_field(stream.definition().entity, column.name);
                assert!(
                    field.is_ok(),
                    "src/sandbox/dialects/default.graphql: type {} lacks `{}`, which src/streams/{stream}.rs has",
                    stream.definition().entity,
                    column.name
                );
            }
        }
    }
}
