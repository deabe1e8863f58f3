//! Delivers to each destination of a job what it lacks: a new snapshot, or the changes since its last delivery. Ranges
//! of changes are pinned in the mirror first, and the delivery is logged there afterwards, so a kill at any point loses
//! nothing and doubles nothing.
//!
//! A destination that fails does not prevent the deliveries to the others. Once every destination has received the
//! records, their payloads are dropped from the mirror if the job's setting `retain` asks for it.

use crate::config::job::Retain;
use crate::config::settings::Settings;
use crate::delivery::job_destinations::{Destinations, retry_check};
use crate::delivery::masked_reader::masked;
use crate::delivery::{log, offer};
use crate::destinations::{Content, Delivery, Destination, Receipt};
use crate::error::{Error, Kind, Result};
use crate::failpoints;
use crate::mirror::changes::MirrorView;
use crate::mirror::damaged;
use crate::mirror::pending_deliveries;
use crate::mirror::pending_deliveries::Pin;
use crate::mirror::retention;
use crate::mirror::store::Writer;
use crate::policy::{self, Exit};
use crate::record::{Reader as _, SeqRange};

/// The result of the delivery to each destination, with the destination's name.
pub type Outcomes = Vec<(String, Result<Vec<Receipt>>)>;

/// Returns the exit code for a destination whose delivery failed, regardless of the others. Most failures get
/// [`Exit::Failed`], because the next run tries again. An error that stops the whole run, or that concerns the
/// mirror, keeps its own code.
pub fn exit_of(kind: &Kind) -> Exit {
    let keeps_its_own = policy::stops_every_delivery(kind) || policy::is_of_the_mirror(kind);
    if keeps_its_own { policy::decide(kind).exit } else { Exit::Failed }
}

/// Delivers to each destination what it lacks: a new snapshot, or the changes since its last delivery. `run` is the
/// id of the run that the deliveries belong to. The result contains the errors of failed deliveries. Returns an error
/// itself only if every delivery succeeded and the delivered payloads could not be dropped.
pub fn deliver(
    writer: &mut Writer,
    settings: &Settings,
    run: i64,
    destinations: &mut Destinations,
) -> Result<Outcomes> {
    let mut outcomes = Vec::new();
    for opened in destinations.iter_mut() {
        let delivered = retry_check(writer, settings, opened)
            .and_then(|()| hand_over(writer, settings, run, opened.destination.as_mut()))
            .or_else(|error| without_damaged(writer, settings, run, opened.destination.as_mut(), error));
        outcomes.push((opened.destination.place(), delivered));
    }
    if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
        drop_delivered(writer, settings, destinations)?;
    }
    Ok(outcomes)
}

/// Delivers the mirror's records to one destination: pins the ranges of changes, writes them, and logs the delivery.
fn hand_over(
    writer: &mut Writer,
    settings: &Settings,
    run: i64,
    destination: &mut dyn Destination,
) -> Result<Vec<Receipt>> {
    let (place, terms) = (destination.place(), destination.terms());
    let reading = MirrorView::begin(writer.path())?;
    let mut delivery = offer::delivery(settings, &reading, pending_deliveries::identity(writer)?, run, settings.lane)?;
    if terms.content == Content::Changes {
        ranges(writer, &reading, &mut delivery, destination)?;
        delivery.id = pending_deliveries::draw_id(writer)?;
        let pinned = delivery.streams.iter().filter_map(|offer| {
            let (destination, job, delivery_id) = (place.clone(), settings.name.clone(), Some(delivery.id.clone()));
            Some(Pin { destination, job, stream: offer.stream, range: offer.range?, delivery_id })
        });
        pending_deliveries::pin(writer, &pinned.collect::<Vec<_>>())?;
    }
    failpoints::point();
    let receipts = destination.deliver(&delivery, &masked(settings, &reading))?;
    drop(reading);
    failpoints::point();
    let id = |stream| delivery.streams.iter().find(|o| o.stream == stream)?.range.map(|_| delivery.id.clone());
    pending_deliveries::delivered(writer, &place, run, &log::entries(terms.content, &receipts, id))?;
    Ok(receipts)
}

/// Sets the range of changes to deliver for each stream: everything after the last seq that the destination has. A
/// stream that is held or has no new changes gets `None`.
fn ranges(
    writer: &mut Writer,
    reading: &MirrorView,
    delivery: &mut Delivery,
    destination: &mut dyn Destination,
) -> Result<()> {
    let last = pending_deliveries::last_seq(writer)?;
    let terms = destination.terms();
    for offer in &mut delivery.streams {
        let first = destination.delivered(&delivery.mirror, offer.stream)?.saturating_add(1);
        let range = SeqRange { first, last };
        let is_new = !offer.is_held(terms) && first <= last && reading.first_change(offer.stream, range)?.is_some();
        offer.range = is_new.then_some(range);
    }
    Ok(())
}

/// Handles an error of a delivery. If the error is about a damaged record, marks the damaged records and delivers the
/// other streams: a stream with a damaged record is held. Returns any other error unchanged.
fn without_damaged(
    writer: &mut Writer,
    settings: &Settings,
    run: i64,
    destination: &mut dyn Destination,
    error: Error,
) -> Result<Vec<Receipt>> {
    if error.kind != Kind::RecordDamaged {
        return Err(error);
    }
    let marked = damaged::mark(writer);
    if marked.kind != Kind::RecordDamaged {
        return Err(marked);
    }
    tracing::error!("{marked}");
    hand_over(writer, settings, run, destination)
}

/// Drops the payloads that every destination has received, if the job's setting `retain` asks for it.
pub(super) fn drop_delivered(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    if settings.retain == Retain::All {
        return Ok(());
    }
    let mirror = pending_deliveries::identity(writer)?;
    for stream in settings.streams.iter().copied() {
        let mut least = i64::MAX;
        for opened in destinations.iter_mut() {
            least = least.min(opened.destination.delivered(&mirror, stream)?);
        }
        failpoints::point();
        retention::drop_up_to(writer, stream, least)?;
    }
    Ok(())
}
