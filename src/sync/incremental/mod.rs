//! Saves a nightly run from asking for what has not changed. [`skip`] decides which conversations are skipped as
//! unchanged. [`crate::sync::incremental::audit`] measures what that misses, and makes it good.
//! [`super::walk::early_stop`] reads a list from its newest end only, and [`super::walk::changed_since`] reads only
//! what has changed.

pub mod audit;
pub mod skip;
