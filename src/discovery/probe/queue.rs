//! The questions that wait, and which were asked: no name is asked about twice of a type in the same manner.

use std::collections::BTreeSet;

use crate::discovery::probe::candidate::{Candidate, How};

/// Questions that wait, and whatever was ever asked.
#[derive(Debug, Default)]
pub(super) struct Questions {
    seen: BTreeSet<(String, String, How)>,
    waiting: Vec<Candidate>,
}

impl Questions {
    /// Asks about this name, unless that was done.
    pub fn want(&mut self, on: &str, way: &[String], name: &str, how: How) {
        if self.seen.insert((on.to_owned(), name.to_owned(), how)) {
            self.waiting.push(Candidate { on: on.to_owned(), name: name.to_owned(), how, way: way.to_vec() });
        }
    }

    /// What to ask now: everything but the types of leaves, of which there are as many as there is `room` for.
    pub fn next(&mut self, room: impl Fn(usize) -> usize) -> Vec<Candidate> {
        let (mut leaves, mut now): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|c| c.how == How::Entered);
        let fit = if now.is_empty() { leaves.len() } else { room(now.len()).min(leaves.len()) };
        self.waiting = leaves.split_off(fit);
        now.append(&mut leaves);
        now
    }
}
