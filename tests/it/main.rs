//! Tests of the real binary against the real sandbox over a real socket, with a real SQLite file.

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod aliases;
mod asking;
mod audits;
mod boxes;
mod budget;
mod by_hand;
mod check;
mod clocks;
mod closing;
mod contradictions;
mod copies;
mod deletions;
mod demo;
mod dialects;
mod discover;
mod errors;
mod extra_fields;
mod feed;
mod first_page;
mod foreign;
mod formulas;
mod full;
mod gateways_in_front;
mod generated;
mod graphql_js;
mod links;
mod mask;
mod memory;
mod merges;
mod mirror;
mod mirror_bytes;
mod mirror_forgets;
mod mirror_shared;
mod mixed_up;
mod modes;
mod moments;
mod moving;
mod narrowed_lists;
mod newest_end;
mod nightly;
mod not_this_api;
mod numbers;
#[cfg(feature = "objects")]
mod objects;
mod odd_envelopes;
mod older_version;
mod ops;
mod own_failures;
mod parents;
#[cfg(feature = "parquet")]
mod parquet;
mod passed_over;
mod pasted_credentials;
mod places;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_guards;
mod proxies;
mod readers;
mod refusals;
mod refused_places;
mod schedulers;
mod secrets;
mod server_messages;
mod set_aside;
mod settings;
mod spelling;
mod steering;
mod stop;
#[cfg(all(feature = "objects", feature = "parquet", feature = "postgres"))]
mod three_destinations;
mod time_box;
mod time_zones;
mod tokens;
mod turnover;
mod verify;
mod verify_calm;
#[cfg(feature = "postgres")]
mod verify_database;
mod volatile;
mod waits;
mod warehouse;
mod without_sign;
mod year;
