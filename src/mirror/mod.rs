//! The mirror: one SQLite file that holds the current state of every record, how far each walk has come, and the log
//! of deliveries. The records of a page and the checkpoint that covers it commit in one transaction. So a killed run
//! can be resumed with nothing lost and nothing stored twice.
//!
//! A record has two parts. Its row in the *ledger* (table `record`) is narrow: id, hash, `seq`, the run that saw it
//! last. Its *body* (table `body_STREAM`) holds the JSON.
//!
//! Imports point up in this table: a module imports modules of its own line or of the lines above, and none in a
//! circle.
//!
//! | module | purpose |
//! |---|---|
//! | [`wal`], `header`, [`other_programs`] | the files on the disk; other programs; a second run: [`crate::lock`] |
//! | [`migrations`], `errors`, [`schema`] | the SQL that makes the tables; errors that name the mirror; which tables it has |
//! | `ledger`, [`sums`], [`integrity_check`] | write rows of the ledger; sum every row; compare the sums |
//! | [`upgrade`], [`store`], [`views`] | bring the file up to date; own the writer thread; views for people |
//! | [`account`], [`dialect`] | whose records these are; how the API is spelled ([`crate::dialect`]) |
//! | [`walk_key`], [`settings`], [`parents`] | which list a walk reads; what readings depend on; whose rows it shows |
//! | [`reread`], [`set_aside`], [`checkpoint`] | closing readings; unreadable records; how far a walk is |
//! | [`readings`], [`audits`] | when a stream's one list is read completely; what skipping lists misses |
//! | [`suspects`], [`orphans`] | records that may be gone |
//! | `list_state`, [`silence`], [`partitions`] | which lists need not be read |
//! | [`pending_deliveries`], [`damaged`], [`open`] | what is being delivered; repair; open the file |
//! | [`sequence`], [`tombstones`], `forgotten`, [`retention`] | number changes; how long traces are kept |
//! | `reading_check`, [`changes`], [`delivered`], [`masked_places`] | read records out; what was delivered, and how masked |
//! | [`compare`], [`volatile_in_place`] | a record read with other fields; records overwritten without a new `seq` |
//! | [`landing`], `known_record`, [`records`] | store a page |
//! | [`deletions`], [`refusals`], [`left_over`] | records that are gone; records that stay unshown, and why |
//! | [`restart`], [`rounds`] | what is read again when a setting changes; a reading of all streams |
//! | [`stream_state`], [`forecast`] | a stream's verdict; which lists the next run reads, for a plan |

pub mod account;
pub mod audits;
pub mod changes;
pub mod checkpoint;
pub mod compare;
pub mod damaged;
pub mod deletions;
pub mod delivered;
pub mod dialect;
mod errors;
pub mod forecast;
mod forgotten;
mod header;
pub mod integrity_check;
mod known_record;
pub mod landing;
mod ledger;
pub mod left_over;
mod list_state;
pub mod masked_places;
pub mod migrations;
pub mod open;
pub mod orphans;
pub mod other_programs;
pub mod parents;
pub mod partitions;
pub mod pending_deliveries;
mod reading_check;
pub mod readings;
pub mod records;
pub mod refusals;
pub mod reread;
pub mod restart;
pub mod retention;
pub mod rounds;
pub mod schema;
pub mod sequence;
pub mod set_aside;
pub mod settings;
pub mod silence;
pub mod store;
pub mod stream_state;
pub mod sums;
pub mod suspects;
pub mod tombstones;
pub mod upgrade;
pub mod views;
pub mod volatile_in_place;
pub mod wal;
pub mod walk_key;
