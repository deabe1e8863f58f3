//! Stores what a walk has read: the records of a window and the advance of the list's checkpoint, in one transaction.

use std::collections::HashSet;

use super::disputes;
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::{Advance, Checkpoint};
use crate::mirror::landing::{Landed, Landing, Moments};
use crate::mirror::records;
use crate::mirror::reread::Remembered;
use crate::mirror::walk_key::WalkKey;
use crate::progress::add;
use crate::record::volatile::Volatile;
use crate::set_aside::{SetAside, What};
use crate::source::page::Page;
use crate::streams::{self, Stream};
use crate::sync::Context;
use crate::sync::incremental::changed_since;
use crate::sync::incremental::skip;
use crate::verdict::{Moved, Verdict};

/// A page that a walk has taken in, with all that is stored along with it.
#[derive(Default)]
pub struct ReadWindow {
    /// The page. It has no rows if only the checkpoint is to be moved.
    pub page: Page,
    /// Whether the window did not join the rows read before. Also `true` for rows that a closing reading asked for.
    pub stepped_back: bool,
    /// The creation times of the page's rows. Only lists that belong to a parent record have any.
    pub moments: Moments,
    /// The questions and ids that are remembered for the list's closing readings.
    pub remembered: Remembered,
    /// What the closing readings found, if this window closes the walk.
    pub moved: Moved,
}

/// The state of a walk after a window was stored.
pub enum WalkState {
    /// The walk goes on from this position, in JSON. `None` is the beginning of the list.
    Open(Option<String>),
    /// The walk is closed.
    Closed(Verdict),
}

/// Stores `window` and moves the checkpoint of its list to the state `left`, in one transaction. If the page shows
/// records that the mirror holds in another list, finds out first which list they belong to.
///
/// `from` is the checkpoint from which this run reads the list. `windows` is the number of windows that the pass has
/// stored so far.
pub async fn land(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    windows: i64,
    window: ReadWindow,
    left: WalkState,
) -> Result<Landed> {
    let ReadWindow { page, stepped_back, moments, remembered, moved } = window;
    let (position, verdict) = match left {
        WalkState::Open(position) => (position, None),
        WalkState::Closed(verdict) => (None, Some(verdict)),
    };
    let mut children = streams::ALL.into_iter().filter(|s| s.definition().parent == Some(stream));
    let child = children.find(|s| context.source.is_partitioned(*s));
    let counters = context.progress.of(stream);
    let partitions = child.map(|child| skip::partitions(context, child, &page)).transpose()?;
    let (seen, total, closed) = (page.records.rows.len() as u64, page.total, verdict.is_some());
    let hold = page.hold;
    let set_aside = page.set_aside;
    let records = match &context.masks {
        Some(masks) => masks.apply_to_page(stream, &page.records, &context.source.volatile()[stream])?,
        None => page.records,
    };
    let mut landing = Landing {
        place: WalkKey { lane: context.lane, stream, partition: from.partition.clone() },
        run: context.begun.run,
        now: context.source.now(),
        since_run: from.since_run,
        query: from.partition.is_empty().then(|| changed_since::asked(&context.source, stream)).transpose()?,
        records,
        set_aside,
        volatile: context.source.volatile().clone(),
        masked: context.masks.as_ref().is_some_and(|masks| masks.hashes_unmasked(stream)),
        collected: Volatile {
            paths: context.source.dialect().stream(stream)?.collected_paths(),
            ..Volatile::default()
        },
        nested: context.source.dialect().stream(stream)?.nested().map(str::to_owned).collect(),
        advance: Advance {
            pass: from.pass,
            from: windows,
            position,
            verdict,
            seen,
            stepped_back,
            total,
            at_known: closed && changed_since::since(from).is_some(),
            moved,
            ..Advance::default()
        },
        partitions,
        moments,
        believe_empty: context.deletes.believe_empty(),
        claims: HashSet::new(),
        closes: false,
        remembered,
    };
    let mut hold = Some(hold);
    let landed = loop {
        let stored = context.mirror.call(move |writer| Ok((records::land(writer, &mut landing)?, landing)));
        let (landed, page) = stored.await?;
        if landed.disputed.is_empty() {
            break landed;
        }
        // Gives back the page's share of the bytes in flight, because settling the dispute reads pages, too.
        hold = None;
        landing = disputes::resolve(context, page, &landed.disputed).await?;
    };
    drop(hold);
    add(&counters.windows, 1);
    add(&counters.seen, seen);
    add(&counters.new, landed.new);
    add(&counters.changed, landed.changed);
    add(&counters.filled, landed.filled);
    add(&counters.repeated, landed.repeated);
    add(&counters.repaired, landed.repaired);
    add(&counters.steps_back, u64::from(stepped_back));
    add(&counters.closed, u64::from(closed || landed.closed.is_some()));
    if let Some(child) = child {
        add(&context.progress.of(child).skipped, landed.skipped);
    }
    Ok(landed)
}

/// Closes the walk over a list that cannot be read because of `error`, so that the other lists can go on. A later run
/// tries the list again. If `aside` is `true`, the list is set aside, and the rest of the stream is delivered without
/// it.
pub async fn give_up(context: &Context, stream: Stream, from: &Checkpoint, error: &Error, aside: bool) -> Result<()> {
    let mut window = ReadWindow::default();
    if aside {
        let what = What::List(from.partition.as_str().into());
        window.page.set_aside.push(SetAside { what, why: error.reason() });
    }
    close_with(context, stream, from, window, Verdict::Incomplete(error.reason())).await
}

/// Closes a walk with this verdict before it has come to its end. Stores no page.
pub async fn close(context: &Context, stream: Stream, from: &Checkpoint, verdict: Verdict) -> Result<()> {
    close_with(context, stream, from, ReadWindow::default(), verdict).await
}

async fn close_with(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    window: ReadWindow,
    verdict: Verdict,
) -> Result<()> {
    let place = WalkKey { lane: context.lane, stream, partition: from.partition.clone() };
    let now = context
        .mirror
        .call(move |w| w.transaction(|t| crate::mirror::checkpoint::find(t, &place)))
        .await?
        .ok_or_else(|| Error::new(Kind::CheckpointRefused, "a walk without a checkpoint"))?;
    land(context, stream, &now, now.windows, window, WalkState::Closed(verdict)).await?;
    Ok(())
}
