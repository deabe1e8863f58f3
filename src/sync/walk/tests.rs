//! The walk against a model of every server that WALKS names: a list that moves between two questions, and servers
//! that clamp, filter, cap, repeat, shuffle ties, cache, ignore the page or serve one size only.

use std::collections::{BTreeSet, HashMap};

use super::*;

mod collect;

/// A small deterministic generator; the walks must hold for any seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n as u64).expect("small")
    }
    fn chance(&mut self, p: f64) -> bool {
        (self.roll() % 1_000_000) as f64 / 1e6 < p
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    NewestFirst,
    OldestFirst,
    Anywhere,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Honest,
    Clamp(u32),
    /// The offset follows the size asked for, the rows the clamp.
    ClampRowsOnly(u32),
    Filter,
    DepthCap,
    LastPageAgain,
    Ties,
    Cache,
    PageIgnored,
    OneSize(u32),
    /// Now and then the page before is answered again.
    Repeats,
    /// The total counts the rows of the page.
    CountsThePage,
}

/// Rows (id, version) and the total.
type Answer = (Vec<(u64, u64)>, u64);

struct Server {
    dice: Dice,
    rows: Vec<(u64, u64)>,
    next: u64,
    touched: BTreeSet<u64>,
    base: BTreeSet<u64>,
    order: Order,
    kind: Kind,
    rate: f64,
    bulk: bool,
    totals: bool,
    asked: usize,
    /// Rows are left out by their number, not by pages.
    offset: bool,
    /// Whether each row has a cursor (an offset in disguise), or the next page only.
    cursors: Option<bool>,
    /// (size, page) -> when it was asked for, and the answer.
    cache: HashMap<(u32, u32), (usize, Answer)>,
}

impl Server {
    fn new(seed: u64, n: u64, order: Order, kind: Kind, rate: f64) -> Server {
        Server {
            dice: Dice(seed),
            rows: (0..n).map(|i| (i, 0)).collect(),
            next: n,
            touched: BTreeSet::new(),
            base: (0..n).collect(),
            order,
            kind,
            rate,
            bulk: false,
            totals: true,
            asked: 0,
            offset: false,
            cursors: None,
            cache: HashMap::new(),
        }
    }

    fn change(&mut self) {
        if !self.dice.chance(self.rate) {
            return;
        }
        let at = if self.rows.is_empty() { 0 } else { self.dice.below(self.rows.len()) };
        match self.dice.below(4) {
            0 => {
                let place = self.place();
                self.touched.insert(self.next);
                self.rows.insert(place, (self.next, 0));
                self.next += 1;
            }
            1 if !self.rows.is_empty() => {
                let most = if self.bulk && self.dice.chance(0.2) { 20 + self.dice.below(100) } else { 1 };
                let end = (at + most).min(self.rows.len());
                self.touched.extend(self.rows.drain(at..end).map(|(id, _)| id));
            }
            2 if !self.rows.is_empty() => {
                self.rows[at].1 += 1;
                self.touched.insert(self.rows[at].0);
            }
            3 if !self.rows.is_empty() => {
                let (id, version) = self.rows.remove(at);
                self.touched.insert(id);
                let place = self.place();
                self.rows.insert(place, (id, version + 1));
            }
            _ => {}
        }
    }

    fn place(&mut self) -> usize {
        match self.order {
            Order::NewestFirst => 0,
            Order::OldestFirst => self.rows.len(),
            Order::Anywhere => self.dice.below(self.rows.len() + 1),
        }
    }

    fn slice(&self, from: u64, size: u32) -> Vec<(u64, u64)> {
        let from = usize::try_from(from).expect("small").min(self.rows.len());
        let to = (from + size as usize).min(self.rows.len());
        self.rows[from..to].to_vec()
    }

