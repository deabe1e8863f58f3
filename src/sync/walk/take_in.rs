//! From an answer to a page that a walk can take in: pages of fewer rows where large ones fail, without the rows that make
//! it fail, and with rows that belong to the record that was asked for.

use super::driver::Ended;
use super::{Ask, Walk, isolate, page_size};
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::Checkpoint;
use crate::progress::get;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::Context;
use crate::sync::parents::{self, Checked};
use crate::sync::walk::changed_since;

/// What came of a question.
pub(super) enum Taken {
    /// A page of the list that was asked for.
    Page(Page),
    /// It failed, and the walk goes on with pages of fewer rows.
    Smaller,
    /// The walk is over.
    Over(Ended),
}

/// Makes a page of an answer: without the rows that make it fail, and with rows that belong to the record that was asked
/// for.
pub(super) async fn take_in(
    context: &Context,
    stream: Stream,
    from: &Checkpoint,
    walk: &mut Walk,
    asked: Ask,
    answer: Result<Page>,
) -> Result<Taken> {
    let question = question(context, stream, from, walk, asked);
    let page = match answer {
        Ok(page) => page,
        Err(error) => {
            let Err(error) = lower(context, stream, walk, asked, error) else { return Ok(Taken::Smaller) };
            tokio::select! {
                biased;
                page = without_what_fails(context, &question, walk.first_of(asked), error) => page?,
                () = context.stop.now() => return Ok(Taken::Over(Ended::Stopped)),
            }
        }
    };
    let page = isolate::with_places(context, &question, walk.first_of(asked), page).await?;
    Ok(match parents::checked(context, &question, page).await? {
        Checked::Page(page) => Taken::Page(page),
        Checked::Ignored => Taken::Over(Ended::ParentIgnored),
        Checked::Others(named, why) => return Err(Error::new(Kind::OfAnother { named }, why)),
    })
}

/// The page without the rows that make it fail. Where that cannot be had, it is asked for once more with patience.
async fn without_what_fails(context: &Context, question: &Question, first: u64, error: Error) -> Result<Page> {
    match isolate::page(context, question, first, error).await {
        Err(error) if matches!(error.kind, Kind::FieldFailed { .. }) => context.source.ask(question.clone()).await,
        outcome => outcome,
    }
}

/// After a page that failed: the walk goes on with pages of fewer rows, where that may help. Returns the error where it
/// does not.
fn lower(context: &Context, stream: Stream, walk: &mut Walk, asked: Ask, error: Error) -> Result<()> {
    // A page of two rows came before: where no longer one ever did, the refusal may be one of its length.
    let unread = get(&context.progress.of(stream).windows) == 0;
    // A size that an earlier run has found is what to go back to, where more was tried and is refused.
    let known = context.source.served_page_size(stream).filter(|rows| *rows < asked.size);
    if known.is_some_and(|rows| walk.lower(rows)) {
        tracing::info!(%stream, asked = asked.size, rows = known, %error, "pages of more rows than in earlier runs are refused");
        context.source.refuses_larger_pages();
        return Ok(());
    }
    let fewer = page_size::page(&error, asked.size).or_else(|| page_size::guess(&error, asked.size).filter(|_| unread));
    let Some(rows) = fewer.filter(|rows| walk.lower(*rows)) else {
        if unread && asked.size < context.page_size {
            // It was not.
            context.source.serves_pages_of(stream, 0);
        }
        return Err(error);
    };
    tracing::info!(%stream, asked = asked.size, rows, %error, "asking for pages of fewer rows");
    // One list with long records need not slow down the others; a size that the server names holds for all.
    let began = context.source.served_page_size(stream).unwrap_or(u32::MAX).min(context.page_size);
    if page_size::is_named(&error) || (asked.size == began && context.source.is_heavy(stream)) {
        context.source.serves_pages_of(stream, rows);
    }
    Ok(())
}

/// The question that asks for some rows of a walk's list.
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
