//! Carries out one run: reads the streams of a job side by side, decides which records are gone, and returns the
//! outcome of each stream.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::deletions::Concluding;
use super::deletions::judge::Concluded;
use super::fan_out::{self, Parents};
use super::walk::commit::{self, ReadWindow, WalkState};
use super::walk::{Ended, driver};
use super::{Context, DialectSettings};
use crate::error::{Error, Kind, Result};
use crate::mirror::audits::Audited;
use crate::mirror::checkpoint;
use crate::mirror::readings;
use crate::mirror::stream_state::{self, Standing};
use crate::mirror::walk_key::{Lane, WalkKey};
use crate::policy::{self, Subject};
use crate::progress::add;
use crate::streams::Stream;
use crate::sync::deletions::orphans;
use crate::sync::incremental::audit;
use crate::sync::incremental::changed_since;
use crate::verdict::Verdict;

/// The outcome of a stream in a run.
#[derive(Debug, Clone)]
pub struct StreamOutcome {
    /// The stream that was read.
    pub stream: Stream,
    /// The verdict of the stream's walks. It is `incomplete` while deletions of the stream are refused.
    pub verdict: Verdict,
    /// Whether the stream's walks are complete, even if deletions were refused.
    pub is_read: bool,
    /// The sums over the stream's walks, such as the number of rows.
    pub standing: Standing,
    /// What the audits of the stream have found.
    pub audited: Audited,
    /// Which of the stream's records were found to be gone, and what was deleted.
    pub gone: Concluded,
    /// The error because of which the stream could not go on, or `None`.
    pub error: Option<Error>,
}

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The outcome of each stream, in the job's order.
    pub streams: Vec<StreamOutcome>,
    /// Whether the run was asked to stop.
    pub stopped: bool,
}

/// Runs the streams until each is at its end or has failed, or until a stop is asked for. Fails if an error ends the
/// whole run.
pub async fn run(context: &Context, streams: &[Stream]) -> Result<RunOutcome> {
    let (parents, known) = watch::channel(Parents::default());
    let mut errors: Vec<(Stream, Error)> = Vec::new();
    for group in groups(context, streams) {
        if context.stop.requested() {
            break;
        }
        let mut tasks: JoinSet<(Stream, Result<Ended>)> = JoinSet::new();
        for stream in group {
            let (context, parents, known) = (context.clone(), parents.clone(), known.clone());
            let feeds = streams.iter().any(|s| s.definition().parent == Some(stream));
            let task = async move {
                let result = tokio::select! {
                    biased;
                    result = read_or_settle(&context, stream, &parents, &known, feeds) => result,
                    () = context.stop.late() => Ok(Ended::Stopped),
                };
                if feeds {
                    parents.send_modify(|p| p.over = true);
                }
                let is_over = !matches!(result, Ok(Ended::Stopped));
                context.progress.of(stream).finished.store(is_over, Ordering::Relaxed);
                (stream, result)
            };
            tasks.spawn(task.in_current_span());
        }
        while let Some(ended) = tasks.join_next().await {
            let (stream, result) = ended?;
            let Err(error) = result else { continue };
            tracing::info!(%stream, %error, "the stream cannot go on");
            if policy::ends_the_run(&error.kind) {
                tasks.shutdown().await;
                return Err(error);
            }
            errors.push((stream, error));
        }
    }
    // An outage is not waited out a second time, and a run that is to stop asks no more.
    let ask = !context.stop.requested() && !errors.iter().any(|(_, error)| policy::is_outage(&error.kind));
    let mut gone = conclude(context, streams, ask).await?;
    let mut outcomes = Vec::new();
    for stream in streams {
        let error = errors.iter().find(|(s, _)| s == stream).map(|(_, e)| e.clone());
        let gone = gone.iter_mut().find(|(s, _)| s == stream).map(|(_, gone)| std::mem::take(gone)).unwrap_or_default();
        outcomes.push(outcome(context, *stream, gone, error).await?);
    }
    Ok(RunOutcome { streams: outcomes, stopped: context.stop.requested() })
}

