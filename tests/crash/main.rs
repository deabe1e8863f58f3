//! A run that is killed at any moment and resumed delivers the same bytes as an uninterrupted one.

#[path = "../support/mod.rs"]
mod support;

mod kill;
