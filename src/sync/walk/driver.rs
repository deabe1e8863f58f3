//! Drives one walk: reads a list page by page and stores every page. [`super`] holds the reasoning. The next question
//! is under way while the last page is stored, and a kill at any moment loses at most the pages under way.

use std::collections::VecDeque;
use std::pin::Pin;

use super::closing;
use super::closing_state::Closing;
use super::commit::{ReadWindow, WalkState, land};
use super::conclude::{EndedWalk, MomentsOrder, conclude, refuse_empty, what_follows};
use super::ended::Ended;
use super::position::{Phase, Position};
use super::read_list::ReadList;
use super::take_in::{TakenIn, question, take_in};
use super::{Ask, Shown, Step, Walk, page_ignored};
use crate::dialect::Paging;
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::checkpoint::{self, Checkpoint};
use crate::mirror::landing::Landed;
use crate::mirror::reread::Remembered;
use crate::mirror::walk_key::WalkKey;
use crate::progress::add;
use crate::source::AtWork;
use crate::source::page::Page;
use crate::streams::Stream;
use crate::sync::incremental::changed_since;
use crate::sync::incremental::early_stop::EarlyStop;
use crate::sync::incremental::skip;
use crate::sync::{Context, dialect};
use crate::verdict::Verdict;

/// Reads a list to its end, from the position in its checkpoint `from` on. `at_work` is the announcement that the
/// first question comes in a moment. `landed` is called after each committed page.
///
/// If the server seems to ignore the page number, pages may be counted from 1 although they were believed to be
/// counted from 0: a list that moves can look like that. Then the list is walked once more, counted from 1.
pub async fn walk(
    context: &Context,
    stream: Stream,
    from: Checkpoint,
    at_work: AtWork,
    landed: impl Fn(),
) -> Result<Ended> {
    let place = WalkKey { lane: context.lane, stream, partition: from.partition.clone() };
    let began = context.source.dialect().stream(stream)?.list.page_from;
    let ended = once(context, stream, from, at_work, &landed).await?;
    if ended != Ended::Closed(page_ignored()) || !dialect::recount(context, stream, began).await? {
        return Ok(ended);
    }
    let (run, pass) = (context.begun.run, checkpoint::Pass::default());
    let again = context.mirror.call(move |w| {
        w.transaction(|t| {
            checkpoint::start_pass(t, &place, run, run + 1, &pass).and_then(|_| checkpoint::find(t, &place))
        })
    });
    let again = again.await?.ok_or_else(|| Error::new(Kind::CheckpointRefused, "a walk without a checkpoint"))?;
    once(context, stream, again, context.source.at_work(), &landed).await
}

/// Opens a stream's one list again for its closing readings if an older version closed it in this round without them.
/// Returns the list's checkpoint.
pub async fn reopen_for_closing(context: &Context, stream: Stream, from: Checkpoint) -> Result<Checkpoint> {
    let is_long = from.seen > u64::from(context.page_size);
    let is_due = from.verdict == Some(Verdict::Continuous) && !from.is_made_sure;
    if !is_due || !is_long || changed_since::since(&from).is_some() {
        return Ok(from);
    }
    tracing::info!(%stream, "an older version has read this list: it is read once more, in case records moved");
    let place = WalkKey { lane: context.lane, stream, partition: from.partition.clone() };
    let position = Position::closing(&Closing::of_unknown_walk(context.page_size))?;
    let opened = context
        .mirror
        .call(move |w| {
            w.transaction(|t| {
                checkpoint::reopen_at(t, &place, &position)?;
                checkpoint::find(t, &place)
            })
        })
        .await?;
    opened.ok_or_else(|| Error::new(Kind::CheckpointRefused, "a walk without a checkpoint"))
}

/// Walks the list in one pass, from the position in its checkpoint on.
async fn once(
    context: &Context,
    stream: Stream,
    from: Checkpoint,
    at_work: AtWork,
    landed: &impl Fn(),
) -> Result<Ended> {
    let Some(at_work) = ensure_paging_known(context, stream, &from, at_work).await? else {
        return Ok(Ended::Stopped);
    };
    match stored(stream, &from)? {
        Some(Phase::Reading { began, walk }) => read(context, stream, &from, (walk, began), at_work, landed).await,
        Some(Phase::Closing(closing)) => {
            drop(at_work);
            let list = ReadList { context, stream, from: &from, windows: from.windows };
            closing::close(list, closing, Vec::new()).await
        }
        None => {
            let walk = (new_walk(context, stream)?, Some(context.source.now()));
            read(context, stream, &from, walk, at_work, landed).await
        }
    }
}

