//! One walk: reads a list page by page and lands every page. The reasoning is [`super::drift`]'s; here the next question
//! is under way while the last page is being stored, and a kill at any moment loses at most the pages under way.

use std::collections::VecDeque;
use std::pin::Pin;

use super::drift::{Ask, Collect, Shown, Walk};
use super::{Context, dialect, double_collect};
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::{Advance, Checkpoint, Place};
use crate::mirror::records::{self, Landing};
use crate::progress::add;
use crate::source::AtWork;
use crate::source::dialect::Paging;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::{self, Stream};
use crate::verdict::Verdict;

/// How a walk left off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// At its end.
    Closed(Verdict),
    /// A stop was asked for.
    Stopped,
}

/// Walks a list from where its checkpoint stands. `at_work` says that its first question comes in a moment. `landed` is
/// called after each committed page.
pub async fn walk(
    context: &Context,
    stream: Stream,
    from: Checkpoint,
    at_work: AtWork,
    landed: impl Fn(),
) -> Result<Ended> {
    let mut at_work = Some(at_work);
    if from.position.is_none() && !context.source.is_sure(stream) {
        drop(at_work.take());
        tokio::select! {
            biased;
            sure = dialect::make_sure(context, stream, &from.partition) => sure?,
            () = context.stop.now() => return Ok(Ended::Stopped),
        }
    }
    let mut walk = begin(context, stream, &from)?;
    let mut windows = from.windows;
    // Where the walk stands in the mirror.
    let mut stands = from.position.clone();
    let mut total: Option<u64> = None;
    // Pages that were asked for together; the first of them is the walk's next question.
    let mut ready: Answers = VecDeque::new();
    let mut pending = ask(context, stream, &from.partition, &walk, total);
    drop(at_work);
    loop {
        if ready.is_empty() {
            ready = tokio::select! {
                biased;
                pages = &mut pending => pages,
                () = context.stop.now() => return Ok(Ended::Stopped),
            };
        }
        let at_work = context.source.at_work();
        let Some((asked, page)) = ready.pop_front() else {
            return Err(Error::new(Kind::Internal, "no answer to a question"));
        };
        let page = page?;
        let step = walk.judge(&Shown {
            rows: &page.records.rows,
            nameless: page.nameless,
            total: page.total,
            has_next: page.has_next,
            cursors: &page.cursors,
            next_cursor: page.next_cursor.as_deref(),
        });
        tracing::debug!(
            %stream, partition = %from.partition, row = asked.row, size = asked.size, rows = page.records.rows.len(),
            total = ?page.total, stepped_back = step.stepped_back, end = ?step.end, "window"
        );
        if let (Some(told), None) = (page.total, total) {
            add(&context.progress.of(stream).total, told);
        }
        total = page.total.or(total);
        let landing = |left, page| land(context, stream, &from, windows, page, left, step.stepped_back);
        if let Some(verdict) = step.end {
            if let (true, Some(rows)) = (verdict.is_complete(), walk.clamped(context.page_size)) {
                context.source.serves_pages_of(stream, rows);
            }
            let lists = from.partition.is_empty() && context.double_collect && verdict == Verdict::Continuous;
            let Some(collect) = Collect::after(&walk).filter(|_| lists) else {
                landing(Left::Closed(verdict.clone()), page).await?;
                landed();
                return Ok(Ended::Closed(verdict));
            };
            // The page is stored first, for those that its records keep waiting; the walk stands where it stood before it.
            landing(Left::Open(stands), page).await?;
            landed();
            drop(at_work);
            let place = Place { lane: context.lane, stream, partition: String::new() };
            let verdict = double_collect::prove(context, place, collect).await?;
            land(context, stream, &from, windows + 1, Page::default(), Left::Closed(verdict.clone()), false).await?;
            return Ok(Ended::Closed(verdict));
        }
        let position = position_of(&walk)?;
        stands = Some(position.clone());
        let landing = landing(Left::Open(Some(position)), page);
        windows += 1;
        if ready.front().is_some_and(|(foreseen, _)| *foreseen == walk.ask()) {
            landing.await?;
            landed();
            continue;
        }
        ready.clear();
        if context.stop.requested() {
            landing.await?;
            return Ok(Ended::Stopped);
        }
        // The next questions are under way while this page is being stored.
        let mut next = ask(context, stream, &from.partition, &walk, total);
        drop(at_work);
        let mut landing = std::pin::pin!(landing);
        let early = tokio::select! {
            biased;
            stored = &mut landing => { stored?; None }
            early = &mut next => { landing.await?; Some(early) }
        };
        landed();
        pending = match early {
            Some(pages) => Box::pin(std::future::ready(pages)),
            None => next,
        };
    }
}

