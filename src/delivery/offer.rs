//! Decides what to offer a destination of each stream: its records with the verdict of the latest reading, and how
//! fresh they are. If a stream is held back, its verdict states the reason.

use crate::config::settings::Settings;
use crate::destinations::cells::EXTRA;
use crate::destinations::{Delivery, Offer};
use crate::dialect::{DialectLayer, field_name};
use crate::discovery::saved_dialect::SavedPart;
use crate::error::{Error, Kind, Result};
use crate::mirror::changes::MirrorView;
use crate::mirror::damaged;
use crate::mirror::deletions;
use crate::mirror::left_over;
use crate::mirror::refusals::Unsettled;
use crate::mirror::set_aside as stored;
use crate::mirror::settings::{counts_since, is_asked_otherwise_since};
use crate::mirror::stream_state::{Standing, standing};
use crate::mirror::walk_key::Lane;
use crate::quantity::counted;
use crate::record::Reader as _;
use crate::source::settings::Collecting;
use crate::streams::Stream;
use crate::sync::dialect;
use crate::sync::run::{as_of, judge, lacks_only_what_is_set_aside};
use crate::verdict::{Moved, Verdict};

/// The reason for holding back a stream if a run was cut off before it decided which records are gone.
const UNJUDGED: &str = "the run was cut off before it found out which records are gone";

/// Describes a delivery of the mirror's records, with the verdicts of the lane's latest round. `reading` is the view
/// of the mirror to deliver, `mirror` its identity, and `run` the run that delivers. The ranges of changes and the
/// delivery's id are still to be set.
pub fn delivery(settings: &Settings, reading: &MirrorView, mirror: String, run: i64, lane: Lane) -> Result<Delivery> {
    let (since, is_open) = reading.round(lane, Some(&settings.name))?;
    let of = |s: Stream| {
        standing(reading.connection(), lane, s, since)
            .map(|all| all.where_deletes_are(settings.deletes.on))
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's checkpoints: {e}")).caused_by(&e))
    };
    let remembered = dialect::recall_of_records(reading.connection(), &settings.source.endpoint)?;
    let dates = dialect::dates(&remembered, &settings.spelled)?;
    let mut streams = Vec::new();
    for stream in &settings.streams {
        let own = of(*stream)?;
        // A stream that the server does not have is not held back, because there is nothing to deliver.
        if own.walks == 0 && dialect::is_absent(&remembered, *stream) && reading.extent(*stream)?.records == 0 {
            continue;
        }
        let parent = stream.definition().parent;
        let above = parent.map(of).transpose()?;
        let mut known = Known::of(&own, above.as_ref().zip(parent));
        let is_overwritten = is_overwritten(reading, *stream, lane, &settings.name)?;
        if is_overwritten {
            known.verdict = Verdict::Incomplete(format!(
                "another job has asked for {stream} otherwise since the last run of this one"
            ));
        }
        let mut set_aside = set_aside(reading, lane, *stream, since, (&own, above.as_ref()))?;
        let newer = if is_overwritten { None } else { newer(settings, reading, lane, *stream, &known)? };
        if newer.is_some() {
            set_aside.clear();
        }
        let Known { mut verdict, as_of, moved } = newer.unwrap_or(known);
        let is_offered = verdict.is_complete() || !set_aside.is_empty();
        let left_over = left_over(reading, settings, *stream, parent)?;
        let waiting = damaged::waiting(reading.connection(), *stream)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's damaged records: {e}")).caused_by(&e))?;
        let is_damaged = waiting.is_some();
        let why_not = if let Some(waiting) = waiting {
            Some(waiting.error(*stream).detail)
        } else if left_over.is_some() {
            left_over
        } else if is_open && is_offered && settings.deletes.on && are_unjudged(reading, settings, *stream, since)? {
            Some(UNJUDGED.into())
        } else {
            None
        };
        if let Some(why) = why_not {
            verdict = Verdict::Incomplete(why);
            set_aside.clear();
        }
        let mut columns = stream.columns().to_vec();
        if collects(settings, &remembered, *stream) {
            columns.push(EXTRA);
        }
        let ignored = settings.dialect.stream(*stream).map(|part| part.list.ignored()).unwrap_or_default();
        let ignored = ignored.into_iter().map(str::to_owned).collect();
        let masks = settings.mask_at.delivery(&settings.masks, *stream);
        let (stream, suspects) = (*stream, suspects(reading, *stream, own.refused)?);
        let part = remembered.iter().find(|part| part.name == stream.name());
        let unasked = part.map(|part| part.unasked().to_vec()).unwrap_or_default();
        streams.push(Offer {
            stream,
            columns,
            collects: settings.source.collect[stream] == Collecting::Shown,
            unasked,
            verdict,
            is_damaged,
            set_aside,
            moved,
            suspects,
            ignored,
            masks,
            as_of,
            range: None,
        });
    }
    let (job, of_job) = (settings.name.clone(), settings.streams.clone());
    let (id, is_collect_named) = (String::new(), settings.source.is_collect_named);
    let zone = settings.dialect.time_zone.as_str();
    let time_zone = if zone.is_empty() { "UTC" } else { zone }.to_owned();
    Ok(Delivery { job, run, mirror, dates, time_zone, id, is_collect_named, of_job, streams })
}

