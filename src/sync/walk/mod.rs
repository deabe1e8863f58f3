//! What a walk over a moving list has proven. Pure: answers in, the next question and a verdict out; no clock, no
//! socket, no database.
//!
//! A page shows consecutive rows at one moment: a *window*. If untouched rows keep their order among themselves, page
//! one was read, every later window shows rows read before and unchanged since (*anchors*: at least two, their bytes
//! equal, in the order in which they were read), and the last window reaches the end, then no untouched row was missed:
//! up to an anchor everything untouched was read already, and after it the window itself shows everything. Neither
//! `hasNextPage` nor a count proves that; a plain walk over a busy list misses rows nearly always.
//!
//! The rules, each with the server that needs it:
//! - an empty window joins nothing: step back (bulk deletes, depth caps);
//! - short is not the end. The end is offset + rows = total in one answer, or without a total an empty page behind and
//!   the tail read once more, the same. The size that is served is learnt from page one (silent clamps);
//! - anchors must be equal in bytes and order (a row that moved into the overlap);
//! - a window that begins with page one's first row is the page argument ignored; order that cannot be joined after
//!   some steps back is not stable: the walk ends incomplete and says why;
//! - a server with one page size only: p, p+1, and p once more; when p reads the same, nothing crossed the boundary
//!   while p+1 was read.
//!
//! [`driver`] asks and stores ([`commit`]); one file per paging says what follows from a page (`by_page`, `by_cursor`,
//! `fixed_page_size`, `unpaged`); `claims` holds the server's words against it; [`second_pass`] proves a list that stood
//! still, [`closing`] reads one again that moved; [`isolate`] finds rows that make a page fail, [`disputes`] settles which
//! of two lists has a row.
//!
//! Only the rows read last can be anchors here (three pages of them): fewer anchors can make a walk step back once more,
//! never accept what it should not, and memory does not grow with the list. Rows of a window that does not join are
//! true all the same and are stored; they prove nothing.

mod ahead;
mod anchors;
mod by_cursor;
mod by_page;
mod claims;
pub mod closing;
mod collect;
pub mod commit;
pub mod disputes;
pub mod driver;
mod ending;
mod fixed_page_size;
pub mod id_reading;
pub mod isolate;
pub mod known_end;
mod moved;
mod naive;
mod page_size;
mod position;
mod reasons;
pub mod second_pass;
pub mod tail;
mod take_in;
mod unknown_rows;
mod unpaged;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::ahead::{again_of, windows_of};
use self::anchors::Anchor;
use self::by_cursor::{Check, Cursors};
use self::claims::Claims;
pub use self::claims::Whole;
pub use self::collect::Collect;
use self::collect::Sequence;
pub use self::reasons::page_ignored;

use crate::record::Record;
use crate::verdict::Verdict;

/// Anchors that join a window.
const NEED: usize = 2;
/// How often a page is asked for that shows a record twice, or fewer rows than it should.
const TRIES: u32 = 3;
const TWICE: &str = "a page shows one record twice, however often it is read";
/// Answers in a row without progress after which a walk gives up.
const PATIENCE: u32 = 12;

/// Which rows to ask for. (Lists with cursors are asked by [`Walk::after`], too.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Rows a page.
    pub size: u32,
    /// The first row, from 0; a multiple of the size unless the list takes offsets.
    pub row: u64,
}

impl Ask {
    /// A page by its number, from 1.
    fn page(size: u32, number: u32) -> Ask {
        Ask { size, row: u64::from(size) * u64::from(number - 1) }
    }

    fn end(self) -> u64 {
        self.row + u64::from(self.size)
    }

    fn number(self) -> u32 {
        page_number(self.row / u64::from(self.size))
    }
}