/// Closes a walk that cannot be read, so that the others can go on; it will be tried again by a later run.
pub async fn give_up(context: &Context, stream: Stream, from: &Checkpoint, error: &Error) -> Result<()> {
    let place = Place { lane: context.lane, stream, partition: from.partition.clone() };
    let now = context
        .mirror
        .call(move |w| w.transaction(|t| crate::mirror::checkpoint::find(t, &place)))
        .await?
        .ok_or_else(|| Error::new(Kind::CheckpointRefused, "a walk without a checkpoint"))?;
    let verdict = Verdict::Incomplete(error.detail.clone());
    land(context, stream, &now, now.windows, Page::default(), Left::Closed(verdict), false).await
}

fn begin(context: &Context, stream: Stream, from: &Checkpoint) -> Result<Walk> {
    let walk = match &from.position {
        None => {
            let served = context.source.served_page_size(stream).unwrap_or(u32::MAX);
            let walk = Walk::new(context.page_size.min(served));
            let dialect = context.source.dialect();
            let list = &dialect.stream(stream)?.list;
            match list.paging {
                Paging::Page => walk,
                Paging::Offset => walk.by_offset(),
                Paging::Cursor => walk.by_cursor(),
                Paging::None if list.assumed => walk.perhaps_unpaged(),
                Paging::None => walk.unpaged(),
            }
        }
        Some(json) => serde_json::from_str(json)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("a checkpoint's position is not readable: {e}")))?,
    };
    // For the test that shows what the overlap is for; not in a release.
    let plain = cfg!(debug_assertions) && std::env::var_os("QPIEN_TEST_PLAIN_WALK").is_some();
    Ok(if plain { walk.without_overlap() } else { walk })
}

/// Questions and their answers.
type Answers = VecDeque<(Ask, Result<Page>)>;

type Asking<'c> = Pin<Box<dyn Future<Output = Answers> + Send + 'c>>;

/// Asks the walk's next question, and those that probably follow it with it.
fn ask<'c>(context: &'c Context, stream: Stream, partition: &str, walk: &Walk, total: Option<u64>) -> Asking<'c> {
    let parent = Some(partition).filter(|p| !p.is_empty());
    let asks = walk.foresee(context.source.pages_together(stream), total);
    let start = |ask: &Ask| walk.after().map_or(Start::Row(ask.row), |after| Start::After(after.to_owned()));
    let question = |ask: &Ask| Question {
        stream,
        parent: parent.map(str::to_owned),
        size: ask.size,
        start: start(ask),
        select: Select::Whole,
    };
    let questions = asks.iter().map(question).collect();
    Box::pin(async move { asks.into_iter().zip(context.source.ask_all(questions).await).collect() })
}

/// What a window leaves of its walk.
enum Left {
    /// It goes on from this position; none is its beginning.
    Open(Option<String>),
    /// It is over.
    Closed(Verdict),
}

fn position_of(walk: &Walk) -> Result<String> {
    serde_json::to_string(walk).map_err(|e| Error::new(Kind::Internal, format!("a walk's position: {e}")))
}

async fn land(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    windows: i64,
    page: Page,
    left: Left,
    stepped_back: bool,
) -> Result<()> {
    let (position, verdict) = match left {
        Left::Open(position) => (position, None),
        Left::Closed(verdict) => (None, Some(verdict)),
    };
    let mut children = streams::ALL.into_iter().filter(|s| s.definition().parent == Some(stream));
    let child = children.find(|s| context.source.is_partitioned(*s));
    let counters = context.progress.of(stream);
    let (seen, total, closed) = (page.records.rows.len() as u64, page.total, verdict.is_some());
    let hold = page.hold;
    let landing = Landing {
        place: Place { lane: context.lane, stream, partition: from.partition.clone() },
        run: context.begun.run,
        since_run: from.since_run,
        records: page.records,
        advance: Advance { pass: from.pass, from: windows, position, verdict, seen, distinct: 0, stepped_back, total },
        partitions: child.map(|child| (child, context.begun.since_run)),
        believe_empty: context.deletes.believe_empty(),
    };
    let landed = context.mirror.call(move |writer| records::land(writer, landing)).await?;
    drop(hold);
    add(&counters.windows, 1);
    add(&counters.seen, seen);
    add(&counters.new, landed.new);
    add(&counters.changed, landed.changed);
    add(&counters.repeated, landed.repeated);
    add(&counters.repaired, landed.repaired);
    add(&counters.steps_back, u64::from(stepped_back));
    add(&counters.closed, u64::from(closed));
    Ok(())
}
