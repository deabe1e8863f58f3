//! Reads in full the rows that a closing reading shows and the round has not seen, and finds out which of them the
//! walk has passed over. A row that was created after the walk began was not passed over. The creation time is in the
//! row itself, or in the records that belong to it.

use super::commit::ReadWindow;
use super::isolation;
use super::read_list::ReadList;
use crate::error::Result;
use crate::record::{self, Record};
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::{self, ColumnKind as Holds, Stream};
use crate::sync::incremental::skip;
use crate::sync::parents::{self, ParentCheck};

/// The result of reading unknown rows.
pub(super) struct Unknown {
    /// The window that stores the page with these rows.
    pub window: ReadWindow,
    /// The number of these rows that can have existed when the walk began.
    pub passed_over: u64,
}

/// Reads in full the page on which the closing reading saw the ids in `unknown`. `began` is the server's time when
/// the walk began, in milliseconds since 1970, or `None` if it is not known.
pub(super) async fn read(
    list: &ReadList<'_>,
    began: Option<i64>,
    question: Question,
    unknown: Vec<String>,
) -> Result<Unknown> {
    let question = Question { select: Select::Whole, ..question };
    let whole = match list.context.source.ask(question.clone()).await {
        Ok(page) => page,
        Err(error) => {
            let first = if let Start::Row(row) = question.start { row } else { 0 };
            isolation::page(list.context, &question, first, error).await?
        }
    };
    let ParentCheck::Page(whole) = parents::checked(list.context, &question, whole).await? else {
        return Ok(Unknown { window: ReadWindow::default(), passed_over: unknown.len() as u64 });
    };
    let is_new = |id: &String| {
        let row = whole.records.rows.iter().find(|row| *row.id == **id);
        row.is_some_and(|row| is_younger(list, began, &whole, row))
    };
    let old: Vec<String> = unknown.into_iter().filter(|id| !is_new(id)).collect();
    let passed_over = old_lists(list, began, old).await?;
    let moments = skip::made(list.context, list.stream, list.from, &whole);
    let page = Page { nameless: 0, ..whole };
    Ok(Unknown { window: ReadWindow { page, stepped_back: true, moments, ..ReadWindow::default() }, passed_over })
}

/// Returns the column that holds the creation time of a stream's records, or `None` if there is none.
fn made_in(stream: Stream) -> Option<&'static str> {
    stream.columns().iter().find(|column| column.kind == Holds::Timestamp).map(|column| column.name)
}

/// Returns whether a row shows that it was created after the walk began. Returns `false` if it does not show its
/// creation time.
fn is_younger(list: &ReadList<'_>, began: Option<i64>, page: &Page, row: &Record) -> bool {
    let Some((began, column)) = began.zip(made_in(list.stream)) else { return false };
    let text = std::str::from_utf8(page.records.payload(row)).unwrap_or_default();
    record::moment(text, &[column], list.context.source.dialect().date_of(list.stream))
        .is_some_and(|made| made >= began)
}

/// Returns how many of the records `ids` may have existed when the walk began, by the records that belong to them: a
/// conversation is as old as its oldest message. A record also counts if its list is longer than a page, or if
/// nothing shows its age.
async fn old_lists(list: &ReadList<'_>, began: Option<i64>, ids: Vec<String>) -> Result<u64> {
    let context = list.context;
    let children = streams::ALL.into_iter().filter(|s| s.definition().parent == Some(list.stream));
    let child = children.into_iter().find(|s| context.source.is_partitioned(*s));
    let told = child.zip(began).and_then(|(child, began)| Some((child, began, made_in(child)?)));
    let (Some((child, began, column)), false) = (told, ids.is_empty()) else { return Ok(ids.len() as u64) };
    let question = |id: &String| Question {
        stream: child,
        parent: Some(id.clone()),
        size: context.page_size,
        start: Start::Row(0),
        select: Select::Whole,
        since: None,
    };
    let pages = context.source.ask_all_briefly(ids.iter().map(question).collect()).await;
    let date = context.source.dialect().date_of(child);
    let is_young = |page: &Page| {
        let rows = &page.records.rows;
        let is_whole = page.total.map_or(page.has_next == Some(false), |total| total == rows.len() as u64);
        let made = |row| {
            let text = std::str::from_utf8(page.records.payload(row)).unwrap_or_default();
            record::moment(text, &[column], date)
        };
        is_whole && !rows.is_empty() && rows.iter().all(|row| made(row).is_some_and(|made| made >= began))
    };
    Ok(pages.iter().filter(|page| !page.as_ref().is_ok_and(is_young)).count() as u64)
}