    fn page(&mut self, ask: Ask) -> Answer {
        let total = self.rows.len() as u64;
        let offset = self.offset;
        let at = |size: u32| {
            if offset { ask.row } else { u64::from(size) * u64::from(ask.number() - 1) }
        };
        let rows = match self.kind {
            Kind::Clamp(c) => self.slice(at(ask.size.min(c)), ask.size.min(c)),
            Kind::ClampRowsOnly(c) => self.slice(at(ask.size), ask.size.min(c)),
            Kind::Filter => self.slice(at(ask.size), ask.size).into_iter().filter(|(id, _)| id % 7 != 0).collect(),
            Kind::DepthCap if at(ask.size) + u64::from(ask.size) > 500 => Vec::new(),
            Kind::LastPageAgain => {
                let last = u32::try_from(total.div_ceil(u64::from(ask.size)).max(1)).expect("small");
                self.slice(u64::from(ask.size) * u64::from(ask.number().min(last) - 1), ask.size)
            }
            Kind::Ties => {
                let mut rows = self.rows.clone();
                let mut dice = Dice(at(ask.size) * 7919 + u64::from(ask.size));
                for group in rows.chunks_mut(60) {
                    for i in (1..group.len()).rev() {
                        group.swap(i, dice.below(i + 1));
                    }
                }
                let from = usize::try_from(at(ask.size)).expect("small").min(rows.len());
                rows[from..(from + ask.size as usize).min(rows.len())].to_vec()
            }
            Kind::Cache => {
                let key = (ask.size, ask.number());
                let fresh = self.cache.get(&key).is_some_and(|(when, _)| self.asked - when <= 10);
                if !fresh {
                    let rows = self.slice(at(ask.size), ask.size);
                    self.cache.insert(key, (self.asked, (rows, total)));
                }
                return self.cache[&key].1.clone();
            }
            Kind::Repeats if ask.number() > 1 && self.dice.chance(0.15) => {
                self.slice(at(ask.size) - u64::from(ask.size), ask.size)
            }
            Kind::CountsThePage => {
                let rows = self.slice(at(ask.size), ask.size);
                let count = rows.len() as u64;
                return (rows, count);
            }
            Kind::Honest | Kind::Repeats | Kind::DepthCap => self.slice(at(ask.size), ask.size),
            Kind::PageIgnored => self.slice(0, ask.size),
            Kind::OneSize(size) => self.slice(at(size), size),
        };
        (rows, total)
    }
}

struct Outcome {
    verdict: Verdict,
    missed: usize,
    asked: usize,
}

fn walk_from(mut walk: Walk, server: &mut Server, interrupt: bool) -> Outcome {
    let mut read = BTreeSet::new();
    let verdict = loop {
        let mut ask = walk.ask();
        if server.cursors.is_some() {
            ask.row = walk.after().map_or(0, |after| after.parse().expect("a cursor"));
        }
        let (rows, total) = server.page(ask);
        server.asked += 1;
        let records: Vec<Record> = rows
            .iter()
            .map(|(id, v)| Record {
                range: 0..0,
                id: id.to_string().into(),
                hash: u128::from(*v),
                volatile: false,
                repaired: 0,
            })
            .collect();
        read.extend(rows.iter().map(|(id, _)| *id));
        let size = if let Kind::OneSize(size) = server.kind { size } else { ask.size };
        let before = if server.offset { ask.row } else { u64::from(size) * u64::from(ask.number() - 1) };
        let has_next = Some(before + u64::from(size) < total);
        let tells =
            matches!(server.kind, Kind::Honest | Kind::LastPageAgain) || matches!(server.kind, Kind::OneSize(_));
        let has_next = has_next.filter(|_| tells);
        let behind = |n: usize| (ask.row + n as u64 + 1).to_string().into_boxed_str();
        let has_next = match server.cursors {
            Some(_) => Some(ask.row + (records.len() as u64) < total),
            None => has_next,
        };
        let cursors: Vec<Box<str>> = match server.cursors {
            Some(true) => (0..records.len()).map(behind).collect(),
            _ => Vec::new(),
        };
        let next_cursor = records.len().checked_sub(1).map(behind);
        let step = walk.judge(&Shown {
            rows: &records,
            nameless: 0,
            total: server.totals.then_some(total),
            has_next,
            cursors: &cursors,
            next_cursor: next_cursor.as_deref().filter(|_| server.cursors.is_some()),
        });
        if let Some(end) = step.end {
            break end;
        }
        assert!(server.asked < 4000, "the walk does not end: {:?} {ask:?}", server.kind);
        if interrupt {
            // As after a kill: nothing but what the checkpoint holds.
            walk = serde_json::from_str(&serde_json::to_string(&walk).expect("JSON")).expect("a walk");
        }
        server.change();
    };
    let missed = server.base.iter().filter(|id| !server.touched.contains(id) && !read.contains(id)).count();
    Outcome { verdict, missed, asked: server.asked }
}

