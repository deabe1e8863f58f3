//! Finds out what the server's limit counts: requests, as documented, or the questions in them. If it counts
//! questions, sending many in one request saves nothing.
//!
//! The evidence is `X-RateLimit-Remaining`. Other users of the key make it fall, too. So it must fall by nearly as
//! much as questions were asked, three times in a row.

use std::collections::BTreeMap;

/// How many answers in a row must show that questions are counted.
const TIMES: u32 = 3;

/// The evidence about what the server's limit counts.
#[derive(Debug, Default)]
pub struct Counting {
    /// For each request with several questions, their number beyond the first.
    further: BTreeMap<u64, u64>,
    /// The latest request whose answer reported how many requests remain, and how many do.
    told: Option<(u64, u32)>,
    times: u32,
}

impl Counting {
    /// Notes how many questions the request with this number carries.
    pub fn carries(&mut self, number: u64, questions: usize) {
        if questions > 1 {
            self.further.insert(number, questions as u64 - 1);
        }
    }

    /// Notes that the answer to request `number` reports `remaining` requests left. Numbers come in ascending order.
    /// A fall by at least 80 % of the questions since the last report is evidence that questions count. A fall by
    /// little more than the requests makes the row of evidence begin again.
    pub fn told(&mut self, number: u64, remaining: u32) {
        let before = self.told.replace((number, remaining));
        let later = self.further.split_off(&(number + 1));
        let further: u64 = std::mem::replace(&mut self.further, later).into_values().sum();
        let Some((since, had)) = before.filter(|(since, had)| *since < number && *had >= remaining) else {
            return;
        };
        let (requests, fell) = (number - since, u64::from(had - remaining));
        let questions = requests + further;
        if self.by_questions() || questions < requests * 2 {
            return;
        }
        if fell * 10 >= questions * 8 {
            self.times += 1;
        } else if fell <= requests + further / 3 {
            self.times = 0;
        }
    }

    /// Returns whether the evidence suffices that the limit counts questions.
    pub fn by_questions(&self) -> bool {
        self.times >= TIMES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(falls: &[u32], questions: usize) -> bool {
        let mut counting = Counting::default();
        let mut remaining = 1000;
        counting.told(0, remaining);
        for (number, fall) in (1..).zip(falls) {
            counting.carries(number, questions);
            remaining -= fall;
            counting.told(number, remaining);
        }
        counting.by_questions()
    }

    #[test]
    fn three_times_in_a_row_settle_it() {
        assert!(after(&[10, 10, 10], 10));
        assert!(!after(&[10, 10], 10));
        assert!(!after(&[1, 1, 1, 1, 1], 10), "as documented");
        assert!(!after(&[10, 10, 1, 10, 10], 10), "somebody else used the key");
        assert!(!after(&[1, 1, 1, 1], 1), "nothing to tell apart");
    }

    #[test]
    fn a_new_window_and_a_missing_answer_are_no_evidence() {
        let mut counting = Counting::default();
        for number in 1..20 {
            counting.carries(number, 10);
            counting.told(number, 99);
        }
        assert!(!counting.by_questions());
        let mut counting = Counting::default();
        for number in (0..12).step_by(3) {
            for unheard in number..number + 3 {
                counting.carries(unheard, 10);
            }
            counting.told(number, 1000 - 30 * u32::try_from(number / 3).expect("small"));
        }
        assert!(counting.by_questions(), "thirty in three requests");
    }
}
