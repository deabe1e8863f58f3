//! Checks that the rows of a list belong to the record that the list was asked for. A server may answer with another
//! record's list, or always with the same one.
//!
//! Rows that name their conversation are compared with the conversation that was asked for. A page that names another
//! one is asked for again. If it stays so, one of three cases applies:
//!
//! - A third conversation shows the same rows: the server ignores the argument. The stream is read once, as one list
//!   ([`super::run`]). It is `incomplete` if that list lacks messages that the conversations' own entries show.
//! - The named conversation does not show these rows: they moved here, because the conversations were merged. They
//!   are stored for the conversation that shows them.
//! - Otherwise the list is `incomplete`, and its reason names the conversation whose rows it showed.
//!
//! Rows that do not name their conversation are compared with the mirror when they are stored. A message that the
//! mirror knows from another conversation is a dispute ([`super::walk::disputes`]).

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Context;
use crate::error::{Result, quote};
use crate::mirror::checkpoint;
use crate::mirror::parents as stored;
use crate::mirror::walk_key::WalkKey;
use crate::policy;
use crate::quantity::counted;
use crate::record;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;

/// The largest number of pages of a list that are read to find a row in it.
const MOST_PAGES: u32 = 20;
/// The number of other conversations that are asked for, to see whether all of them show the same list.
const WITNESSES: usize = 2;
/// The number of lists whose rows name no known record, after which such names count as something else than ids. They
/// are then not compared any more.
const LISTS_TO_DISTRUST_NAMES: usize = 5;

/// What a run has found out about lists that show rows of another record.
#[derive(Debug, Default)]
pub struct Findings(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    /// Pairs of ids: a list, and a record that rows of the list name although that record's own list does not show
    /// them.
    moved: HashSet<(String, String)>,
    /// The ids of lists whose rows name records that the mirror does not have.
    strange: HashSet<String>,
    /// Whether some row named the record that its list was asked for.
    agrees: bool,
    /// Whether two records were seen to show different lists.
    differs: bool,
}

impl Findings {
    /// Notes that rows that name the record `named` belong to the list of the record `id` from here on.
    pub fn have_moved(&self, id: &str, named: &str) {
        self.found().moved.insert((id.to_owned(), named.to_owned()));
    }

    /// Returns whether rows that name the record `named`, or were stored for it, are known to belong to the list of
    /// `id`.
    pub fn are_moved(&self, id: &str, named: &str) -> bool {
        self.found().moved.contains(&(id.to_owned(), named.to_owned()))
    }

    /// Returns whether another list shows rows that name the record `id`.
    pub fn has_moved(&self, id: &str) -> bool {
        self.found().moved.iter().any(|(_, named)| named == id)
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// Returns whether what rows name as their record is something else than the record's id.
    fn are_other_names(&self) -> bool {
        !self.agrees && self.strange.len() >= LISTS_TO_DISTRUST_NAMES
    }
}

/// The result of checking a page.
#[derive(Debug)]
pub enum ParentCheck {
    /// The rows of this page belong to the record that was asked for.
    Page(Page),
    /// The server ignores the argument that names the record whose list is asked for.
    Ignored,
    /// The rows belong to another record. Holds the id of that record, and a sentence that describes the problem.
    Others(String, String),
}

/// Compares the rows of `page` with the record that `asked` asks for. If they name another record, asks again and
/// finds out why.
pub async fn checked(context: &Context, asked: &Question, page: Page) -> Result<ParentCheck> {
    let (Some(partition), Some(column)) = (&asked.parent, asked.stream.parent_column()) else {
        return Ok(ParentCheck::Page(page));
    };
    if !context.source.is_partitioned(asked.stream)
        || are_expected(context, partition, &strangers(&page, column, partition), &page)
    {
        return Ok(ParentCheck::Page(page));
    }
    drop(page);
    tracing::warn!(stream = %asked.stream, "a page names another conversation than the one it was asked for; it is asked for again");
    let again = Page { hold: None, ..context.source.ask(asked.clone()).await? };
    let strangers = strangers(&again, column, partition);
    if are_expected(context, partition, &strangers, &again) {
        return Ok(ParentCheck::Page(again));
    }
    let mut named: Vec<String> = strangers.keys().cloned().collect();
    named.push(partition.clone());
    let is_ignored = is_ignored(context, asked, &named).await?;
    if is_ignored == Some(true) {
        context.source.read_as_one_list(asked.stream, partition);
        return Ok(ParentCheck::Ignored);
    }
    let is_obeyed = {
        let mut found = context.parents.found();
        found.agrees |= strangers.values().map(Vec::len).sum::<usize>() < again.records.rows.len();
        found.differs |= is_ignored == Some(false);
        found.agrees || found.differs
    };
    for (other, rows) in &strangers {
        // That the named conversation does not show these rows proves a move only if the server obeys the argument.
        // It does if it has shown a conversation's own messages, or different messages for two conversations.
        // Otherwise a server that lists the named conversation may have shown everybody's messages.
        let shown = shows(context, asked.stream, other, rows).await?;
        let is_obeyed = is_obeyed || !is_listed(context, asked.stream, other).await?;
        let is_elsewhere = shown == Shows::Nothing && tells_last(context, asked.stream, other).await?;
        if !matches!(shown, Shows::No | Shows::Nothing) || !is_obeyed || is_elsewhere {
            let (own, named) = (quote(partition), quote(other));
            let why = format!("asked for the messages of conversation {own}, the server shows those of {named}");
            return Ok(ParentCheck::Others(other.clone(), why));
        }
    }
    note_moved(context, asked.stream, partition, &strangers).await?;
    Ok(ParentCheck::Page(again))
}

/// Returns the rows of a page that name another record than `partition`, the one that was asked for. They are grouped
/// by the id that they name. `column` is the member that holds this id.
fn strangers(page: &Page, column: &str, partition: &str) -> BTreeMap<String, Vec<Box<str>>> {
    let mut strangers: BTreeMap<String, Vec<Box<str>>> = BTreeMap::new();
    for row in page.records.rows.iter().filter(|row| !row.range.is_empty()) {
        let named = std::str::from_utf8(page.records.payload(row)).ok().and_then(|text| named(text, column));
        if let Some(named) = named.filter(|named| named != partition) {
            strangers.entry(named).or_default().push(row.id.clone());
        }
    }
    strangers
}

/// Returns the id of the record that a row names in the member `column`: a string, a number, or an object that holds
/// the id. `text` is the row in JSON.
fn named(text: &str, column: &str) -> Option<String> {
    let raw = record::member(text, column)?;
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(raw).ok().filter(|id| !id.is_empty()),
        b'0'..=b'9' | b'-' => Some(raw.to_owned()),
        b'{' => named(raw, "_id").or_else(|| named(raw, "id")),
        _ => None,
    }
}

