//! Tests many candidates in as few documents as possible, within a budget of requests. Each document must be small
//! enough that the server checks it to its end.
//!
//! The reference server stops at a hundred errors, so a document holds fewer candidates than that. A document that
//! the server did not check to its end is split into halves and sent again. If a server's errors have no line, a
//! document has no field name twice.
//!
//! Some servers report only the first wrong field of an input object. They are recognised when they refuse one
//! argument and report nothing about another beside it. Arguments are then tested apart, each in a separate use of
//! the root field.

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

/// Sends the tests to one server. Keeps count of the budget and of how the server behaves.
#[derive(Debug)]
pub(super) struct Prober<'a, S> {
    server: &'a S,
    /// The kind of operation whose fields are tested: `query` or `mutation`.
    pub operation: &'static str,
    budget: u32,
    most: usize,
    /// Whether the server's errors state their line in the document.
    located: bool,
    /// Whether arguments are tested apart, because the server reports only the first of several wrong values.
    apart: bool,
    /// Whether the server was seen to report every field that it does not have.
    proven: bool,
    /// The number of requests so far.
    pub requests: u32,
    /// The name of the root type, if the server has stated it.
    pub root: Option<String>,
    /// Why testing shows nothing, or nothing more; `None` while it does.
    pub trouble: Option<String>,
}

/// The result of a round of questions.
#[derive(Debug, Default)]
pub(super) struct ProbeRound {
    /// What the errors reveal about each candidate that the server checked.
    pub told: Vec<(ProbeCandidate, Vec<Lesson>)>,
    /// What the errors reveal besides that, with the path of the field concerned.
    pub beside: Vec<(Vec<String>, Lesson)>,
    /// The candidates that were not tested, because the budget was used up or the server did not cooperate.
    pub left: Vec<ProbeCandidate>,
}

impl<'a, S: Server> Prober<'a, S> {
    /// Creates a prober that makes at most `budget` requests to test the fields of `operation` (`query` or
    /// `mutation`).
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

    /// Returns how many more candidates fit into the documents that so many candidates need anyway.
    pub fn room(&self, candidates: usize) -> usize {
        candidates.next_multiple_of(self.most) - candidates
    }

    /// Returns whether no more can be tested: the budget is used up, or testing shows nothing.
    pub fn is_over(&self) -> bool {
        self.trouble.is_some() || self.requests >= self.budget
    }

    /// Tests these candidates, in as many requests as that takes, and returns what the answers reveal.
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

    /// Returns whether the server reports every field that it does not have. This is tested if the server seems not
    /// to, and before any document whose execution would do harm.
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

    /// Distributes candidates over documents, in their order as far as possible.
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

/// Returns whether the server stopped checking before the end of the document.
fn is_cut(reply: &Reply) -> bool {
    reply.errors.iter().any(|said| Lesson::of(said) == Lesson::TooMany)
}

/// Returns the server's message of the first error, as far as it may be shown.
fn words(reply: &Reply) -> String {
    match reply.errors.first() {
        Some(said) => format!("it says \"{}\"", wording::tell(Some(&said.message))),
        None => "it does not complain".to_owned(),
    }
}
