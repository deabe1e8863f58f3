//! Handing what the mirror holds to a job's destinations: first what an earlier run has pinned and not finished, then
//! what is new. One that fails does not keep the others from theirs.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use super::setup;
use crate::config::destinations::{DestinationSettings, Target, Written};
use crate::config::job::Retain;
use crate::config::mask::MaskAt;
use crate::config::settings::Settings;
use crate::crash;
use crate::destinations::files::Files;
use crate::destinations::folder::Folder;
use crate::destinations::format::Format;
use crate::destinations::location::Location;
use crate::destinations::nowhere::Nowhere;
#[cfg(feature = "postgres")]
use crate::destinations::postgres::Postgres;
use crate::destinations::store::Store;
use crate::destinations::{Content, Delivery, Destination, Receipt};
use crate::error::{Error, Kind, Result};
use crate::mask::{Masked, Masks};
use crate::mirror::changes::Reading;
use crate::mirror::pins::{self, Delivered, Pin};
use crate::mirror::retained;
use crate::mirror::store::Writer;
use crate::record::{Reader as _, SeqRange};

/// The destinations of a job.
pub type Destinations = Vec<Box<dyn Destination + Send>>;

/// What became of each, with its place.
pub type Outcomes = Vec<(String, Result<Vec<Receipt>>)>;

/// The destinations, each checked and locked.
pub fn destinations(settings: &Settings) -> Result<Destinations> {
    let mut all: Destinations = Vec::new();
    for d in &settings.destinations {
        let mut destination = destination(d, settings)?;
        destination.check(&format!("job {}", settings.name))?;
        all.push(destination);
    }
    Ok(all)
}