/// Returns whether every other record that the rows of a page name (`strangers`) is known to be right.
fn are_expected(context: &Context, partition: &str, strangers: &BTreeMap<String, Vec<Box<str>>>, page: &Page) -> bool {
    if strangers.is_empty() {
        if !page.records.rows.is_empty() {
            context.parents.found().agrees = true;
        }
        return true;
    }
    let found = context.parents.found();
    found.are_other_names()
        || strangers.keys().all(|other| found.moved.contains(&(partition.to_owned(), other.clone())))
}

/// Notes that the rows in `strangers` are stored for `partition`, the record that shows them, although they name
/// another one.
async fn note_moved(
    context: &Context,
    stream: Stream,
    partition: &str,
    strangers: &BTreeMap<String, Vec<Box<str>>>,
) -> Result<()> {
    let mut are_listed = false;
    for other in strangers.keys() {
        are_listed |= is_listed(context, stream, other).await?;
    }
    let (is_first, are_other_names) = {
        let mut found = context.parents.found();
        let is_first = found.moved.is_empty();
        found.moved.extend(strangers.keys().map(|other| (partition.to_owned(), other.clone())));
        if !are_listed {
            found.strange.insert(partition.to_owned());
        }
        (is_first, found.are_other_names())
    };
    if is_first {
        let first = strangers.keys().next().map(|other| quote(other)).unwrap_or_default();
        context.note(format!(
            "messages: some name another conversation than the one that shows them, which does not show them itself (the first: {} shows messages of {first}); they are filed under the one that shows them",
            quote(partition)
        ));
    }
    if are_other_names {
        context.note(
            "messages: what they name as their conversation is no conversation's id, so it is not compared".into(),
        );
    }
    Ok(())
}

/// Returns whether other records show the same first page as the record that `asked` asks for. `named` holds that
/// record and those that its rows name. Records outside `named` are preferred for the comparison, because a named
/// record may be one into which the asked one was merged. Returns `None` if the server answers for too few other
/// records.
pub(super) async fn is_ignored(context: &Context, asked: &Question, named: &[String]) -> Result<Option<bool>> {
    let Some(parent) = asked.stream.definition().parent else { return Ok(None) };
    let but =
        |ids: Vec<String>| context.mirror.call(move |w| w.transaction(|t| stored::others(t, parent, &ids, WITNESSES)));
    let (mut witnesses, mut enough) = (but(named.to_vec()).await?, 1);
    if witnesses.is_empty() {
        // The rows name every record that the mirror has. Then it takes two of those, because one may be the record
        // into which the asked one was merged.
        (witnesses, enough) = (but(asked.parent.iter().cloned().collect()).await?, WITNESSES);
    }
    let first =
        |parent: Option<String>| Question { parent, start: Start::Row(0), select: Select::Ids, ..asked.clone() };
    let questions = std::iter::once(asked.parent.clone()).chain(witnesses.into_iter().map(Some)).map(first).collect();
    let mut pages = context.source.ask_all(questions).await.into_iter();
    let ids = |page: Page| page.records.rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let Some(Ok(own)) = pages.next().map(|page| page.map(ids)) else { return Ok(None) };
    let shown: Vec<Vec<Box<str>>> = pages.filter_map(|page| page.map(ids).ok()).collect();
    if shown.len() < enough {
        return Ok(None);
    }
    Ok(Some(!own.is_empty() && shown.iter().all(|other| *other == own)))
}

