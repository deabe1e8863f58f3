//! Asks about many candidates, in as few documents as the server judges to their end, within a budget of requests.
//!
//! The reference server stops at a hundred errors, so a document holds fewer candidates than that. A document
//! that the server did not judge to its end is asked again in halves. If errors have no places, a document has no
//! field name twice.
//!
//! Some servers name only the first wrong field of an input object. They are recognised when they refuse one
//! argument and say nothing of another beside it. Arguments are then asked about apart, each in a use of the root
//! field of its own.

use std::collections::VecDeque;

use serde_json::Value;

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};
use crate::discovery::probe::document::{Document, NOTHING};
use crate::discovery::probe::match_errors::Heard;
use crate::discovery::rejections::Lesson;
use crate::error::Result;
use crate::source::server::{Reply, Server};
use crate::source::wording;

/// The most candidates in a document. The reference server stops at a hundred errors, and missing required arguments
/// cause errors, too.
const MOST: usize = 88;
/// A document of at most this many candidates is not halved.
const FEWEST: usize = 4;

/// The questions to one server, with their budget and what they showed of the server.
#[derive(Debug)]
pub(super) struct Prober<'a, S> {
    server: &'a S,
    /// `query` or `mutation`.
    pub operation: &'static str,
    budget: u32,
    most: usize,
    /// Whether errors have places.
    located: bool,
    /// Whether arguments are asked about apart, because the server names only the first of several wrong values.
    apart: bool,
    /// Whether the server was seen to name every field that it does not have.
    proven: bool,
    /// The number of requests so far.
    pub requests: u32,
    /// The root type's name.
    pub root: Option<String>,
    /// The reason why asking teaches nothing, or nothing more.
    pub trouble: Option<String>,
}

/// The result of a round of questions.
#[derive(Debug, Default)]
pub(super) struct ProbeRound {
    /// What was said of each candidate that the server judged.
    pub told: Vec<(ProbeCandidate, Vec<Lesson>)>,
    /// What was said beside the candidates, by the field's path.
    pub beside: Vec<(Vec<String>, Lesson)>,
    /// The candidates that were not asked about.
    pub left: Vec<ProbeCandidate>,
}

