//! Finishes deliveries that an earlier run has pinned and not completed, before the mirror stores a new page. Each is
//! repeated with the ranges and the id that it had, so a destination that has received part of it gets the same bytes
//! again.
//!
//! A pin is released if its destination has left the job or cannot be served now. Otherwise it would keep the mirror
//! from storing pages for as long as that lasts.

use crate::config::settings::Settings;
use crate::delivery::job_destinations::Destinations;
use crate::delivery::masked_reader::masked;
use crate::delivery::{job_destinations, log, offer};
use crate::destinations::{Content, Destination};
use crate::error::Result;
use crate::failpoints;
use crate::mirror::changes::MirrorView;
use crate::mirror::pending_deliveries;
use crate::mirror::pending_deliveries::Pin;
use crate::mirror::store::Writer;

/// Finishes the deliveries to this job's destinations that an earlier run pinned and did not complete, so that the
/// mirror can store pages again. Before that, checks each destination ([`crate::delivery::preflight::refuse`]), and returns an error
/// if the check shows that the run must not go on.
///
/// Releases a pin whose destination is no longer in the job or cannot be served now. Releasing is safe: either the
/// destination already holds the pinned range, or its manifest names no file of the range. In both cases, the
/// next delivery starts after what the destination holds.
pub fn finish_pending(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    job_destinations::refuse(writer, settings, destinations)?;
    let pinned = pending_deliveries::all(writer)?;
    let mut places: Vec<&str> = pinned.iter().map(|p| p.destination.as_str()).collect();
    places.dedup();
    for place in places {
        let ours: Vec<&Pin> = pinned.iter().filter(|p| p.destination == place).collect();
        let why = match destinations.iter_mut().find(|opened| opened.destination.place() == place) {
            None => "this job does not deliver there",
            Some(opened) => {
                let finished = if opened.trouble.is_some() {
                    Ok(false)
                } else {
                    let finished = finish_one(writer, settings, opened.destination.as_mut(), &ours);
                    opened.is_well(finished)
                };
                if finished? {
                    continue;
                }
                "it cannot be served now"
            }
        };
        tracing::warn!(%place, "an unfinished delivery is let go: {why}");
        pending_deliveries::release(writer, place)?;
    }
    Ok(())
}

/// Repeats the pinned delivery to one destination, with the same ranges and the same id. `ours` are the pins of that
/// destination.
fn finish_one(
    writer: &mut Writer,
    settings: &Settings,
    destination: &mut dyn Destination,
    ours: &[&Pin],
) -> Result<()> {
    let place = destination.place();
    tracing::info!(%place, "finishing a delivery that was cut off");
    let mirror = pending_deliveries::identity(writer)?;
    let reading = MirrorView::begin(writer.path())?;
    let run = reading.latest_run()?.map_or(0, |r| r.id);
    let mut delivery = offer::delivery(settings, &reading, mirror, run, settings.lane)?;
    delivery.id = match ours.iter().find_map(|pin| pin.delivery_id.clone()) {
        Some(id) => id,
        None => pending_deliveries::draw_id(writer)?,
    };
    delivery.streams.retain(|offer| ours.iter().any(|p| p.stream == offer.stream));
    for offer in &mut delivery.streams {
        let reached = destination.delivered(&delivery.mirror, offer.stream)?;
        let pin = ours.iter().find(|p| p.stream == offer.stream);
        offer.range = pin.map(|p| p.range).filter(|range| reached.checked_add(1) == Some(range.first));
    }
    failpoints::point();
    let receipts = destination.deliver(&delivery, &masked(settings, &reading))?;
    drop(reading);
    failpoints::point();
    // This delivery also brought the streams whose range the destination already had before it was cut off.
    pending_deliveries::delivered(
        writer,
        &place,
        run,
        &log::entries(Content::Changes, &receipts, |_| Some(delivery.id.clone())),
    )
}
