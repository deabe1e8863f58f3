//! The account that the sandbox serves: how many records it has, in which order, with which ids and texts. All of it
//! is a function of a seed. The account knows nothing of GraphQL: it imports no other folder of the sandbox.
//!
//! | file | what it holds |
//! |---|---|
//! | `fields` | the fields of every object |
//! | `nested` | the fields of objects inside records |
//! | `channels`, `records` | the fields of records: of the two small lists, of the four large streams |
//! | `data` | the number of records, their ids and their positions |
//! | `object` | the types of objects |
//! | `text`, `phrases` | texts |
//! | `moment` | timestamps |
//! | `list`, `cursor`, `ids` | lists and their entries, cursors, ids |
//! | `json_writer`, `rng` | the buffer in which JSON is written, random values |
//!
//! A file imports only files that stand below it in this table, or on its own line to its right.

pub(crate) mod channels;
pub(crate) mod cursor;
pub(crate) mod data;
pub(crate) mod fields;
pub(crate) mod ids;
pub(crate) mod json_writer;
pub(crate) mod list;
pub(crate) mod moment;
pub(crate) mod nested;
pub(crate) mod object;
pub(crate) mod phrases;
pub(crate) mod records;
pub(crate) mod rng;
pub(crate) mod text;
