//! Finds out how a server spells the API. The documentation states neither its arguments nor its envelopes, so a run
//! begins with what the mirror remembers, and learns the rest from the server.
//!
//! [`crate::discovery::negotiate`] is the door. It reads the schema and, stream by stream, tests against the server's
//! answers what the schema says before it uses it:
//!
//! | step | module |
//! |---|---|
//! | read the schema by introspection | [`crate::discovery::introspect`], into [`schema`] |
//! | learn a hidden schema by asking about names | [`crate::discovery::probe`] |
//! | read what a refusal teaches | [`crate::discovery::rejections`] |
//! | turn a schema into a dialect | [`crate::discovery::infer`], by types first, then by [`crate::discovery::names`] |
//! | check where pages begin and what a page argument does | [`crate::discovery::check_paging`] |
//! | ask for single records | [`crate::discovery::fetch_by_id`] |
//! | keep what was found for later runs | [`crate::discovery::saved_dialect`] |

pub mod check_paging;
pub mod fetch_by_id;
pub mod infer;
pub mod introspect;
pub mod names;
pub mod negotiate;
pub mod probe;
pub mod rejections;
pub mod saved_dialect;
pub mod schema;
