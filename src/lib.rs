//! qpien-sync: everything an account has in Qpien, out to CSV files and to a data warehouse.

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod streams;
