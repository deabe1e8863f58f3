//! qpien-sync: everything an account has in Qpien, out to CSV files and to a data warehouse.

pub mod clock;
pub mod config;
pub mod destinations;
pub mod error;
pub mod lock;
pub mod mirror;
pub mod policy;
pub mod progress;
pub mod record;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;
pub mod source;
pub mod streams;
pub mod sync;
pub mod verdict;
