//! Finds out how a server spells the API. Nobody has documented its arguments and envelopes, so a run begins with what the mirror
//! remembers, and learns what that does not tell.
//!
//! [`crate::discovery::negotiate`] is the door. It asks for the schema and, stream by stream, tries what the schema says before it believes it:
//!
//! | step | module |
//! |---|---|
//! | read the schema by introspection | [`crate::discovery::introspect`], into [`schema`] |
//! | learn a hidden schema by asking | [`crate::discovery::probe`]; what a refusal teaches: [`crate::discovery::rejections`] |
//! | turn a schema into a dialect | [`crate::discovery::infer`], by types first, then by [`crate::discovery::names`] |
//! | check where pages begin and what a page argument does | [`crate::discovery::check_paging`] |
//! | ask for single records | [`crate::discovery::fetch_by_id`] |
//! | keep what was found for the next night | [`crate::discovery::saved_dialect`] |

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
