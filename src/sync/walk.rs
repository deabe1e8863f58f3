//! One walk: reads a list page by page and lands every page. The reasoning is [`super::drift`]'s; here the next question
//! is under way while the last page is being stored, and a kill at any moment loses at most the pages under way.

use std::pin::Pin;

use super::Context;
use super::drift::{Shown, Walk};
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::{Advance, Checkpoint, Place};
use crate::mirror::records::{self, Landing};
use crate::progress::add;
use crate::source::dialect::Paging;
use crate::source::page::Page;
use crate::source::query::{Question, Start};
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

/// Walks a list from where its checkpoint stands. `landed` is called after each committed page.
pub async fn walk(context: &Context, stream: Stream, from: Checkpoint, landed: impl Fn()) -> Result<Ended> {
    let mut walk = begin(context, stream, &from)?;
    let mut windows = from.windows;
    let mut told_total = false;
    let mut pending = ask(context, stream, &from.partition, &walk);
    loop {
        let page = tokio::select! {
            biased;
            page = &mut pending => page?,
            () = context.stop.now() => return Ok(Ended::Stopped),
        };
        let asked = walk.ask();
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
        if let (Some(total), false) = (page.total, told_total) {
            told_total = true;
            add(&context.progress.of(stream).total, total);
        }
        let (end, stepped_back) = (step.end.clone(), step.stepped_back);
        let landing = land(context, stream, &from, windows, &walk, page, step.end, stepped_back);
        windows += 1;
        if let Some(verdict) = end {
            landing.await?;
            landed();
            return Ok(Ended::Closed(verdict));
        }
        if context.stop.requested() {
            landing.await?;
            return Ok(Ended::Stopped);
        }
        // The next question is under way while this page is being stored.
        let mut next = ask(context, stream, &from.partition, &walk);
        let mut landing = std::pin::pin!(landing);
        let early = tokio::select! {
            biased;
            stored = &mut landing => { stored?; None }
            early = &mut next => { landing.await?; Some(early) }
        };
        landed();
        pending = match early {
            Some(page) => Box::pin(std::future::ready(page)),
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
    let walk = begin(context, stream, &now)?;
    land(context, stream, &now, now.windows, &walk, Page::default(), Some(verdict), false).await
}

fn begin(context: &Context, stream: Stream, from: &Checkpoint) -> Result<Walk> {
    let walk = match &from.position {
        None => {
            let walk = Walk::new(context.page_size);
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

type Asking<'c> = Pin<Box<dyn Future<Output = Result<Page>> + Send + 'c>>;

fn ask<'c>(context: &'c Context, stream: Stream, partition: &str, walk: &Walk) -> Asking<'c> {
    let ask = walk.ask();
    let parent = Some(partition).filter(|p| !p.is_empty()).map(str::to_owned);
    Box::pin(context.source.ask(Question {
        stream,
        parent,
        size: ask.size,
        start: walk.after().map_or(Start::Row(ask.row), |after| Start::After(after.to_owned())),
    }))
}

#[allow(clippy::too_many_arguments)] // one call, spelled out where it stands
async fn land(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    windows: i64,
    walk: &Walk,
    page: Page,
    verdict: Option<Verdict>,
    stepped_back: bool,
) -> Result<()> {
    let position = match verdict {
        Some(_) => None,
        None => Some(
            serde_json::to_string(walk).map_err(|e| Error::new(Kind::Internal, format!("a walk's position: {e}")))?,
        ),
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