/// What the answer showed.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    /// Its rows.
    pub rows: &'r [Record],
    /// Rows without an id.
    pub nameless: u32,
    /// How many rows the list has, as the server says.
    pub total: Option<u64>,
    /// Whether another page follows, as the server says.
    pub has_next: Option<bool>,
    /// The cursor of each row, where rows have one.
    pub cursors: &'r [Box<str>],
    /// The cursor of the next page, where the answer names one.
    pub next_cursor: Option<&'r str>,
}

/// What an answer meant for the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The window did not join, or made no progress: the next one begins earlier or again.
    pub stepped_back: bool,
    /// The walk is over.
    pub end: Option<Verdict>,
}

/// A walk: everything it knows, small, and stored as its checkpoint's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// The page size in use; learnt from page one.
    size: u32,
    known: Known,
    paging: Paging,
    /// Rows `0..position` are joined.
    position: u64,
    farthest: u64,
    order: u64,
    first: Option<Box<str>>,
    tail: VecDeque<Anchor>,
    empty: u32,
    failures: u32,
    ignored: u32,
    nameless: u32,
    fault: Option<Fault>,
    /// How often in a row a page showed a record twice.
    #[serde(default)]
    twice: u32,
    /// A page that showed a record twice was read all the same.
    #[serde(default)]
    spoiled: bool,
    /// The ids read so far in their order, as long as nothing moved.
    #[serde(default)]
    sequence: Option<Sequence>,
    /// The page sizes asked for.
    #[serde(default)]
    sizes: BTreeSet<u32>,
    /// The end of the first joined window that was shorter than asked for although the total says more rows follow, however
    /// often it was asked for. What it left out may stand anywhere later: nothing proves such a walk.
    short_at: Option<u64>,
    /// How often in a row such a window was asked for again.
    #[serde(default)]
    shorts: u32,
    /// Rows that were read before this, counted as anchors are, are those of page one.
    #[serde(default)]
    front: u64,
    /// Pages of this many rows are walked one by one: the server serves nothing else, or no page overlaps far enough.
    fixed: Option<u32>,
    /// In a walk page by page: the page read last, and its fingerprint.
    #[serde(skip)]
    current: Option<(u32, u128)>,
    /// Where a walk by cursors stands; none for lists without.
    #[serde(default)]
    cursors: Option<Cursors>,
    /// The total was found to be none: it counted the rows of a page.
    #[serde(default)]
    no_total: bool,
    /// The first page had so many rows and told as many, and what is behind it is asked next.
    #[serde(default)]
    alone: Option<u32>,
    /// What the server says of the list.
    #[serde(default)]
    claims: Claims,
    /// The questions of this walk, size and row, as far as they were asked by this process.
    #[serde(skip)]
    asked: HashSet<(u32, u64)>,
    /// Questions that are not asked where others serve as well: an answer that a server keeps would confirm itself.
    #[serde(skip)]
    avoids: Arc<HashSet<(u32, u64)>>,
    #[serde(skip)]
    phase: Phase,
    /// In the walk of a test that must fail: every id that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<BTreeSet<Box<str>>>,
}

