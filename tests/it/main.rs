//! Tests of the real binary against the real sandbox over a real socket, with a real SQLite file.

#[path = "../support/mod.rs"]
mod support;

mod asking;
mod budget;
mod by_hand;
mod demo;
mod dialects;
mod errors;
mod foreign;
mod full;
mod generated;
mod graphql_js;
mod memory;
mod mirror;
mod moving;
mod secrets;
mod spelling;
mod stop;
mod tokens;