#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
fn destination(settings: &DestinationSettings, job: &Settings) -> Result<Box<dyn Destination + Send>> {
    Ok(match &settings.target {
        Target::Files { path, written, split, retry_for } => {
            Box::new(Files::new(store(path, *retry_for)?, format(written), settings.terms, *split))
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(options) => Box::new(Postgres::new((**options).clone(), settings.terms, job.streams.clone())),
    })
}

fn format(written: &Written) -> Box<dyn Format> {
    match written {
        Written::Csv(options) => Box::new(options.clone()),
        Written::Jsonl(options) => Box::new(options.clone()),
        #[cfg(feature = "parquet")]
        Written::Parquet(options) => Box::new(options.clone()),
    }
}

/// The files of a destination, written to nowhere; none of a database.
pub fn to_nowhere(settings: &DestinationSettings) -> Option<Files> {
    match &settings.target {
        Target::Files { written, split, .. } => {
            Some(Files::new(Box::new(Nowhere), format(written), settings.terms, *split))
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(_) => None,
    }
}

/// Where files go.
pub fn store(path: &Path, retry_for: Duration) -> Result<Box<dyn Store>> {
    match Location::of(path)? {
        None => Ok(Box::new(Folder::new(path))),
        Some(location) => objects(&location, retry_for),
    }
}

#[cfg(feature = "objects")]
fn objects(location: &Location, retry_for: Duration) -> Result<Box<dyn Store>> {
    let variables = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    Ok(Box::new(crate::destinations::objects::Objects::new(location.clone(), variables, retry_for)?))
}

#[cfg(not(feature = "objects"))]
fn objects(location: &Location, _: Duration) -> Result<Box<dyn Store>> {
    Err(Error::usage(format!("{location}: this build has no object storage")))
}

/// Finishes what is pinned for the destinations of this job, so that pages may land. What is pinned for a place that the
/// job does not deliver to is let go: no manifest names it, and whoever delivers there next begins where that ends.
pub fn finish(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    refuse_unfed(writer, settings, destinations)?;
    let pinned = pins::all(writer)?;
    let mut places: Vec<&str> = pinned.iter().map(|p| p.destination.as_str()).collect();
    places.dedup();
    for place in places {
        let ours: Vec<&Pin> = pinned.iter().filter(|p| p.destination == place).collect();
        let Some(destination) = destinations.iter_mut().find(|d| d.place() == place) else {
            tracing::warn!(%place, "an unfinished delivery is let go: this job does not deliver there");
            pins::release(writer, place)?;
            continue;
        };
        tracing::info!(%place, "finishing a delivery that was cut off");
        let mirror = pins::identity(writer)?;
        let reading = Reading::begin(writer.path())?;
        let run = reading.latest_run()?.map_or(0, |r| r.id);
        let mut delivery = setup::delivery(settings, &reading, mirror, run, settings.lane)?;
        delivery.streams.retain(|offer| ours.iter().any(|p| p.stream == offer.stream));
        for offer in &mut delivery.streams {
            let reached = destination.delivered(&delivery.mirror, offer.stream)?;
            let pin = ours.iter().find(|p| p.stream == offer.stream);
            offer.range = pin.map(|p| p.range).filter(|range| reached + 1 == range.first);
        }
        crash::point();
        let receipts = destination.deliver(&delivery, &masked(settings, &reading))?;
        drop(reading);
        crash::point();
        pins::delivered(writer, place, run, &log(Content::Changes, &receipts))?;
    }
    Ok(())
}

/// Refuses a destination that lacks what the mirror has dropped since every other one had it.
fn refuse_unfed(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    let dropped = retained::dropped(writer)?;
    let mirror = pins::identity(writer)?;
    for (stream, up_to) in dropped.into_iter().filter(|(stream, _)| settings.streams.contains(stream)) {
        for d in destinations.iter_mut() {
            let lacks = d.terms().content == Content::Snapshot || d.delivered(&mirror, stream)? < up_to;
            if lacks {
                return Err(Error::new(
                    Kind::DestinationRefused,
                    format!(
                        "{} lacks {stream} that the mirror {} has dropped (retain = \"until-delivered\"): it needs a \
                         backfill, with a mirror of its own",
                        d.place(),
                        writer.path().display()
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Drops the payloads that every destination has, where the job says so.
fn drop_delivered(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    if settings.retain == Retain::All {
        return Ok(());
    }
    let mirror = pins::identity(writer)?;
    for stream in settings.streams.iter().copied() {
        let mut least = i64::MAX;
        for destination in destinations.iter_mut() {
            least = least.min(destination.delivered(&mirror, stream)?);
        }
        crash::point();
        retained::drop_up_to(writer, stream, least)?;
    }
    Ok(())
}

/// Hands each destination what is new to it.
pub fn deliver(
    writer: &mut Writer,
    settings: &Settings,
    run: i64,
    destinations: &mut Destinations,
) -> Result<Outcomes> {
    let mut outcomes = Vec::new();
    for destination in destinations.iter_mut() {
        let delivered = hand_over(writer, settings, run, destination.as_mut());
        outcomes.push((destination.place(), delivered));
    }
    if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
        drop_delivered(writer, settings, destinations)?;
    }
    Ok(outcomes)
}

fn hand_over(
    writer: &mut Writer,
    settings: &Settings,
    run: i64,
    destination: &mut dyn Destination,
) -> Result<Vec<Receipt>> {
    let (place, terms) = (destination.place(), destination.terms());
    let reading = Reading::begin(writer.path())?;
    let mut delivery = setup::delivery(settings, &reading, pins::identity(writer)?, run, settings.lane)?;
    if terms.content == Content::Changes {
        ranges(writer, &reading, &mut delivery, destination)?;
        let pinned = delivery.streams.iter().filter_map(|offer| {
            let range = offer.range?;
            Some(Pin { destination: place.clone(), job: settings.name.clone(), stream: offer.stream, range })
        });
        pins::pin(writer, &pinned.collect::<Vec<_>>())?;
    }
    crash::point();
    let receipts = destination.deliver(&delivery, &masked(settings, &reading))?;
    drop(reading);
    crash::point();
    pins::delivered(writer, &place, run, &log(terms.content, &receipts))?;
    Ok(receipts)
}

/// What destinations see of the mirror: with masks on, unless these were put on where records landed.
pub fn masked<'r>(settings: &'r Settings, reading: &'r Reading) -> Masked<'r> {
    static NONE: LazyLock<Masks> = LazyLock::new(Masks::default);
    let masks = if settings.mask_at == MaskAt::Delivery { &settings.masks } else { &NONE };
    Masked { reader: reading, masks }
}

/// What is new to a destination: of each stream that is not held what comes after the last seq that it has.
fn ranges(
    writer: &mut Writer,
    reading: &Reading,
    delivery: &mut Delivery,
    destination: &mut dyn Destination,
) -> Result<()> {
    let last = pins::last_seq(writer)?;
    let terms = destination.terms();
    for offer in &mut delivery.streams {
        let first = destination.delivered(&delivery.mirror, offer.stream)? + 1;
        let range = SeqRange { first, last };
        let is_new = !offer.is_held(terms) && first <= last && reading.first_change(offer.stream, range)?.is_some();
        offer.range = is_new.then_some(range);
    }
    Ok(())
}

fn log(content: Content, receipts: &[Receipt]) -> Vec<Delivered> {
    let of = |r: &Receipt| Delivered {
        stream: r.stream,
        content: content.name(),
        up_to_seq: r.up_to_seq,
        records: r.records,
    };
    receipts.iter().filter(|r| !r.held).map(of).collect()
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
