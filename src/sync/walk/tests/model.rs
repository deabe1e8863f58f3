//! A model of a list that changes between two questions, of the servers that show it, and of a walk that reads it.

use std::collections::{BTreeSet, HashMap};

use super::*;
use crate::record::Record;

/// A small deterministic generator of random numbers, begun with a seed. The walks must hold for any seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n as u64).expect("small")
    }
    pub(super) fn chance(&mut self, p: f64) -> bool {
        (self.roll() % 1_000_000) as f64 / 1e6 < p
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
    Anywhere,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Honest,
    Clamp(u32),
    /// The offset follows the size that was asked for, and the number of rows follows the clamp.
    ClampRowsOnly(u32),
    Filter,
    DepthCap,
    LastPageAgain,
    Ties,
    Cache,
    PageIgnored,
    OneSize(u32),
    /// The server sometimes answers with the page before.
    Repeats,
    /// The total counts the rows of the page.
    CountsThePage,
}

/// The rows of an answer (id and version), and the total.
pub(super) type Answer = (Vec<(u64, u64)>, u64);

pub(super) struct Server {
    pub(super) dice: Dice,
    pub(super) rows: Vec<(u64, u64)>,
    pub(super) next: u64,
    pub(super) touched: BTreeSet<u64>,
    pub(super) base: BTreeSet<u64>,
    pub(super) order: Order,
    pub(super) kind: Kind,
    pub(super) rate: f64,
    pub(super) bulk: bool,
    pub(super) totals: bool,
    pub(super) asked: usize,
    /// Whether questions give a number of rows to skip (`true`) or a page number.
    pub(super) offset: bool,
    /// `Some(true)`: each row has a cursor, which is an offset in disguise. `Some(false)`: only the next page has
    /// one. `None`: the list has no cursors.
    pub(super) cursors: Option<bool>,
    /// For each question (size, page), the number of questions before it, and the answer.
    pub(super) cache: HashMap<(u32, u32), (usize, Answer)>,
}

impl Server {
    pub(super) fn new(seed: u64, n: u64, order: Order, kind: Kind, rate: f64) -> Server {
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

    pub(super) fn change(&mut self) {
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

    pub(super) fn page(&mut self, ask: Ask) -> Answer {
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

pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) missed: usize,
    pub(super) asked: usize,
}

pub(super) fn walk_from(mut walk: Walk, server: &mut Server, interrupt: bool) -> Outcome {
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
            // The walk goes on with nothing but what its checkpoint holds, as after a kill.
            walk = serde_json::from_str(&serde_json::to_string(&walk).expect("JSON")).expect("a walk");
        }
        server.change();
    };
    let missed = server.base.iter().filter(|id| !server.touched.contains(id) && !read.contains(id)).count();
    Outcome { verdict, missed, asked: server.asked }
}

pub(super) fn walk(server: &mut Server) -> Outcome {
    walk_from(walk_for(server), server, false)
}

pub(super) fn walk_for(server: &Server) -> Walk {
    match (server.cursors, server.offset) {
        (Some(_), _) => Walk::new(40).by_cursor(),
        (None, true) => Walk::new(40).by_offset(),
        (None, false) => Walk::new(40),
    }
}

/// Checks that no walk that missed an untouched row is called complete. Returns how many walks were called complete.
pub(super) fn never_wrong(seeds: u64, interrupt: bool, make: impl Fn(u64) -> Server) -> usize {
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

/// Returns the number of seeds: a few in a test run, many in `make soak`.
pub(super) fn seeds() -> u64 {
    std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).map_or(60, |n: u64| n * 20)
}
