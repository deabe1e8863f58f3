//! What a nightly run does not ask for: which conversations are skipped as unchanged ([`skip`]), and what that misses, measured
//! and made good ([`crate::sync::incremental::audit`]). Where a list is read from its newest end only: [`super::walk::early_stop`]; where only what has
//! changed is asked for: [`super::walk::changed_since`].

pub mod audit;
pub mod skip;
