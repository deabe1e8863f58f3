//! Is a failure one question's own? Another question, asked beside it, tells: where that is answered, the server is not
//! down, and nobody's limit is used up.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Source;
use super::page::Page;
use super::query::{Question, Select, Start};
use super::retry::Failures;
use crate::error::Result;
use crate::policy::{self, Subject};
use crate::streams::{self, Stream};

/// Failures of a question in a row after which another one is asked.
pub(super) const SUSPICIOUS: u32 = 3;

impl Source {
    /// Whether the server answers for the ids of the rows that a question asks for, for its list's first row, or for the
    /// first row of another list, while it does not answer the question. Asks now and then, where nobody else asks
    /// anything.
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

    /// The question for the first row of the list of another record, which was answered before.
    fn of_another_parent(&self, question: &Question) -> Option<Question> {
        let parent = self.last_parent[question.stream].lock().unwrap_or_else(PoisonError::into_inner).clone();
        (parent.is_some() && parent != question.parent).then(|| Question { parent, since: None, ..first_of(question) })
    }

    /// The question for the first row of another stream's list that was asked for before.
    fn of_another_list(&self, question: &Question) -> Option<Question> {
        let is_another = |s: &Stream| *s != question.stream && s.definition().parent.is_none();
        let mut others = streams::ALL.into_iter().filter(is_another);
        let stream = others.find(|s| self.attempts[*s].load(Ordering::Relaxed) > 0)?;
        Some(Question { stream, parent: None, since: None, ..first_of(question) })
    }

    /// A question that meets the limit again and again, however long everybody waits: once another question is answered,
    /// it is asked at once. `Some` is what came of that; an error says that it meets a limit of its own.
    pub(super) async fn is_refused_alone(&self, question: &Question, failures: &Failures) -> Option<Result<Page>> {
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

/// The question for the id of the first row of a list.
fn first_of(question: &Question) -> Question {
    Question { size: 1, start: Start::Row(0), select: Select::Ids, ..question.clone() }
}
