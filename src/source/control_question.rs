//! Finds out whether a failure concerns a single question, by asking a second, different question. If that one is
//! answered, the server is not down and the limit is not used up.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Source;
use super::page::Page;
use super::query::{Question, Select, Start};
use super::retry::Failures;
use crate::error::Result;
use crate::policy::{self, Subject};
use crate::streams::{self, Stream};

/// The number of failures in a row after which a question itself may be the reason. A different question is then
/// asked to find out.
pub(super) const SUSPICIOUS: u32 = 3;

impl Source {
    /// Returns whether the server answers another question while it keeps failing this one. Asks, in this order:
    ///
    /// 1. for only the ids of the same rows,
    /// 2. for the id of the first row of the same list,
    /// 3. for the id of the first row of another stream's list.
    ///
    /// Asks only at every third failure; otherwise returns `false`. The caller calls this only if no other question
    /// was answered since the last failure.
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

    /// Returns a question for the first row in the list of another parent record, or `None` if no such list has been
    /// answered yet.
    fn of_another_parent(&self, question: &Question) -> Option<Question> {
        let parent = self.last_parent[question.stream].lock().unwrap_or_else(PoisonError::into_inner).clone();
        (parent.is_some() && parent != question.parent).then(|| Question { parent, since: None, ..first_of(question) })
    }

    /// Returns a question for the first row of another stream's list, or `None` if no such list has been asked for
    /// yet.
    fn of_another_list(&self, question: &Question) -> Option<Question> {
        let is_another = |s: &Stream| *s != question.stream && s.definition().parent.is_none();
        let mut others = streams::ALL.into_iter().filter(is_another);
        let stream = others.find(|s| self.attempts[*s].load(Ordering::Relaxed) > 0)?;
        Some(Question { stream, parent: None, since: None, ..first_of(question) })
    }

    /// Tests whether a rate-limit error is due to the question itself. Asks another question first and, as soon as
    /// that one is answered, asks `question` again.
    ///
    /// - Returns the page if the question is answered.
    /// - Returns the limit error if the question fails with it again: the limit then cannot be due to other requests.
    /// - Returns `None` if the test shows nothing, or is not due yet. It is due at every third failure of the
    ///   question.
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