/// Returns whether the mirror holds the record `id`, to which a list of `stream` belongs.
async fn is_listed(context: &Context, stream: Stream, id: &str) -> Result<bool> {
    let Some(parent) = stream.definition().parent else { return Ok(false) };
    let id = id.to_owned();
    context.mirror.call(move |w| w.transaction(|t| stored::is_live(t, parent, &id))).await
}

/// Returns whether the entry of the record `id` shows a last record in the record's list, such as a conversation's
/// last message.
pub(super) async fn tells_last(context: &Context, stream: Stream, id: &str) -> Result<bool> {
    let Some(parent) = stream.definition().parent else { return Ok(false) };
    let id = id.to_owned();
    context.mirror.call(move |w| w.transaction(|t| stored::shows_last_record(t, (parent, LAST), &id))).await
}

/// Whether a list shows certain rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// The list shows at least one of the rows.
    Yes,
    /// The list shows none of the rows, or there is no such list.
    No,
    /// The list has no rows at all.
    Nothing,
    /// The list cannot be read to its end, or shows rows that name yet another record.
    Unclear,
}

/// Returns whether the list of the record `parent` shows one of these rows. If the mirror has the record, its list is
/// asked for with all retries that the run allows, because rows that it does not show may be stored for another
/// record.
pub(super) async fn shows(context: &Context, stream: Stream, parent: &str, rows: &[Box<str>]) -> Result<Shows> {
    let (mut row, mut size) = (0, context.page_size);
    let is_listed = is_listed(context, stream, parent).await?;
    for _ in 0..MOST_PAGES {
        let select = if stream.parent_column().is_some() { Select::Whole } else { Select::Ids };
        let question =
            Question { stream, parent: Some(parent.to_owned()), size, start: Start::Row(row), select, since: None };
        let source = &context.source;
        let mut pages =
            if is_listed { source.ask_all(vec![question]).await } else { source.ask_all_briefly(vec![question]).await };
        let page = match pages.pop() {
            Some(Ok(page)) => page,
            // The server itself says that there is no such record.
            Some(Err(error)) if policy::may_mean_no_such_record(&error.kind) => return Ok(Shows::No),
            Some(Err(error)) if !policy::shows_that_rows_exist(&error.kind) => return Err(error),
            _ => return Ok(Shows::Unclear),
        };
        let shown = page.records.rows.len() as u64;
        if page.records.rows.iter().any(|known| rows.contains(&known.id)) {
            return Ok(Shows::Yes);
        }
        if stream.parent_column().is_some_and(|column| !strangers(&page, column, parent).is_empty()) {
            return Ok(Shows::Unclear);
        }
        let at_end = page.total.map_or(page.has_next == Some(false), |total| row + shown >= total);
        if shown == 0 && row == 0 {
            return Ok(Shows::Nothing);
        }
        if shown == 0 || at_end || (page.total.is_none() && page.has_next.is_none() && shown < u64::from(size)) {
            return Ok(Shows::No);
        }
        if shown < u64::from(size) {
            if row > 0 {
                return Ok(Shows::Unclear);
            }
            size = u32::try_from(shown).unwrap_or(size);
        }
        row += shown;
    }
    Ok(Shows::Unclear)
}

/// Returns whether a stream that normally has a list for each parent record was begun as one list in this round. Such
/// a stream is read as one list until the round ends.
pub async fn is_begun_as_one_list(context: &Context, stream: Stream) -> Result<bool> {
    let Some(parent) = stream.definition().parent else { return Ok(false) };
    let place = WalkKey { lane: context.lane, stream, partition: String::new() };
    let since = context.begun.since_run;
    let any = context.mirror.call(move |w| {
        w.transaction(|t| {
            let is_begun = checkpoint::find(t, &place)?.is_some_and(|list| list.since_run >= since);
            if is_begun { stored::others(t, parent, &[], 1) } else { Ok(Vec::new()) }
        })
    });
    let any = any.await?.pop();
    if let Some(any) = &any {
        context.source.read_as_one_list(stream, any);
    }
    Ok(any.is_some())
}

/// Returns what is missing from a stream that was read as one list, compared with the last records that the entries
/// of its parents show. Returns `None` if nothing is missing.
pub async fn lacking(context: &Context, stream: Stream) -> Result<Option<String>> {
    let (Some(parent), Some(column)) = (stream.definition().parent, stream.parent_column()) else { return Ok(None) };
    let told =
        context.mirror.call(move |w| w.transaction(|t| stored::unshown(t, (stream, column), (parent, LAST)))).await?;
    Ok(if told.parents > 0 {
        let first = told.first.as_deref().map(quote).unwrap_or_default();
        Some(format!(
            "{} tell a last message, and the list shows none of theirs ({first}{})",
            counted(told.parents, "conversation"),
            if told.parents > 1 { ", ..." } else { "" }
        ))
    } else if told.named <= 1 && told.all > 1 {
        Some("the list shows messages of one conversation alone".into())
    } else {
        None
    })
}

/// The member of a conversation that holds its last message.
const LAST: &str = "lastMessage";