impl<'a, S: Server> Prober<'a, S> {
    /// Begins with at most `budget` requests about the fields of `query` or `mutation`.
    pub fn new(server: &'a S, operation: &'static str, budget: u32) -> Prober<'a, S> {
        Prober {
            server,
            operation,
            budget,
            most: MOST,
            located: true,
            apart: false,
            proven: false,
            requests: 0,
            root: None,
            trouble: None,
        }
    }

    /// Returns how many more candidates fit into the documents that these need anyway.
    pub fn room(&self, candidates: usize) -> usize {
        candidates.next_multiple_of(self.most) - candidates
    }

    /// Returns whether no more can be asked.
    pub fn is_over(&self) -> bool {
        self.trouble.is_some() || self.requests >= self.budget
    }

    /// Asks about these candidates.
    pub async fn ask(&mut self, candidates: Vec<ProbeCandidate>) -> Result<ProbeRound> {
        let mut round = ProbeRound::default();
        let mut waiting = self.packed(candidates);
        while let Some(batch) = waiting.pop_front() {
            if self.is_over() {
                round.left.extend(batch);
                continue;
            }
            let document = Document::new(self.operation, &batch, self.apart);
            let reply = self.send(&document.text).await?;
            let heard = Heard::of(&document, &batch, &reply);
            self.learn(&heard);
            if heard.complete && !is_cut(&reply) {
                self.proven = true;
                round.beside.extend(heard.beside);
                let told = batch.into_iter().zip(heard.told);
                let unsaid =
                    |(c, lessons): &(ProbeCandidate, Vec<Lesson>)| lessons.is_empty() && !self.apart && c.is_input();
                let (unsaid, said): (Vec<_>, Vec<_>) = told.partition(unsaid);
                let hides =
                    |(c, _): &(ProbeCandidate, Vec<Lesson>)| unsaid.iter().any(|(u, _)| u.is_input() && u.on == c.on);
                if said.iter().any(hides) {
                    self.apart = true;
                    waiting.extend(self.packed(unsaid.into_iter().map(|(candidate, _)| candidate).collect()));
                    round.told.extend(said);
                } else {
                    round.told.extend(said.into_iter().chain(unsaid));
                }
                continue;
            }
            if !self.proven && !self.names_every_unknown_field().await? {
                round.left.extend(batch);
            } else if batch.len() <= FEWEST {
                self.trouble = Some(format!(
                    "the server does not judge a document of {} fields to its end: {}",
                    batch.len(),
                    words(&reply)
                ));
                round.left.extend(batch);
            } else {
                self.most = batch.len().div_ceil(2);
                let rest = std::iter::once(batch).chain(waiting.drain(..)).flatten().collect();
                waiting = self.packed(rest);
            }
        }
        Ok(round)
    }

    /// Returns whether the server names all fields that it does not have. This is asked when the server seems not to,
    /// and before any question whose execution would do harm.
    pub async fn names_every_unknown_field(&mut self) -> Result<bool> {
        if self.requests >= self.budget {
            return Ok(false);
        }
        let other = ProbeCandidate {
            on: String::new(),
            name: format!("{NOTHING}_either"),
            how: AskedAs::Plain,
            way: Vec::new(),
        };
        let asked = [other];
        let document = Document::new(self.operation, &asked, false);
        let reply = self.send(&document.text).await?;
        let heard = Heard::of(&document, &asked, &reply);
        self.learn(&heard);
        self.proven = heard.complete && !heard.told[0].is_empty();
        if !self.proven {
            self.trouble = Some(if reply.errors.is_empty() {
                "the server does not mind fields that it does not have: asking teaches nothing here".to_owned()
            } else if heard.complete || !heard.told[0].is_empty() {
                "the server names one mistake at a time: asking would take too many requests here".to_owned()
            } else {
                format!(
                    "the server does not say which fields it does not have: asking teaches nothing here ({})",
                    words(&reply)
                )
            });
        }
        Ok(self.proven)
    }

    async fn send(&mut self, document: &str) -> Result<Reply> {
        self.requests += 1;
        self.server.ask(document, Value::Object(serde_json::Map::new())).await
    }

    fn learn(&mut self, heard: &Heard) {
        if heard.complete {
            self.located = heard.located;
            if heard.root.is_some() {
                self.root.clone_from(&heard.root);
            }
        }
    }

    /// Packs candidates into documents, as far as possible in their order.
    fn packed(&self, candidates: Vec<ProbeCandidate>) -> VecDeque<Vec<ProbeCandidate>> {
        let mut batches: VecDeque<Vec<ProbeCandidate>> = VecDeque::new();
        for candidate in candidates {
            let fits = |batch: &Vec<ProbeCandidate>| {
                let apart = if self.apart { batch.iter().filter(|c| c.is_input()).count() } else { 0 };
                batch.len() + apart < self.most
                    && (self.located
                        || candidate.is_input()
                        || batch.iter().all(|c| c.is_input() || c.name != candidate.name))
            };
            match batches.iter_mut().find(|batch| fits(batch)) {
                Some(batch) => batch.push(candidate),
                None => batches.push_back(vec![candidate]),
            }
        }
        batches
    }
}

/// Returns whether the server stopped before the end of the document.
fn is_cut(reply: &Reply) -> bool {
    reply.errors.iter().any(|said| Lesson::of(said) == Lesson::TooMany)
}

/// Returns the server's own words, as far as they may be shown.
fn words(reply: &Reply) -> String {
    match reply.errors.first() {
        Some(said) => format!("it says \"{}\"", wording::tell(Some(&said.message))),
        None => "it does not complain".to_owned(),
    }
}
