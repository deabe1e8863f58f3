//! The mirror: one SQLite file that holds the current state of every record, how far each walk has come, and the log
//! of deliveries. The records of a page and the checkpoint that covers it commit in one transaction. So a killed run
//! can be resumed with nothing lost and nothing stored twice.
//!
//! A record has two parts. Its row in the *ledger* (table `record`) is narrow: id, hash, `seq`, the run that saw it
//! last. Its *body* (table `body_STREAM`) holds the JSON.
//!
//! | module | purpose |
//! |---|---|
//! | [`store`], `header`, `schema` | open the file and own the one writer thread |
//! | [`migrations`], [`views`] | bring the file up to date; make it readable by hand |
//! | [`other_programs`], [`wal`], [`crate::lock`] | other programs that write or read the file; a second run |
//! | [`records`], `known_record`, `ledger`, [`sequence`] | store a page |
//! | [`checkpoint`], [`rounds`], [`stream_state`] | how far a walk is; a reading of all streams; a stream's verdict |
//! | [`settings`], [`restart`] | which settings a reading depends on; what is read again when one changes |
//! | [`partitions`], [`readings`], [`audits`] | which lists need not be read completely, and what that misses |
//! | [`forecast`] | which lists the next run reads, for a plan |
//! | [`reread`], [`set_aside`], [`parents`] | closing readings; unreadable records; whose rows a list shows |
//! | [`compare`], [`volatile_in_place`] | a record read with other fields; records overwritten without a new `seq` |
//! | [`deletions`], [`orphans`] | records that are gone, or may be |
//! | [`refusals`], [`left_over`] | records that stay although no list shows them, and why |
//! | [`tombstones`], `forgotten`, [`retention`] | how long traces of records and their payloads are kept |
//! | [`changes`], `reading_check` | read records out, in order and checked |
//! | [`pending_deliveries`], [`delivered`], [`masked_places`] | what is being and was delivered, and with which masks |
//! | [`sums`], [`integrity_check`], [`damaged`] | sum every row; compare the sums; have damaged records written again |
//! | [`account`], [`dialect`] | whose records these are; how the API is spelled ([`crate::dialect`]) |

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
