//! How many questions a request may carry: as many as the job allows, fewer where the server refuses that many, or cannot
//! answer them in time. What was refused and what worked close in on the largest number that works.

use std::sync::{Mutex, PoisonError};

/// The number of questions a request carries at most.
#[derive(Debug)]
pub struct Aliases {
    /// What the job allows.
    most: usize,
    found: Mutex<Found>,
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
    /// The server counts questions, not requests: more than one a request saves nothing.
    counted: bool,
}

impl Aliases {
    /// At most so many; `remembered` is what was found another time.
    pub fn new(most: usize, remembered: Option<usize>) -> Aliases {
        let aliases = Aliases { most: most.max(1), found: Mutex::default() };
        if let Some(n) = remembered {
            aliases.remember(n);
        }
        aliases
    }

    /// Takes over what was found another time.
    pub fn remember(&self, n: usize) {
        if n >= 1 && n < self.most {
            self.change(|found| {
                (found.worked, found.refused, found.lasting, found.confirmed) = (n, Some(n + 1), true, true);
            });
        }
    }

    /// How many to ask at a time now.
    pub fn now(&self) -> usize {
        let found = self.change(|found| *found);
        match found.refused {
            _ if found.counted => 1,
            None => self.most,
            Some(refused) => usize::midpoint(found.worked, refused).clamp(1, self.most),
        }
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
            found.refused = Some(found.refused.map_or(n, |refused| refused.min(n)));
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
        self.change(|found| found.counted = true);
    }

    /// The server answers one question a request.
    pub fn travel_alone(&self) {
        self.change(|found| found.counted = true);
    }

    /// Whether the server was found to count questions.
    pub fn are_counted(&self) -> bool {
        self.change(|found| found.counted)
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
