//! Delivers the mirror's records to a job's destinations. First come the deliveries that an earlier run has pinned
//! and not finished, then the new records. A destination that fails does not prevent the deliveries to the others.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use crate::config::destinations::{DestinationSettings, FileFormat, Target};
use crate::config::job::{MaskAt, Retain};
use crate::config::settings::Settings;
use crate::delivery::offer;
use crate::delivery::preflight;
use crate::destinations::files::Files;
use crate::destinations::folder::Folder;
use crate::destinations::format::Format;
use crate::destinations::location::StoreLocation;
use crate::destinations::null::NullStore;
#[cfg(feature = "postgres")]
use crate::destinations::postgres::Postgres;
use crate::destinations::store::Store;
use crate::destinations::{Content, Delivery, Destination, Receipt};
use crate::error::{Error, Kind, Result};
use crate::failpoints;
use crate::mirror::changes::MirrorView;
use crate::mirror::damaged;
use crate::mirror::pending_deliveries;
use crate::mirror::pending_deliveries::{LoggedDelivery, Pin};
use crate::mirror::retention;
use crate::mirror::store::Writer;
use crate::policy::{self, Exit};
use crate::record::mask::{Masked, Masks};
use crate::record::{Reader as _, SeqRange};
use crate::streams::Stream;

/// The destinations of a job, opened.
pub type Destinations = Vec<Opened>;

/// A destination and, if it cannot be served now, the reason.
pub struct Opened {
    destination: Box<dyn Destination + Send>,
    /// The error that keeps the destination from being served. The destination is tried once more when its own
    /// delivery is due.
    trouble: Option<Error>,
}

impl Opened {
    /// Returns `true` if `outcome`, the result of a step with this destination, is a success. Otherwise logs the
    /// error and keeps it, so that only this destination is left out. Returns an error only if its kind must stop the
    /// whole run.
    fn is_well(&mut self, outcome: Result<()>) -> Result<bool> {
        match outcome {
            Ok(()) => Ok(true),
            Err(error) if policy::stops_every_delivery(&error.kind) => Err(error),
            Err(error) => {
                let place = self.destination.place();
                tracing::warn!(%place, %error, "not served now: it is tried once more when it is its turn");
                self.trouble = Some(error);
                Ok(false)
            }
        }
    }
}

/// Returns the exit code for a destination whose delivery failed, regardless of the others. Most failures get
/// [`Exit::Failed`], because the next run tries again. An error that stops the whole run, or that concerns the
/// mirror, keeps its own code.
pub fn exit_of(kind: &Kind) -> Exit {
    let keeps_its_own = policy::stops_every_delivery(kind) || policy::is_of_the_mirror(kind);
    if keeps_its_own { policy::decide(kind).exit } else { Exit::Failed }
}

/// Returns an error if no destination can be served, and at least one of them needs a person's help. Reading the
/// account would then serve nothing.
fn refuse_where_none_is_left(destinations: &Destinations) -> Result<()> {
    let lasting = |error: &&Error| !policy::may_pass_by_itself(&error.kind);
    let troubles: Vec<&Error> = destinations.iter().filter_map(|opened| opened.trouble.as_ref()).collect();
    match troubles.iter().copied().find(lasting) {
        Some(error) if troubles.len() == destinations.len() => Err(error.clone()),
        _ => Ok(()),
    }
}

/// The result of the delivery to each destination, with the destination's name.
pub type Outcomes = Vec<(String, Result<Vec<Receipt>>)>;

/// Opens, checks and locks the job's destinations. A destination that cannot be served now is returned with its
/// error. Returns an error if the run must not begin.
pub fn destinations(settings: &Settings) -> Result<Destinations> {
    let mut all: Destinations = Vec::new();
    for d in &settings.destinations {
        let mut opened = Opened { destination: destination(d, settings)?, trouble: None };
        let checked = opened.destination.check(&holder(settings));
        opened.is_well(checked)?;
        all.push(opened);
    }
    refuse_where_none_is_left(&all)?;
    Ok(all)
}

/// Returns the name under which the job locks its destinations.
fn holder(settings: &Settings) -> String {
    format!("job {}", settings.name)
}

/// Creates a destination of the job from its settings, without checking that it can be written.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn destination(settings: &DestinationSettings, job: &Settings) -> Result<Box<dyn Destination + Send>> {
    Ok(match &settings.target {
        Target::Files { path, written, split, max_files, retry_for, mode } => {
            let store = store_with(path, *retry_for, *mode)?;
            Box::new(Files::new(store, format(written), settings.terms, *split).with_max_files(*max_files))
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(options) => Box::new(Postgres::new((**options).clone(), settings.terms, job.streams.clone())),
    })
}

/// Returns the writer of a file format.
fn format(written: &FileFormat) -> Box<dyn Format> {
    match written {
        FileFormat::Csv(options) => Box::new(options.clone()),
        FileFormat::Jsonl(options) => Box::new(options.clone()),
        #[cfg(feature = "parquet")]
        FileFormat::Parquet(options) => Box::new(options.clone()),
    }
}

