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
//! (`layers.rs`) reads this table and every import. Another (`circles.rs`) finds files that import one another in a
//! circle.
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
//! set_aside │ logging │ progress
//! verdict │ waits │ lock │ delete_limit │ secret │ failpoints │ loopback
//! clock
//! moment │ policy
//! error │ streams │ number │ regular_file │ hex │ quantity
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
//! | how the limit is kept | [`source::rate_limit`], its shared file in [`source::rate_limit::window`] |
//! | how long a failure is tried again | [`source::retry`] |
//! | which answer belongs to which question | [`source::response_names`]; which row to which conversation: [`sync::parents`] |
//! | when a walk is complete | [`sync::walk`] argues it, `sync/walk/completeness.rs` decides it |
//! | records that move while a list is read | [`sync::walk::closing`] |
//! | a page that fails because of one row | [`sync::walk::isolation`], [`set_aside`] |
//! | what a checkpoint holds | [`mirror::checkpoint`] |
//! | when everything is read anew | [`mirror::rounds`]; because a setting changed: [`mirror::settings`], [`mirror::restart`] |
//! | which conversations are not asked for, and what that misses | [`sync::incremental`], [`mirror::partitions`], [`mirror::audits`] |
//! | what is gone | [`sync::deletions::judge`] decides, [`mirror::suspects`] and [`mirror::deletions`] store; how many may go: [`delete_limit`] |
//! | which values do not count as a change | [`record::volatile`] |
//! | how records lie on disk | `sql/mirror/` |
//! | damage of the mirror | [`mirror::sums`], [`mirror::integrity_check`], [`mirror::damaged`] |
//! | what a destination is offered, and when | [`delivery`] |
//! | a file format, a place for files | [`destinations::format`], [`destinations::store`] |
//! | PostgreSQL, object stores | [`destinations::postgres`], [`destinations::objects`] |
//! | fields that no page documents | [`discovery::infer::further`] for a schema that is shown, [`discovery::probe::learn_fields`] for a hidden one |
//! | moments that name no zone | [`streams::Zone`], [`moment`] |
//! | personal data | [`record::mask`]; which values: [`config::mask`] |
//! | what `verify` compares | `commands/verify/`, `sql/verify/` |
//! | the SQL that loads change files into a warehouse | `warehouse/templates/ENGINE/`; `sql/warehouse/` is generated from them |
//! | many accounts in a job | [`config::accounts`], [`commands::accounts`] |
//! | a flag, a subcommand | [`cli`], [`commands`]: one file each |
//! | the summary, the screen | [`report`] |
//! | a fault, an adversary, a schema of the sandbox | [`sandbox`] |
//!
//! # Written by hand
//!
//! Libraries do what they do well: HTTP, TLS, SQLite, CSV, Parquet, object stores, PostgreSQL, command lines, dates,
//! compression, progress bars. Some of what this crate does itself looks like a library's work. The reasons:
//!
//! | what | instead of | because |
//! |---|---|---|
//! | [`source::query`] writes GraphQL documents | cynic, `graphql_client` | these need the schema when they are compiled; here the dialect says at run time how the API spells its queries |
//! | [`source::envelope`] reads answers | `graphql_client`'s response type | answers come in forms that no type foresees, and rows stay as the bytes that were sent |
//! | [`source::rate_limit::window`] shares the budget | governor alone | governor counts within one process; the limit belongs to a key that several processes share (governor still paces each process) |
//! | `source/decoding.rs` undoes content codings | reqwest's own | that fails if a proxy names a coding wrongly |
//! | [`record::json_paths`] finds values in JSON | `serde_json_path` | that needs a parsed tree; here one pass over borrowed text finds all values and leaves the other bytes alone |
//! | [`moment`] parses moments | jiff | jiff ends a day before the year 9999 does; jiff reads durations and time zones |
//! | [`number`] parses numbers | `str::parse` | that accepts `NaN`, `inf` and `1e400` |
//! | [`regular_file`], `destinations/no_links.rs` open files | cap-std | that follows links inside a folder; an output folder may hold a link that somebody else has made |
//! | [`lock`] locks a file | fs4 | the standard library locks; what is added is who holds the lock |
//! | `destinations/postgres/wire.rs` encodes COPY | tokio-postgres's `BinaryCopyInWriter` | that takes typed values one by one; here cells are text, and 256 KB of rows are sent together |
//! | `warehouse/template.rs` fills templates | minijinja | SQL is full of braces and percent signs, and people read the templates; two rules suffice |
//! | `sandbox/graphql/` answers queries | async-graphql | the sandbox serves a schema that is read at run time, word for word as graphql-js does, with faults |
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
//! - **further field**: a field of a record that no page documents. What is *collected* of it goes to the column `_extra`.
//! - **box**: the limit of a run in requests or in time.
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
//! | `src/discovery/probe/fields.rs` | likely names of its undocumented fields | compiler |
//! | `src/sandbox/dialects/default.graphql` | its operation and its type | `a_walk_shows_the_truth`, `every_documented_column_is_in_the_default_schema` |
//! | `src/sandbox/account/list.rs`, `src/sandbox/account/data.rs`, `src/sandbox/account/object.rs`, `src/sandbox/account/fields.rs`, `src/sandbox/account/nested.rs` | its list, its number of records, its ids | compiler |
//! | `src/sandbox/account/records.rs`, `src/sandbox/account/channels.rs` | in one of them, its fields | `every_field_that_the_shipped_dialect_asks_for_has_values` |
//! | `src/sandbox/api.rs`, `src/sandbox/truth.rs` | in the tests, how it is walked and how many records it has | compiler |
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
//! | `src/delivery/target.rs` | how it is opened | compiler |
//! | `src/commands/check/destination.rs`, `src/commands/verify/mod.rs` | for a `Target`, how it is checked and verified | compiler |
//! | `src/destinations/manifest.rs`, `src/destinations/read_files.rs` | for a `FileFormat`, its endings and how `verify` reads it | `files_of_every_kind_have_known_endings_and_are_read_back` |
//! | `src/destinations/contract_tests.rs` | the test that holds it to the contract | compiler, `every_kind_of_destination_is_held_to_the_contract` |
//! | `jobs/README.md`, `README.md` | the kind | `every_kind_of_destination_is_documented` |
//!
//! ## Add a paging style
//!
//! | file | write there | fails without it |
//! |---|---|---|
//! | `src/dialect/parts.rs` | a `Paging`, with the answers to its methods; a key of its own in `ListDialect` | |
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
//! 6. Complete means complete: a green run says by which argument, and never contradicts the server's own word.
//! 7. Errors are decided once, in [`policy`], without a catch-all.
//! 8. Secrets and bodies stay out of logs, errors, reports and command lines.
//! 9. Publish by rename, manifest last.
//! 10. A newer mirror is refused, an older one migrated, a corrupt one reported; none is deleted.

#[cfg(test)]
mod any_input;
#[cfg(test)]
mod checklists;
#[cfg(test)]
mod circles;
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
pub mod logging;
pub mod loopback;
pub mod mirror;
pub mod moment;
pub mod number;
pub mod panic;
pub mod policy;
pub mod progress;
pub mod quantity;
pub mod record;
pub mod regular_file;
pub mod report;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;
pub mod set_aside;
pub mod source;
pub mod streams;
pub mod sync;
#[cfg(test)]
mod type_names;
pub mod verdict;
pub mod waits;
pub mod warehouse;
