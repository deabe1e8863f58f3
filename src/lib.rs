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
//! | a column, a stream | `streams/`, one file a stream; [Checklists](#checklists) lists every other file, also for a destination, a paging style and a job key |
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
//! # Checklists
//!
//! Each table lists every file that a change touches, what to write there, and what fails if that is forgotten: the
//! compiler (an exhaustive match, a missing field, or code that nothing uses) or a test. The first row of a table is
//! the beginning, so nothing fails without it. A test (`checklists.rs`) reads these tables: each path and each test
//! in them exists.
//!
//! ## Add a column
//!
//! | file | write there | fails without it |
//! |---|---|---|
//! | `src/streams/` | in the stream's file, `col(NAME, KIND)` | |
//! | `src/dialect/qpien.toml` | the field in the stream's `fields`; or the column in the comment about objects that are not selected | `the_shipped_dialect_asks_for_every_column_that_its_comment_does_not_name` |
//! | `src/sandbox/dialects/default.graphql` | the field in the stream's type | `every_documented_column_is_in_the_default_schema` |
//! | `src/sandbox/account/records.rs`, `src/sandbox/account/channels.rs` | in the one with the stream, its values; not needed for a text or a boolean | `every_field_that_the_shipped_dialect_asks_for_has_values` |
//! | `src/sandbox/account/nested.rs`, `src/sandbox/graphql/synonyms.rs` | for an object, its fields | `every_field_that_the_shipped_dialect_asks_for_has_values`, `every_inner_field_that_the_shipped_dialect_asks_for_is_known_in_any_spelling` |
//! | `sql/warehouse/` | nothing by hand: `make sql` | `the_committed_files_are_what_the_generator_writes` |
//!
//! ## Add a stream
//!
//! | file | write there | fails without it |
//! |---|---|---|
//! | `src/streams/` | a file with its `DEFINITION` | |
//! | `src/streams/mod.rs` | `mod` and a line of `declare!`; in `DEFAULT` if it is not optional | compiler, `a_job_that_names_none_gets_those_that_are_not_optional` |
//! | `sql/mirror/`, `src/mirror/migrations.rs` | a migration with its table `body_STREAM` | `every_stream_has_its_table_of_bodies` |
//! | `src/dialect/qpien.toml` | `[streams.STREAM]` | `the_shipped_dialect_asks_for_documented_columns_only` |
//! | `src/discovery/names.rs` | its nouns, and its operation if that is not `getNOUNList` | compiler, `the_first_guess_at_a_list_is_what_the_shipped_dialect_asks` |
//! | `src/sandbox/dialects/default.graphql` | its operation and its type | `a_walk_shows_the_truth`, `every_documented_column_is_in_the_default_schema` |
//! | `src/sandbox/account/list.rs`, `src/sandbox/account/data.rs`, `src/sandbox/changes/drift.rs`, `src/sandbox/graphql/object.rs`, `src/sandbox/account/nested.rs` | its list, its number of records, its ids | compiler |
//! | `src/sandbox/account/records.rs`, `src/sandbox/account/channels.rs` | in one of them, its fields | `every_field_that_the_shipped_dialect_asks_for_has_values` |
//! | `src/sandbox/api.rs`, `src/sandbox/account/truth.rs` | in the tests, how it is walked and how many records it has | compiler |
//! | `jobs/full-backfill.toml` | its name | `a_job_that_names_no_streams_reads_the_default_ones_and_the_full_backfill_reads_all` |
//! | `jobs/README.md`, `jobs/spark/merge.py` | its name | `every_list_of_all_streams_outside_the_program_is_whole` |
//! | `sql/warehouse/` | for a stream of `DEFAULT`, `make sql` | `the_committed_files_are_what_the_generator_writes` |
//!
//! ## Add a destination
//!
//! | file | write there | fails without it |
//! |---|---|---|
//! | `src/config/job.rs` | a `DestinationKind`; its keys are job keys (below) | |
//! | `src/destinations/` | for files, a `Format`; for another place, a `Destination` | compiler |
//! | `src/config/destinations.rs` | its defaults, and a `FileFormat` or a `Target` | compiler |
//! | `src/config/accounts.rs` | the key that accounts may not share | compiler |
//! | `src/delivery/deliver.rs` | how it is opened | compiler |
//! | `src/commands/check/destination.rs`, `src/commands/verify/mod.rs` | for a `Target`, how it is checked and verified | compiler |
//! | `src/destinations/manifest.rs`, `src/destinations/reading.rs` | for a `FileFormat`, its endings and how `verify` reads it | `files_of_every_kind_have_known_endings_and_are_read_back` |
//! | `src/destinations/contract_tests.rs` | the test that holds it to the contract | compiler, `every_kind_of_destination_is_held_to_the_contract` |
//! | `jobs/README.md`, `README.md` | the kind | `every_kind_of_destination_is_documented` |
//!
//! ## Add a paging style
//!
//! | file | write there | fails without it |
//! |---|---|---|
//! | `src/dialect/mod.rs` | a `Paging`, with the answers to its methods; a key of its own in `ListDialect` | |
//! | `src/dialect/qpien.toml` | the word beside `paging`; the default of a key | `every_paging_style_is_named_beside_its_key` |
//! | `src/source/query.rs` | the arguments of a question | compiler |
//! | `src/sync/walk/strategy.rs` | if none of the strategies reads it, a `Strategy` | compiler |
//! | `src/sync/walk/driver.rs`, `src/sync/walk/id_reading.rs` | the strategy that reads it | compiler |
//! | `src/sync/walk/tests.rs` | a walk with the strategy over the lists of the model | compiler, `every_strategy_is_walked_by_a_test_of_this_file` |
//! | `src/discovery/infer/stream.rs`, `src/discovery/names.rs` | the arguments that tell it in a schema | compiler, `every_paging_style_is_told_by_a_schema` |
//! | `src/discovery/negotiate/mod.rs` | its name in the findings | compiler |
//! | `src/sync/settings.rs` | whether a key of its own bears on a reading | `every_key_is_known_to_bear_on_a_reading_or_not` |
//! | `src/config/settings.rs` | in the tests, the word in the message about an unknown one | `what_cannot_be_is_refused_by_name` |
//!
//! Elsewhere, code asks the methods of `Paging` and compares no styles
//! (`a_paging_style_is_asked_about_by_exhaustive_matches_alone`).
//!
//! ## Add a job key
//!
//! | file | write there | fails without it |
//! |---|---|---|
//! | `src/config/job.rs` | the field of its table | |
//! | `src/config/settings.rs`, `src/config/source.rs`, `src/config/destinations.rs`, `src/config/postgres.rs`, `src/config/accounts.rs` | in the file of its table, its default and its bounds | `every_key_of_a_job_is_read` |
//! | `jobs/README.md` | a line under "All keys" | `every_key_of_a_job_is_documented` |
//! | `src/sync/settings.rs` | for `[source]`, whether it bears on a reading | `every_key_is_known_to_bear_on_a_reading_or_not` |
//! | `src/mirror/settings.rs` | if it does, a `Setting` | compiler, `every_setting_is_found_by_its_name` |
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
#[cfg(test)]
mod checklists;
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
