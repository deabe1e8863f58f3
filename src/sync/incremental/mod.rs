//! Saves a nightly run from asking for what has not changed. [`skip`] collects what is needed to skip conversations
//! that are unchanged. [`crate::sync::incremental::audit`] measures what that misses, and has it read after all.
//! [`super::walk::early_stop`] lets a walk read only the newest end of a list, and [`super::walk::changed_since`]
//! asks only for what has changed.

pub mod audit;
pub mod skip;
