//! Decides what follows when a walk has come to the end of its list: the walk is closed, a second pass tries to prove
//! the list, or the list is read again.
//!
//! - A list that came in one window is closed, unless it can be proven.
//! - A stream's only list is read a second time if it stood still, as far as its windows show. If the job forgoes
//!   that (`double_collect = false`), its distinct records are counted instead; two changes that cancel each other
//!   then go unnoticed.
//! - If the messages of a conversation are in the order of their creation times, page one is asked for again
//!   ([`super::head_check`]).
//! - Any other list is read again. So is every list of which the server claimed more rows than were read.

use super::closing;
use super::closing_state::Closing;
use super::commit::{ReadWindow, WalkState, land};
use super::ended::Ended;
use super::head_check::{self, Head};
use super::position::Position;
use super::read_list::ReadList;
use super::second_pass::{self, SecondPass};
use super::{Collect, Walk};
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::{self, Checkpoint};
use crate::mirror::reread::Remembered;
use crate::source::AtWork;
use crate::streams::Stream;
use crate::sync::incremental::changed_since;
use crate::sync::{Context, parents};
use crate::verdict::Verdict;

/// What follows when a walk has come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing follows: the walk is closed.
    Close,
    /// The mirror counts the distinct records that the walk showed. If they are fewer than its rows, the list is read
    /// again.
    Count,
    /// Page one is asked for again, to see whether a row came to the head of the list.
    CheckHead,
    /// A second pass follows, which may prove the list.
    Prove(Collect),
    /// Closing readings follow, which read the list again by ids.
    ReadAgain,
}

/// Returns what follows when `walk` has come to its end with this verdict. `in_order` says whether the creation times
/// of its rows only fall or only rise. Nothing follows a reading that asked for changes only, because the next such
/// reading begins before this one began.
pub(super) fn what_follows(
    context: &Context,
    (stream, from): (Stream, &Checkpoint),
    walk: &Walk,
    verdict: &Verdict,
    in_order: bool,
) -> Then {
    let is_one_list = from.partition.is_empty();
    if *verdict != Verdict::Continuous || changed_since::since(from).is_some() {
        return Then::Close;
    }
    // A list of which the server's claims are ignored (`list.total`, `list.has_next`) is never proven.
    let is_believed = context.source.dialect().stream(stream).is_ok_and(|part| part.list.ignored().is_empty());
    if walk.was_told_more() {
        return Then::ReadAgain;
    }
    match Collect::after(walk).filter(|_| is_one_list && context.double_collect && is_believed) {
        Some(collect) => Then::Prove(collect),
        None if walk.is_one_window() => Then::Close,
        None if is_one_list && walk.stood_still() && !context.double_collect && is_believed => Then::Count,
        None if !is_one_list && in_order => Then::CheckHead,
        None => Then::ReadAgain,
    }
}

/// A walk that has come to the end of its list.
pub(super) struct EndedWalk<'w> {
    /// The walk.
    pub walk: &'w Walk,
    /// The server's time when the walk began, in milliseconds since 1970. `None` if it is not known.
    pub began: Option<i64>,
    /// The walk's stored position, from before its last window. `None` is the beginning of the list.
    pub stands: Option<String>,
    /// What follows before the walk is closed.
    pub then: Then,
    /// The verdict that the walk came to its end with.
    pub verdict: Verdict,
}

