//! Killed at any moment, resumed, and the same bytes come out.

#[path = "../support/mod.rs"]
mod support;

mod kill;
