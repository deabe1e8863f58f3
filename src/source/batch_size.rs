//! How many questions a request may carry: as many as the job allows, fewer where the server refuses that many, or cannot
//! answer them in time. What was refused and what worked close in on the largest number that works.
//!
//! A number that an earlier run has found is tried again with one request a run that carries twice as many: a server that
//! bears more again is found out in the next night, and one that does not costs that request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The number of questions a request carries at most.
#[derive(Debug)]
pub struct Aliases {
    /// What the job allows.
    most: usize,
    found: Mutex<Found>,
    /// The server counts questions, not requests: more than one a request saves nothing.
    counted: AtomicBool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Found {
    /// The largest number that was answered.
    worked: usize,
    /// The smallest number that was not.
    refused: Option<usize>,
    /// It was refused for good, not for want of time: worth remembering.
    lasting: bool,
    /// A question that was refused in such company was answered in smaller company: it was the number.
    confirmed: bool,
    /// The number is an earlier run's, and this one has not tried a larger one yet.
    untried: bool,
}

impl Aliases {
    /// At most so many; `remembered` is what was found another time.
    pub fn new(most: usize, remembered: Option<usize>) -> Aliases {
        let aliases = Aliases { most: most.max(1), found: Mutex::default(), counted: AtomicBool::new(false) };
        if let Some(n) = remembered {
            aliases.remember(n);
        }
        aliases
    }

    /// Takes over what was found another time.
    pub fn remember(&self, n: usize) {
        if n >= 1 && n < self.most {
            self.change(|found| {
                *found = Found { worked: n, refused: Some(n + 1), lasting: true, confirmed: true, untried: true };
            });
        }
    }

    /// How many to ask at a time now.
    pub fn now(&self) -> usize {
        let found = self.change(|found| *found);
        match found.refused {
            _ if self.are_counted() => 1,
            None => self.most,
            Some(refused) => usize::midpoint(found.worked, refused).clamp(1, self.most),
        }
    }

    /// How many the next request takes along, if so many wait: as many as [`Aliases::now`] says, and once a run twice as
    /// many, where an earlier one has found the number.
    pub fn wanted(&self) -> usize {
        let more = self.change(|found| found.untried.then_some(found.worked * 2)).filter(|_| !self.are_counted());
        more.map_or_else(|| self.now(), |more| more.min(self.most))
    }

    /// A request takes so many along.
    pub fn take(&self, n: usize) {
        self.change(|found| found.untried &= found.refused.is_some_and(|refused| n < refused));
    }

    /// So many were answered.
    pub fn worked(&self, n: usize) {
        self.change(|found| {
            found.worked = found.worked.max(n);
            if found.refused.is_some_and(|refused| refused <= n) {
                (found.refused, found.confirmed) = (None, false);
            }
        });
    }

    /// So many (more than one) were not answered as a whole; `lasting` unless for want of time.
    pub fn refused(&self, n: usize, lasting: bool) {
        self.change(|found| {
            if found.refused.is_some_and(|refused| refused < n) {
                // Fewer were refused before: nothing new.
                return;
            }
            found.refused = Some(n);
            found.worked = found.worked.min(n - 1);
            found.lasting = lasting;
        });
    }

    /// A question was answered that was refused in larger company.
    pub fn confirm(&self) {
        self.change(|found| found.confirmed = found.refused.is_some());
    }

    /// A question was refused on its own, too, which took the others of its request down with it: it was not the number.
    pub fn acquit(&self) {
        self.change(|found| (found.refused, found.confirmed) = (None, false));
    }

    /// A question failed on its own, too: it was not the number, unless another one was answered in smaller company.
    pub fn doubt(&self) {
        self.change(|found| found.refused = found.refused.filter(|_| found.confirmed));
    }

    /// The server's limit falls by the questions of a request, not by one.
    pub fn count_questions(&self) {
        self.counted.store(true, Ordering::Relaxed);
    }

    /// The server answers one question a request.
    pub fn travel_alone(&self) {
        self.counted.store(true, Ordering::Relaxed);
    }

    /// Whether the server was found to count questions.
    pub fn are_counted(&self) -> bool {
        self.counted.load(Ordering::Relaxed)
    }

    /// The number that was found to be the largest, when it is less than the job allows and worth remembering.
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

    /// A server that answers at most so many questions; gives how many refusals it took.
    fn against(limit: usize, aliases: &Aliases) -> usize {
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
            let aliases = Aliases::new(10, None);
            let refusals = against(limit, &aliases);
            assert_eq!(aliases.now(), limit.min(10), "limit {limit}");
            assert!(refusals <= 4, "limit {limit}: {refusals} refusals");
            assert_eq!(aliases.found(), (limit < 10).then_some(limit));
        }
    }

    #[test]
    fn what_is_remembered_is_used_at_once() {
        let aliases = Aliases::new(10, Some(3));
        assert_eq!((aliases.now(), against(3, &aliases), aliases.now()), (3, 0, 3));
        assert_eq!(Aliases::new(2, Some(3)).now(), 2, "a job that allows fewer");
    }

    /// One request a run carries more than the number that was remembered; where that is answered, all that the job allows
    /// is tried.
    #[test]
    fn what_is_remembered_is_tried_once_a_run() {
        let aliases = Aliases::new(10, Some(3));
        assert_eq!((aliases.wanted(), aliases.now()), (6, 3));
        aliases.take(3);
        assert_eq!(aliases.wanted(), 6, "no more than that waited");
        aliases.take(5);
        assert_eq!(aliases.wanted(), 3);
        aliases.refused(6, false);
        assert_eq!((aliases.now(), aliases.found()), (3, Some(3)), "for want of time: it is remembered all the same");
        let aliases = Aliases::new(10, Some(3));
        aliases.take(4);
        aliases.worked(4);
        assert_eq!((aliases.now(), aliases.found()), (10, None));
        assert_eq!(Aliases::new(10, None).wanted(), 10, "nothing is remembered");
        assert_eq!(Aliases::new(4, Some(3)).wanted(), 4, "no more than the job allows");
    }

    #[test]
    fn a_question_that_is_wrong_by_itself_says_nothing_of_the_number() {
        let aliases = Aliases::new(10, None);
        aliases.refused(10, true);
        aliases.refused(5, true);
        aliases.acquit();
        assert_eq!((aliases.now(), aliases.found()), (10, None));
        // Three of them are answered, and then one is refused that is wrong by itself.
        aliases.refused(4, true);
        aliases.worked(3);
        assert_eq!(aliases.found(), None, "perhaps the three were others");
        aliases.confirm();
        aliases.doubt();
        assert_eq!((aliases.now(), aliases.found()), (3, Some(3)));
        aliases.acquit();
        assert_eq!(aliases.now(), 10);
        aliases.refused(10, true);
        aliases.doubt();
        assert_eq!(aliases.now(), 10, "ten that fail by themselves");
    }

    #[test]
    fn want_of_time_is_not_remembered_and_counted_questions_travel_alone() {
        let aliases = Aliases::new(3, None);
        aliases.refused(2, false);
        aliases.worked(1);
        assert_eq!((aliases.now(), aliases.found()), (1, None));
        aliases.doubt();
        aliases.count_questions();
        assert_eq!((aliases.now(), aliases.found()), (1, None));
    }
}
