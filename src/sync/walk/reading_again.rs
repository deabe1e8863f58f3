//! Reads a list for one closing reading ([`super::closing`]): ids alone, many pages a request. Each page is committed
//! with the ids that it showed, so that a run that is stopped or killed goes on behind it. A stop is noticed between
//! two pages.

use std::collections::HashSet;
use std::sync::Arc;

use super::Walk;
use super::closing_state::{Closing, ClosingReading, ReadingEnd};
use super::commit::ReadWindow;
use super::id_reading::{IdReading, NextStep};
use super::read_list::ReadList;
use super::unknown_rows::{self, Unknown};
use crate::error::Result;
use crate::mirror::reread::{self, Remembered, RowRange};
use crate::policy;
use crate::set_aside::is_no_id;
use crate::source::page::Page;
use crate::source::query::Question;
use crate::verdict::Verdict;

/// Carries out one closing reading: reads to the end of the list, and stores each page. Avoids the questions in
/// `asked`. `unstored` holds what is to be stored with the first page. Returns the reading and how it ended, or
/// `None` if a stop was asked for.
pub(super) async fn read(
    list: &mut ReadList<'_>,
    closing: &mut Closing,
    mut reading: ClosingReading,
    (asked, mut unstored): (HashSet<RowRange>, Remembered),
) -> Result<Option<(ClosingReading, ReadingEnd)>> {
    if let Some(end) = reading.end.clone() {
        return Ok(Some((reading, end)));
    }
    let walk = reading.walk.clone().avoiding(Arc::new(asked));
    let mut under_way = IdReading::new(list.context, list.stream, list.parent(), walk);
    loop {
        let next = match under_way.next().await {
            // One row fails even when only ids are asked for, so the ids of this list cannot be read. The list lacks
            // that row anyway.
            Err(error) if policy::may_be_of_a_record(&error.kind) => {
                return Ok(Some((reading, ReadingEnd::Unreadable)));
            }
            next => next?,
        };
        match next {
            NextStep::Page(next) => {
                let (question, page) = *next;
                let (window, unknown) = take(list, closing, (&mut reading, unstored.begins), question, &page).await?;
                closing.found += unknown;
                reading.walk = under_way.walk().clone();
                reading.end = under_way.end().map(|verdict| end_of(verdict, under_way.walk()));
                closing.reading = Some(reading.clone());
                let remembered = Remembered {
                    asked: unstored.asked.drain(..).chain(under_way.take_asked()).collect(),
                    begins: std::mem::take(&mut unstored.begins),
                    ..window.remembered
                };
                list.keep(ReadWindow { remembered, ..window }, closing).await?;
                if list.context.stop.requested() && reading.end.is_none() {
                    return Ok(None);
                }
            }
            NextStep::End(verdict) => {
                let end = end_of(&verdict, under_way.walk());
                closing.reading = None;
                return Ok(Some((reading, end)));
            }
            NextStep::Stopped => return Ok(None),
        }
    }
}

fn end_of(verdict: &Verdict, walk: &Walk) -> ReadingEnd {
    match verdict {
        Verdict::Incomplete(why) => ReadingEnd::Broken(why.clone()),
        _ => ReadingEnd::Whole(walk.stood_still().then(|| walk.rows())),
    }
}

/// Takes in a page of ids. Reads the records on it that the round has not seen in full. Returns a window with these
/// records, and their number.
async fn take(
    list: &ReadList<'_>,
    closing: &Closing,
    (reading, begins): (&mut ClosingReading, bool),
    question: Question,
    page: &Page,
) -> Result<(ReadWindow, u64)> {
    if std::mem::take(&mut reading.is_first) {
        reading.total = page.total;
    }
    reading.most = reading.most.max(page.total);
    let (place, since) = (list.place(), list.from.since_run);
    let ids: Vec<String> = page.records.rows.iter().map(|row| row.id.to_string()).collect();
    let told = list.context.mirror.call(move |w| {
        // A row without a readable id counts as a row but is no known record.
        w.transaction(|t| reread::split_new_ids(t, &place, since, (&ids, begins), |id| !is_no_id(id)))
    });
    let told = told.await?;
    let unknown = told.unseen.len() as u64;
    reading.ids += told.fresh.len() as u64;
    let remembered = Remembered { shown: told.fresh, ..Remembered::default() };
    if told.unseen.is_empty() {
        return Ok((ReadWindow { remembered, ..ReadWindow::default() }, 0));
    }
    let Unknown { window, passed_over } = unknown_rows::read(list, closing.began, question, told.unseen).await?;
    reading.passed_over += passed_over;
    Ok((ReadWindow { remembered, ..window }, unknown))
}
