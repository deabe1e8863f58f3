//! The arguments of `sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::sandbox::DIALECTS;

/// `sandbox`
#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct SandboxArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4000")]
    pub listen: SocketAddr,
    /// How many contacts there are.
    #[arg(long, default_value_t = 20_000)]
    pub contacts: u64,
    /// How many customer persons there are.
    #[arg(long, default_value_t = 200)]
    pub persons: u64,
    /// How many conversations there are.
    #[arg(long, default_value_t = 5_000)]
    pub conversations: u64,
    /// How many messages there are in all.
    #[arg(long, default_value_t = 200_000)]
    pub messages: u64,
    /// The same seed gives the same data.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// What time it is by the `Date` header (2025-01-31T12:00:00Z), until a night passes; by default this machine's time.
    #[arg(long, value_name = "MOMENT")]
    pub now: Option<String>,
    /// How long a token lives (2s, 1h).
    #[arg(long, default_value = "1h")]
    pub token_ttl: String,
    /// The limit; 0 = none.
    #[arg(long, default_value_t = 100)]
    pub requests_per_minute: u32,
    /// The window that the limit counts in.
    #[arg(long, default_value = "60s")]
    pub window: String,
    /// Faults: a named plan (none, demo, flaky, all) or a TOML file.
    #[arg(long, default_value = "none")]
    pub faults: String,
    /// Changes between requests: events a request (0.5), with their seed after a colon (0.5:7).
    #[arg(long, value_name = "RATE[:SEED]")]
    pub drift: Option<String>,
    /// Where new records appear: newest-first, oldest-first, anywhere, by-change (in front, and edited ones, too).
    #[arg(long, default_value = "newest-first")]
    pub order: String,
    /// Makes lists hard to read: bulk-deletes, clamp, filtered, depth-cap, last-page-repeated, ties, cached, page-ignored,
    /// moved-anchor; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub adversary: Vec<String>,
    /// How long every answer takes.
    #[arg(long, default_value = "0ms")]
    pub latency: String,
    /// The largest page served; larger ones are clamped in silence.
    #[arg(long, default_value_t = 100)]
    pub max_page_size: u32,
    /// The most rows a page may be asked for; more are refused. 0 = any number.
    #[arg(long, default_value_t = 0)]
    pub refuse_page_size: u32,
    /// The most questions (aliased lists) one request may carry; 0 = any number.
    #[arg(long, default_value_t = 0)]
    pub max_questions: usize,
    /// The limit falls by the questions of a request, not by one.
    #[arg(long)]
    pub count_questions: bool,
    /// Addresses of pictures and media are signed anew at each answer.
    #[arg(long)]
    pub signed: bool,
    /// Contacts can be asked for by the date of their last change (in the default dialect).
    #[arg(long, value_enum, conflicts_with = "sdl")]
    pub updated_after: Option<Filter>,
    /// A scope the key lacks, for example `read_messages`; may be repeated.
    #[arg(long, value_name = "SCOPE")]
    pub deny_scope: Vec<String>,
    /// A new token cancels the older ones.
    #[arg(long)]
    pub new_token_cancels_older: bool,
    /// How the API spells things.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = PossibleValuesParser::new(DIALECTS))]
    pub dialect: String,
    /// A schema of your own instead, as an SDL file; see src/sandbox/graphql/directives.rs for what `@sandbox` adds to it.
    #[arg(long, value_name = "FILE", conflicts_with = "dialect")]
    pub sdl: Option<PathBuf>,
    /// Whether introspection queries are answered.
    #[arg(long, value_enum, default_value_t = OnOff::On)]
    pub introspection: OnOff,
    /// Whether unknown names are answered with "Did you mean".
    #[arg(long, value_enum, default_value_t = OnOff::On)]
    pub suggestions: OnOff,
}

/// What a filter of the sandbox does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Filter {
    Obeyed,
    Ignored,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum OnOff {
    On,
    Off,
}
