//! qpien-sync reads everything an account has in Qpien and delivers it to files and to a data warehouse. This page is the
//! architecture: whoever has read it knows where any change goes.
//!
//! ```text
//! Qpien API ──(source: token, budget, pages)──▶ mirror.db (SQLite) ──(delivery)──▶ destinations
//!                                               records + checkpoint
//!                                               in ONE transaction
//! ```
//!
//! # The idea
//!
//! - A run reads lists page by page. It writes each page, and the checkpoint that covers it, in one SQLite transaction. So a
//!   run may be killed anywhere, and the next one goes on with nothing lost and nothing doubled.
//! - The SQLite file is the account's *mirror*: the current state of every record, each with the number (`seq`) of its last
//!   change.
//! - Requests are the scarce resource: the API allows 100 a minute. So destinations are fed from the mirror, never from the
//!   API. One reading serves every destination, and a second delivery costs no request.
//! - Lists move while they are read, and no answer says so. A walk therefore reads pages that overlap, reads the list again
//!   at its end, and says what it has shown: `proven`, `continuous`, or `incomplete` and why ([`sync::walk`]).
//! - A nightly run does not ask for what is unchanged, and measures what that misses ([`sync::incremental`]).
//! - A green run with wrong data is the worst failure. What cannot be shown to be complete is reported as incomplete, with an
//!   exit code of its own.
//!
//! # The way of a record
//!
//! 1. [`sync::walk`] asks for the next pages of a list; [`sync::fan_out`] does so for the messages of every conversation.
//! 2. [`source`] puts questions into one request ([`source::query`]), sends it within the budget and with a token
//!    (`source/exchange.rs`), and reads the answer ([`source::envelope`], [`source::page`]).
//! 3. [`sync::walk::driver`] judges the page by the walk's evidence and hands it to the mirror.
//! 4. [`mirror::records`] stores its rows and the checkpoint in one transaction.
//! 5. [`sync::deletions`] decides which records are gone, once the lists are read.
//! 6. [`delivery`] offers each destination what it lacks; [`destinations`] write it and publish it by a rename, or in one
//!    transaction of a database.
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
//! | a column, a stream, a destination, a paging style, a job key | the checklists below |
//! | how the API spells something | `dialect/qpien.toml`; in the field, `[source.dialect]` of a job file |
//! | how that is found out | [`discovery::negotiate`] decides, [`discovery::infer`] reads a schema, [`discovery::probe`] asks where the schema is hidden, [`discovery::rejections`] learns from refusals, [`discovery::check_paging`] proves |
//! | an error code's meaning | `[codes]` of the dialect, [`source::classify`] |
//! | what an error leads to, an exit code, a hint | [`policy`] |
//! | when a token is renewed | [`source::token`] |
//! | how the limit is kept | [`source::budget`], its shared file in [`source::budget_window`] |
//! | how long a failure is tried again | [`source::retry`] |
//! | which answer belongs to which question | [`source::response_names`]; which row to which conversation: [`sync::parents`] |
//! | when a walk is complete | [`sync::walk`] argues it, `sync/walk/verdict.rs` decides it |
//! | records that move while a list is read | [`sync::walk::closing`] |
//! | a page that fails because of one row | [`sync::walk::isolate`], [`set_aside`] |
//! | what a checkpoint holds | [`mirror::checkpoint`] |
//! | when everything is read anew | [`mirror::rounds`]; because a setting changed: [`mirror::settings`], [`mirror::anew`] |
//! | which conversations are not asked for, and what that misses | [`sync::incremental`], [`mirror::partitions`], [`mirror::audits`] |
//! | what is gone | [`sync::deletions::judge`] decides, [`mirror::deletions`] stores; how many may go: [`delete_limit`] |
//! | which values do not count as a change | [`record::volatile`] |
//! | how records lie on disk | `sql/mirror/` |
//! | damage of the mirror | [`mirror::sums`], [`mirror::sound`], [`mirror::damaged`] |
//! | what a destination is offered, and when | [`delivery`] |
//! | a file format, a place for files | [`destinations::format`], [`destinations::store`] |
//! | PostgreSQL, object stores | [`destinations::postgres`], [`destinations::objects`] |
//! | personal data | [`record::mask`]; which values: [`config::mask`] |
//! | what `verify` compares | `commands/verify/`, `sql/verify/` |
//! | the SQL that loads change files into a warehouse | `warehouse/templates/ENGINE/`; `sql/warehouse/` is generated from them |
//! | many accounts in a job | [`config::accounts`], [`commands::accounts`] |
//! | a flag, a subcommand | [`cli`], [`commands`]: one file each |
//! | the summary, the screen | [`report`] |
//! | a fault, an adversary, a schema of the sandbox | [`sandbox`] |
//!
//! # Glossary
//!
//! Words of the field keep their meaning. These have a special one here:
//!
//! - **mirror**: the SQLite file with the current state of every record of an account.
//! - **dialect**: how this API spells queries, arguments and answers. It is data, in layers: shipped, settled, written by a job.
//! - **question**: one aliased query inside a request. The limit counts requests.
//! - **partition**: the list of one parent record, such as the messages of a conversation. Its *entry* is the parent record.
//! - **walk**: one list read to its end. A *pass* is one walk over one list; a *round* is one reading of all streams of a
//!   job, in as many runs as it takes.
//! - **lane**: backfill or incremental. Each has checkpoints of its own.
//! - **window**: the rows that one page shows. **anchor**: a row in it that was read before and has not changed. Two windows
//!   that share anchors overlap, so nothing lies between them.
//! - **evidence**: what a walk has seen. **claim**: what the server says of a list, such as its total.
//! - **verdict**: `proven` (the list stood exactly so), `continuous` (no record that was there all along is missing), or
//!   `incomplete: why`.
//! - **closing reading**: the reading of a whole list, by ids, at its end. It finds what moved past the walk.
//! - **sign**: what changes in a parent's entry when its list changes, such as `lastMessage`. Without one a list is asked for.
//! - **audit**: a random sample of the skipped lists, read whole, which measures what skipping misses.
//! - **suspect**: a record that a complete reading did not show. It is deleted once enough speaks for it.
//! - **orphan**: a record whose parent is gone. It is searched for in the other lists before it is deleted.
//! - **left over**: a record that is not shown any more because the job asks for something else. A person decides.
//! - **set aside**: a record or a list that cannot be read although everything around it can. The manifest names it.
//! - **pin**: the range of `seq` that a delivery has begun to hand over, so that it comes out the same after a kill.
//! - **settled form**: a value without what is volatile in it, such as the signature of an address.
//! - **box**: the limit of a run in requests or in time.
//!
//! # Invariants
//!
//! 1. Records of a page and the checkpoint that covers it commit together; nothing else advances a checkpoint.
//! 2. A checkpoint moves one committed window forward, `n -> n + 1`, and SQL itself refuses anything else.
//! 3. A 200 is not success: the body decides, before the status does.
//! 4. The token is asked for inside the attempt; expiry renews one generation, once.
//! 5. The budget belongs to the key: one window for all processes, in a shared file; a 429 stops everybody.
//! 6. Complete means complete: a green run says by which argument, and never contradicts the server's own word.
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