/// Reads on to the list's end. `began` is the server's time when the walk began, in milliseconds since 1970.
async fn read(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    (mut walk, began): (Walk, Option<i64>),
    at_work: AtWork,
    landed: &impl Fn(),
) -> Result<Ended> {
    let (mut windows, size) = (from.windows, walk.page_size());
    let mut known_end = EarlyStop::new(skip::horizon(context, from));
    // The position of the walk that is stored in the mirror.
    let mut stands = from.position.clone();
    let (mut total, mut lowered): (Option<u64>, _) = (None, false);
    let mut order = MomentsOrder::default();
    // The answers to questions that were asked together. The first of them is the walk's next question.
    let mut ready: Answers = VecDeque::new();
    let mut pending = ask(context, stream, from, &walk, total, known_end.is_near());
    drop(at_work);
    loop {
        if ready.is_empty() {
            ready = tokio::select! {
                biased;
                pages = &mut pending => pages,
                () = context.stop.now() => return Ok(Ended::Stopped),
            };
        }
        let nothing = || Error::new(Kind::Internal, "no answer to a question");
        let (asked, page) = ready.pop_front().ok_or_else(nothing)?;
        let page = match take_in(context, stream, from, &mut walk, asked, page).await? {
            TakenIn::Page(page) => page,
            TakenIn::Smaller => {
                lowered = true;
                ready.clear();
                pending = ask(context, stream, from, &walk, total, known_end.is_near());
                continue;
            }
            TakenIn::Over(ended) => return Ok(ended),
        };
        let at_work = context.source.at_work();
        let first = asked.row == 0 && walk.after().is_none();
        walk.add_known_totals(context.known_totals(stream));
        let step = walk.judge(&shown(&page));
        context.learn_totals(stream, walk.known_totals());
        let shows_none = walk.is_empty() && page.records.rows.is_empty();
        trace(stream, from, asked, &page, &step);
        context.source.saw_page(stream, asked.size, page.records.rows.len());
        total = told(context, stream, page.total, total);
        let mut moments = skip::made(context, stream, from, &page);
        order.see(&moments.rows);
        moments.may_end = known_end.may_end(&page, &moments.rows, first, !step.stepped_back);
        let may_end = moments.may_end;
        let remembered = Remembered { asked: vec![(asked.size, asked.row)], ..Remembered::default() };
        let window = ReadWindow { page, stepped_back: step.stepped_back, moments, remembered, ..ReadWindow::default() };
        if let Some(verdict) = step.end {
            refuse_empty(context, stream, from, verdict.is_complete() && shows_none).await?;
            // A size that was lowered for one list of many says nothing about the others.
            keep_size(context, stream, (&walk, size), verdict.is_complete() && (from.partition.is_empty() || !lowered));
            let then = what_follows(context, (stream, from), &walk, &verdict, order.is_evident());
            let read = ReadList { context, stream, from, windows };
            // Drops pages that were asked for beyond the end, because they hold bytes that other requests wait for.
            ready.clear();
            let ending = EndedWalk { walk: &walk, began, stands, then, verdict };
            return conclude(read, ending, window, at_work, landed).await;
        }
        let landing = |left| land(context, stream, from, windows, window, left);
        let position = Position::reading(began, &walk)?;
        stands = Some(position.clone());
        let landing = landing(WalkState::Open(Some(position)));
        let mut landing: Pin<Box<dyn Future<Output = Result<Landed>> + Send>> = Box::pin(landing);
        windows += 1;
        // Whether the walk ends here is known only once the page is stored. Until then nothing more is asked.
        if may_end {
            let stored = landing.await?;
            if let Some(verdict) = stored.closed {
                landed();
                return Ok(Ended::Closed(verdict));
            }
            landing = Box::pin(std::future::ready(Ok(stored)));
        }
        if ready.front().is_some_and(|(foreseen, _)| *foreseen == walk.ask()) {
            let stored = landing.await?;
            landed();
            if let Some(verdict) = stored.closed {
                return Ok(Ended::Closed(verdict));
            }
            continue;
        }
        ready.clear();
        if context.stop.requested() {
            landing.await?;
            return Ok(Ended::Stopped);
        }
        // The next questions are under way while this page is stored.
        let mut next = ask(context, stream, from, &walk, total, known_end.is_near());
        drop(at_work);
        let (stored, early) = tokio::select! {
            biased;
            stored = &mut landing => (stored?, None),
            early = &mut next => (landing.await?, Some(early)),
        };
        landed();
        if let Some(verdict) = stored.closed {
            return Ok(Ended::Closed(verdict));
        }
        pending = match early {
            Some(pages) => Box::pin(std::future::ready(pages)),
            None => next,
        };
    }
}