/// Creates a destination that encodes the same files as the one in `settings` and discards them. Returns `None` for a
/// database.
pub fn to_nowhere(settings: &DestinationSettings) -> Option<Files> {
    match &settings.target {
        Target::Files { written, split, .. } => {
            Some(Files::new(Box::new(NullStore), format(written), settings.terms, *split))
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(_) => None,
    }
}

/// Opens the folder or bucket that `path` names. Failed operations on a bucket are retried for `retry_for`.
pub fn store(path: &Path, retry_for: Duration) -> Result<Box<dyn Store>> {
    store_with(path, retry_for, None)
}

/// Opens the folder or bucket that `path` names. Failed operations on a bucket are retried for `retry_for`. New files
/// in a local folder get the permissions `mode`; with `None`, the system decides.
fn store_with(path: &Path, retry_for: Duration, mode: Option<u32>) -> Result<Box<dyn Store>> {
    match StoreLocation::of(path)? {
        None => Ok(Box::new(Folder::new(path).with_mode(mode))),
        Some(location) => objects(&location, retry_for),
    }
}

#[cfg(feature = "objects")]
fn objects(location: &StoreLocation, retry_for: Duration) -> Result<Box<dyn Store>> {
    let variables = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    Ok(Box::new(crate::destinations::objects::ObjectPrefix::new(location.clone(), variables, retry_for)?))
}

#[cfg(not(feature = "objects"))]
fn objects(location: &StoreLocation, _: Duration) -> Result<Box<dyn Store>> {
    Err(Error::usage(format!("{location}: this build has no object storage")))
}

/// Finishes the deliveries to this job's destinations that an earlier run pinned and did not complete, so that the
/// mirror can store pages again. Before that, checks each destination ([`preflight::refuse`]), and returns an error
/// if the check shows that the run must not go on.
///
/// Releases a pin whose destination is no longer in the job or cannot be served now. Releasing is safe: either the
/// destination already holds the pinned range, or its manifest names none of the range's files. In both cases, the
/// next delivery starts after what the destination holds.
pub fn finish_pending(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    for opened in destinations.iter_mut().filter(|opened| opened.trouble.is_none()) {
        let refused = preflight::refuse(writer, settings, opened.destination.as_mut());
        opened.is_well(refused)?;
    }
    refuse_where_none_is_left(destinations)?;
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
    pending_deliveries::delivered(writer, &place, run, &log(Content::Changes, &receipts, |_| Some(delivery.id.clone())))
}

/// Drops the payloads that every destination has received, if the job's setting `retain` asks for it.
fn drop_delivered(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
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

/// Returns the job's streams that are held because of damaged records, each with the error to report.
pub fn damaged(settings: &Settings) -> Result<Vec<(Stream, Error)>> {
    let reading = MirrorView::begin(&settings.mirror)?;
    let mut all = Vec::new();
    for stream in settings.streams.iter().copied() {
        let waiting = damaged::waiting(reading.connection(), stream)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's damaged records: {e}")).caused_by(&e))?;
        all.extend(waiting.map(|waiting| (stream, waiting.error(stream))));
    }
    Ok(all)
}

/// Repeats the check and the preflight for a destination that could not be served earlier in the run. Does nothing
/// for any other destination.
fn retry_check(writer: &mut Writer, settings: &Settings, opened: &mut Opened) -> Result<()> {
    if opened.trouble.is_some() {
        opened.destination.check(&holder(settings))?;
        preflight::refuse(writer, settings, opened.destination.as_mut())?;
        opened.trouble = None;
    }
    Ok(())
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
    pending_deliveries::delivered(writer, &place, run, &log(terms.content, &receipts, id))?;
    Ok(receipts)
}

/// Returns a reader of the mirror for destinations. It applies the job's masks, unless the records were already
/// masked when they were stored in the mirror.
pub fn masked<'r>(settings: &'r Settings, reading: &'r MirrorView) -> Masked<'r> {
    static NONE: LazyLock<Masks> = LazyLock::new(Masks::default);
    let masks = if settings.mask_at == MaskAt::Delivery { &settings.masks } else { &NONE };
    Masked { reader: reading, masks }
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

/// Returns the entries to log for a delivery. A snapshot is always logged; changes are logged only for streams that
/// had some. A held stream is not logged. `id` returns the id of the delivery that carried a stream's changes.
fn log(content: Content, receipts: &[Receipt], id: impl Fn(Stream) -> Option<String>) -> Vec<LoggedDelivery> {
    let of = |r: &Receipt| {
        let delivery_id = id(r.stream);
        let is_logged = !r.held && (content == Content::Snapshot || delivery_id.is_some());
        let (content, up_to_seq) = (content.name(), r.up_to_seq);
        is_logged.then_some(LoggedDelivery { stream: r.stream, content, up_to_seq, records: r.records, delivery_id })
    };
    receipts.iter().filter_map(of).collect()
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
