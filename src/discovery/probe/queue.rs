//! Keeps the candidates that wait, and what was ever asked. No name of a type is asked about twice in
//! the same manner.

use std::collections::BTreeSet;

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};

/// The candidates that wait, and all that were ever asked about.
#[derive(Debug, Default)]
pub(super) struct QuestionQueue {
    seen: BTreeSet<(String, String, AskedAs)>,
    waiting: Vec<ProbeCandidate>,
}

impl QuestionQueue {
    /// Asks about this name, unless it was already asked about in this manner.
    pub fn want(&mut self, on: &str, way: &[String], name: &str, how: AskedAs) {
        if self.seen.insert((on.to_owned(), name.to_owned(), how)) {
            self.waiting.push(ProbeCandidate { on: on.to_owned(), name: name.to_owned(), how, way: way.to_vec() });
        }
    }

    /// Takes what to ask now: everything but the types of leaves, and of these as many as `room` allows beside the
    /// rest. If nothing else waits, it takes all of them.
    pub fn next(&mut self, room: impl Fn(usize) -> usize) -> Vec<ProbeCandidate> {
        let (mut leaves, mut now): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|c| c.how == AskedAs::Entered);
        let fit = if now.is_empty() { leaves.len() } else { room(now.len()).min(leaves.len()) };
        self.waiting = leaves.split_off(fit);
        now.append(&mut leaves);
        now
    }
}