fn trace(stream: Stream, from: &Checkpoint, asked: Ask, page: &Page, step: &Step) {
    tracing::debug!(
        %stream, partition = %quote(&from.partition), row = asked.row, size = asked.size, rows = page.records.rows.len(),
        total = ?page.total, stepped_back = step.stepped_back, end = ?step.end, "window"
    );
}

/// Remembers the page size that the server serves, if the walk has found it to be smaller than `asked`. Does so only
/// if `is_every_lists`, that is, if the size holds for every list of the stream.
fn keep_size(context: &Context, stream: Stream, (walk, asked): (&Walk, u32), is_every_lists: bool) {
    if let Some(rows) = walk.clamped(asked).filter(|_| is_every_lists) {
        context.source.found_page_size(stream, rows);
    }
}

/// Returns the total that was claimed last: `now`, or `before` if the last answer claims none. Adds the first total
/// of a walk to the progress.
fn told(context: &Context, stream: Stream, now: Option<u64>, before: Option<u64>) -> Option<u64> {
    if let (Some(total), None) = (now, before) {
        add(&context.progress.of(stream).total, total);
    }
    now.or(before)
}

/// Finds out how a list is paged before its first page is read. Returns `None` if a stop came first.
async fn ensure_paging_known(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    at_work: AtWork,
) -> Result<Option<AtWork>> {
    if from.position.is_some() || context.source.is_sure(stream) {
        return Ok(Some(at_work));
    }
    drop(at_work);
    tokio::select! {
        biased;
        sure = dialect::make_sure(context, stream, &from.partition) => sure.map(|()| Some(context.source.at_work())),
        () = context.stop.now() => Ok(None),
    }
}

fn shown(page: &Page) -> Shown<'_> {
    Shown {
        rows: &page.records.rows,
        nameless: page.nameless,
        total: page.total,
        has_next: page.has_next,
        cursors: &page.cursors,
        next_cursor: page.next_cursor.as_deref(),
    }
}

/// Returns the stored position of a list, or `None` if its walk begins at the first page. A position in a form that
/// this version does not know counts as `None`.
fn stored(stream: Stream, from: &Checkpoint) -> Result<Option<Position>> {
    let stored = from.position.as_deref().map(Position::read).transpose()?.flatten();
    if from.position.is_some() && stored.is_none() {
        tracing::warn!(
            %stream, partition = %quote(&from.partition),
            "how far this list was read is stored in a form that this version does not know: it is read from its beginning again"
        );
    }
    Ok(stored)
}

/// Returns a walk that begins with the list's first page.
fn new_walk(context: &Context, stream: Stream) -> Result<Walk> {
    let walk = Walk::new(context.source.first_page_size(stream, context.page_size));
    let dialect = context.source.dialect();
    let list = &dialect.stream(stream)?.list;
    let walk = match list.paging {
        Paging::Page => walk,
        Paging::Offset => walk.by_offset(),
        Paging::Cursor => walk.by_cursor(),
        Paging::None if list.assumed => walk.perhaps_unpaged(),
        Paging::None => walk.unpaged(),
    };
    #[cfg(debug_assertions)]
    let walk = walk.or_naive();
    Ok(walk)
}

/// Questions, each with its answer.
type Answers = VecDeque<(Ask, Result<Page>)>;

type Asking<'c> = Pin<Box<dyn Future<Output = Answers> + Send + 'c>>;

/// Asks the walk's next question together with those that probably follow it. If `alone`, asks only the next one,
/// because the end may be near.
fn ask<'c>(
    context: &'c Context,
    stream: Stream,
    from: &Checkpoint,
    walk: &Walk,
    total: Option<u64>,
    alone: bool,
) -> Asking<'c> {
    let together = if alone { 1 } else { context.source.pages_together(stream) };
    let asks = walk.foresee(together, total);
    let questions = asks.iter().map(|ask| question(context, stream, from, walk, *ask)).collect();
    Box::pin(async move { asks.into_iter().zip(context.source.ask_pages(questions).await).collect() })
}
