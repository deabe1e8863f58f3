//! Has anything come to the head of a list while it was read? One question for page one tells, of a list whose rows are in
//! the order of their moments.
//!
//! Such a list is sorted by when its rows were made, and none moves: then the overlap of the windows is enough. Or it is
//! sorted by the last change, and looks the same until a row is changed: then that row leaps to the head, past the reading
//! point. Page one, asked for once more at the end, shows it. What it shows and the round has not seen must be younger than
//! the walk, and at least one row of it must be known, so that nothing hides behind the new ones. Otherwise the list is read
//! again ([`super::closing`]).

use super::Walk;
use super::closing::Read;
use super::commit::{Left, land};
use super::unknown_rows::{self, Unknown};
use crate::error::Result;
use crate::mirror::reread;
use crate::set_aside::is_no_id;

/// What page one shows at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing that was passed over.
    Same,
    /// Something else.
    Differs,
    /// A stop was asked for.
    Stopped,
}

/// Rows that are asked for: in another size, where others are served, for an answer that the server keeps would confirm
/// itself.
pub(super) fn size_of_head(walk: &Walk) -> u32 {
    walk.page_size().saturating_sub(1).max(1)
}

/// Asks for page one again, and stores what is new on it. Until the list is closed it stands where `stands` says.
pub(super) async fn check(
    list: &mut Read<'_>,
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
    let told =
        list.context.mirror.call(move |w| w.transaction(|t| reread::tell(t, &place, since, (&ids, true), |_| true)));
    let unseen = told.await?.unseen;
    if unseen.len() >= shown {
        return Ok(Head::Differs);
    }
    if unseen.is_empty() {
        return Ok(Head::Same);
    }
    let Unknown { window, passed_over } = unknown_rows::read(list, began, question, unseen).await?;
    land(list.context, list.stream, list.from, list.windows, window, Left::Open(stands)).await?;
    list.windows += 1;
    Ok(if passed_over == 0 { Head::Same } else { Head::Differs })
}
