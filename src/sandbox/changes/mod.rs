//! Changes to the account, in one file for each occasion on which they happen:
//!
//! - while lists are read: [`crate::sandbox::changes::drift`], [`crate::sandbox::changes::bulk_changes`];
//! - between two runs: [`crate::sandbox::changes::night`];
//! - on a test's command: [`crate::sandbox::changes::manual_changes`].
//!
//! [`crate::sandbox::changes::account_lists`] holds the lists that all of them change, and imports none of them.
//! `since` serves lists of the changed records only.

pub(crate) mod account_lists;
pub(crate) mod bulk_changes;
pub(crate) mod drift;
pub(crate) mod drift_settings;
pub(crate) mod manual_changes;
pub(crate) mod night;
pub(crate) mod since;
