//! One run of one job. Before the first request it checks everything that could be known to make the run fail. Then
//! it reads from the API, delivers to the destinations and stores a report.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::box_size::{BoxSize, Ran};
use super::overlap::apart;
use super::{box_size, setup};
use crate::config::job::MaskAt;
use crate::config::settings::Settings;
use crate::delivery::job_destinations::Destinations;
use crate::delivery::{handover, job_destinations, mask_check, offer, recovery};
use crate::error::{Error, Kind, Result};
use crate::mirror::account::{self, AccountIdentity};
use crate::mirror::readings::ChangedSince;
use crate::mirror::rounds::{self, Beginning, Begun, RoundEnding};
use crate::mirror::store::{Mirror, Writer};
use crate::mirror::walk_key::Lane;
use crate::number;
use crate::policy::{self, Exit};
use crate::progress::Progress;
use crate::report::live::{self, Live};
use crate::report::run_report::{self, BoxTooSmall, DestinationReport, RunReport};
use crate::source::Source;
use crate::streams::{PerStream, Stream};
use crate::sync::dialect::KnownAtStart;
use crate::sync::estimate;
use crate::sync::run::RunOutcome;
use crate::sync::settings::ReadingTerms;
use crate::sync::stop::Stop;
use crate::sync::time_box::{self, TimeBox};
use crate::sync::{self, Context, DialectSettings};

/// What all runs of one process share.
#[derive(Default)]
pub struct Common {
    /// Whether to print failures only.
    pub quiet: bool,
    /// Whether several accounts run side by side.
    pub many: bool,
    /// Whether this account may take over a mirror that belongs to another account (`--adopt-mirror`).
    pub adopt: bool,
    /// The limits in time and requests after which a run ends.
    pub time_box: TimeBox,
    /// The stop signal for all runs of the process.
    pub stop: Stop,
    /// A lock held during a delivery. Deliveries run one at a time, so the memory that they take does not add up.
    pub delivering: Mutex<()>,
}

/// Opens the mirror, and locks it for the job. Returns an error if a delivery of the job would overwrite the mirror's
/// files.
fn open(settings: &Settings) -> Result<Mirror> {
    apart(settings)?;
    Mirror::open(&settings.mirror, &format!("job {}", settings.name), settings.dialect.dates())
}

/// Makes one run of at most `requests` requests; `None` means no limit. Returns the run's report, and `true` if the
/// run continued a reading that began so long ago that another reading is due.
pub async fn run_once(settings: &Settings, common: &Common, requests: Option<u64>) -> Result<(RunReport, bool)> {
    let started = Instant::now();
    let source = Arc::new(setup::source(settings)?);
    let mirror = Arc::new(open(settings)?);
    let destinations = job_destinations::open(settings)?;
    let account = AccountIdentity::new(&source.host(), &settings.source.client_id);
    if !common.adopt {
        let account = account.clone();
        mirror.call(move |w| account::check(w, &account)).await?;
    }
    let landing = settings.mask_at.landing(&settings.masks);
    mirror.call(move |w| account::claim_masks(w, &landing)).await?;
    let mut destinations = finish(settings, common, &mirror, destinations).await?;
    let stop = common.stop.own();
    stop.waits_for(source.under_way());
    if let Some(requests) = requests {
        time_box::watch_requests(requests, &stop, &source);
    }
    let (known, tails) = tokio::select! {
        known = settled(settings, &source, &mirror) => known?,
        () = stop.now() => return Err(stopped_early(settings, &stop)),
    };
    mirror.call(move |w| account::claim(w, &account)).await?;
    // By now the server has answered the request for a token, so its time is known.
    let (name, lane, now) = (settings.name.clone(), settings.lane, source.now());
    let terms = terms(settings);
    let streams = sync::settings::of_streams(&source, &settings.spelled, terms, &known.streams)?;
    let boxed = common.time_box != TimeBox::default();
    let beginning = Beginning { job: name, lane, streams, tails, now, boxed };
    let begun = mirror.call(move |w| rounds::begin(w, &beginning)).await?;
    let context = Context {
        source: source.clone(),
        mirror: mirror.clone(),
        begun,
        lane: settings.lane,
        deletes: settings.deletes,
        page_size: settings.page_size,
        walks: walks(settings, boxed && begun.resumed),
        boxed,
        job: settings.name.clone(),
        terms,
        audit: settings.audit,
        audit_repair: settings.audit_repair,
        silence_is_empty: Arc::default(),
        masks: (settings.mask_at == MaskAt::Landing).then(|| Arc::new(settings.masks.clone())),
        double_collect: settings.double_collect,
        progress: Arc::new(Progress::default()),
        stop,
        spelling: spelling(settings),
        parents: Arc::default(),
        totals: Arc::new(PerStream::new(std::sync::Mutex::default)),
        gone: Arc::default(),
        notes: Arc::default(),
    };
    let is_old = lane == Lane::Incremental && begun.resumed && begun.is_old(now);
    sync::notes::note_all(&context, &known.streams).await?;
    let screen = live::show(
        Live {
            account: settings.account.clone(),
            beside_others: common.many,
            streams: known.streams.clone(),
            progress: context.progress.clone(),
            source: source.clone(),
            per_minute: settings.requests_per_minute,
            page_size: settings.page_size,
            double_collect: settings.double_collect,
        },
        common.quiet,
    );
    let outcome = sync::run::run(&context, &known.streams).await;
    drop(screen);
    sync::limits::keep(&context).await?;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let exit = policy::decide(&error.kind).exit;
            let report = serde_json::json!({ "error": error.detail }).to_string();
            end(&mirror, begun, settings, RoundEnding::Interrupted, exit, report).await?;
            return Err(error);
        }
    };
    let report = conclude(settings, common, &context, known, &outcome, (started, &mut destinations)).await?;
    Ok((report, is_old))
}

