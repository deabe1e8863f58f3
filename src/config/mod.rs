//! Reads the configuration of a run, and notes where each value came from. Flags override the environment, the
//! environment overrides the job file, and the job file overrides defaults.
//!
//! | file | what it reads |
//! |---|---|
//! | [`settings`] | the effective settings |
//! | [`accounts`], [`shard`] | the `[[account]]` tables, and one machine's share of the accounts |
//! | [`source`] | the `[source]` table |
//! | `dialect` | the `[source.dialect]` table ([`crate::dialect`]) |
//! | `volatile` | the `[source.volatile]` table |
//! | `mask` | the `[mask.STREAM]` tables |
//! | `stream_names` | the names of streams |
//! | [`destinations`], `postgres` | the `[[destination]]` tables, and those among them that are databases |
//! | `destination_keys` | the keys that all destinations share |
//! | [`origin`] | which source of a value wins, and which one won |
//! | [`flags`] | the flags that override the job file |
//! | [`job`] | the job file |
//! | [`mod@env`] | environment variables: all their names |
//! | [`values`] | durations and sizes as people write them |
//! | `credential` | API keys as people paste them |
//! | `toml_error` | errors of the TOML parser: it finds the line and the nearest right name |
//! | `text_file` | text files in the encodings that people's editors use |
//!
//! A file imports only files that stand below it in this table, or on its own line to its right.

pub mod accounts;
mod credential;
mod destination_keys;
pub mod destinations;
pub mod dialect;
pub mod env;
pub mod flags;
pub mod job;
#[cfg(test)]
pub(crate) mod keys_tests;
pub mod mask;
pub mod origin;
#[cfg(feature = "postgres")]
mod postgres;
pub mod settings;
pub mod shard;
pub mod source;
mod stream_names;
mod text_file;
mod toml_error;
pub mod values;
mod volatile;
