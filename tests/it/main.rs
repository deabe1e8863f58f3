//! Tests of the real binary against the real sandbox over a real socket, with a real SQLite file.

#[path = "../support/mod.rs"]
mod support;

mod graphql_js;
mod stop;