/// Returns the streams in groups that are read one after the other.
///
/// Normally there is one group: all streams are read side by side, which fills each request. The exception is a run
/// with a time box or a limit of requests that goes on with an earlier reading. If such a run has time for no more
/// than the end of one list, several lists that share it would never come to their ends, night after night. So each
/// stream is then read alone, and each run begins with another stream. A stream follows its parent stream.
fn groups(context: &Context, streams: &[Stream]) -> Vec<Vec<Stream>> {
    if !(context.boxed && context.begun.resumed) {
        return vec![streams.to_vec()];
    }
    let is_here = |parent: &Stream| streams.contains(parent);
    let (below, mut above): (Vec<Stream>, Vec<Stream>) =
        streams.iter().partition(|stream| stream.definition().parent.is_some_and(|parent| is_here(&parent)));
    let first = usize::try_from(context.begun.run).unwrap_or(0) % above.len().max(1);
    above.rotate_left(first);
    let family = |stream: Stream| {
        let children = below.iter().copied().filter(move |child| child.definition().parent == Some(stream));
        std::iter::once(stream).chain(children).map(|stream| vec![stream]).collect::<Vec<_>>()
    };
    above.iter().copied().flat_map(family).collect()
}

/// Decides which records of these streams are gone, and deletes them; parent streams first. If `ask` is `false`,
/// makes no request for it.
async fn conclude(context: &Context, streams: &[Stream], ask: bool) -> Result<Vec<(Stream, Concluded)>> {
    let mut gone: Vec<(Stream, Concluded)> = Vec::new();
    let mut concluding = Concluding::new(context, ask);
    for (n, stream) in streams.iter().copied().enumerate() {
        if !context.deletes.on || context.is_stopped() {
            break;
        }
        let moved = concluding.ask(stream, (streams.len() - n) as u64).await?;
        if ask {
            let spent = tokio::select! {
                biased;
                spent = orphans::search(context, stream, concluding.requests()) => spent?,
                () = context.stop.late() => 0,
            };
            concluding.spend(spent);
            // The search asks for lists whose records may have gone since they were concluded.
            if let Some(parent) = stream.definition().parent.filter(|parent| concluding.has_more_gone(*parent)) {
                let later = Box::pin(concluding.conclude(parent, 0)).await?;
                match gone.iter_mut().find(|(of, _)| *of == parent) {
                    Some((_, concluded)) => *concluded = std::mem::take(concluded).and_then(later),
                    None => gone.push((parent, later)),
                }
            }
        }
        gone.push((stream, concluding.conclude(stream, moved).await?));
    }
    Ok(gone)
}

/// Reads a stream. If the server refuses a query that it accepted before, finds out how the API spells it now, and
/// reads the stream once more.
async fn read_or_settle(
    context: &Context,
    stream: Stream,
    parents: &watch::Sender<Parents>,
    known: &watch::Receiver<Parents>,
    feeds: bool,
) -> Result<Ended> {
    match read(context, stream, parents, known, feeds).await {
        Err(error) if policy::subject(&error.kind) == Subject::Query => match settled_anew(context, stream).await {
            Ok(true) => read(context, stream, parents, known, feeds).await,
            Ok(false) => Err(error),
            Err(other) => Err(other.at(error)),
        },
        result => result,
    }
}

async fn read(
    context: &Context,
    stream: Stream,
    parents: &watch::Sender<Parents>,
    known: &watch::Receiver<Parents>,
    feeds: bool,
) -> Result<Ended> {
    if context.source.is_partitioned(stream) {
        if super::parents::is_begun_as_one_list(context, stream).await? {
            return as_one_list(context, stream, parents, known, feeds).await;
        }
        match fan_out::fan_out(context, stream, known.clone()).await? {
            Ended::ParentIgnored => as_one_list(context, stream, parents, known, feeds).await,
            ended => Ok(ended),
        }
    } else {
        list(context, stream, parents, feeds).await
    }
}