/// What was found out of the sizes that the server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Known {
    Nothing,
    /// The size of page one.
    PageOne,
    /// Whether a size that is asked for is obeyed.
    Obeyed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Paging {
    /// Pages by number: they overlap where sizes are chosen well.
    Pages,
    /// Any row can be the first.
    Offset,
    /// The list takes no page argument: one question reads all of it.
    Unpaged,
    /// ... as far as anybody knows.
    PerhapsUnpaged,
    /// Windows adjoin and nothing is asked to join: the walk of a test that must fail.
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Fault {
    NoJoin,
    Vanished,
    Short,
    Duplicates,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Window,
    /// Without a total: is the page behind this one empty?
    Behind(Ask, u128),
    /// ... and does the tail still read the same?
    Again(Ask, u128),
    /// A list with cursors.
    Cursor(Check),
    /// Is the size that is asked for obeyed at all?
    Probe,
    /// One size only: does the page behind this one still read the same, too?
    Confirm { page: u32, next: Vec<Anchor>, total: Option<u64> },
    /// One size only: does the page before still read the same? Here is the one behind it.
    Verify { page: u32, next: Vec<Anchor>, total: Option<u64> },
}

impl Walk {
    /// A walk that asks for pages of `largest` rows until it learns what is served.
    pub fn new(largest: u32) -> Walk {
        Walk {
            size: largest.max(1),
            known: Known::Nothing,
            paging: Paging::Pages,
            position: 0,
            farthest: 0,
            order: 0,
            first: None,
            tail: VecDeque::new(),
            empty: 0,
            failures: 0,
            ignored: 0,
            nameless: 0,
            fault: None,
            twice: 0,
            spoiled: false,
            sequence: Some(Sequence::default()),
            sizes: BTreeSet::new(),
            short_at: None,
            shorts: 0,
            front: 0,
            fixed: None,
            current: None,
            cursors: None,
            no_total: false,
            alone: None,
            claims: Claims::default(),
            asked: HashSet::new(),
            avoids: Arc::default(),
            phase: Phase::Window,
            seen: None,
        }
    }

    /// A walk over a list that takes the number of rows to leave out.
    #[must_use]
    pub fn by_offset(mut self) -> Walk {
        self.paging = Paging::Offset;
        self
    }

    /// A walk over a list with cursors.
    #[must_use]
    pub fn by_cursor(mut self) -> Walk {
        self.cursors = Some(Cursors::default());
        self
    }

    /// The next question.
    pub fn ask(&self) -> Ask {
        match &self.phase {
            Phase::Behind(ask, _) => Ask { row: ask.end(), ..*ask },
            Phase::Again(ask, _) => *ask,
            Phase::Cursor(_) => Ask { size: self.size, row: 0 },
            Phase::Probe => Ask::page((self.size - 1).max(1), 1),
            Phase::Confirm { page, .. } => Ask::page(self.served(), page + 1),
            Phase::Verify { page, .. } => Ask::page(self.served(), *page),
            Phase::Window if self.cursors.is_some() => Ask { size: self.size, row: 0 },
            Phase::Window => match self.fixed {
                Some(size) => {
                    let before = || self.page_before(size);
                    Ask::page(size, self.current.map_or_else(before, |(page, _)| page + 1))
                }
                None if self.position == 0 => Ask::page(self.size, 1),
                None if self.alone.is_some() => self.behind_page_one(),
                None if self.is_plain() => Ask::page(self.size, page_number(self.position / u64::from(self.size))),
                None => self.reach(self.position),
            },
        }
    }

    /// Whether no row was taken in.
    pub fn is_empty(&self) -> bool {
        self.order == 0 && self.position == 0
    }

    /// The number of the first row that a question asks for, from 0, as far as the walk knows.
    pub fn first_of(&self, asked: Ask) -> u64 {
        if self.cursors.is_some() { self.position } else { asked.row }
    }

    fn behind_page_one(&self) -> Ask {
        let rows = self.alone.unwrap_or(self.size);
        match self.paging {
            Paging::Offset => Ask { size: self.size, row: rows.into() },
            _ => Ask::page(rows.max(1), 2),
        }
    }

    /// The page that ends at the position, or holds it.
    fn page_before(&self, size: u32) -> u32 {
        page_number(self.position.saturating_sub(1) / u64::from(size))
    }

    /// Takes in the answer to [`Walk::ask`].
    pub fn judge(&mut self, shown: &Shown<'_>) -> Step {
        let asked = self.ask();
        self.sizes.insert(asked.size);
        self.nameless += shown.nameless;
        self.count(shown);
        self.asked.insert((asked.size, asked.row));
        self.claims.hear(asked, shown);
        // More rows than there are: the total counts something else.
        let is_place_known = self.cursors.is_none() && self.known > Known::Nothing;
        self.no_total |= is_place_known && shown.total.is_some_and(|total| total < asked.row + len(shown));
        let shown = &Shown { total: shown.total.filter(|_| !self.no_total), ..*shown };
        let end = match std::mem::take(&mut self.phase) {
            Phase::Window if self.is_at_once() => self.whole(shown),
            Phase::Window if self.cursors.is_some() => self.cursor_window(shown),
            Phase::Cursor(check) => self.cursor_check(check, shown),
            Phase::Window => self.window(asked, shown),
            Phase::Behind(ask, tail) => self.behind(ask, tail, shown),
            Phase::Again(ask, tail) => self.again(ask, tail, shown),
            Phase::Probe => self.probe(asked, shown),
            Phase::Confirm { page, next, total } => self.confirm(page, &next, total, shown),
            Phase::Verify { page, next, total } => self.verify(page, &next, total, shown),
        };
        let stepped_back = self.fault.is_some() && end.is_none() && self.phase == Phase::Window;
        let end = end.or_else(|| (self.failures >= PATIENCE).then(|| Verdict::Incomplete(self.reason())));
        let end = end.map(|verdict| match verdict {
            Verdict::Incomplete(why) => Verdict::Incomplete(why),
            _ if self.nameless > 0 => Verdict::Incomplete(format!("rows without an id: {}", self.nameless)),
            _ if self.spoiled => Verdict::Incomplete(TWICE.into()),
            _ if self.short_at.is_some() && !self.is_at_once() => Verdict::Incomplete(self.reason()),
            verdict => match self.contradiction() {
                Some(why) => Verdict::Incomplete(why),
                None => self.counted(verdict, shown.total),
            },
        });
        Step { stepped_back, end }
    }

    /// What the server's own words contradict of a reading that came to its end.
    fn contradiction(&self) -> Option<String> {
        if self.is_plain() {
            return None;
        }
        let cursors = self.cursors.as_ref();
        let of_cursors = |cursors: &Cursors| self.claims.contradict_cursors(self.position, cursors.is_one_page());
        cursors.and_then(of_cursors).or_else(|| self.claims.contradict())
    }

    /// Takes in what is known of the totals of this stream.
    pub fn know(&mut self, whole: Whole) {
        self.claims.know(whole);
    }

    /// The same walk, which asks none of these questions where others serve as well.
    #[must_use]
    pub fn avoiding(mut self, asked: Arc<HashSet<(u32, u64)>>) -> Walk {
        self.avoids = asked;
        self
    }

    /// Rows that were joined.
    pub fn rows(&self) -> u64 {
        self.position
    }

    /// The page size in use.
    pub fn page_size(&self) -> u32 {
        self.served()
    }

    /// Whether the server serves pages of one size only.
    pub fn serves_one_size(&self) -> bool {
        self.fixed.is_some()
    }

    /// Whether it is the walk of a test that must fail.
    pub fn is_a_tests(&self) -> bool {
        self.is_plain()
    }

    /// Whether what windows showed again stood where it stood: nothing has moved, as far as they show.
    pub fn stood_still(&self) -> bool {
        self.sequence.as_ref().is_some_and(|sequence| sequence.rows == self.position)
    }

    /// Whether the list was read whole in one window.
    pub fn is_one_window(&self) -> bool {
        self.position <= u64::from(self.served()) || self.is_at_once()
    }

    /// The same, with what this walk has found out.
    pub fn knows(&self) -> Whole {
        self.claims.whole()
    }

    fn served(&self) -> u32 {
        self.fixed.unwrap_or(self.size)
    }
}

fn page_number(full_pages_before: u64) -> u32 {
    u32::try_from(full_pages_before.saturating_add(1)).unwrap_or(u32::MAX)
}

fn len(shown: &Shown<'_>) -> u64 {
    shown.rows.len() as u64 + u64::from(shown.nameless)
}

#[cfg(test)]
mod tests;