fn walk(server: &mut Server) -> Outcome {
    walk_from(walk_for(server), server, false)
}

fn walk_for(server: &Server) -> Walk {
    match (server.cursors, server.offset) {
        (Some(_), _) => Walk::new(40).by_cursor(),
        (None, true) => Walk::new(40).by_offset(),
        (None, false) => Walk::new(40),
    }
}

/// No walk is ever called complete that missed an untouched row; returns how many were called complete.
fn never_wrong(seeds: u64, interrupt: bool, make: impl Fn(u64) -> Server) -> usize {
    let mut accepted = 0;
    for seed in 0..seeds {
        let mut server = make(seed);
        let outcome = walk_from(walk_for(&server), &mut server, interrupt);
        if outcome.verdict.is_complete() {
            assert_eq!(outcome.missed, 0, "{:?} {:?} seed {seed}: {}", server.kind, server.order, outcome.verdict);
            accepted += 1;
        }
    }
    accepted
}

/// A few seeds in a test run, many in `make soak`.
fn seeds() -> u64 {
    std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).map_or(60, |n: u64| n * 20)
}

#[test]
fn a_walk_over_a_moving_list_is_complete_or_says_that_it_is_not() {
    for order in [Order::NewestFirst, Order::OldestFirst, Order::Anywhere] {
        for interrupt in [false, true] {
            let accepted = never_wrong(seeds(), interrupt, |seed| Server::new(seed, 700, order, Kind::Honest, 0.6));
            assert!(accepted as u64 > seeds() * 8 / 10, "{order:?}: only {accepted} accepted");
        }
    }
}

#[test]
fn the_same_walk_without_overlap_misses_rows() {
    let wrong = (0..seeds()).filter(|seed| {
        let mut server = Server::new(*seed, 700, Order::NewestFirst, Kind::Honest, 0.6);
        let outcome = walk_from(Walk::new(40).without_overlap(), &mut server, false);
        outcome.verdict.is_complete() && outcome.missed > 0
    });
    assert!(wrong.count() > 20, "the adversary is too weak to show what the overlap is for");
}

#[test]
fn a_walk_that_is_believed_on_counts_alone_misses_rows() {
    let (mut wrong, mut refused) = (0, 0);
    for seed in 0..seeds() {
        let mut server = Server::new(seed, 700, Order::NewestFirst, Kind::Honest, 0.2);
        let outcome = walk_from(Walk::new(40).on_counts_alone(), &mut server, true);
        wrong += usize::from(outcome.verdict.is_complete() && outcome.missed > 0);
        refused += usize::from(!outcome.verdict.is_complete());
    }
    assert!(wrong > 3 && refused > 3, "{wrong} wrong, {refused} refused");
}

#[test]
fn servers_that_lie_are_never_believed() {
    for kind in [Kind::Filter, Kind::DepthCap, Kind::Ties, Kind::Cache, Kind::PageIgnored] {
        never_wrong(seeds(), false, |seed| Server::new(seed, 700, Order::Anywhere, kind, 0.1));
    }
    for kind in [Kind::Ties, Kind::DepthCap, Kind::PageIgnored] {
        let mut server = Server::new(1, 700, Order::Anywhere, kind, 0.0);
        let outcome = walk(&mut server);
        assert!(!outcome.verdict.is_complete(), "{kind:?} was accepted");
        assert!(outcome.asked < 100, "{kind:?} took {} questions to give up", outcome.asked);
    }
    for n in 1..400 {
        let mut server = Server::new(n, n, Order::Anywhere, Kind::PageIgnored, 0.0);
        let outcome = walk(&mut server);
        assert!(outcome.missed == 0 || !outcome.verdict.is_complete(), "page ignored, {n} rows");
    }
}