/// Finds out again how the API spells a stream's query, after the server has refused what it accepted before. Returns
/// whether the stream can be read now. A stream that was one list and is many now, or the other way round, is left to
/// the next run.
async fn settled_anew(context: &Context, stream: Stream) -> Result<bool> {
    let partitioned = context.source.is_partitioned(stream);
    let DialectSettings { endpoint, job, turn } = &context.spelling;
    let _turn = turn.lock().await;
    let notes = super::dialect::again(&context.source, &context.mirror, endpoint, job, stream).await?;
    let settled = notes.is_some() && context.source.is_partitioned(stream) == partitioned;
    context.notes.lock().unwrap_or_else(PoisonError::into_inner).extend(notes.unwrap_or_default());
    if settled {
        super::settings::settled_anew(context, stream).await?;
    }
    Ok(settled)
}

/// Reads a stream as one list, because the server ignores which record's list it is asked for. The stream is
/// incomplete if that list lacks records that the entries of the parent records show.
async fn as_one_list(
    context: &Context,
    stream: Stream,
    parents: &watch::Sender<Parents>,
    known: &watch::Receiver<Parents>,
    feeds: bool,
) -> Result<Ended> {
    tracing::warn!(%stream, "the server ignores which conversation it is asked for: the stream is read once, as one list");
    context.note(format!(
        "{stream}: the server ignores which conversation it is asked for; its messages are read as one list"
    ));
    let place = WalkKey { lane: context.lane, stream, partition: String::new() };
    let begun = context.begun;
    let at = place.clone();
    context.mirror.call(move |w| w.transaction(|t| checkpoint::start(t, &at, begun.run, begun.since_run))).await?;
    let ended = list(context, stream, parents, feeds).await?;
    if !matches!(&ended, Ended::Closed(verdict) if verdict.is_complete()) {
        return Ok(ended);
    }
    // Only when all conversations are known can the list be compared with them.
    let _ = known.clone().wait_for(|parents| parents.over).await;
    let Some(why) = super::parents::lacking(context, stream).await? else { return Ok(ended) };
    let again = context.mirror.call(move |w| {
        w.transaction(|t| {
            checkpoint::start(t, &place, begun.run, begun.run + 1)?;
            checkpoint::find(t, &place)
        })
    });
    let again = again.await?.ok_or_else(|| Error::new(Kind::CheckpointRefused, "a walk without a checkpoint"))?;
    let verdict = Verdict::Incomplete(why);
    let closed = WalkState::Closed(verdict.clone());
    commit::land(context, stream, &again, again.windows, ReadWindow::default(), closed).await?;
    Ok(Ended::Closed(verdict))
}

/// Walks the list of a stream that has only one list.
async fn list(context: &Context, stream: Stream, parents: &watch::Sender<Parents>, feeds: bool) -> Result<Ended> {
    let place = WalkKey { lane: context.lane, stream, partition: String::new() };
    let (query, run, now) = (changed_since::asked(&context.source, stream)?, context.begun.run, context.source.now());
    let from = context
        .mirror
        .call(move |w| w.transaction(|t| readings::checkpoint(t, &place, query, run, now)))
        .await?
        .ok_or_else(|| Error::new(Kind::CheckpointRefused, format!("{stream} has no checkpoint")))?;
    let from = driver::reopen_for_closing(context, stream, from).await?;
    let counters = context.progress.of(stream);
    add(&counters.walks, 1);
    if let Some(verdict) = from.verdict.clone() {
        // An earlier run of this round has read it to its end: nothing is fetched twice.
        add(&counters.closed, 1);
        return Ok(Ended::Closed(verdict));
    }
    changed_since::note(context, stream, &from);
    driver::walk(context, stream, from, context.source.at_work(), || {
        if feeds {
            parents.send_modify(|p| p.pages += 1);
        }
    })
    .await
}

