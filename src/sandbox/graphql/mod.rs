//! GraphQL: reads the schema, validates requests with the error texts of graphql-js, and writes answers.
//!
//! It imports the account, whose records the answers show. The account knows nothing of GraphQL.

pub(crate) mod directives;
pub(crate) mod entities;
pub(crate) mod execute;
pub(crate) mod graphql_js_messages;
pub(crate) mod literal_checks;
pub(crate) mod members;
pub(crate) mod missing_values;
pub(crate) mod outcome;
pub(crate) mod plan;
pub(crate) mod question;
pub(crate) mod reading;
pub(crate) mod resolve;
pub(crate) mod root_fields;
pub(crate) mod schema;
pub(crate) mod selection;
pub(crate) mod suggest;
pub(crate) mod synonyms;
pub(crate) mod variables;
