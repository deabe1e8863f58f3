//! Delivers the mirror's records to a job's destinations.
//!
//! | question | file |
//! |---|---|
//! | how does a table of the job become a destination, a folder or a bucket? | [`crate::delivery::target`] |
//! | which destinations of the job can be served now? | [`crate::delivery::job_destinations`] |
//! | may the mirror deliver to a destination at all? | [`crate::delivery::preflight`], before the first request |
//! | was a destination filled with the job's masks? | [`crate::delivery::mask_check`] |
//! | what becomes of a delivery that was cut off? | [`crate::delivery::recovery`], before the first new page |
//! | what is a destination offered of each stream, and which streams are held back? | [`offer`] |
//! | what is new to each destination, and how is it handed over? | [`crate::delivery::handover`] |
//! | how are masks applied on the way? | [`crate::delivery::masked_reader`] |
//! | what does the mirror's log keep of a delivery? | `log` |
//!
//! A range of changes is pinned ([`crate::mirror::pending_deliveries`]) before it is written. While a range is
//! pinned, the mirror stores no page. So a delivery that was cut off is finished with the same bytes.

pub mod handover;
pub mod job_destinations;
mod log;
pub mod mask_check;
pub mod masked_reader;
pub mod offer;
pub mod preflight;
pub mod recovery;
pub mod target;

#[cfg(test)]
mod tests;
