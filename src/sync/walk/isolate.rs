//! Finds the rows that make a page fail, so that the rest of the page can be stored.
//!
//! A server that cannot resolve one field of one record may answer the whole page with an error, however often it is
//! asked: a `null` that is not allowed bubbles up to the list. Such a page is divided. First the ids of its rows
//! alone are asked for, which servers mostly answer. Then parts of the page are asked for, many in one request, down
//! to single rows. The rows that fail by themselves, after the retries of the run, are *set aside* by their ids
//! ([`crate::set_aside`]). The result is the page as the walk needs it: all rows in their order, with an empty row
//! for each one that was set aside.
//!
//! The parts are read one after the other, but a walk is proven by the order at one moment. So the parts must show
//! the ids of the undivided page, in its order. If the ids cannot be asked for either, the parts are read twice and
//! must read the same. A row that fails then can be named only by its position in the list.
//!
//! A row may come without a readable id (a `null` instead of the row, or an id that cannot be read). It is asked for
//! again, too, and then set aside by its position.
//!
//! If most rows of a page fail one by one, the cause is not in the rows, and the walk fails as the page did. The same
//! holds for a page whose parts all fail and whose ids cannot be asked for.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128;

use crate::dialect::Paging;
use crate::error::{Error, Kind, Result};
use crate::policy;
use crate::record::{Record, Records};
use crate::set_aside::{SetAside, What, is_no_id};
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::source::retry::Delays;
use crate::sync::Context;

/// The number of parts into which a page is divided at a time.
const PARTS: usize = 10;
/// The number of rows that may all fail while the cause still counts as being in the rows.
const FEW: usize = 3;
/// The number of attempts:
///
/// - to divide a page, if the list changes meanwhile;
/// - to read a page that shows a row without an id;
/// - to read a single row that fails, at least.
const TRIES: u32 = 3;
const NO_ID: &str = "a row without an id that can be read";

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
        let mut division = match whole {
            Some(page) if page.records.rows.is_empty() => return Err(error),
            Some(page) => Division::new(context, asked, (first, paging), Some(filled(page, first))),
            None if matches!(asked.start, Start::Row(_)) => Division::new(context, asked, (first, paging), None),
            None => return Err(error),
        };
        match division.read().await? {
            Read::Whole(page) => return Ok(page),
            Read::Moved => {}
            Read::NotOfRows => return Err(error),
        }
    }
    Err(error)
}

/// Asks again (`asked`) for a page that has rows without a readable id. If they stay so, sets them aside by their
/// position in the list. A page of which most rows have no id is returned as it is. `first` is the number of the
/// page's first row, from 0.
pub async fn with_places(context: &Context, asked: &Question, first: u64, mut page: Page) -> Result<Page> {
    for _ in 1..TRIES {
        if page.nameless == 0 {
            return Ok(page);
        }
        tracing::warn!(stream = %asked.stream, rows = page.nameless, "rows without an id are asked for again");
        page = context.source.ask(asked.clone()).await?;
    }
    if page.nameless == 0 || page.gaps.len() > page.records.rows.len().max(FEW) {
        return Ok(page);
    }
    let gaps = std::mem::take(&mut page.gaps);
    let aside = gaps.iter().map(|gap| SetAside { what: What::Row(first + *gap as u64), why: NO_ID.into() });
    page.set_aside.extend(aside);
    page.gaps = gaps;
    Ok(filled(page, first))
}

/// Returns the page with an empty row wherever a row has no readable id, so that all rows are at their positions.
/// `first` is the number of the page's first row, from 0.
pub(super) fn filled(mut page: Page, first: u64) -> Page {
    for gap in std::mem::take(&mut page.gaps) {
        let row = placeholder(&What::Row(first + gap as u64));
        page.records.rows.insert(gap.min(page.records.rows.len()), row);
    }
    page.nameless = 0;
    page
}

