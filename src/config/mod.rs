//! Reads the configuration of a run, and notes where each value came from. Flags override the environment, the
//! environment overrides the job file, and the job file overrides defaults.
//!
//! | file | what it reads |
//! |---|---|
//! | [`job`] | the job file |
//! | [`mod@env`] | environment variables: all their names |
//! | [`settings`] | the effective settings |
//! | [`origin`] | which source of a value wins, and which one won |
//! | [`accounts`], [`shard`] | the `[[account]]` tables, and one machine's share of the accounts |
//! | [`source`] | the `[source]` table |
//! | `dialect` | the `[source.dialect]` table ([`crate::dialect`]) |
//! | `volatile` | the `[source.volatile]` table |
//! | `mask` | the `[mask.STREAM]` tables |
//! | [`destinations`], `postgres` | the `[[destination]]` tables, and those among them that are databases |
//! | [`values`] | durations and sizes as people write them |
//! | `credential` | API keys as people paste them |
//! | `text_file` | text files in the encodings that people's editors use |

pub mod accounts;
mod credential;
pub mod destinations;
pub mod dialect;
pub mod env;
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
mod text_file;
pub mod values;
mod volatile;
