//! Finds the rows that make a page fail, so that the rest of the page can be stored. The result is the page as the walk
//! needs it: all rows in their order, with an empty row for each row that fails. Such a row is *set aside* by its id
//! ([`crate::set_aside`]).
//!
//! A server that cannot resolve one field of one record may answer the whole page with an error, however often a
//! client asks: a `null` that is not allowed bubbles up to the list. A walk therefore divides such a page. It first
//! asks for the ids of the page's rows alone, which servers mostly answer. It then asks for parts of the page, many in
//! one request, down to single rows. A row that fails by itself, after the retries of the run, is set aside.
//!
//! The walk reads the parts one after the other, but an order at one moment is what proves a walk. So the parts must
//! show the ids of the undivided page, in its order. If the server does not answer with the ids either, the walk reads
//! the parts twice, and both readings must be equal. It can then name a row that fails only by its position in the
//! list. A row without a readable id is named by its position as well (`gaps`).
//!
//! If most rows of a page fail one by one, the cause is not in the rows, and the walk fails as the page did. The same
//! holds for a page whose parts all fail and whose ids the server does not tell.
//!
//! `division` divides the page and writes the questions, `composition` puts the answers together.

mod composition;
mod division;

use self::composition::Composition;
use self::division::Division;
use super::gaps::{FEW, filled};
use crate::error::{Error, Result};
use crate::policy;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::source::retry::Delays;
use crate::sync::Context;

/// The number of attempts:
///
/// - to divide a page, if the list changes meanwhile;
/// - to read a single row that fails, at least.
const TRIES: u32 = 3;

/// Reads the page that `asked` asks for and that failed with `error`, without the rows that make it fail. Returns
/// `error` if no rows of the page are the cause. `first` is the number of the page's first row, from 0.
pub async fn page(context: &Context, asked: &Question, first: u64, error: Error) -> Result<Page> {
    let paging = context.source.dialect().stream(asked.stream)?.list.paging;
    if !policy::may_be_of_a_record(&error.kind) || !paging.is_paged() || asked.select != Select::Whole {
        return Err(error);
    }
    let own = context.spelling.job.stream(asked.stream).and_then(|own| own.extra.as_deref());
    if let Some(refused) = context.source.refuse_collected(asked.stream, own.unwrap_or_default(), &error) {
        return Err(refused);
    }
    tracing::info!(stream = %asked.stream, %error, "looking for the rows that make a page fail");
    for _ in 0..TRIES {
        let ids = Question { select: Select::Ids, ..asked.clone() };
        let whole = context.source.ask_all_briefly(vec![ids]).await.pop().and_then(Result::ok);
        let division = match whole {
            Some(page) if page.records.rows.is_empty() => return Err(error),
            Some(page) => Division::new(asked, first, paging, Some(filled(page, first))),
            None if matches!(asked.start, Start::Row(_)) => Division::new(asked, first, paging, None),
            None => return Err(error),
        };
        let composition = Composition::new(first, division.length());
        match (Isolation { context, division, composition }).read().await? {
            Read::Whole(page) => return Ok(page),
            Read::Moved => {}
            Read::NotOfRows => return Err(error),
        }
    }
    Err(error)
}

/// Rows `from..to` of a page, by their index in the page.
type Part = (usize, usize);

/// The result of dividing a page and reading its parts.
enum Read {
    /// The page, without the rows that were set aside.
    Whole(Page),
    /// The list changed while the parts were read.
    Moved,
    /// Every part failed, or most rows did: the cause is not in single rows.
    NotOfRows,
}

/// The reading of a page in parts.
struct Isolation<'c> {
    context: &'c Context,
    division: Division<'c>,
    composition: Composition,
}