/// Stores `window`, the last window of a walk, then does what follows, and closes the walk. The page is stored first,
/// because other walks wait for its records. Until the walk is closed, its stored position is that of its closing
/// readings, or the one before its last window. `landed` is called once the window is stored.
pub(super) async fn conclude(
    mut read: ReadList<'_>,
    ending: EndedWalk<'_>,
    window: ReadWindow,
    at_work: AtWork,
    landed: &impl Fn(),
) -> Result<Ended> {
    let EndedWalk { walk, began, stands, then, verdict } = ending;
    let closing = Closing::new(walk, began);
    let left = match then {
        Then::Close => WalkState::Closed(verdict.clone()),
        // A second pass stores nothing, so a run that is killed in it goes on with closing readings.
        Then::ReadAgain | Then::Prove(_) => WalkState::Open(Some(Position::closing(&closing)?)),
        Then::Count | Then::CheckHead => WalkState::Open(stands.clone()),
    };
    let stored = land(read.context, read.stream, read.from, read.windows, window, left).await?;
    landed();
    drop(at_work);
    if then == Then::Close {
        return Ok(Ended::Closed(verdict));
    }
    if let Some(verdict) = stored.closed {
        return Ok(Ended::Closed(verdict));
    }
    read.windows += 1;
    finish(read, walk, (began, stands), then).await
}

/// Does what follows (`then`) for a list that was read to its end, and closes its walk.
async fn finish(
    mut read: ReadList<'_>,
    walk: &Walk,
    (began, stands): (Option<i64>, Option<String>),
    then: Then,
) -> Result<Ended> {
    let (context, place, closing) = (read.context, read.place(), Closing::new(walk, began));
    let verdict = match then {
        Then::Close => Verdict::Continuous,
        Then::Count => {
            let distinct = context.mirror.call(move |w| w.transaction(|t| checkpoint::distinct(t, &place))).await?;
            if distinct < walk.rows() {
                return closing::close(read, closing, Vec::new()).await;
            }
            Verdict::Continuous
        }
        Then::Prove(collect) => {
            let mut asked = Vec::new();
            match second_pass::read(context, place, collect, &mut asked).await? {
                SecondPass::Same => Verdict::Proven,
                SecondPass::Stopped | SecondPass::Differs if walk.is_one_window() => Verdict::Continuous,
                // The next run goes on with closing readings, wherever this one stops.
                SecondPass::Stopped => {
                    let remembered = Remembered { asked, ..Remembered::default() };
                    read.keep(ReadWindow { remembered, ..ReadWindow::default() }, &closing).await?;
                    return Ok(Ended::Stopped);
                }
                SecondPass::Differs => return closing::close(read, closing, asked).await,
            }
        }
        Then::CheckHead => match head_check::check(&mut read, walk, began, stands).await? {
            Head::Same => Verdict::Continuous,
            Head::Differs => return closing::close(read, closing, vec![(head_check::size_of_head(walk), 0)]).await,
            Head::Stopped => return Ok(Ended::Stopped),
        },
        Then::ReadAgain => return closing::close(read, closing, Vec::new()).await,
    };
    land(context, read.stream, read.from, read.windows, ReadWindow::default(), WalkState::Closed(verdict.clone()))
        .await?;
    Ok(Ended::Closed(verdict))
}

/// Whether the creation times of a list's rows only fall, or only rise, as far as this process has read the list.
#[derive(Debug, Default)]
pub(super) struct MomentsOrder {
    rises: bool,
    falls: bool,
    is_unknown: bool,
}

impl MomentsOrder {
    pub(super) fn see(&mut self, moments: &[Option<i64>]) {
        self.is_unknown |= moments.iter().any(Option::is_none);
        for pair in moments.windows(2) {
            self.rises |= pair[0] < pair[1];
            self.falls |= pair[0] > pair[1];
        }
    }

    pub(super) fn is_evident(&self) -> bool {
        !(self.is_unknown || self.rises && self.falls)
    }
}

/// Fails with [`Kind::Contradicted`] if a list came out empty (`shows_none`) although the entry of its parent record
/// names a last record in it.
pub(super) async fn refuse_empty(context: &Context, stream: Stream, from: &Checkpoint, shows_none: bool) -> Result<()> {
    let is_own = !from.partition.is_empty() && changed_since::since(from).is_none();
    if shows_none && is_own && parents::tells_last(context, stream, &from.partition).await? {
        return Err(Error::new(Kind::Contradicted, "its entry tells a last message, and its list shows none"));
    }
    Ok(())
}
