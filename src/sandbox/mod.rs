//! A Qpien-like server to rehearse against.
//!
//! It speaks GraphQL against a schema read from an SDL file, serves an account of any size made from a seed, and can be
//! as difficult as the real thing: tokens that expire, a rate limit, faults of every kind, lists that move while they
//! are read. And it says afterwards what an export should hold (`/truth/<stream>`) and what it was asked
//! (`/sandbox/log`, `/sandbox/counts`, `/sandbox/touched`). `POST /sandbox/night` changes it between two readings.
//!
//! | question | file |
//! |---|---|
//! | what does the API look like? | `dialects/*.graphql` or any SDL file, read by `graphql/schema.rs`; its rejections: `graphql_js_messages.rs`, `suggest.rs`, `variables.rs`, `literal_checks.rs`, `missing_values.rs` |
//! | what do its types, fields and arguments stand for? | `graphql/reading.rs`: said by `@sandbox` (`directives.rs`), else guessed (`entities.rs`, `root_fields.rs`) from what people call things (`synonyms.rs`) |
//! | how is a request judged, step by step? | `api.rs`, then `graphql/resolve.rs`; what comes out is in `outcome.rs` |
//! | what does a query select? what does it ask? | `graphql/plan.rs` of `selection.rs`, `question.rs`; where does a page begin? `account/cursor.rs` |
//! | how is an answer written? | `graphql/execute.rs` and, for the scalars of an envelope, `members.rs` into `json_writer.rs` |
//! | how many records, in which order, with which ids? | `account/data.rs` of `list.rs` (all messages: `all_messages.rs`), `ids.rs` |
//! | what is in a field? | `graphql/object.rs`; `account/records.rs`, `channels.rs`, `nested.rs`, `text.rs` (of `phrases.rs`), `moment.rs`, drawn from `rng.rs` |
//! | what changes meanwhile? | `changes/drift.rs`, `bulk_changes.rs`; between two readings: `night.rs`; when a test wants it to: `manual_changes.rs` |
//! | what changed since a moment? | `changes/since.rs` |
//! | what makes lists hard to read? | `faults/adversary.rs` |
//! | what fails? | `faults.rs`, `http/body.rs` (connections that break) |
//! | who may ask, how often? | `token.rs`, `http/limit.rs` |
//! | what should have come out? what was asked? | `account/truth.rs`, `http/log.rs` |

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

/// How a sandbox is to be.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // switches of one command line
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many contacts there are.
    pub contacts: u64,
    /// How many customer persons.
    pub persons: u64,
    /// How many conversations.
    pub conversations: u64,
    /// How many messages all conversations have together.
    pub messages: u64,
    /// Which account it is: the same seed and the same numbers give the same records.
    pub seed: u64,
    /// What time it is, in milliseconds since 1970, until a night passes; by this machine's clock where none is given.
    pub now: Option<i64>,
    /// How long a token lives.
    pub token_ttl: Duration,
    /// The rate limit; 0 for none.
    pub requests_per_minute: u32,
    /// The rate limit's window: the limit is scaled to it.
    pub window: Duration,
    /// How long a client that exceeds the limit is blocked; until the window ends when absent.
    pub block: Option<Duration>,
    /// Which requests fail.
    pub faults: faults::Plan,
    /// What changes while it is read.
    pub drift: Option<crate::sandbox::changes::drift::Settings>,
    /// What makes its lists hard to read.
    pub adversaries: Vec<crate::sandbox::faults::adversary::Adversary>,
    /// How much later every answer comes.
    pub latency: Duration,
    /// A new token makes the older ones expire.
    pub new_token_cancels_older: bool,
    /// The most rows a page has; a larger limit is cut down in silence.
    pub max_page_size: u32,
    /// The most rows a page may be asked for; more are refused. 0 for any number.
    pub refuse_page_size: u32,
    /// The most questions (root fields) of a request; more are refused. 0 for any number.
    pub max_questions: usize,
    /// The limit falls by the questions of a request, not by one.
    pub count_questions: bool,
    /// The addresses of pictures and media are signed anew at each answer.
    pub signed: bool,
    /// Scopes the client does not have.
    pub denied_scopes: Vec<String>,
    /// The id that gets a token.
    pub client_id: String,
    /// The secret that goes with it.
    pub client_secret: String,
    /// The schema as SDL; the default one when absent. Others come along: [`shipped_sdl`].
    pub sdl: Option<String>,
    /// Introspection queries are answered.
    pub introspection: bool,
    /// Unknown names are answered with "Did you mean".
    pub suggestions: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
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

/// Why a sandbox did not start.
#[derive(Debug)]
pub enum Error {
    /// The SDL file is not a valid schema.
    Schema(String),
    /// The fault plan makes no sense.
    Plan(String),
    /// More messages than can be counted in 32 bits.
    TooMany,
    /// The address cannot be had.
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Schema(reason) => write!(f, "the schema is not valid: {reason}"),
            Error::Plan(reason) => write!(f, "the fault plan is not valid: {reason}"),
            Error::TooMany => write!(f, "at most {} messages", u32::MAX),
            Error::Bind { listen, source } => write!(f, "cannot listen on {listen}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bind { source, .. } => Some(source),
            _ => None,
        }
    }
}
