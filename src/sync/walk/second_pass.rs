//! Reads a list a second time after its walk, for ids alone, many pages a request. [`super::Collect`] explains what
//! that proves. The pass stores nothing. After a kill, or if it does not read the same, [`super::closing`] goes on.

use super::gaps::filled;
use super::{Collect, Shown};
use crate::error::Result;
use crate::mirror::checkpoint;
use crate::mirror::reread::RowRange;
use crate::mirror::walk_key::WalkKey;
use crate::source::query::{Question, Select, Start};
use crate::sync::Context;

/// What a second pass has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondPass {
    /// The second pass shows the same records in the same order, so the list is proven.
    Same,
    /// The second pass shows something else, or could not read all of the list.
    Differs,
    /// The second pass did not come to its end, because a stop was asked for.
    Stopped,
}

/// Reads the list at `place` once more and compares it with the first pass, as `collect` says. Adds the questions
/// that it asks to `asked`.
pub async fn read(
    context: &Context,
    place: WalkKey,
    mut collect: Collect,
    asked: &mut Vec<RowRange>,
) -> Result<SecondPass> {
    let stream = place.stream;
    let distinct = context.mirror.call(move |w| w.transaction(|t| checkpoint::distinct(t, &place))).await?;
    if distinct != collect.rows() {
        return Ok(SecondPass::Differs);
    }
    loop {
        if context.stop.requested() {
            return Ok(SecondPass::Stopped);
        }
        let asks = collect.asks(context.source.pages_together(stream));
        let question = |size: u32, row: u64| Question {
            stream,
            parent: None,
            size,
            start: Start::Row(row),
            select: Select::Ids,
            since: None,
        };
        asked.extend(asks.iter().map(|ask| (ask.size, ask.row)));
        let questions = asks.iter().map(|ask| question(ask.size, ask.row)).collect();
        let pages = tokio::select! {
            biased;
            pages = context.source.ask_all(questions) => pages,
            () = context.stop.now() => return Ok(SecondPass::Stopped),
        };
        for (ask, page) in asks.into_iter().zip(pages) {
            let page = match page {
                Ok(page) => filled(page, ask.row),
                Err(error) => {
                    tracing::info!(%stream, %error, "the second pass ends without a proof");
                    return Ok(SecondPass::Differs);
                }
            };
            let same = collect.judge(&Shown {
                rows: &page.records.rows,
                nameless: page.nameless,
                total: page.total,
                has_next: page.has_next,
                cursors: &page.cursors,
                next_cursor: None,
            });
            if let Some(same) = same {
                return Ok(if same { SecondPass::Same } else { SecondPass::Differs });
            }
        }
    }
}