impl Isolation<'_> {
    /// Reads the parts of the page, and divides those that fail, down to single rows.
    async fn read(mut self) -> Result<Read> {
        let source = &self.context.source;
        let mut failed: Vec<usize> = Vec::new();
        let mut parts = self.division.divided((0, self.composition.len()));
        let mut is_first = true;
        while !parts.is_empty() {
            self.division.find_places(source, &parts).await;
            let Some(questions) = self.division.questions(parts.iter().copied()) else { return Ok(Read::NotOfRows) };
            let pages = source.ask_all_briefly(questions).await;
            let names_rows = |page: &Result<Page>| page.as_ref().is_err_and(|e| policy::names_a_record(&e.kind));
            let all_fail = parts.len() > 1 && pages.iter().all(Result::is_err);
            if is_first && all_fail && self.division.ids().is_none() && !pages.iter().any(names_rows) {
                return Ok(Read::NotOfRows);
            }
            is_first = false;
            let mut smaller = Vec::new();
            for (part, page) in parts.into_iter().zip(pages) {
                match page {
                    Ok(page) => {
                        if !self.composition.take(part, page, self.division.ids()) {
                            return Ok(Read::Moved);
                        }
                    }
                    Err(error) if !policy::may_be_of_a_record(&error.kind) => return Err(error),
                    Err(_) if part.1 - part.0 == 1 => failed.push(part.0),
                    Err(_) => smaller.extend(self.division.divided(part)),
                }
            }
            smaller.retain(|(from, _)| *from < self.composition.len());
            parts = smaller;
        }
        failed.retain(|row| *row < self.composition.len());
        if self.is_of_most(failed.len()) {
            return Ok(Read::NotOfRows);
        }
        if !self.ask_again(&failed).await? || !self.reads_the_same().await? {
            return Ok(Read::Moved);
        }
        Ok(self.composition.composed(self.division.into_ids()).map_or(Read::Moved, Read::Whole))
    }

    /// Returns whether `failed` rows are most of the page, so that the cause is not in the rows.
    fn is_of_most(&self, failed: usize) -> bool {
        failed > FEW.max(self.composition.len() / 2)
    }

    /// Asks again for the rows that failed by themselves: at least [`TRIES`] times, and longer while the run has
    /// patience left for such rows. Returns `false` if the list changed meanwhile.
    async fn ask_again(&mut self, failed: &[usize]) -> Result<bool> {
        let source = &self.context.source;
        let (mut open, mut delays) = (failed.to_vec(), Delays::default());
        for tried in 1_u32.. {
            let questions = self.division.questions(open.iter().map(|row| (*row, *row + 1)));
            let pages = source.ask_all_briefly(questions.unwrap_or_default()).await;
            for (row, page) in std::mem::take(&mut open).into_iter().zip(pages) {
                match page {
                    Ok(page) => {
                        if !self.composition.take((row, row + 1), page, self.division.ids()) {
                            return Ok(false);
                        }
                    }
                    Err(error) if !policy::may_be_of_a_record(&error.kind) => return Err(error),
                    Err(error) => {
                        open.push(row);
                        self.composition.fail(row, error);
                    }
                }
            }
            let delay = delays.advance();
            if open.is_empty() || (tried >= TRIES && !source.spend_row_patience(delay)) {
                break;
            }
            tokio::time::sleep(delay).await;
        }
        Ok(true)
    }

    /// Reads the rows once more, and returns whether they are unchanged. If the ids of the page are known, returns
    /// `true` without a request, because the ids already show whether the list moved.
    async fn reads_the_same(&self) -> Result<bool> {
        if self.division.ids().is_some() {
            return Ok(true);
        }
        let mut parts: Vec<Part> = Vec::new();
        for part in self.division.divided((0, self.composition.len())) {
            let reads = (part.0..part.1).all(|row| self.composition.is_read(row));
            let single = (part.0..part.1).map(|row| (row, row + 1));
            let read = |(row, _): &Part| self.composition.is_read(*row);
            if reads { parts.push(part) } else { parts.extend(single.filter(read)) }
        }
        let questions = self.division.questions(parts.iter().copied());
        for (part, page) in parts.iter().zip(self.context.source.ask_all(questions.unwrap_or_default()).await) {
            if !self.composition.shows_the_same(*part, &page?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
