//! Finds out how a server spells the API. The documentation states neither the arguments nor the envelopes of the
//! queries. So a run begins with what an earlier run has stored in the mirror, and learns the rest from the server.
//!
//! [`crate::discovery::negotiate`] is the entry point. It reads the schema. For each stream, it checks what the
//! schema shows against the server's answers before it uses it:
//!
//! | step | module |
//! |---|---|
//! | read the schema by introspection | [`crate::discovery::introspect`], into [`schema`] |
//! | learn a hidden schema by asking whether names exist | [`crate::discovery::probe`] |
//! | read what an error message reveals | [`crate::discovery::rejections`] |
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
