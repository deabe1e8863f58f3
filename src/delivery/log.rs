//! Decides what the mirror's log keeps of a delivery: one entry for each stream that the delivery
//! brought.
//!
//! A later run compares the log with what a destination holds ([`crate::delivery::preflight`]). So a stream that was
//! held, or that had no changes, gets no entry.

use crate::destinations::{Content, Receipt};
use crate::mirror::pending_deliveries::LoggedDelivery;
use crate::streams::Stream;

/// Returns the entries to log for a delivery. A snapshot is always logged; changes are logged only for streams that
/// had some. A held stream is not logged. `id` returns the id of the delivery that carried a stream's changes.
pub(super) fn entries(
    content: Content,
    receipts: &[Receipt],
    id: impl Fn(Stream) -> Option<String>,
) -> Vec<LoggedDelivery> {
    let of = |r: &Receipt| {
        let delivery_id = id(r.stream);
        let is_logged = !r.held && (content == Content::Snapshot || delivery_id.is_some());
        let (content, up_to_seq) = (content.name(), r.up_to_seq);
        is_logged.then_some(LoggedDelivery { stream: r.stream, content, up_to_seq, records: r.records, delivery_id })
    };
    receipts.iter().filter_map(of).collect()
}
