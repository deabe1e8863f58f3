//! Finds out whether a list that cannot be read belongs to a record that no longer exists.
//!
//! If a conversation is deleted after its entry was read and before its messages are, reading them fails for ever.
//! Over a backfill of many hours that always happens to some. So when lists have failed, the server is asked for
//! their records. It is asked by id, if the dialect holds how the server answers for a missing record. Otherwise, or
//! if that is unclear, the parents' list is read once more, for ids only.
//!
//! - A record that is gone becomes a tombstone, and what belongs to it goes as well, within `max_deletes`
//!   ([`crate::sync::deletions`] decides).
//! - If the record exists, its list is set aside: the rest of the stream is delivered without it, and each run tries
//!   it again.
//! - If no list of the stream can be read, none is set aside, and the stream is incomplete.

use std::collections::HashSet;
use std::sync::PoisonError;

use crate::discovery::fetch_by_id::{RecordLookup, look_up};
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::Checkpoint;
use crate::mirror::deletions as stored;
use crate::mirror::stream_state::standing;
use crate::policy;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::deletions::judge::believed;
use crate::sync::walk::commit;
use crate::sync::walk::id_reading::{IdReading, NextStep};
use crate::sync::{Context, dialect};
use crate::verdict::Verdict;

/// The number of known records that are tried to find out how single records are asked for.
const THERE: usize = 2;

/// A list that cannot be read.
#[derive(Debug)]
pub struct Lost {
    /// The checkpoint from which this run began to read the list.
    pub from: Checkpoint,
    /// The error because of which the list cannot be read.
    pub error: Error,
}

/// Finds out which of these lists belong to records that are gone, and closes their walks. Returns the partitions to
/// walk again: those that showed the rows of another record which is gone. Fails if a request fails for a reason that
/// does not concern one list alone.
pub async fn settle(context: &Context, stream: Stream, lost: Vec<Lost>) -> Result<Vec<String>> {
    let mut again = Vec::new();
    let Some(parent) = stream.definition().parent else { return Ok(again) };
    let may_be_gone = |lost: &&Lost| policy::may_be_of_a_lost_record(&lost.error.kind);
    let mut ids: Vec<String> = lost.iter().filter(may_be_gone).map(|lost| lost.from.partition.clone()).collect();
    ids.extend(lost.iter().filter_map(|lost| named(&lost.error).map(str::to_owned)));
    ids.sort_unstable();
    ids.dedup();
    let gone = if context.deletes.on { gone(context, parent, ids).await? } else { HashSet::new() };
    let others_are_read = others_are_read(context, stream).await?;
    for Lost { from, error } in lost {
        if error.kind == Kind::Contradicted && context.parents.has_moved(&from.partition) {
            // Another conversation shows its messages.
            commit::close(context, stream, &from, Verdict::Continuous).await?;
            continue;
        }
        // The record that the rows name was merged into this one, which shows its rows now.
        if let Some(named) = named(&error).filter(|named| gone.contains(*named) && !gone.contains(&from.partition)) {
            context.parents.have_moved(&from.partition, named);
            again.push(from.partition);
            continue;
        }
        let is_gone = gone.contains(&from.partition);
        // The walk of a record that is gone does not count. If the record is not deleted after all, its list is
        // incomplete.
        commit::give_up(context, stream, &from, &error, !is_gone && others_are_read).await?;
        if is_gone {
            let mut all = context.gone.lock().unwrap_or_else(PoisonError::into_inner);
            all.push((parent, from.partition));
        }
    }
    Ok(again)
}

/// Returns the id of the record whose rows a list showed instead of its own, or `None` if the error is another one.
fn named(error: &Error) -> Option<&str> {
    match &error.kind {
        Kind::OfAnother { named } => Some(named),
        _ => None,
    }
}

/// Returns whether any list of a stream was read in this round, or was skipped as unchanged. If not, the lists are
/// not set aside one by one.
async fn others_are_read(context: &Context, stream: Stream) -> Result<bool> {
    let (lane, since) = (context.lane, context.begun.since_run);
    let standing = context.mirror.call(move |w| w.transaction(|t| standing(t, lane, stream, since))).await?;
    Ok(standing.skipped > 0 || standing.walks > standing.open + standing.incomplete + standing.set_aside)
}

/// Returns which of the records `ids` are gone from a stream.
async fn gone(context: &Context, stream: Stream, ids: Vec<String>) -> Result<HashSet<String>> {
    let mut gone = HashSet::new();
    let mut open: HashSet<String> = HashSet::new();
    if ids.is_empty() {
        return Ok(gone);
    }
    if context.deletes.confirm_requests > 0 && is_askable(context, stream, &ids).await? {
        let not_found = context.source.dialect().stream(stream)?.one.as_ref().and_then(|one| one.not_found);
        for some in ids.chunks(context.source.aliases.now().max(1)) {
            for (id, found) in some.iter().zip(look_up(&context.source, stream, some).await?) {
                match believed(found, not_found) {
                    RecordLookup::Gone => drop(gone.insert(id.clone())),
                    RecordLookup::There => {}
                    RecordLookup::Unknown => drop(open.insert(id.clone())),
                }
            }
        }
    } else {
        open.extend(ids);
    }
    if !open.is_empty() && shows_all_but(context, stream, &mut open).await? {
        // A record that got a message meanwhile has moved to the head of the list, past the reading.
        match head(context, stream).await {
            Ok(page) => open.retain(|id| page.records.rows.iter().all(|row| *row.id != **id)),
            Err(error) if policy::may_be_of_a_record(&error.kind) => return Ok(gone),
            Err(error) => return Err(error),
        }
        gone.extend(open);
    }
    Ok(gone)
}

/// Reads the first page of a stream's only list, for ids alone.
async fn head(context: &Context, stream: Stream) -> Result<Page> {
    let size = context.source.served_page_size(stream).unwrap_or(u32::MAX).min(context.page_size);
    let (start, select) = (Start::Row(0), Select::Ids);
    context.source.ask(Question { stream, parent: None, size, start, select, since: None }).await
}

/// Returns whether single records can be asked for by id. The records `but` may be gone, so that they are not used to
/// try it.
async fn is_askable(context: &Context, stream: Stream, but: &[String]) -> Result<bool> {
    let (since, most) = (context.begun.since_run, THERE + but.len());
    let seen = context.mirror.call(move |w| stored::seen(w, stream, since, most)).await?;
    let there: Vec<String> = seen.into_iter().filter(|id| !but.contains(id)).take(THERE).collect();
    Ok(dialect::single_records(context, &mut None, stream, &there).await?.unwrap_or(false))
}

/// Reads a stream's only list, for ids alone, and removes from `open` the ids that it shows. Returns whether the
/// reading is complete, so that the records still in `open` are not in the list.
async fn shows_all_but(context: &Context, stream: Stream, open: &mut HashSet<String>) -> Result<bool> {
    let served = context.source.served_page_size(stream).unwrap_or(u32::MAX);
    let walk = IdReading::first(context, stream, context.page_size.min(served))?;
    let mut reading = IdReading::new(context, stream, None, walk);
    while !open.is_empty() {
        match reading.next().await {
            Ok(NextStep::Page(shows)) => open.retain(|id| shows.1.records.rows.iter().all(|row| *row.id != **id)),
            Ok(NextStep::End(verdict)) => return Ok(verdict.is_complete()),
            Ok(NextStep::Stopped) => return Ok(false),
            // A list that itself fails does not tell which records are gone.
            Err(error) if policy::may_be_of_a_record(&error.kind) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
