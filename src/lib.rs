//! qpien-sync: everything an account has in Qpien, out to CSV files and to a data warehouse. This page is the
//! architecture; whoever reads only it knows where any change goes.
//!
//! ```text
//! Qpien API ──(source: token, budget, pages)──▶ mirror.db (SQLite) ──(delivery)──▶ destinations
//!                                               records + checkpoint
//!                                               in ONE transaction
//! ```
//!
//! # The idea
//!
//! A run walks lists page by page and writes every page *and* the checkpoint that covers it in one SQLite transaction.
//! There is no moment at which one exists without the other, so a run may be killed anywhere and resumed with nothing lost
//! and nothing doubled. The SQLite file is the account's *mirror*: the current state of every record, each with the `seq`
//! of its last change. Destinations are fed from the mirror, never from the API: requests are the scarce resource (100 a
//! minute), so one extraction serves every destination, and delivering again costs nothing.
//!
//! Lists move while they are read, and nothing in the answers says so. A walk therefore reads pages that overlap, and
//! says at its end what it has proven: `proven`, `continuous`, or `incomplete` and why ([`sync::walk`] holds the
//! argument). A nightly run does not ask for what is unchanged ([`mirror::partitions`]), and measures what that misses. What
//! cannot be proven is reported, with an exit code of its own; a green run with wrong data is the worst
//! failure.
//!
//! # Layers
//!
//! Imports point strictly down: a line may import the lines below it. Rooms of one line never import one another. A test
//! (`layers.rs`) reads this table and every import.
//!
//! ```text
//! main
//! commands
//! cli │ report │ delivery
//! sync │ config
//! discovery │ warehouse │ panic
//! source │ mirror │ destinations │ sandbox
//! dialect
//! record
//! set_aside │ telemetry │ progress
//! verdict │ waits │ lock │ delete_limit │ secret │ failpoints │ loopback
//! clock
//! moment │ policy
//! error │ streams │ number │ regular │ hex │ quantity
//! ```
//!
//! What [`source`], [`mirror`] and [`destinations`] exchange lies below them, in [`record`] above all. Only [`sync`],
//! [`delivery`] and [`commands`] know all three.
//!
//! # Where does a change go?
//!
//! | change | place |
//! |---|---|
//! | a column, a stream | `streams/`, one file a stream (and a table in `sql/mirror/` for a new stream) |
//! | how the API spells something | `source/dialect/qpien.toml`; in the field, `[source.dialect]` of a job file |
//! | how that is found out | `discovery/negotiate/` (who decides), `discovery/infer/` (a schema becomes a dialect; `values.rs`: what may be given for what must be given; `written.rs`: which of the job's lines a schema contradicts), `discovery/introspect.rs` and `asking/` (how a schema is learnt), `discovery/check_paging.rs` |
//! | an error code's meaning | the dialect's `[codes]`; what happens then: [`policy`], one exhaustive table |
//! | when a token is renewed | [`source::token`] |
//! | which text from outside is a number, which one a moment | [`number`], [`moment`] |
//! | how the limit is kept | [`source::budget`], its shared file in [`source::budget_window`] |
//! | a retry's delay, how long to try | [`source::retry`] |
//! | what a wait says of itself | [`waits`] |
//! | what it means that no answer came | `source/transport_error.rs`; that something else answers: [`source::classify`] and `discovery/infer/not_qpien.rs` |
//! | which answer belongs to which question | [`source::response_names`]; which row to which conversation: [`sync::parents`]; a row that two show: [`sync::walk::disputes`] |
//! | a page that fails because of one row | [`sync::walk::isolate`]; what is set aside: [`set_aside`], [`mirror::set_aside`] |
//! | a list that cannot be read | [`sync::fan_out`]; is its record gone? [`crate::sync::deletions::lost_lists`] |
//! | what an answer means | [`source::envelope`] (where things lie: [`source::shape`]; what words mean: [`source::classify`]) |
//! | when a walk is complete | [`sync::walk`] argues it; `sync/walk/verdict.rs` decides it |
//! | what finds records that move meanwhile | [`sync::walk::closing`] |
//! | what proves a list | [`sync::walk::second_pass`] |
//! | how pages are read while others are stored | [`sync::walk`]; the messages of each conversation: [`sync::fan_out`] |
//! | what a checkpoint holds | [`mirror::checkpoint`]; when everything is read anew: [`mirror::rounds`] |
//! | which settings a reading rests on | [`mirror::settings`], [`sync::settings`]; what is read again when one changes: [`mirror::anew`] |
//! | which conversations are not asked, what that misses | [`mirror::partitions`], [`crate::sync::incremental::audit`]; where a list is read from its newest end only: [`sync::walk::early_stop`] |
//! | what is gone, and from what that is concluded | `sync/deletions/` (the rules: `judge.rs`, pure), [`mirror::deletions`]; what is only asked for no more: [`mirror::left_over`]; how many may go at a time: [`delete_limit`] |
//! | which values stay out of a record's hash | [`crate::record::volatile`]; when a record counts as changed: [`mirror::records`]; when other fields are asked for: [`mirror::compare`] |
//! | how records lie on disk | `sql/mirror/*.sql`, with the measured reason |
//! | which bytes of the mirror are summed, when that is compared, and what is read again | [`mirror::sums`], [`mirror::sound`], [`mirror::damaged`] |
//! | what another program does to the mirror meanwhile | `mirror/others.rs` (it writes), [`mirror::log`] (it reads) |
//! | what a destination is handed, and when | `delivery/deliver.rs`; ranges under way: [`mirror::pending_deliveries`]; what a row is: [`destinations::rows`], what does not fit: [`destinations::coerce`] |
//! | a file format | [`destinations::format`], one file each; where files lie: [`destinations::store`] |
//! | personal data | [`crate::record::mask`]; which values: [`config::mask`] |
//! | what `verify` looks at | `commands/verify/`, `sql/verify/` |
//! | object storage | `destinations/objects/`: the client and its variables in `access.rs`, what a refusal means in `failure.rs` |
//! | how much of a server's own words is told | [`source::wording`]; how texts of others are shown: [`error::quote`], [`telemetry`] |
//! | which addresses are this machine's, so that no proxy is asked | [`loopback`], `destinations/objects/direct.rs` |
//! | what is opened as a file, and what is no file | [`regular`], [`destinations::below`]; names that a delivery gives: [`destinations::manifest`]; a mirror among its output: `commands/apart.rs` |
//! | a destination | [`destinations`], whose trait's documentation is the contract |
//! | many accounts in a job, a machine's part of them | [`config::accounts`], [`config::shard`]; how they run side by side: [`commands::accounts`] |
//! | a job key and its default | [`config::job`] and [`config::settings`]; a variable: [`config::env`] |
//! | a flag | [`cli`]; a subcommand: [`commands`], one file each; a line of the checklist: `commands/check/`, one file a concern |
//! | the SQL that takes change files into a warehouse | [`warehouse`]: a template a statement, `warehouse/templates/ENGINE/`; `sql/warehouse/` is what comes of it |
//! | the summary, the screen | [`report`] |
//! | what is said when the program itself is wrong | [`mod@panic`] |
//! | a fault, an adversary, a schema of the sandbox | `sandbox/` |
//!
//! # Invariants
//!
//! 1. Records of a page and the checkpoint that covers it commit together; nothing else advances a checkpoint.
//! 2. A checkpoint moves one committed window forward, `n -> n + 1`, and SQL itself refuses anything else.
//! 3. A 200 is not success: the body decides, before the status does.
//! 4. The token is asked for inside the attempt; expiry renews one generation, once.
//! 5. The budget belongs to the key: one window for all processes, in a shared file; a 429 stops everybody.
//! 6. Complete means proven: a green run says which argument makes it so.
//! 7. Errors are decided once, in [`policy`], without a catch-all.
//! 8. Secrets and bodies stay out of logs, errors, reports and command lines.
//! 9. Publish by rename, manifest last.
//! 10. A newer mirror is refused, an older one migrated, a corrupt one reported; none is deleted.

#[cfg(test)]
mod any_input;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod delete_limit;
pub mod delivery;
pub mod destinations;
pub mod dialect;
pub mod discovery;
pub mod error;
pub mod failpoints;
pub mod hex;
#[cfg(test)]
mod layers;
pub mod lock;
pub mod loopback;
pub mod mirror;
pub mod moment;
pub mod number;
pub mod panic;
pub mod policy;
pub mod progress;
pub mod quantity;
pub mod record;
pub mod regular;
pub mod report;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;
pub mod set_aside;
pub mod source;
pub mod streams;
pub mod sync;
pub mod telemetry;
#[cfg(test)]
mod type_names;
pub mod verdict;
pub mod waits;
pub mod warehouse;
