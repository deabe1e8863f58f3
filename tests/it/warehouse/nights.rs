//! Real nights.