/// The result of dividing a page and reading its parts.
enum Read {
    /// The page, without the rows that were set aside.
    Whole(Page),
    /// The list changed while the parts were read.
    Moved,
    /// Every part failed, or most rows did: the cause is not in single rows.
    NotOfRows,
}

/// What is known of a row of a page that is being divided.
enum Row {
    /// The row was read. The record's range is that in the new body, which is composed of the parts.
    Read(Record),
    /// The row fails with this error, even if it is asked for alone.
    Failed(Error),
}

/// A page that is being divided.
struct Division<'c> {
    context: &'c Context,
    asked: &'c Question,
    /// The number of the page's first row in the list, from 0.
    first: u64,
    paging: Paging,
    /// The page with the ids of its rows alone, if they can be asked for.
    ids: Option<Page>,
    /// For a row, by its index in the page, the cursor behind which it comes first. Used in lists where only the next
    /// page has a cursor.
    places: BTreeMap<usize, String>,
    /// The rows of the page. `None` for a row that was not read yet.
    rows: Vec<Option<Row>>,
    body: Vec<u8>,
    /// The last answer, without its rows. Its claims about the list, such as the total, are used.
    last: Page,
}

/// Rows `from..to` of a page, by their index in the page.
type Part = (usize, usize);

impl<'c> Division<'c> {
    fn new(
        context: &'c Context,
        asked: &'c Question,
        (first, paging): (u64, Paging),
        ids: Option<Page>,
    ) -> Division<'c> {
        let known = ids.as_ref().map(|page| page.records.rows.len());
        let length = known.unwrap_or(usize::try_from(asked.size).unwrap_or(0));
        let rows = (0..length).map(|_| None).collect();
        Division {
            context,
            asked,
            first,
            paging,
            ids,
            places: BTreeMap::new(),
            rows,
            body: Vec::new(),
            last: Page::default(),
        }
    }

    async fn read(&mut self) -> Result<Read> {
        let mut failed: Vec<usize> = Vec::new();
        let mut parts = self.divided((0, self.rows.len()));
        let mut is_first = true;
        while !parts.is_empty() {
            self.find_places(&parts).await;
            let questions: Option<Vec<Question>> = parts.iter().map(|part| self.question(*part)).collect();
            let Some(questions) = questions else { return Ok(Read::NotOfRows) };
            let pages = self.context.source.ask_all_briefly(questions).await;
            let names_rows = |page: &Result<Page>| page.as_ref().is_err_and(|e| policy::names_a_record(&e.kind));
            let all_fail = parts.len() > 1 && pages.iter().all(Result::is_err);
            if is_first && all_fail && self.ids.is_none() && !pages.iter().any(names_rows) {
                return Ok(Read::NotOfRows);
            }
            is_first = false;
            let mut smaller = Vec::new();
            for (part, page) in parts.into_iter().zip(pages) {
                match page {
                    Ok(page) => {
                        if !self.take(part, page) {
                            return Ok(Read::Moved);
                        }
                    }
                    Err(error) if !policy::may_be_of_a_record(&error.kind) => return Err(error),
                    Err(_) if part.1 - part.0 == 1 => failed.push(part.0),
                    Err(_) => smaller.extend(self.divided(part)),
                }
            }
            smaller.retain(|(from, _)| *from < self.rows.len());
            parts = smaller;
        }
        failed.retain(|row| *row < self.rows.len());
        if self.is_of_most(failed.len()) {
            return Ok(Read::NotOfRows);
        }
        if !self.ask_again(&failed).await? || !self.reads_the_same().await? {
            return Ok(Read::Moved);
        }
        Ok(self.composed().map_or(Read::Moved, Read::Whole))
    }

    /// Returns whether `failed` rows are most of the page, so that the cause is not in the rows.
    fn is_of_most(&self, failed: usize) -> bool {
        failed > FEW.max(self.rows.len() / 2)
    }

    /// Divides rows `from..to` into parts of at most a tenth of them, as large as the paging allows.
    fn divided(&self, (from, to): Part) -> Vec<Part> {
        let most = (to - from).div_ceil(PARTS).max(1);
        let (mut parts, mut at) = (Vec::new(), from);
        while at < to {
            let size = (1..=most.min(to - at)).rev().find(|size| self.begins_page(at, *size)).unwrap_or(1);
            parts.push((at, at + size));
            at += size;
        }
        parts
    }

    /// Returns whether the server can serve a page of `size` rows that begins at row `at` of the divided page.
    fn begins_page(&self, at: usize, size: usize) -> bool {
        match &self.asked.start {
            Start::Row(row) if self.paging.is_numbered() => (row + at as u64).is_multiple_of(size as u64),
            Start::Row(_) | Start::Number(_) | Start::After(_) => true,
        }
    }

    /// Finds the cursors that lead to these parts, in lists where only the next page has a cursor: a question for the
    /// ids of the rows before a part returns that cursor.
    async fn find_places(&mut self, parts: &[Part]) {
        let ids = self.ids.as_ref().filter(|ids| self.paging.has_cursors() && ids.cursors.is_empty());
        let Some(ids) = ids else { return };
        let unknown = |from: &usize| *from > 0 && !self.places.contains_key(from);
        let wanted: Vec<usize> = parts.iter().map(|part| part.0).filter(unknown).collect();
        let question = |from: &usize| {
            let size = u32::try_from(*from).unwrap_or(u32::MAX);
            Question { select: Select::Ids, size, ..self.asked.clone() }
        };
        let pages = self.context.source.ask_all_briefly(wanted.iter().map(question).collect()).await;
        let leads = |from: usize, page: &Page| {
            let rows = page.records.rows.iter().map(|row| &row.id);
            rows.eq(ids.records.rows[..from].iter().map(|row| &row.id))
        };
        let found = wanted.into_iter().zip(pages).filter_map(|(from, page)| {
            let page = filled(page.ok()?, self.first);
            let cursor = page.next_cursor.clone().filter(|_| leads(from, &page))?;
            Some((from, cursor))
        });
        let found: Vec<(usize, String)> = found.collect();
        self.places.extend(found);
    }

    /// Returns the question for a part, or `None` if the list has cursors and no known cursor leads to that part.
    fn question(&self, (from, to): Part) -> Option<Question> {
        let start = match &self.asked.start {
            Start::Row(row) if !self.paging.has_cursors() => Start::Row(row + from as u64),
            start if from == 0 => start.clone(),
            _ => {
                let own = self.ids.as_ref()?.cursors.get(from - 1).map(ToString::to_string);
                Start::After(own.or_else(|| self.places.get(&from).cloned())?)
            }
        };
        Some(Question { size: u32::try_from(to - from).ok()?, start, ..self.asked.clone() })
    }

    /// Takes in the answer to a part. Returns `false` if it shows other rows than the undivided page.
    fn take(&mut self, (from, to): Part, page: Page) -> bool {
        let page = filled(page, self.first + from as u64);
        let shown = &page.records.rows;
        let expected = self.ids.as_ref().map(|ids| ids.records.rows[from..to].iter().map(|row| &row.id));
        let fits = match expected {
            Some(expected) => shown.iter().map(|row| &row.id).eq(expected),
            None => shown.len() <= to - from,
        };
        if !fits {
            return false;
        }
        if self.ids.is_none() && shown.len() < to - from {
            // The list ends here.
            self.rows.truncate(from + shown.len());
        }
        for (n, row) in shown.iter().enumerate() {
            let start = self.body.len();
            self.body.extend_from_slice(page.records.payload(row));
            if let Some(place) = self.rows.get_mut(from + n) {
                *place = Some(if row.range.is_empty() {
                    Row::Failed(Error::new(Kind::PartialData, NO_ID))
                } else {
                    Row::Read(Record { range: start..self.body.len(), ..row.clone() })
                });
            }
        }
        self.last = Page { records: Records::default(), ..page };
        true
    }

    /// Asks again for the rows that failed by themselves: at least [`TRIES`] times, and longer while the run has
    /// patience left for such rows. Returns `false` if the list changed meanwhile.
    async fn ask_again(&mut self, failed: &[usize]) -> Result<bool> {
        let (mut open, mut delays) = (failed.to_vec(), Delays::default());
        for tried in 1_u32.. {
            let questions: Option<Vec<Question>> = open.iter().map(|row| self.question((*row, *row + 1))).collect();
            let pages = self.context.source.ask_all_briefly(questions.unwrap_or_default()).await;
            for (row, page) in std::mem::take(&mut open).into_iter().zip(pages) {
                match page {
                    Ok(page) => {
                        if !self.take((row, row + 1), page) {
                            return Ok(false);
                        }
                    }
                    Err(error) if !policy::may_be_of_a_record(&error.kind) => return Err(error),
                    Err(error) => {
                        open.push(row);
                        if let Some(place) = self.rows.get_mut(row) {
                            *place = Some(Row::Failed(error));
                        }
                    }
                }
            }
            let delay = delays.advance();
            if open.is_empty() || (tried >= TRIES && !self.context.source.spend_row_patience(delay)) {
                break;
            }
            tokio::time::sleep(delay).await;
        }
        Ok(true)
    }

    /// Reads the rows once more, and returns whether they are unchanged. If the ids of the page are known, returns
    /// `true` without a request, because the ids already show whether the list moved.
    async fn reads_the_same(&self) -> Result<bool> {
        if self.ids.is_some() {
            return Ok(true);
        }
        let mut parts: Vec<Part> = Vec::new();
        for part in self.divided((0, self.rows.len())) {
            let reads = (part.0..part.1).all(|row| matches!(self.rows[row], Some(Row::Read(_))));
            let single = (part.0..part.1).map(|row| (row, row + 1));
            let read = |(row, _): &Part| matches!(self.rows[*row], Some(Row::Read(_)));
            if reads { parts.push(part) } else { parts.extend(single.filter(read)) }
        }
        let questions: Option<Vec<Question>> = parts.iter().map(|part| self.question(*part)).collect();
        for ((from, to), page) in parts.iter().zip(self.context.source.ask_all(questions.unwrap_or_default()).await) {
            let page = page?;
            let same = self.rows[*from..*to].iter().zip(&page.records.rows).all(|(known, again)| match known {
                Some(Row::Read(known)) => (&known.id, known.hash) == (&again.id, again.hash),
                _ => false,
            });
            if !same || page.records.rows.len() != to - from {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the page as the walk needs it, or `None` if some row was neither read nor has failed by itself.
    fn composed(&mut self) -> Option<Page> {
        let (mut rows, mut set_aside) = (Vec::with_capacity(self.rows.len()), Vec::new());
        for (n, row) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            rows.push(match row? {
                Row::Read(record) => record,
                Row::Failed(error) => {
                    let row = self.ids.as_ref().and_then(|page| page.records.rows.get(n));
                    let id = row.map(|row| row.id.clone()).filter(|id| !is_no_id(id));
                    let what = id.map_or(What::Row(self.first + n as u64), What::Record);
                    let placeholder = placeholder(&what);
                    set_aside.push(SetAside { what, why: error.reason() });
                    placeholder
                }
            });
        }
        let records = Records { body: std::mem::take(&mut self.body).into(), rows };
        // Without the ids, the claims come from a part. Only its total is about the whole list.
        let of_a_part = || Page { total: self.last.total, ..Page::default() };
        let told = self.ids.take().unwrap_or_else(of_a_part);
        Some(Page { records, set_aside, hold: None, ..told })
    }
}

/// Returns an empty row in place of one that was set aside. The same `what` always gives the same row.
fn placeholder(what: &What) -> Record {
    let id = what.placeholder();
    let hash = xxh3_128(format!("set aside\n{id}").as_bytes());
    Record { range: 0..0, id, hash, volatile: false, repaired: 0 }
}
