//! What a run is told, and from where: flags override the environment, the environment overrides the job file, the job
//! file overrides defaults. [`job`] is the file, [`mod@env`] every variable's name, [`settings`] the effective result,
//! [`origin`] who wins and who won, [`accounts`] the `[[account]]` tables and [`shard`] a machine's part of them, [`source`] the `[source]` table, [`crate::dialect`] the `[source.dialect]` table, `volatile` the
//! `[source.volatile]` table, [`destinations`] the `[[destination]]` tables, `postgres` those of them that are databases, [`values`] durations and sizes as people write
//! them, `credential` keys as they paste them, `text_file` what is read of their files.

pub mod accounts;
mod credential;
pub mod destinations;
pub mod dialect;
pub mod env;
pub mod job;
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