#[test]
fn clamps_last_pages_bulk_deletes_and_missing_totals_are_walked() {
    for (kind, totals) in [
        (Kind::Clamp(25), true),
        (Kind::Clamp(25), false),
        (Kind::ClampRowsOnly(25), true),
        (Kind::ClampRowsOnly(25), false),
        (Kind::Repeats, true),
        (Kind::Repeats, false),
        (Kind::LastPageAgain, true),
        (Kind::LastPageAgain, false),
        (Kind::Honest, false),
        (Kind::OneSize(30), true),
        (Kind::OneSize(30), false),
        (Kind::OneSize(90), true),
    ] {
        // One size only has a hole that its module names: three changes that cancel in turn. At a change in five questions
        // it shows once in some thousand walks; at one in fifty it is not seen.
        let rate = if matches!(kind, Kind::OneSize(_)) { 0.02 } else { 0.2 };
        let accepted = never_wrong(seeds(), false, |seed| {
            let mut server = Server::new(seed, 500, Order::Anywhere, kind, rate);
            server.totals = totals;
            server
        });
        assert!(accepted as u64 > seeds() * 7 / 10, "{kind:?} totals {totals}: only {accepted} accepted");
    }
    let accepted = never_wrong(seeds(), false, |seed| {
        let mut server = Server::new(seed, 700, Order::Anywhere, Kind::Honest, 0.6);
        server.bulk = true;
        server
    });
    assert!(accepted as u64 > seeds() / 2, "bulk deletes: only {accepted} accepted");
}

#[test]
fn offsets_and_cursors_are_walked() {
    // (offsets, a cursor a row) against the order and how much moves. A cursor here is an offset in disguise, the worst.
    for (offset, cursors) in [(true, None), (true, Some(true)), (true, Some(false))] {
        for kind in [Kind::Honest, Kind::Clamp(25)] {
            for totals in [true, false] {
                let rate = if cursors == Some(false) { 0.02 } else { 0.3 };
                for order in [Order::NewestFirst, Order::OldestFirst, Order::Anywhere] {
                    let accepted = never_wrong(seeds() / 2, totals && cursors.is_none(), |seed| {
                        let mut server = Server::new(seed, 500, order, kind, rate);
                        (server.offset, server.cursors, server.totals) = (offset, cursors, totals);
                        server
                    });
                    assert!(
                        accepted as u64 > seeds() / 2 * 8 / 10,
                        "{kind:?} {order:?} cursors {cursors:?} totals {totals}: only {accepted} accepted"
                    );
                }
            }
        }
    }
}

