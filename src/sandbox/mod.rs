//! A stand-in for the Qpien API, against which the program can be tested and rehearsed.
//!
//! The sandbox serves GraphQL over HTTP. It reads its schema from an SDL file and generates an account of any size
//! from a seed. It can be as difficult as a real server: tokens expire, a rate limit applies, requests fail in many
//! ways, and lists move while they are read. After a run, it says what a complete export must hold
//! (`/truth/<stream>`) and what it was asked (`/sandbox/log`, `/sandbox/counts`, `/sandbox/touched`). A `POST` to
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
//! | How is a request judged, step by step? | `api.rs`, then `graphql/resolve.rs`; the result is in `outcome.rs` |
//! | What does a query select, and what does it ask? | `graphql/plan.rs`, from `selection.rs` and `question.rs` |
//! | Where does a page begin? | `account/cursor.rs` |
//! | How is an answer written? | `graphql/execute.rs`, `members.rs` (an envelope's scalars), `json_writer.rs` |
//! | How many records, in which order, which ids? | `account/`: `data.rs`, `list.rs`, `all_messages.rs`, `ids.rs` |
//! | What is in a field? | `graphql/object.rs`; `account/`: `records.rs`, `channels.rs`, `nested.rs` |
//! | Where do its values come from? | `account/`: `text.rs`, `phrases.rs`, `moment.rs`, all drawn from `rng.rs` |
//! | What changes while lists are read? | `changes/drift.rs`, `changes/bulk_changes.rs` |
//! | What changes between two runs? | `changes/night.rs`; on a test's command: `changes/manual_changes.rs` |
//! | What changed since a moment? | `changes/since.rs` |
//! | What makes lists hard to read? | `faults/adversary.rs` |
//! | What fails? | `faults.rs`, `http/body.rs` (connections that break) |
//! | Who may ask, and how often? | `token.rs`, `http/limit.rs` |
//! | What must an export hold? What was asked? | `account/truth.rs`, `http/log.rs` |

mod account;
mod api;
pub(crate) mod changes;
mod dialects;
pub mod faults;
pub(crate) mod graphql;
mod http;
mod token;

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
    /// Number of contacts.
    pub contacts: u64,
    /// Number of customer persons.
    pub persons: u64,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of messages in all conversations together.
    pub messages: u64,
    /// Seed of the account: the same seed and the same numbers give the same records.
    pub seed: u64,
    /// The time that the server claims in its `Date` header, in milliseconds since 1970, until a night passes. `None`
    /// uses this machine's clock.
    pub now: Option<i64>,
    /// Lifetime of a token.
    pub token_ttl: Duration,
    /// Requests allowed per minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// Length of the rate limit's window. The limit is scaled from a minute to it.
    pub window: Duration,
    /// How long the server blocks a client that exceeds the limit. `None` blocks it until the window ends.
    pub block: Option<Duration>,
    /// The requests that fail, and how.
    pub faults: faults::Plan,
    /// The changes made while lists are read; `None` for none.
    pub drift: Option<crate::sandbox::changes::drift::DriftSettings>,
    /// The habits that make the lists hard to read.
    pub adversaries: Vec<crate::sandbox::faults::adversary::Adversary>,
    /// Delay added to every answer.
    pub latency: Duration,
    /// `true` if a new token makes the older ones expire.
    pub new_token_cancels_older: bool,
    /// Most rows in a page. The server cuts a larger limit down without saying so.
    pub max_page_size: u32,
    /// Largest page size that may be asked for; the server refuses a larger one. 0 allows any.
    pub refuse_page_size: u32,
    /// Most questions (root fields) in a request; the server refuses more. 0 allows any number.
    pub max_questions: usize,
    /// `true` if the rate limit counts the questions of a request, not the request.
    pub count_questions: bool,
    /// `true` if the addresses of pictures and media are signed anew in each answer.
    pub signed: bool,
    /// Scopes that the client lacks.
    pub denied_scopes: Vec<String>,
    /// The client id that gets a token.
    pub client_id: String,
    /// The client secret that belongs to it.
    pub client_secret: String,
    /// The schema as SDL; the default schema if `None`. [`shipped_sdl`] gives the others that come with the sandbox.
    pub sdl: Option<String>,
    /// `true` if introspection queries are answered.
    pub introspection: bool,
    /// `true` if errors about unknown names include "Did you mean".
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
    /// The fault plan makes no sense.
    Plan(String),
    /// The number of messages does not fit into 32 bits.
    TooMany,
    /// The server cannot listen on the address.
    Bind {
        /// The address.
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