/// Delivers what a run has read, and stores the run's report. `known` is what was known before the run read its first
/// page, and `outcome` is the result of the reading.
async fn conclude(
    settings: &Settings,
    common: &Common,
    context: &Context,
    known: KnownAtStart,
    outcome: &RunOutcome,
    (started, destinations): (Instant, &mut Destinations),
) -> Result<RunReport> {
    let (source, begun) = (&context.source, context.begun);
    let took = started.elapsed();
    let mut report = RunReport::new(&settings.name, settings.lane, begun, outcome, source, &context.progress, took);
    report.account.clone_from(&settings.account);
    let concluded = std::mem::replace(&mut report.notes, known.notes);
    report.notes.extend(context.notes().into_iter().chain(source.notes()));
    report.notes.extend(report.moved());
    report.notes.extend(report.misses());
    report.notes.extend(concluded);
    let mut exits = vec![run_report::exit_of(outcome)];
    report.notes.extend(context.stop.why().map(|why| format!("stopped by itself: {why}")));
    if !outcome.stopped || context.stop.why().is_some() {
        let _alone = common.delivering.lock().await;
        deliver(settings, &context.mirror, begun.run, destinations, &mut report, &mut exits).await?;
    } else if !settings.destinations.is_empty() {
        report.notes.push(undelivered(settings));
        tracing::warn!("{}", undelivered(settings));
    }
    report.notes.extend(mask_check::unmet(settings, source, &known.streams)?);
    of_mirror(settings, &context.mirror, &mut report, &mut exits).await?;
    report.seconds = started.elapsed().as_secs_f64();
    report.peak_memory_mib = run_report::peak_memory_mib();
    report.boxed = context.stop.why().is_some();
    report.starved = starved(settings, context, &known.streams, common, &report).await?;
    let exit = match (Exit::first(exits), &report.starved) {
        (Exit::Stopped, Some(_)) => Exit::Incomplete,
        (exit, _) => exit,
    };
    report.exit_code = exit;
    let json = serde_json::to_string(&report).map_err(|e| Error::new(Kind::Internal, e.to_string()).caused_by(&e))?;
    end(&context.mirror, begun, settings, run_report::ending_of(outcome), exit, json).await?;
    Ok(report)
}

/// Returns the streams that the latest runs could not read to their end within their boxes. Returns `None` for a
/// backfill, because it is meant to take many boxes.
async fn starved(
    settings: &Settings,
    context: &Context,
    streams: &[Stream],
    common: &Common,
    report: &RunReport,
) -> Result<Option<BoxTooSmall>> {
    if settings.lane != Lane::Incremental || !report.boxed {
        return Ok(None);
    }
    let (job, lane, run) = (settings.name.clone(), settings.lane, context.begun.run);
    let earlier = context.mirror.call(move |w| rounds::earlier_reports(w, &job, lane, run, box_size::EARLIER)).await?;
    let runs =
        Ran::read(report).into_iter().chain(earlier.iter().map_while(|text| Ran::parse(text))).collect::<Vec<_>>();
    let left = estimate::left(&context.source, &context.progress, streams, settings.page_size, settings.double_collect);
    let left = left.and_then(|left| number::floor(left.ceil())).and_then(|(left, _)| u64::try_from(left).ok());
    Ok(box_size::of(&runs, BoxSize { allowed: common.time_box.requests, left }))
}

/// Returns the error of a run that was stopped before it had read anything.
fn stopped_early(settings: &Settings, stop: &Stop) -> Error {
    let why = match stop.why() {
        None => format!("; {}", undelivered(settings)),
        Some(why) => format!(
            ": {why}. At first a run finds out how this API is spelled, and keeps what it has found out. Where it stops here \
             again and again, it needs more requests or more time"
        ),
    };
    Error::new(Kind::Stopped, format!("stopped before anything was read{why}"))
}

