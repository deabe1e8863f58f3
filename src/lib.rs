//! qpien-sync: everything an account has in Qpien, out to CSV files and to a data warehouse.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod destinations;
pub mod error;
pub mod hex;
pub mod lock;
pub mod mirror;
pub mod policy;
pub mod progress;
pub mod record;
pub mod report;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;
pub mod source;
pub mod streams;
pub mod sync;
pub mod telemetry;
pub mod verdict;