async fn outcome(context: &Context, stream: Stream, gone: Concluded, error: Option<Error>) -> Result<StreamOutcome> {
    let (lane, since) = (context.lane, context.begun.since_run);
    let parent = stream.definition().parent;
    let deletes = context.deletes.on;
    let (mut standing, above) = context
        .mirror
        .call(move |w| {
            w.transaction(|t| {
                let of = |s| stream_state::standing(t, lane, s, since).map(|all| all.where_deletes_are(deletes));
                Ok((of(stream)?, parent.map(of).transpose()?))
            })
        })
        .await?;
    let above_it = above.as_ref().zip(parent);
    let verdict = judge(&standing, above_it, error.as_ref());
    let is_read = error.is_none() && walked(&standing, above_it).is_complete();
    standing.as_of = as_of(&standing, above.as_ref());
    let audited = match parent {
        Some(_) if lane == Lane::Incremental => audit::result(context, stream).await?,
        _ => Audited::default(),
    };
    Ok(StreamOutcome { stream, verdict, is_read, standing, audited, gone, error })
}

/// Returns a stream's verdict: that of its walks, unless an error stopped it, or deletions of the stream or of its
/// parent stream were refused. After a refusal the mirror holds records that are probably gone, and others that
/// belong to them.
pub fn judge(standing: &Standing, parent: Option<(&Standing, Stream)>, error: Option<&Error>) -> Verdict {
    let above = parent.and_then(|(above, stream)| Some((above.refused?, stream)));
    match (error, standing.refused, above) {
        (Some(error), ..) => Verdict::Incomplete(error.reason()),
        (None, Some(refused), _) => Verdict::Incomplete(refused.to_string()),
        (None, None, Some((refused, stream))) => Verdict::Incomplete(format!("of {stream}, {refused}")),
        (None, None, None) => walked(standing, parent),
    }
}

/// Returns the verdict of a stream's weakest walk. The stream is also `incomplete` if its parent stream is, because
/// then not every list of the stream is known.
fn walked(standing: &Standing, parent: Option<(&Standing, Stream)>) -> Verdict {
    match parent {
        // The lists of parents that are set aside are read all the same, if the ids of those parents are known.
        Some((above, stream)) if above.lacks_only_what_is_set_aside() => match standing.verdict() {
            own if !above.set_aside_unknown || !own.is_complete() => own,
            _ => Verdict::Incomplete(format!("some {stream} are set aside, so not every list is known")),
        },
        Some((above, stream)) if !above.verdict().is_complete() => {
            Verdict::Incomplete(format!("{stream} are incomplete, so not every list is known"))
        }
        // Without parents there are no lists, and nothing to read.
        Some((above, _)) if standing.lists() == 0 => above.verdict(),
        _ => standing.verdict(),
    }
}

/// Returns whether a stream lacks nothing but what was set aside, in its own lists or in the list of its parent
/// stream.
pub fn lacks_only_what_is_set_aside(standing: &Standing, parent: Option<&Standing>) -> bool {
    if standing.refused.is_some() || parent.is_some_and(|parent| parent.refused.is_some()) {
        return false;
    }
    let of = |s: &Standing| (s.lacks_only_what_is_set_aside(), s.verdict().is_complete());
    let (own, above) = (of(standing), parent.map_or((false, true), of));
    (own.0 || own.1) && (above.0 || above.1) && (own.0 || (above.0 && parent.is_some_and(|p| p.set_aside_unknown)))
}

/// Returns the time up to which a stream's records are current: when the oldest of its walks was closed. If lists
/// were skipped, or there are none, it is no later than the time at which the parents' list was read, because nothing
/// newer is known of those lists. `None` if no walk was closed.
pub fn as_of(standing: &Standing, parent: Option<&Standing>) -> Option<String> {
    let above = parent.filter(|_| standing.skipped > 0 || standing.as_of.is_none()).and_then(|p| p.as_of.clone());
    // These are RFC 3339 texts in UTC with whole seconds, so the order of the texts is that of time.
    standing.as_of.iter().chain(&above).min().cloned()
}
