//! The account that the sandbox serves: how many records, in which order, with which ids and texts, all functions of a seed; and
//! the truth of it, for whoever compares.

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
