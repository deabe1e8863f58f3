//! Turns an answer into a page that a walk can take in. Three things may prevent that at first:
//!
//! - The server refuses large pages: the walk asks for fewer rows.
//! - A row makes the page fail: the page is read without it ([`isolation`]).
//! - The rows may belong to another record than the one asked for ([`parents`]).

use super::ended::Ended;
use super::{Ask, Walk, gaps, isolation, page_size};
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::Checkpoint;
use crate::policy;
use crate::progress::get;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::Context;
use crate::sync::incremental::changed_since;
use crate::sync::parents::{self, ParentCheck};

/// The result of taking in an answer.
pub(super) enum TakenIn {
    /// The page that was asked for, ready for the walk.
    Page(Page),
    /// The question failed, and the walk goes on with pages of fewer rows.
    Smaller,
    /// The walk is over, in this way.
    Over(Ended),
}

/// Turns `answer`, the answer to the question `asked`, into a page: without the rows that make it fail, and with rows
/// that belong to the record that was asked for. Fails if the page cannot be read, or if its rows belong to another
/// record.
pub(super) async fn take_in(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    walk: &mut Walk,
    asked: Ask,
    answer: Result<Page>,
) -> Result<TakenIn> {
    let question = question(context, stream, from, walk, asked);
    let page = match answer {
        Ok(page) => page,
        Err(error) => {
            let Err(error) = lower(context, stream, walk, asked, error) else { return Ok(TakenIn::Smaller) };
            tokio::select! {
                biased;
                page = without_what_fails(context, &question, walk.first_of(asked), error) => page?,
                () = context.stop.now() => return Ok(TakenIn::Over(Ended::Stopped)),
            }
        }
    };
    let page = gaps::with_places(context, &question, walk.first_of(asked), page).await?;
    Ok(match parents::checked(context, &question, page).await? {
        ParentCheck::Page(page) => TakenIn::Page(page),
        ParentCheck::Ignored => TakenIn::Over(Ended::ParentIgnored),
        ParentCheck::Others(named, why) => return Err(Error::new(Kind::OfAnother { named }, why)),
    })
}

/// Reads the page that failed with `error` without the rows that make it fail. If a field of a record still fails,
/// asks for the page once more, with all retries that the run allows.
async fn without_what_fails(context: &Context, question: &Question, first: u64, error: Error) -> Result<Page> {
    match isolation::page(context, question, first, error).await {
        Err(error) if policy::names_a_record(&error.kind) => context.source.ask(question.clone()).await,
        outcome => outcome,
    }
}

/// After a page failed with `error`, makes the walk ask for pages of fewer rows, if that may help. Otherwise returns
/// `error`.
fn lower(context: &Context, stream: Stream, walk: &mut Walk, asked: Ask, error: Error) -> Result<()> {
    // A page of two rows was answered before the walk (`check_paging`). If the stream has not shown a longer page
    // yet, its length may be the reason for the refusal.
    let unread = get(&context.progress.of(stream).windows) == 0;
    // An earlier run has found this size. It is the one to go back to if the server refuses the larger size that was
    // tried.
    let known = context.source.served_page_size(stream).filter(|rows| *rows < asked.size);
    if known.is_some_and(|rows| walk.lower(rows)) {
        tracing::info!(%stream, asked = asked.size, rows = known, %error, "pages of more rows than in earlier runs are refused");
        context.source.note_larger_pages_refused();
        return Ok(());
    }
    let fewer = page_size::page(&error, asked.size).or_else(|| page_size::guess(&error, asked.size).filter(|_| unread));
    let Some(rows) = fewer.filter(|rows| walk.lower(*rows)) else {
        if unread && asked.size < context.page_size {
            // The length was not the reason, so the smaller sizes that were tried are forgotten.
            context.source.found_page_size(stream, 0);
        }
        return Err(error);
    };
    tracing::info!(%stream, asked = asked.size, rows, %error, "asking for pages of fewer rows");
    // One list with long records need not slow down the others. A size that the server names holds for all.
    let began = context.source.served_page_size(stream).unwrap_or(u32::MAX).min(context.page_size);
    if page_size::holds_for_every_list(&error) || (asked.size == began && context.source.note_heavy_list(stream)) {
        context.source.found_page_size(stream, rows);
    }
    Ok(())
}

/// Returns the question of a walk for the rows that `ask` names, with the list and the cursor that belong to it.
pub(super) fn question(context: &Context, stream: Stream, from: &Checkpoint, walk: &Walk, ask: Ask) -> Question {
    let own = Some(from.partition.as_str()).filter(|p| !p.is_empty()).map(str::to_owned);
    Question {
        stream,
        parent: own.or_else(|| context.source.any_parent(stream)),
        size: ask.size,
        start: walk.after().map_or(Start::Row(ask.row), |after| Start::After(after.to_owned())),
        select: Select::Whole,
        since: changed_since::since(from),
    }
}
