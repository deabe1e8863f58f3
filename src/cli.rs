//! The command line as it was typed, without any logic.

#[cfg(feature = "sandbox")]
mod sandbox;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "sandbox")]
pub use sandbox::{Filter, OnOff, SandboxArgs};

use crate::logging::LogFormat;
use crate::warehouse::{Engine, SCHEMA};

const AFTER: &str = "\
First run:
  export QPIEN_CLIENT_ID=...  QPIEN_CLIENT_SECRET=...      (or QPIEN_CLIENT_SECRET_FILE=/path)
  qpien-sync check jobs/nightly-csv.toml
  qpien-sync run   jobs/nightly-csv.toml

Without an account:
  qpien-sync demo

Exit codes: 0 complete, 1 failed, 2 usage or configuration, 3 finished but incomplete, 4 stopped before its end,
5 credentials or scopes, 6 API unavailable, 7 integrity, 11 another run holds the lock. 3 and 4: run it again.";

/// Takes everything an account has in Qpien out to files or a warehouse, through a local mirror that survives any crash.
#[derive(Debug, Parser)]
#[command(name = "qpien-sync", version, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How log lines are written (to standard error).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Say only what went wrong.
    #[arg(long, global = true)]
    pub quiet: bool,

    /// Say more: -v every retry and window, -vv everything (never a secret or a message).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a job: read from the API into the mirror, then deliver to the job's destinations.
    Run(RunArgs),
    /// Check a job without reading anything: endpoint, credentials, a scope per stream, mirror, destinations.
    Check(CheckArgs),
    /// Say what a run will take (requests, minutes, tokens, megabytes), from a handful of requests; nothing is written.
    Plan(PlanArgs),
    /// Find out how a server spells this API, and print it ready to paste into the job file.
    Discover(DiscoverArgs),
    /// Deliver again from the mirror, without one API request.
    Export(ExportArgs),
    /// Verify what lies at a destination: counts, sums, ids, references, seqs, against its manifest and the mirror.
    Verify(VerifyArgs),
    /// Show what the mirror holds and how far its walks have come.
    Status(StatusArgs),
    /// What takes the change files into a data warehouse.
    #[command(subcommand)]
    Warehouse(WarehouseCommand),
    /// Start a Qpien-like server to rehearse against.
    #[cfg(feature = "sandbox")]
    Sandbox(Box<SandboxArgs>),
    /// Sync a whole account from a sandbox, with tokens expiring and faults on the way, and compare the result.
    #[cfg(feature = "sandbox")]
    Demo,
}

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A job file, to verify all of its destinations against the mirror; or a folder or `s3://bucket/prefix` that holds a
    /// manifest.json.
    #[arg(id = "job", value_name = "TARGET")]
    pub target: PathBuf,

    /// The mirror's file; of a job another one than the job's.
    #[arg(long, value_name = "PATH")]
    pub mirror: Option<PathBuf>,

    /// Which accounts of a job.
    #[command(flatten)]
    pub accounts: AccountArgs,
}

/// A job and what overrides it.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job file, for example jobs/nightly-csv.toml.
    pub job: PathBuf,

    /// The GraphQL address [also: `QPIEN_ENDPOINT`].
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,

    /// The mirror's file.
    #[arg(long, value_name = "PATH")]
    pub mirror: Option<PathBuf>,

    /// The folder of the job's file destination.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Requests a minute; 0 = no limit of our own.
    #[arg(long, value_name = "N")]
    pub requests_per_minute: Option<u32>,

    /// Rows a page to ask for.
    #[arg(long, value_name = "N")]
    pub page_size: Option<u32>,

    /// Which accounts.
    #[command(flatten)]
    pub accounts: AccountArgs,
}

/// Which of a job's accounts are meant; all when nothing is said.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// One of the job's accounts; may be repeated.
    #[arg(long, value_name = "NAME", requires = "job")]
    pub account: Vec<String>,

    /// A stable part of the job's accounts, counted from 0: of sixteen 0/16 to 15/16.
    #[arg(long, value_name = "INDEX/PARTS", requires = "job", conflicts_with = "account")]
    pub shard: Option<String>,
}

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,

    /// The mirror's records are this account's, although its key or address is another one now.
    #[arg(long)]
    pub adopt_mirror: bool,

    /// Delete what is gone from the source, however many records that are, and when a list comes out empty, too.
    #[arg(long)]
    pub allow_deletes: bool,

    /// Stop after so long (6h, 45m), at a page boundary; what is proven is delivered, exit code 4.
    #[arg(long, value_name = "DURATION")]
    pub max_runtime: Option<String>,

    /// The same at this time of day (06:00), in this machine's time zone.
    #[arg(long, value_name = "HH:MM")]
    pub until: Option<String>,

    /// The same after so many requests (of each account).
    #[arg(long, value_name = "N")]
    pub max_requests: Option<u64>,

    /// Show every setting and where it came from, and do nothing.
    #[arg(long)]
    pub print_config: bool,
}

/// `check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,

    /// How the checklist is written (to standard output).
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// Text for people, JSON for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// A line and its hint, one after the other.
    Text,
    /// One JSON object, at the end.
    Json,
}

/// `plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,

    /// For people or for machines.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// `discover`
#[derive(Debug, Args)]
pub struct DiscoverArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,

    /// Write it to a file, too, for `dialect = "FILE"` under `[source]`.
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The job file.
    pub job: PathBuf,

    /// The mirror's file.
    #[arg(long, value_name = "PATH")]
    pub mirror: Option<PathBuf>,

    /// The folder of the job's file destination.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Which accounts.
    #[command(flatten)]
    pub accounts: AccountArgs,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The job file whose mirror is meant; otherwise --mirror, otherwise state/qpien.db.
    pub job: Option<PathBuf>,

    /// The mirror's file.
    #[arg(long, value_name = "PATH")]
    pub mirror: Option<PathBuf>,

    /// Which accounts.
    #[command(flatten)]
    pub accounts: AccountArgs,
}

/// `warehouse`
#[derive(Debug, Subcommand)]
pub enum WarehouseCommand {
    /// Print the SQL by which an engine takes change files in: tables, load, merge, views.
    Sql(WarehouseSqlArgs),
}

/// `warehouse sql`
#[derive(Debug, Args)]
pub struct WarehouseSqlArgs {
    /// The engine.
    #[arg(long, value_enum)]
    pub engine: Engine,

    /// The schema (database, dataset) of the tables; one for each account.
    #[arg(long, value_name = "NAME", default_value = SCHEMA)]
    pub schema: String,

    /// Where the change files lie, as the engine sees it: a folder, `s3://bucket/feed`, `gs://bucket/feed`.
    #[arg(long, value_name = "PLACE")]
    pub feed: Option<String>,

    /// A stream to load and merge, otherwise those of a job that names none; may be repeated. Tables and views are written for
    /// these and for those of a job that names none.
    #[arg(long, value_name = "NAME")]
    pub stream: Vec<String>,

    /// Write the files there instead of printing them.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