/// Returns the message of a run that a signal stopped before it delivered.
fn undelivered(settings: &Settings) -> String {
    let account = settings.account.as_ref().map(|name| format!(" --account {name}")).unwrap_or_default();
    let job = settings.job.display();
    format!(
        "a signal stopped the run, so nothing was delivered: `qpien-sync export {job}{account}` delivers what is proven, without a request"
    )
}

fn spelling(settings: &Settings) -> DialectSettings {
    DialectSettings { endpoint: settings.source.endpoint.clone(), job: settings.spelled.clone(), turn: Arc::default() }
}

/// Finds out how the API is spelled. For an incremental run, also finds out which lists can be filtered by the date
/// of the last change.
async fn settled(settings: &Settings, source: &Source, mirror: &Mirror) -> Result<(KnownAtStart, ChangedSince)> {
    let endpoint = &settings.source.endpoint;
    let mut known = sync::dialect::settle(source, mirror, endpoint, &settings.spelled, &settings.streams).await?;
    if settings.lane != Lane::Incremental {
        return Ok((known, ChangedSince::default()));
    }
    let ReadingTerms { lookback, full_every } = terms(settings);
    let wanted = ChangedSince { streams: Vec::new(), lookback, full_every, now: source.now() };
    let (tails, notes) =
        sync::incremental::changed_since::offered(source, mirror, endpoint, &known.streams, wanted).await?;
    known.notes.extend(notes);
    Ok((known, tails))
}

/// Converts the job's `lookback` and `full_every` to milliseconds.
fn terms(settings: &Settings) -> ReadingTerms {
    let milliseconds = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    ReadingTerms { lookback: milliseconds(settings.lookback), full_every: milliseconds(settings.full_every) }
}

/// Returns how many walks of one stream run at the same time: enough to fill one request with questions while others
/// are in flight.
///
/// If `few` is set, the walks fill just one request. `few` is for a box that continues a reading. A run that begins
/// many lists and ends none of them would have to begin them again in the next box.
fn walks(settings: &Settings, few: bool) -> usize {
    if few {
        return settings.source.aliases_per_request.max(1);
    }
    let in_flight = usize::try_from(settings.source.in_flight).unwrap_or(8);
    in_flight.max(settings.source.aliases_per_request * 3).min(64)
}

/// Finishes the deliveries that an earlier run has pinned, before new pages are stored.
async fn finish(
    settings: &Settings,
    common: &Common,
    mirror: &Mirror,
    mut destinations: Destinations,
) -> Result<Destinations> {
    let _alone = common.delivering.lock().await;
    let settings = settings.clone();
    mirror.call(move |w| recovery::finish_pending(w, &settings, &mut destinations).map(|()| destinations)).await
}

/// Delivers on the mirror's own thread. So nothing is written to the mirror meanwhile, and the delivery reuses memory
/// that this thread has freed, instead of taking more on another thread.
async fn deliver(
    settings: &Settings,
    mirror: &Mirror,
    run: i64,
    destinations: &mut Destinations,
    report: &mut RunReport,
    exits: &mut Vec<Exit>,
) -> Result<()> {
    let (settings, mut moved) = (settings.clone(), std::mem::take(destinations));
    let delivered = mirror.call(move |writer| {
        writer.shrink()?;
        handover::deliver(writer, &settings, run, &mut moved)
    });
    for (place, delivered) in delivered.await? {
        if let Err(error) = &delivered {
            tracing::error!(%place, %error, "not delivered");
            exits.push(handover::exit_of(&error.kind));
        }
        let told = DestinationReport::new(place, &delivered);
        if !told.set_aside.is_empty() {
            exits.push(Exit::Incomplete);
        }
        if let Some(finding) = told.finding.clone().filter(|finding| !report.notes.contains(finding)) {
            report.notes.push(finding);
        }
        report.destinations.push(told);
    }
    Ok(())
}

/// Adds notes about the mirror's file for the operator: damaged records, and a write-ahead log that cannot shrink
/// because another program reads the mirror.
async fn of_mirror(settings: &Settings, mirror: &Mirror, report: &mut RunReport, exits: &mut Vec<Exit>) -> Result<()> {
    for (_, error) in offer::damaged(settings)? {
        exits.push(policy::decide(&error.kind).exit);
        report.notes.push(format!("{error}: its stream is delivered to nobody"));
    }
    if let Some(told) = mirror.call(Writer::fold_in_log).await? {
        tracing::warn!("{told}");
        report.notes.push(told);
    }
    Ok(())
}

async fn end(
    mirror: &Mirror,
    begun: Begun,
    settings: &Settings,
    ending: RoundEnding,
    exit: Exit,
    report: String,
) -> Result<()> {
    let lane = settings.lane;
    mirror.call(move |w| rounds::end(w, begun, lane, ending, exit.code(), &report)).await
}
