//! Finds out whether a failure is one question's own, by asking another question beside it. If that one is answered,
//! the server is not down and the limit is not used up.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Source;
use super::page::Page;
use super::query::{Question, Select, Start};
use super::retry::Failures;
use crate::error::Result;
use crate::policy::{self, Subject};
use crate::streams::{self, Stream};

/// How many failures of a question in a row make it suspicious. Another question is then asked.
pub(super) const SUSPICIOUS: u32 = 3;

impl Source {
    /// Returns whether the server answers another question while it does not answer this one. It asks, in this order:
    ///
    /// 1. for the ids of the same rows,
    /// 2. for the id of the first row of the same list,
    /// 3. for the id of the first row of another stream's list.
    ///
    /// It asks at every third failure. The caller calls it only if no other question was answered meanwhile.
    pub(super) async fn answers_another(&self, question: &Question, failures: &Failures) -> bool {
        if !failures.count.is_multiple_of(SUSPICIOUS) {
            return false;
        }
        let ids = Question { select: Select::Ids, ..question.clone() };
        let first = first_of(question);
        for other in [ids, first].into_iter().chain(self.of_another_list(question)) {
            if other != *question && self.attempt(&[other]).await.1.iter().any(Result::is_ok) {
                return true;
            }
        }
        false
    }

    /// Returns the question for the first row of another record's list, if such a list was answered before.
    fn of_another_parent(&self, question: &Question) -> Option<Question> {
        let parent = self.last_parent[question.stream].lock().unwrap_or_else(PoisonError::into_inner).clone();
        (parent.is_some() && parent != question.parent).then(|| Question { parent, since: None, ..first_of(question) })
    }

    /// Returns the question for the first row of another stream's list, if such a list was asked for before.
    fn of_another_list(&self, question: &Question) -> Option<Question> {
        let is_another = |s: &Stream| *s != question.stream && s.definition().parent.is_none();
        let mut others = streams::ALL.into_iter().filter(is_another);
        let stream = others.find(|s| self.attempts[*s].load(Ordering::Relaxed) > 0)?;
        Some(Question { stream, parent: None, since: None, ..first_of(question) })
    }

    /// Asks a question at once after another question was answered, if it keeps meeting the limit however long every
    /// request waits. Returns the outcome if it says something: a page, or an error for the limit, which is then the
    /// question's own.
    pub(super) async fn ask_beside_another(&self, question: &Question, failures: &Failures) -> Option<Result<Page>> {
        let is_known = self.limits_one.load(Ordering::Relaxed);
        let is_suspicious = failures.count >= SUSPICIOUS || is_known;
        if !is_suspicious || !failures.count.is_multiple_of(SUSPICIOUS) {
            return None;
        }
        let other = self.of_another_parent(question).or_else(|| self.of_another_list(question))?;
        if !self.attempt(&[other]).await.1.iter().any(Result::is_ok) {
            return None;
        }
        let outcome = self.attempt_beside(std::slice::from_ref(question), true).await.1.pop()?;
        match &outcome {
            Ok(_) => {}
            Err(error) if policy::subject(&error.kind) == Subject::Limit => {
                self.limits_one.store(true, Ordering::Relaxed);
            }
            Err(_) => return None,
        }
        Some(outcome)
    }
}

/// Returns the question for the id of the first row of a list.
fn first_of(question: &Question) -> Question {
    Question { size: 1, start: Start::Row(0), select: Select::Ids, ..question.clone() }
}