#[test]
fn every_length_of_a_quiet_list_is_read_to_its_end() {
    for totals in [true, false] {
        for kind in [Kind::Honest, Kind::Clamp(7), Kind::LastPageAgain, Kind::OneSize(5), Kind::OneSize(60)] {
            let pages = [(false, None)];
            let all = [(false, None), (true, None), (true, Some(true)), (true, Some(false))];
            let honest = matches!(kind, Kind::Honest | Kind::Clamp(_));
            for (offset, cursors) in if honest { &all[..] } else { &pages } {
                for n in 0..130 {
                    let mut server = Server::new(n, n, Order::Anywhere, kind, 0.0);
                    (server.offset, server.cursors, server.totals) = (*offset, *cursors, totals);
                    let outcome = walk(&mut server);
                    assert_eq!(
                        (outcome.verdict, outcome.missed),
                        (Verdict::Continuous, 0),
                        "{kind:?}, {n} rows, totals {totals}, offset {offset}, cursors {cursors:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_total_that_counts_the_page_is_none() {
    for n in 0..400 {
        let mut server = Server::new(n, n, Order::Anywhere, Kind::CountsThePage, 0.0);
        let outcome = walk(&mut server);
        assert_eq!((outcome.verdict, outcome.missed), (Verdict::Continuous, 0), "{n} rows");
    }
    never_wrong(seeds(), true, |seed| Server::new(seed, 300, Order::Anywhere, Kind::CountsThePage, 0.2));
}

#[test]
fn a_cursor_that_is_missing_is_no_end_when_the_server_says_that_more_follows() {
    let records = |from: u64, n: u64| -> Vec<Record> {
        (from..from + n)
            .map(|id| Record { range: 0..0, id: id.to_string().into(), hash: 1, volatile: false, repaired: 0 })
            .collect()
    };
    let (rows, cursors) = (records(0, 40), (0..40).map(|n| n.to_string().into_boxed_str()).collect::<Vec<_>>());
    for (has_next, total) in [(Some(true), None), (Some(true), Some(300)), (None, Some(300))] {
        for (cursors, next_cursor) in [(&[][..], None), (&cursors[..], None), (&[][..], Some("40"))] {
            let mut walk = Walk::new(40).by_cursor();
            let mut end = None;
            for _ in 0..60 {
                let page = Shown { rows: &rows, nameless: 0, total, has_next, cursors, next_cursor };
                // Behind the first page nothing more is given to go on with.
                let behind = records(38, 12);
                let last = Shown { rows: &behind, cursors: &[], next_cursor: None, ..page };
                let shown = if walk.after().is_none() { page } else { last };
                end = walk.judge(&shown).end;
                if end.is_some() {
                    break;
                }
            }
            let end = end.expect("an end");
            assert!(!end.is_complete(), "{has_next:?} {total:?} {} cursors, {next_cursor:?}: {end}", cursors.len());
        }
    }
}

#[test]
fn a_list_within_one_page_costs_one_question_and_an_empty_one_two() {
    // Does the total count more than the page? That is found out once a stream.
    assert_eq!(walk(&mut Server::new(1, 39, Order::Anywhere, Kind::Honest, 0.0)).asked, 2);
    for (known, asked) in [(Whole::Unknown, 2), (Whole::UpTo(38), 2), (Whole::UpTo(39), 1), (Whole::Told, 1)] {
        let server = &mut Server::new(1, 39, Order::Anywhere, Kind::Honest, 0.0);
        let mut walk = walk_for(server);
        walk.know(known);
        assert_eq!(walk_from(walk, server, false).asked, asked, "{known:?}");
    }
    // A whole page: does the total count more than the page?
    assert_eq!(walk(&mut Server::new(1, 40, Order::Anywhere, Kind::Honest, 0.0)).asked, 2);
    assert_eq!(walk(&mut Server::new(1, 0, Order::Anywhere, Kind::Honest, 0.0)).asked, 2);
}

#[test]
fn the_overlap_costs_about_a_sixth_more_windows() {
    let mut position = 100;
    let mut windows = 1;
    while position < 100_000 {
        let ask = super::ahead::reach(position, 100);
        assert!(ask.row + 2 <= position && ask.size <= 100);
        position = ask.row + u64::from(ask.size);
        windows += 1;
    }
    assert!(windows <= 1_160, "{windows}");
}

#[test]
fn rows_without_an_id_make_a_walk_incomplete() {
    let mut walk = Walk::new(40);
    walk.know(Whole::Told);
    let step =
        walk.judge(&Shown { rows: &[], nameless: 3, total: Some(3), has_next: None, cursors: &[], next_cursor: None });
    assert_eq!(step.end, Some(Verdict::Incomplete("rows without an id: 3".into())));
}

#[test]
fn a_list_that_takes_no_page_argument_is_read_twice_unless_the_total_says_that_it_is_whole() {
    for n in [0, 1, 20, 150] {
        for totals in [true, false] {
            let mut server = Server::new(n, n, Order::Anywhere, Kind::PageIgnored, 0.0);
            server.totals = totals;
            let outcome = walk_from(Walk::new(1000).unpaged(), &mut server, false);
            let cost = if totals { 1 } else { 2 };
            assert_eq!((outcome.verdict, outcome.missed, outcome.asked), (Verdict::Continuous, 0, cost));
        }
    }
}

#[test]
fn a_list_that_nobody_knows_to_be_unpaged_is_complete_unless_it_is_as_long_as_a_usual_page() {
    for (n, totals, complete) in [
        (7, false, true),
        (0, false, true),
        (20, true, true),
        (20, false, false),
        (128, false, false),
        (12, false, true),
    ] {
        let mut server = Server::new(n, n, Order::Anywhere, Kind::PageIgnored, 0.0);
        server.totals = totals;
        let outcome = walk_from(Walk::new(1000).perhaps_unpaged(), &mut server, false);
        assert_eq!(outcome.verdict.is_complete(), complete, "{n} {totals}: {:?}", outcome.verdict);
    }
}

#[test]
fn a_page_argument_that_is_ignored_is_not_the_last_page_again() {
    for (size, has_next) in [(20, Some(true)), (20, None), (2, None), (1, Some(true))] {
        let rows: Vec<Record> = (0..size)
            .map(|i: u32| Record { range: 0..0, id: i.to_string().into(), hash: 1, volatile: false, repaired: 0 })
            .collect();
        let mut walk = Walk::new(100);
        let shown = Shown { rows: &rows, nameless: 0, total: None, has_next, cursors: &[], next_cursor: None };
        let end = (0..100).find_map(|_| walk.judge(&shown).end).expect("an end");
        assert!(!end.is_complete(), "{size} {has_next:?}");
    }
}

#[test]
fn small_pages_are_walked_to_the_end() {
    for size in [1, 2, 3] {
        for totals in [true, false] {
            for n in [0, 1, 2, 3, 7, 30] {
                let mut server = Server::new(n, n, Order::Anywhere, Kind::Honest, 0.0);
                server.totals = totals;
                let outcome = walk_from(Walk::new(size), &mut server, false);
                assert_eq!(
                    (outcome.verdict, outcome.missed),
                    (Verdict::Continuous, 0),
                    "{size} a page, {n} rows, {totals}"
                );
            }
        }
    }
}

#[test]
fn a_record_that_stands_twice_in_a_page_spoils_the_proof_and_not_the_rest_of_the_list() {
    for n in [60, 300] {
        let mut server = Server::new(1, n, Order::Anywhere, Kind::Honest, 0.0);
        let twin = server.rows[5];
        server.rows.insert(12, twin);
        let outcome = walk(&mut server);
        assert!(!outcome.verdict.is_complete() && outcome.verdict.to_string().contains("twice"), "{}", outcome.verdict);
        assert_eq!(outcome.missed, 0, "of {n}");
    }
}

/// A list whose rows are left out of some pages, and that shrinks so that its end lies where a page was short.
#[test]
fn rows_that_were_left_out_are_not_forgotten_when_the_list_shrinks() {
    for (order, bulk) in [(Order::NewestFirst, true), (Order::Anywhere, true), (Order::NewestFirst, false)] {
        for n in [20, 45, 60, 100, 300] {
            never_wrong(seeds() * 4, n % 40 == 20, |seed| {
                let mut server = Server::new(seed, n, order, Kind::Filter, 0.8);
                server.bulk = bulk;
                server
            });
        }
    }
}

#[test]
fn page_one_again_is_no_other_page_however_much_comes_in() {
    let mut named = 0;
    for rows in 41..160 {
        let mut server = Server::new(rows, rows, Order::NewestFirst, Kind::PageIgnored, 0.9);
        let outcome = walk(&mut server);
        assert!(!outcome.verdict.is_complete() || outcome.missed == 0, "{rows} rows: {}", outcome.verdict);
        named += usize::from(outcome.verdict.to_string().contains("ignores the page"));
    }
    assert!(named > 100, "{named} of 119 are named");
}

#[test]
fn nothing_past_a_row_is_named() {
    let rows: Vec<Record> = (0..100)
        .map(|i: u32| Record { range: 0..0, id: i.to_string().into(), hash: 1, volatile: false, repaired: 0 })
        .collect();
    let mut walk = Walk::new(40);
    let end = (0..100).find_map(|_| {
        let ask = walk.ask();
        let place = |row: u64| usize::try_from(row).expect("small").min(rows.len());
        let rows = &rows[place(ask.row)..place(ask.row + u64::from(ask.size))];
        walk.judge(&Shown { rows, nameless: 0, total: Some(300), has_next: None, cursors: &[], next_cursor: None }).end
    });
    assert_eq!(end, Some(Verdict::Incomplete("nothing is served past row 100".into())));
}

#[test]
fn anchors_that_do_not_stand_next_to_each_other_join_nothing() {
    let rows = |ids: &[u32]| -> Vec<Record> {
        ids.iter()
            .map(|id| Record { range: 0..0, id: id.to_string().into(), hash: 1, volatile: false, repaired: 0 })
            .collect()
    };
    // Row 38 is the first that the second window should show.
    for (anchors, joined) in [([38, 39], true), ([10, 11], true), ([3, 17], false), ([39, 38], false)] {
        let mut walk = Walk::new(40);
        let see = |walk: &mut Walk, ids: &[u32]| {
            let rows = rows(ids);
            walk.judge(&Shown {
                rows: &rows,
                nameless: 0,
                total: Some(300),
                has_next: None,
                cursors: &[],
                next_cursor: None,
            })
        };
        see(&mut walk, &(0..40).collect::<Vec<_>>());
        let step = see(&mut walk, &anchors.into_iter().chain(100..136).collect::<Vec<_>>());
        assert_eq!(step.stepped_back, !joined, "{anchors:?}");
    }
}
