//! How the account changes: while lists are read ([`crate::sandbox::changes::drift`], [`crate::sandbox::changes::bulk_changes`]), between two readings ([`crate::sandbox::changes::night`]), and when a test
//! wants it to ([`crate::sandbox::changes::manual_changes`]).

pub(crate) mod bulk_changes;
pub(crate) mod drift;
pub(crate) mod manual_changes;
pub(crate) mod night;
pub(crate) mod since;
