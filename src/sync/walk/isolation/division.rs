//! Divides a page into parts, and writes the question for each part. A part is as large as the list's paging allows,
//! so that few requests find the rows that fail.
//!
//! A list with cursors leads to a part only by the cursor of the row before it. Where the answer gives none but that
//! of the next page, a question for the ids of the rows before the part finds it.

use std::collections::BTreeMap;

use super::Part;
use crate::dialect::Paging;
use crate::source::Source;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::sync::walk::gaps::filled;

/// The number of parts into which a page is divided at a time.
const PARTS: usize = 10;

/// A page that is being divided.
pub(super) struct Division<'c> {
    asked: &'c Question,
    /// The number of the page's first row in the list, from 0.
    first: u64,
    paging: Paging,
    /// The page with the ids of its rows alone, if they can be asked for.
    ids: Option<Page>,
    /// For a row, by its index in the page, the cursor behind which it comes first. Used in lists where only the next
    /// page has a cursor.
    places: BTreeMap<usize, String>,
}

impl<'c> Division<'c> {
    /// Prepares to divide the page that `asked` asks for. `first` is the number of its first row in the list, from 0.
    /// `ids` is the page with the ids of its rows alone, if they are known.
    pub(super) fn new(asked: &'c Question, first: u64, paging: Paging, ids: Option<Page>) -> Division<'c> {
        Division { asked, first, paging, ids, places: BTreeMap::new() }
    }

    /// Returns the page with the ids of its rows alone, if they are known.
    pub(super) fn ids(&self) -> Option<&Page> {
        self.ids.as_ref()
    }

    /// Ends the division. Returns the page with the ids of its rows alone, if they are known.
    pub(super) fn into_ids(self) -> Option<Page> {
        self.ids
    }

    /// Returns the number of rows of the page. If the ids are not known, returns the number that was asked for.
    pub(super) fn length(&self) -> usize {
        let known = self.ids.as_ref().map(|page| page.records.rows.len());
        known.unwrap_or(usize::try_from(self.asked.size).unwrap_or(0))
    }

    /// Divides rows `from..to` into parts of at most a tenth of them, as large as the paging allows.
    pub(super) fn divided(&self, (from, to): Part) -> Vec<Part> {
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
    pub(super) async fn find_places(&mut self, source: &Source, parts: &[Part]) {
        let ids = self.ids.as_ref().filter(|ids| self.paging.has_cursors() && ids.cursors.is_empty());
        let Some(ids) = ids else { return };
        let unknown = |from: &usize| *from > 0 && !self.places.contains_key(from);
        let wanted: Vec<usize> = parts.iter().map(|part| part.0).filter(unknown).collect();
        let question = |from: &usize| {
            let size = u32::try_from(*from).unwrap_or(u32::MAX);
            Question { select: Select::Ids, size, ..self.asked.clone() }
        };
        let pages = source.ask_all_briefly(wanted.iter().map(question).collect()).await;
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

    /// Returns the questions for parts, or `None` if the list has cursors and no known cursor leads to one of them.
    pub(super) fn questions(&self, parts: impl IntoIterator<Item = Part>) -> Option<Vec<Question>> {
        parts.into_iter().map(|part| self.question(part)).collect()
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
}
