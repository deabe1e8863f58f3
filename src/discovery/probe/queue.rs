//! Keeps the candidates that are still to be tested, and remembers which were. No name of a type is tested twice in
//! the same manner.

use std::collections::BTreeSet;

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};

/// The candidates that are still to be tested, and all that ever were.
#[derive(Debug, Default)]
pub(super) struct QuestionQueue {
    seen: BTreeSet<(String, String, AskedAs)>,
    waiting: Vec<ProbeCandidate>,
}

impl QuestionQueue {
    /// Queues a name for testing, unless it was already queued in this manner. The parameters are the fields of
    /// [`ProbeCandidate`].
    pub fn want(&mut self, on: &str, way: &[String], name: &str, how: AskedAs) {
        if self.seen.insert((on.to_owned(), name.to_owned(), how)) {
            self.waiting.push(ProbeCandidate { on: on.to_owned(), name: name.to_owned(), how, way: way.to_vec() });
        }
    }

    /// Takes the candidates to test now: all except those that only ask for the type of a leaf. Of these, it takes as
    /// many as `room` allows besides the rest, or all if nothing else is queued.
    pub fn next(&mut self, room: impl Fn(usize) -> usize) -> Vec<ProbeCandidate> {
        let (mut leaves, mut now): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|c| c.how == AskedAs::Entered);
        let fit = if now.is_empty() { leaves.len() } else { room(now.len()).min(leaves.len()) };
        self.waiting = leaves.split_off(fit);
        now.append(&mut leaves);
        now
    }
}
