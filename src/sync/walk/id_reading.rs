//! Reads a list once more, for ids only, with many pages in a request. Decides as a [`Walk`] does whether the list
//! was read completely, but stores no records.
//!
//! Closing readings use it to find rows that moved past the walk. When lists could not be read, it shows which of
//! their parent records still exist.

use std::collections::VecDeque;

use super::gaps::filled;
use super::{Ask, Shown, Walk};
use crate::dialect::Paging;
use crate::error::{Error, Kind, Result};
use crate::mirror::reread::RowRange;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::Context;
use crate::verdict::Verdict;

/// The state of a reading for ids.
pub struct IdReading<'c> {
    context: &'c Context,
    stream: Stream,
    /// The id of the parent record that the list belongs to, or `None` for the only list of a stream.
    parent: Option<String>,
    walk: Walk,
    ready: VecDeque<(Ask, Result<Page>)>,
    total: Option<u64>,
    end: Option<Verdict>,
    /// The questions that [`IdReading::take_asked`] has not handed out yet.
    asked: Vec<RowRange>,
}

/// What a reading for ids comes to next.
pub enum NextStep {
    /// The next page, with the question that it answers.
    Page(Box<(Question, Page)>),
    /// The end of the list, and the verdict of the reading.
    End(Verdict),
    /// A stop was asked for before the page came.
    Stopped,
}

impl<'c> IdReading<'c> {
    /// Returns a reading that goes on with `walk`. `parent` is the record that the list belongs to, or `None` for a
    /// stream's only list.
    pub fn new(context: &'c Context, stream: Stream, parent: Option<String>, walk: Walk) -> IdReading<'c> {
        IdReading { context, stream, parent, walk, ready: VecDeque::new(), total: None, end: None, asked: Vec::new() }
    }

    /// Returns a walk from the beginning of one of a stream's lists, in pages of at most `size` rows.
    pub fn first(context: &Context, stream: Stream, size: u32) -> Result<Walk> {
        let paging = context.source.dialect().stream(stream)?.list.paging;
        let mut walk = match (Walk::new(size), paging) {
            (walk, Paging::Page) => walk,
            (walk, Paging::Offset) => walk.by_offset(),
            (walk, Paging::Cursor) => walk.by_cursor(),
            (walk, Paging::None) => walk.unpaged(),
        };
        walk.add_known_totals(context.known_totals(stream));
        Ok(walk)
    }

    /// Returns the next page, or how the reading ended. Fails if the request for the page fails.
    pub async fn next(&mut self) -> Result<NextStep> {
        if let Some(verdict) = &self.end {
            return Ok(NextStep::End(verdict.clone()));
        }
        // Drops answers that were asked for in advance if their question is no longer the walk's next one.
        if self.ready.front().is_some_and(|(ask, _)| *ask != self.walk.ask()) {
            self.ready.clear();
        }
        if self.ready.is_empty() {
            let asks = self.walk.foresee(self.context.source.pages_together(self.stream), self.total);
            self.asked.extend(asks.iter().map(|ask| (ask.size, ask.row)));
            let questions = asks.iter().map(|ask| self.question(*ask)).collect();
            let pages = tokio::select! {
                biased;
                pages = self.context.source.ask_all(questions) => pages,
                () = self.context.stop.now() => return Ok(NextStep::Stopped),
            };
            self.ready = asks.into_iter().zip(pages).collect();
        }
        let nothing = || Error::new(Kind::Internal, "no answer to a question");
        let (ask, page) = self.ready.pop_front().ok_or_else(nothing)?;
        let (question, page) = (self.question(ask), filled(page?, self.walk.first_of(ask)));
        let step = self.walk.judge(&Shown {
            rows: &page.records.rows,
            nameless: 0,
            total: page.total,
            has_next: page.has_next,
            cursors: &page.cursors,
            next_cursor: page.next_cursor.as_deref(),
        });
        self.total = page.total.or(self.total);
        self.end = step.end;
        Ok(NextStep::Page(Box::new((question, page))))
    }

    fn question(&self, ask: Ask) -> Question {
        Question {
            stream: self.stream,
            parent: self.parent.clone().or_else(|| self.context.source.any_parent(self.stream)),
            size: ask.size,
            start: self.walk.after().map_or(Start::Row(ask.row), |after| Start::After(after.to_owned())),
            select: Select::Ids,
            since: None,
        }
    }

    /// Returns the walk of this reading, which holds its state.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// Returns the verdict of the reading, or `None` if it goes on.
    pub fn end(&self) -> Option<&Verdict> {
        self.end.as_ref()
    }

    /// Returns the questions (page size and first row) that were asked since the last call.
    pub fn take_asked(&mut self) -> Vec<RowRange> {
        std::mem::take(&mut self.asked)
    }
}
