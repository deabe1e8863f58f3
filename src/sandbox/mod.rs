//! A stand-in for the Qpien API, against which the program can be tested and rehearsed.
//!
//! The sandbox serves GraphQL over HTTP. It reads its schema from an SDL file and generates an account of any size
//! from a seed. It can be as difficult as a real server: tokens expire, a rate limit applies, requests fail in many
//! ways, and lists move while they are read. After a run, it shows what a complete export must hold
//! (`/truth/<stream>`) and which requests it got (`/sandbox/log`, `/sandbox/counts`, `/sandbox/touched`). A `POST` to
//! `/sandbox/night` changes the account between two runs.
//!
//! Only token lifetimes, the rate limit and delays depend on time. Otherwise, equal options and equal requests give
//! equal answers, so that a failed test can be repeated.
//!
//! | question | file |
//! |---|---|
//! | What does the API look like? | `dialects/*.graphql` or any SDL file; read by `graphql/schema.rs` |
//! | How are invalid queries rejected? | `graphql/`: `graphql_js_messages.rs`, `suggest.rs`, `variables.rs` |
//! | Which mistakes does the library miss? | `graphql/`: `literal_checks.rs`, `missing_values.rs` |
//! | What do types, fields and arguments mean? | `graphql/reading.rs`: by `@sandbox` (`directives.rs`) or by name |
//! | Which names stand for what? | `graphql/`: `entities.rs` (types), `root_fields.rs` (lists), `synonyms.rs` (words) |
//! | How is a request handled, step by step? | `api.rs`, then `graphql/resolve.rs`; the result is in `outcome.rs` |
//! | What does a query select, and what does it ask? | `graphql/plan.rs`, from `selection.rs` and `question.rs` |
//! | Where does a page begin? | `account/cursor.rs` |
//! | How is an answer written? | `graphql/`: `execute.rs`, `members.rs` (an envelope's scalars); as JSON: `account/json_writer.rs` |
//! | How many records, in which order, which ids? | `account/`: `data.rs`, `list.rs`, `ids.rs` |
//! | What do the lists hold after changes? | `changes/account_lists.rs` |
//! | What is in a field? | `account/`: `fields.rs`, then `records.rs`, `channels.rs` or `nested.rs` |
//! | Where do a field's values come from? | `account/`: `text.rs`, `phrases.rs`, `moment.rs`, all drawn from `rng.rs` |
//! | What changes while lists are read? | `changes/`: `drift.rs`, `drift_settings.rs`, `bulk_changes.rs` |
//! | What changes between two runs? | `changes/night.rs`; on a test's command: `changes/manual_changes.rs` |
//! | Which records changed since a given time? | `changes/since.rs` |
//! | What makes lists hard to read? | `faults/adversary.rs` |
//! | Which requests fail? | `faults.rs`, `http/body.rs` (connections that break) |
//! | Who may ask, and how often? | `token.rs`, `http/limit.rs` |
//! | What must an export hold? Which requests came? | `truth.rs`, `http/log.rs` |

mod account;
mod api;
pub(crate) mod changes;
mod dialects;
pub mod faults;
pub(crate) mod graphql;
mod http;
mod token;
mod truth;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub use crate::sandbox::http::log::Counts;
pub use crate::sandbox::http::server::{Running, start};
pub use dialects::{NAMES as DIALECTS, shipped as shipped_sdl};

/// The settings of a sandbox.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // switches of one command line
pub struct SandboxOptions {
    /// Address to listen on; port 0 takes a free port.
    pub listen: SocketAddr,
    /// The number of generated contacts.
    pub contacts: u64,
    /// The number of generated customer persons, the account's own staff.
    pub persons: u64,
    /// The number of generated conversations.
    pub conversations: u64,
    /// The number of generated messages, in all conversations together.
    pub messages: u64,
    /// The seed of the account. The same seed and the same numbers give the same records.
    pub seed: u64,
    /// The time that the server claims in its `Date` header, in milliseconds since 1970, until a night passes. `None`
    /// uses this machine's clock.
    pub now: Option<i64>,
    /// How long a token is valid.
    pub token_ttl: Duration,
    /// The number of requests allowed per minute; 0 means no limit.
    pub requests_per_minute: u32,
    /// The length of the rate limit's window. The number of requests allowed in it is in proportion to its length.
    pub window: Duration,
    /// How long the server blocks a client that exceeds the limit. `None` blocks it until the window ends.
    pub block: Option<Duration>,
    /// Which requests fail, and how.
    pub faults: faults::Plan,
    /// The changes made while lists are read. `None` makes no changes.
    pub drift: Option<crate::sandbox::changes::drift_settings::DriftSettings>,
    /// The habits of difficult servers that this one imitates in its lists.
    pub adversaries: Vec<crate::sandbox::faults::adversary::Adversary>,
    /// The delay added to every answer.
    pub latency: Duration,
    /// `true` if issuing a token makes all older tokens expire.
    pub new_token_cancels_older: bool,
    /// The most rows in a page. If a request asks for more, the server sends this many rows without an error.
    pub max_page_size: u32,
    /// The largest page size that a request may ask for. The server answers with an error to a larger one. 0 allows
    /// any.
    pub refuse_page_size: u32,
    /// The most questions (root fields) in a request. The server answers with an error to more. 0 allows any number.
    pub max_questions: usize,
    /// `true` if the rate limit counts each question of a request, `false` if it counts the request as one.
    pub count_questions: bool,
    /// `true` if the URLs of pictures and media get a new signature in each answer.
    pub signed: bool,
    /// The scopes that the API key lacks.
    pub denied_scopes: Vec<String>,
    /// The client id with which a client can get a token.
    pub client_id: String,
    /// The client secret with which a client can get a token.
    pub client_secret: String,
    /// The schema as SDL; `None` means the default schema. [`shipped_sdl`] returns the other schemas that come with
    /// the sandbox.
    pub sdl: Option<String>,
    /// `true` if the server answers introspection queries.
    pub introspection: bool,
    /// `true` if errors about unknown names suggest similar names ("Did you mean ...").
    pub suggestions: bool,
}

impl Default for SandboxOptions {
    fn default() -> SandboxOptions {
        SandboxOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            contacts: 20_000,
            persons: 200,
            conversations: 5_000,
            messages: 200_000,
            seed: 7,
            now: None,
            token_ttl: Duration::from_secs(3600),
            requests_per_minute: 100,
            window: Duration::from_secs(60),
            block: None,
            faults: faults::Plan::default(),
            drift: None,
            adversaries: Vec::new(),
            latency: Duration::ZERO,
            new_token_cancels_older: false,
            max_page_size: 100,
            refuse_page_size: 0,
            max_questions: 0,
            count_questions: false,
            signed: false,
            denied_scopes: Vec::new(),
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            sdl: None,
            introspection: true,
            suggestions: true,
        }
    }
}

/// The reason why a sandbox did not start.
#[derive(Debug)]
pub enum StartError {
    /// The SDL file is not a valid schema.
    Schema(String),
    /// The fault plan is invalid.
    Plan(String),
    /// The number of messages is too large: it must fit into 32 bits.
    TooMany,
    /// The server cannot listen on the address.
    Bind {
        /// The address on which the server should listen.
        listen: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Schema(reason) => write!(f, "the schema is not valid: {reason}"),
            StartError::Plan(reason) => write!(f, "the fault plan is not valid: {reason}"),
            StartError::TooMany => write!(f, "at most {} messages", u32::MAX),
            StartError::Bind { listen, source } => write!(f, "cannot listen on {listen}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Bind { source, .. } => Some(source),
            _ => None,
        }
    }
}