/// Returns whether a stream's rows have a column for undocumented fields. They do if the job says that such fields are
/// collected, or if some are selected.
fn collects(settings: &Settings, remembered: &[SavedPart], stream: Stream) -> bool {
    let collect = settings.source.collect[stream];
    let has_extra = |layer: &DialectLayer| {
        let extra = layer.stream(stream).and_then(|part| part.extra.as_ref());
        // A selection that only completes a documented column needs no column of its own.
        let is_column = |field: &String| stream.columns().iter().any(|column| column.name == field_name(field));
        extra.is_some_and(|extra| extra.iter().any(|field| !is_column(field)))
    };
    let is_shown = || remembered.iter().any(|part| has_extra(&part.layer));
    match collect {
        Collecting::Nothing => false,
        Collecting::Named => has_extra(&settings.spelled),
        Collecting::Shown => settings.source.is_collect_named || has_extra(&settings.spelled) || is_shown(),
    }
}

/// What the readings of one lane have shown about a stream: its verdict, the moment that its records are as fresh as,
/// and what closing readings found.
struct Known {
    verdict: Verdict,
    as_of: Option<String>,
    moved: Moved,
}

impl Known {
    /// Describes a stream from the state of its own walks, and of its parent stream's walks if it has a parent.
    fn of(own: &Standing, above: Option<(&Standing, Stream)>) -> Known {
        Known {
            verdict: judge(own, above, None),
            as_of: as_of(own, above.map(|(above, _)| above)),
            moved: Moved { found: own.found_again, may_miss: own.may_miss },
        }
    }
}

/// Returns what the other lane has shown about a stream, if its latest reading is complete and newer than `known`.
/// Example: a backfill takes a month. By its end, last night's incremental run has read the same records more
/// recently, so the incremental reading counts.
fn newer(
    settings: &Settings,
    reading: &MirrorView,
    lane: Lane,
    stream: Stream,
    known: &Known,
) -> Result<Option<Known>> {
    // If this lane's reading is not complete, the stream is held, and its destinations may have newer rows than the
    // other lane has read.
    if !known.verdict.is_complete() {
        return Ok(None);
    }
    let failed = |e| Error::new(Kind::MirrorCorrupt, format!("the mirror's checkpoints: {e}"));
    let other = lane.other();
    let Ok((since, false)) = reading.round(other, None) else { return Ok(None) };
    if counts_since(reading.connection(), stream) > since {
        return Ok(None);
    }
    let of = |s: Stream| {
        standing(reading.connection(), other, s, since)
            .map(|all| all.where_deletes_are(settings.deletes.on))
            .map_err(failed)
    };
    let parent = stream.definition().parent;
    let (own, above) = (of(stream)?, parent.map(of).transpose()?);
    let there = Known::of(&own, above.as_ref().zip(parent));
    Ok(Some(there).filter(|there| there.verdict.is_complete() && there.as_of > known.as_of))
}

/// Returns whether, since this job's last run, another job has read the stream with other settings. The mirror then
/// holds records as the other job asked for them.
fn is_overwritten(reading: &MirrorView, stream: Stream, lane: Lane, job: &str) -> Result<bool> {
    is_asked_otherwise_since(reading.connection(), stream, lane, job)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's settings: {e}")).caused_by(&e))
}

/// Returns whether records of a stream may be gone that no run has judged yet, because a run was cut off before that.
fn are_unjudged(reading: &MirrorView, settings: &Settings, stream: Stream, since: i64) -> Result<bool> {
    deletions::are_unjudged(reading.connection(), settings.lane, &settings.name, stream, since)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's ledger: {e}")).caused_by(&e))
}

/// Returns how many records of a stream a complete reading did not show. If the stream's list came out empty, these
/// are all of its records.
fn suspects(reading: &MirrorView, stream: Stream, refused: Option<Unsettled>) -> Result<u64> {
    let (_, suspects) = deletions::counts(reading.connection(), stream)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's ledger: {e}")).caused_by(&e))?;
    Ok(suspects.max(refused.map_or(0, |refused| refused.records)))
}

/// Returns the reason why a stream is not complete if the stream, or its `parent`, has left-over records: records
/// that the job no longer asks for. They are settled by `--allow-deletes` only. Returns `None` if there are none, or
/// if the job deletes nothing.
pub fn left_over(
    reading: &MirrorView,
    settings: &Settings,
    stream: Stream,
    parent: Option<Stream>,
) -> Result<Option<String>> {
    for stream in [Some(stream), parent].into_iter().flatten().filter(|_| settings.deletes.on) {
        let left = left_over::of(reading.connection(), stream, settings.deletes.most)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's ledger: {e}")).caused_by(&e))?;
        if left.count > 0 {
            let (records, settings) = (counted(left.count, "record"), left.settings.join(", "));
            let why = format!("{stream}: {records} not shown any more since {settings} changed, and not deleted");
            return Ok(Some(why));
        }
    }
    Ok(None)
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

/// Returns the names of the records and lists of a stream that were set aside. Returns none if the stream lacks
/// anything else, because it is then not delivered.
fn set_aside(
    reading: &MirrorView,
    lane: Lane,
    stream: Stream,
    since: i64,
    (own, above): (&Standing, Option<&Standing>),
) -> Result<Vec<String>> {
    if !lacks_only_what_is_set_aside(own, above) {
        return Ok(Vec::new());
    }
    let names = |s: Stream| {
        stored::names(reading.connection(), lane, s, since)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("what the mirror has set aside: {e}")).caused_by(&e))
    };
    let mut all = names(stream)?;
    if let (Some(parent), Some(true)) = (stream.definition().parent, above.map(|above| above.set_aside_unknown)) {
        all.extend(names(parent)?);
    }
    Ok(all)
}
