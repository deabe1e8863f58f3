//! Finds how many questions a request may carry: as many as the job allows, or fewer if the server refuses that many
//! or cannot answer them in time. Works like a binary search between the largest number that was answered and the
//! smallest that was refused.
//!
//! If an earlier run found such a number, each run sends one request with twice as many questions. So a run notices
//! when the server accepts more again. If the server does not, that costs one request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The most questions that a request carries, as found so far.
#[derive(Debug)]
pub struct BatchSize {
    /// The most questions a request that the job allows.
    most: usize,
    found: Mutex<Found>,
    /// Whether each request carries one question only. Either the server's limit counts questions instead of
    /// requests, so that more in a request save nothing, or the server ignores aliases.
    counted: AtomicBool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Found {
    /// The largest number that was answered.
    worked: usize,
    /// The smallest number that was not answered.
    refused: Option<usize>,
    /// Whether the refusal was due to the number of questions and not to the time that the answer took, so that later
    /// runs should know it.
    lasting: bool,
    /// Whether a question of the refused request was answered when fewer were asked with it. The number was then the
    /// reason.
    confirmed: bool,
    /// Whether the number comes from an earlier run, and this run has not tried a larger one yet.
    untried: bool,
}

impl BatchSize {
    /// Creates a batch size. `most` is the most questions a request that the job allows; `remembered` is the number
    /// that an earlier run found, if any.
    pub fn new(most: usize, remembered: Option<usize>) -> BatchSize {
        let aliases = BatchSize { most: most.max(1), found: Mutex::default(), counted: AtomicBool::new(false) };
        if let Some(n) = remembered {
            aliases.remember(n);
        }
        aliases
    }

    /// Starts from the number that an earlier run found. A number that is not less than what the job allows is
    /// ignored.
    pub fn remember(&self, n: usize) {
        if n >= 1 && n < self.most {
            self.change(|found| {
                *found = Found { worked: n, refused: Some(n + 1), lasting: true, confirmed: true, untried: true };
            });
        }
    }

    /// Returns how many questions a request carries now: halfway between the largest number that was answered and the
    /// smallest that was refused.
    pub fn now(&self) -> usize {
        let found = self.change(|found| *found);
        match found.refused {
            _ if self.are_counted() => 1,
            None => self.most,
            Some(refused) => usize::midpoint(found.worked, refused).clamp(1, self.most),
        }
    }

    /// Returns how many questions the next request carries if enough are queued. It is the number of
    /// [`BatchSize::now`]. Once a run, it is twice the number that an earlier run found.
    pub fn wanted(&self) -> usize {
        let more = self.change(|found| found.untried.then_some(found.worked * 2)).filter(|_| !self.are_counted());
        more.map_or_else(|| self.now(), |more| more.min(self.most))
    }

    /// Notes that a request with `n` questions is being sent. If `n` is more than an earlier run found, this run
    /// tries no larger number again.
    pub fn take(&self, n: usize) {
        self.change(|found| found.untried &= found.refused.is_some_and(|refused| n < refused));
    }

    /// Notes that a request with `n` questions was answered.
    pub fn worked(&self, n: usize) {
        self.change(|found| {
            found.worked = found.worked.max(n);
            if found.refused.is_some_and(|refused| refused <= n) {
                (found.refused, found.confirmed) = (None, false);
            }
        });
    }

    /// Notes that a request with `n` questions, more than one, was not answered as a whole. `lasting` is `false` if
    /// it only took too long.
    pub fn refused(&self, n: usize, lasting: bool) {
        self.change(|found| {
            if found.refused.is_some_and(|refused| refused < n) {
                // Fewer were refused before, so this says nothing new.
                return;
            }
            found.refused = Some(n);
            found.worked = found.worked.min(n - 1);
            found.lasting = lasting;
        });
    }

    /// Notes that a question was answered that had been refused in a request with more questions.
    pub fn confirm(&self) {
        self.change(|found| found.confirmed = found.refused.is_some());
    }

    /// Notes that a question was refused even when asked alone, and is why the other questions of its request failed.
    /// The number of questions was not the reason.
    pub fn number_was_not_the_reason(&self) {
        self.change(|found| (found.refused, found.confirmed) = (None, false));
    }

    /// Notes that a question failed even when asked alone. The number of questions was then not the reason, unless
    /// another question was answered when asked with fewer.
    pub fn number_may_not_be_the_reason(&self) {
        self.change(|found| found.refused = found.refused.filter(|_| found.confirmed));
    }

