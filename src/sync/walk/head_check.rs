//! Asks for page one once more at the end of a walk, to see whether a row came to the head of the list meanwhile. One
//! question suffices for a list whose rows are in the order of their creation times.
//!
//! Such a list may be sorted by creation time. Then no row moves, and the overlap of the windows is enough. Or it may
//! be sorted by the last change. Then it looks the same until a row changes and jumps to the head, past the reading
//! point. Page one shows that row. The verdict of the walk holds if two conditions are met; otherwise the list is
//! read again ([`super::closing`]):
//!
//! - Every row of page one that the round has not seen is younger than the walk.
//! - The round has seen at least one row of page one, so that no row hides behind the new ones.

use super::Walk;
use super::commit::{WalkState, land};
use super::read_list::ReadList;
use super::unknown_rows::{self, Unknown};
use crate::error::Result;
use crate::mirror::reread;
use crate::set_aside::is_no_id;

/// What page one shows at the end of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Page one shows no row that the walk passed over.
    Same,
    /// Page one shows a row that the walk may have passed over, or no row that the round has seen, or it cannot be
    /// read.
    Differs,
    /// Page one was not read, because a stop was asked for.
    Stopped,
}

/// Returns how many rows of page one to ask for: one less than the walk's page size, where that is possible, because
/// a server that caches answers would only repeat an old one.
pub(super) fn size_of_head(walk: &Walk) -> u32 {
    walk.page_size().saturating_sub(1).max(1)
}

/// Asks for page one again, and stores the new rows on it. `began` is the server's time when the walk began, in
/// milliseconds since 1970. `stands` is the walk's stored position, which stays as it is until the list is closed.
pub(super) async fn check(
    list: &mut ReadList<'_>,
    walk: &Walk,
    began: Option<i64>,
    stands: Option<String>,
) -> Result<Head> {
    let question = list.first_page(size_of_head(walk));
    let page = tokio::select! {
        biased;
        page = list.context.source.ask(question.clone()) => page,
        () = list.context.stop.now() => return Ok(Head::Stopped),
    };
    let Ok(page) = page else { return Ok(Head::Differs) };
    let (place, since) = (list.place(), list.from.since_run);
    let ids: Vec<String> = page.records.rows.iter().map(|row| row.id.to_string()).filter(|id| !is_no_id(id)).collect();
    let shown = ids.len();
    let told = list
        .context
        .mirror
        .call(move |w| w.transaction(|t| reread::split_new_ids(t, &place, since, (&ids, true), |_| true)));
    let unseen = told.await?.unseen;
    if unseen.len() >= shown {
        return Ok(Head::Differs);
    }
    if unseen.is_empty() {
        return Ok(Head::Same);
    }
    let Unknown { window, passed_over } = unknown_rows::read(list, began, question, unseen).await?;
    land(list.context, list.stream, list.from, list.windows, window, WalkState::Open(stands)).await?;
    list.windows += 1;
    Ok(if passed_over == 0 { Head::Same } else { Head::Differs })
}
