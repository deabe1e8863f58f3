//! Settles which list a record belongs to if two lists show it. A page may show a message that the mirror knows from
//! another conversation's list. Either the message moved (the conversations were merged), or both lists show it. So
//! the server is asked for the other list:
//!
//! - The other list does not show the message: it moved, and is stored for this list.
//! - Both lists show it: the mirror keeps what it has of it, and the message is set aside by its id.
//! - Every row of the page belongs to another list: this list is `incomplete`.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Kind, Result, quote};
use crate::mirror::checkpoint;
use crate::mirror::landing::{Dispute, Landing};
use crate::mirror::parents as stored;
use crate::mirror::walk_key::WalkKey;
use crate::set_aside::{SetAside, What};
use crate::source::query::{Question, Select, Start};
use crate::sync::Context;
use crate::sync::parents::{Shows, is_ignored, shows};
use crate::verdict::Verdict;

/// Settles which of the disputed records the page's list may take, and changes the page (`landing`) so that it can be
/// stored. Fails with [`Kind::ParentIgnored`] if the server shows the same list for every record.
pub async fn resolve(context: &Context, mut landing: Landing, disputed: &[Dispute]) -> Result<Landing> {
    let place = landing.place.clone();
    let mut by_parent: BTreeMap<&str, Vec<&Dispute>> = BTreeMap::new();
    for dispute in disputed {
        by_parent.entry(&dispute.parent).or_default().push(dispute);
    }
    let mut shown_by: BTreeMap<Box<str>, &str> = BTreeMap::new();
    for (other, rows) in by_parent {
        let ids: Vec<Box<str>> = rows.iter().map(|dispute| dispute.id.clone()).collect();
        let was_seen = rows.iter().any(|dispute| dispute.last_run >= context.begun.since_run);
        if context.parents.are_moved(&place.partition, other)
            || has_left(context, &place, other, &rows).await?
            || matches!(shows(context, place.stream, other, &ids).await?, Shows::No | Shows::Nothing)
                && (!was_seen || read_again(context, &place, other).await?)
        {
            landing.claims.extend(ids);
        } else {
            shown_by.extend(ids.into_iter().map(|id| (id, other)));
        }
    }
    let lists: BTreeSet<&str> = shown_by.values().copied().collect();
    if let (Some(other), true) = (lists.first(), shown_by.len() == landing.records.rows.len()) {
        // The page shows no row of its own list, only those of another list.
        refuse_ignored(context, &landing, other).await?;
        let (own, other) = (quote(&place.partition), quote(other));
        let why = format!("the server shows the same messages for the conversations {other} and {own}");
        landing.records.rows.clear();
        landing.moments.rows.clear();
        landing.advance.verdict = Some(Verdict::Incomplete(why));
        landing.closes = true;
        return Ok(landing);
    }
    for row in &mut landing.records.rows {
        if let Some(other) = shown_by.get(&row.id) {
            row.range = 0..0;
            let what = What::Record(row.id.clone());
            let (one, two) = (quote(other), quote(&place.partition));
            let why = format!("the conversations {one} and {two} both show message {}", quote(&row.id));
            landing.set_aside.push(SetAside { what, why });
        }
    }
    Ok(landing)
}

/// Begins the walk over the list of `other` again, because the list showed records in this round and does not show
/// them now. It may have shown another list's rows instead of its own. Returns `false` if its walk is still under
/// way.
async fn read_again(context: &Context, place: &WalkKey, other: &str) -> Result<bool> {
    let (list, run) = (WalkKey { partition: other.to_owned(), ..place.clone() }, context.begun.run);
    context
        .mirror
        .call(move |w| {
            w.transaction(|t| match checkpoint::find(t, &list)? {
                Some(walk) if walk.verdict.is_none() => Ok(false),
                Some(_) => checkpoint::start(t, &list, run, run + 1).map(|()| true),
                None => Ok(true),
            })
        })
        .await
}

/// Returns `true` if all `rows` have left the list of `other`, in which the mirror last saw them. They have left it
/// if the record `other` is gone, or if this round read that list to its end without meeting them.
async fn has_left(context: &Context, place: &WalkKey, other: &str, rows: &[&Dispute]) -> Result<bool> {
    let Some(parent) = place.stream.definition().parent else { return Ok(false) };
    let since = context.begun.since_run;
    let was_seen = rows.iter().any(|dispute| dispute.last_run >= since);
    let list = WalkKey { partition: other.to_owned(), ..place.clone() };
    context
        .mirror
        .call(move |w| {
            w.transaction(|t| {
                Ok(!stored::is_live(t, parent, &list.partition)?
                    || (!was_seen && stored::is_read_whole(t, &list, since)?))
            })
        })
        .await
}

/// Fails with [`Kind::ParentIgnored`] if the server shows the same list for every record. Used for rows that do not
/// name the record that they belong to.
async fn refuse_ignored(context: &Context, landing: &Landing, other: &str) -> Result<()> {
    let (stream, partition) = (landing.place.stream, &landing.place.partition);
    let asked = Question {
        stream,
        parent: Some(partition.clone()),
        size: context.page_size,
        start: Start::Row(0),
        select: Select::Ids,
        since: None,
    };
    if is_ignored(context, &asked, &[partition.clone(), other.to_owned()]).await? == Some(true) {
        return Err(Error::new(
            Kind::ParentIgnored,
            format!(
                "{stream}: the server shows the same list whichever conversation it is asked for, and its rows name none"
            ),
        ));
    }
    Ok(())
}
