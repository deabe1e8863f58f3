//! The account that the sandbox serves: how many records it has, in which order, with which ids and texts. All of it
//! is a function of a seed. `truth.rs` computes what a complete export must hold.

pub(crate) mod all_messages;
pub(crate) mod channels;
pub(crate) mod cursor;
pub(crate) mod data;
pub(crate) mod ids;
pub(crate) mod list;
pub(crate) mod moment;
pub(crate) mod nested;
pub(crate) mod phrases;
pub(crate) mod records;
pub(crate) mod rng;
pub(crate) mod text;
pub(crate) mod truth;