    /// Notes that the server counts each question of a request against the request limit. Each request then carries
    /// one question.
    pub fn count_questions(&self) {
        self.counted.store(true, Ordering::Relaxed);
    }

    /// Notes that the server ignores aliases. Each request then carries one question.
    pub fn travel_alone(&self) {
        self.counted.store(true, Ordering::Relaxed);
    }

    /// Returns whether each request carries one question only.
    pub fn are_counted(&self) -> bool {
        self.counted.load(Ordering::Relaxed)
    }

    /// Returns the largest number of questions that the server answers, for later runs to start from. Returns `None`
    /// unless it is found exactly, is less than the job allows, and was not limited by time.
    pub fn found(&self) -> Option<usize> {
        let found = self.change(|found| *found);
        let is_found = |refused: &usize| found.worked > 0 && found.worked + 1 == *refused;
        found.refused.filter(|refused| found.lasting && found.confirmed && is_found(refused))?;
        Some(found.worked)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Found) -> T) -> T {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a server that answers at most `limit` questions. Returns how often it refused.
    fn against(limit: usize, aliases: &BatchSize) -> usize {
        let mut refusals = 0;
        for _ in 0..20 {
            let n = aliases.now();
            if n > limit {
                aliases.refused(n, true);
                refusals += 1;
            } else {
                aliases.worked(n);
                aliases.confirm();
            }
        }
        refusals
    }

    #[test]
    fn the_largest_number_that_works_is_closed_in_upon() {
        for limit in 1..=12 {
            let aliases = BatchSize::new(10, None);
            let refusals = against(limit, &aliases);
            assert_eq!(aliases.now(), limit.min(10), "limit {limit}");
            assert!(refusals <= 4, "limit {limit}: {refusals} refusals");
            assert_eq!(aliases.found(), (limit < 10).then_some(limit));
        }
    }

    #[test]
    fn what_is_remembered_is_used_at_once() {
        let aliases = BatchSize::new(10, Some(3));
        assert_eq!((aliases.now(), against(3, &aliases), aliases.now()), (3, 0, 3));
        assert_eq!(BatchSize::new(2, Some(3)).now(), 2, "a job that allows fewer");
    }

    /// One request a run carries more than the number that was remembered. If it is answered, the run tries all that
    /// the job allows.
    #[test]
    fn what_is_remembered_is_tried_once_a_run() {
        let aliases = BatchSize::new(10, Some(3));
        assert_eq!((aliases.wanted(), aliases.now()), (6, 3));
        aliases.take(3);
        assert_eq!(aliases.wanted(), 6, "no more than that waited");
        aliases.take(5);
        assert_eq!(aliases.wanted(), 3);
        aliases.refused(6, false);
        assert_eq!((aliases.now(), aliases.found()), (3, Some(3)), "for want of time: it is remembered all the same");
        let aliases = BatchSize::new(10, Some(3));
        aliases.take(4);
        aliases.worked(4);
        assert_eq!((aliases.now(), aliases.found()), (10, None));
        assert_eq!(BatchSize::new(10, None).wanted(), 10, "nothing is remembered");
        assert_eq!(BatchSize::new(4, Some(3)).wanted(), 4, "no more than the job allows");
    }

    #[test]
    fn a_question_that_is_wrong_by_itself_says_nothing_of_the_number() {
        let aliases = BatchSize::new(10, None);
        aliases.refused(10, true);
        aliases.refused(5, true);
        aliases.number_was_not_the_reason();
        assert_eq!((aliases.now(), aliases.found()), (10, None));
        // Three of the questions are answered, and then one is refused that is wrong by itself.
        aliases.refused(4, true);
        aliases.worked(3);
        assert_eq!(aliases.found(), None, "perhaps the three were others");
        aliases.confirm();
        aliases.number_may_not_be_the_reason();
        assert_eq!((aliases.now(), aliases.found()), (3, Some(3)));
        aliases.number_was_not_the_reason();
        assert_eq!(aliases.now(), 10);
        aliases.refused(10, true);
        aliases.number_may_not_be_the_reason();
        assert_eq!(aliases.now(), 10, "ten that fail by themselves");
    }

    #[test]
    fn want_of_time_is_not_remembered_and_counted_questions_travel_alone() {
        let aliases = BatchSize::new(3, None);
        aliases.refused(2, false);
        aliases.worked(1);
        assert_eq!((aliases.now(), aliases.found()), (1, None));
        aliases.number_may_not_be_the_reason();
        aliases.count_questions();
        assert_eq!((aliases.now(), aliases.found()), (1, None));
    }
}
