//! Delivers the mirror's records to a job's destinations.
//!
//! | question | file |
//! |---|---|
//! | which destinations, in which order, what is new to each? | [`crate::delivery::deliver`] |
//! | what is a destination offered of each stream, and which streams are held back? | [`offer`] |
//! | may the mirror deliver to a destination at all? | [`crate::delivery::preflight`], before the first request |
//! | was a destination filled with the job's masks? | [`crate::delivery::mask_check`] |
//!
//! A range of changes is pinned ([`crate::mirror::pending_deliveries`]) before it is written. While a range is
//! pinned, the mirror stores no page. So a delivery that was cut off is finished with the same bytes.

pub mod deliver;
pub mod mask_check;
pub mod offer;
pub mod preflight;
