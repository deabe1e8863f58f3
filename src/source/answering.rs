//! Questions answered: one request for some questions, each question with its own result, its own retries and its own
//! end.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Source;
use super::budget::Headers;
use super::client::Attempt;
use super::envelope;
use super::page::Page;
use super::query::{self, Question};
use super::retry::{Failures, Next};
use crate::error::{Error, Kind, Result, quote};
use crate::policy::{self, Action};
use crate::secret::Secret;
use crate::streams::Stream;

impl Source {
    /// Asks one question; see [`Source::ask_all`].
    pub async fn ask(&self, question: Question) -> Result<Page> {
        self.ask_all(&[question])
            .await
            .pop()
            .unwrap_or_else(|| Err(Error::new(Kind::Internal, "no result for a question")))
    }

    /// Asks questions in one request. Each has its own result and its own retries: those that failed are asked again
    /// without the others, for as long as the limits allow.
    pub async fn ask_all(&self, questions: &[Question]) -> Vec<Result<Page>> {
        let mut results: Vec<Option<Result<Page>>> = questions.iter().map(|_| None).collect();
        let mut failures: Vec<Failures> = questions.iter().map(|_| Failures::default()).collect();
        loop {
            let pending: Vec<usize> = (0..questions.len()).filter(|i| results[*i].is_none()).collect();
            if pending.is_empty() {
                return results.into_iter().flatten().collect();
            }
            let asked: Vec<Question> = pending.iter().map(|i| questions[*i].clone()).collect();
            let (generation, retry_after, outcomes) = self.attempt(&asked).await;
            let fresh = generation.is_none_or(|g| self.tokens.is_newest(g));
            let mut delay = Duration::ZERO;
            for (i, outcome) in pending.into_iter().zip(outcomes) {
                let stream = questions[i].stream;
                let error = match outcome {
                    Ok(page) => {
                        self.scope_renewed[stream].store(0, Ordering::Relaxed);
                        results[i] = Some(Ok(page));
                        continue;
                    }
                    Err(error) => error,
                };
                match self.next(&mut failures[i], stream, &error, generation, fresh) {
                    Next::After(d) => delay = delay.max(d).max(retry_after.unwrap_or_default()),
                    Next::GiveUp => results[i] = Some(Err(self.advised(stream, told(error, &failures[i])))),
                }
            }
            tokio::time::sleep(delay).await;
        }
    }

    /// What comes after a failed question; tells the tokens when theirs was refused.
    fn next(
        &self,
        failures: &mut Failures,
        stream: Stream,
        error: &Error,
        generation: Option<u64>,
        fresh: bool,
    ) -> Next {
        let action = policy::decide(&error.kind).action;
        if let (Action::Renew | Action::RenewOnce, Some(generation)) = (action, generation) {
            if matches!(error.kind, Kind::InsufficientScopes { .. }) {
                // Once a stream, not once a question: a thousand conversations lack the same scope.
                let renewed = &self.scope_renewed[stream];
                let before = renewed.load(Ordering::Relaxed);
                if before != 0 && generation > before {
                    return Next::GiveUp;
                }
                renewed.store(generation, Ordering::Relaxed);
            }
            self.tokens.refused(generation);
        }
        let next = failures.next(&error.kind, &self.settings.limits, self.contacted.load(Ordering::Relaxed), fresh);
        if let Next::After(delay) = next {
            self.note_retry(error, delay);
        }
        next
    }

    /// What the server leaves out and we know: the scope that is missing, the line that leaves a field out.
    fn advised(&self, stream: Stream, mut error: Error) -> Error {
        match &error.kind {
            Kind::InsufficientScopes { required } => {
                let scope = required.as_deref().unwrap_or(stream.definition().scope);
                let _ = write!(error.detail, "; the scope is {}", quote(scope));
            }
            Kind::QueryRejected { fields } => {
                let dialect = self.dialect();
                let spelled = dialect.stream(stream).ok();
                let mut names: Vec<String> = Vec::new();
                for name in fields.iter().filter_map(|f| spelled?.holding(f)) {
                    let name = format!("\"{name}\"");
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                if !names.is_empty() {
                    let names = names.join(", ");
                    let _ =
                        write!(error.detail, "; to go on without: [source.dialect.streams.{stream}] drop = [{names}]");
                }
            }
            _ => {}
        }
        error
    }

    /// One request, without retries: the token's generation, what `Retry-After` said, and each question's outcome.
    pub(super) async fn attempt(&self, questions: &[Question]) -> (Option<u64>, Option<Duration>, Vec<Result<Page>>) {
        let every = |e: Error| questions.iter().map(|_| Err(e.clone())).collect();
        let _slot = self.in_flight.slot().await;
        let hold = self.in_flight.hold(questions).await;
        let number = self.budget.acquire().await;
        let dialect = self.dialect();
        let token = match self.token().await {
            Ok(token) => token,
            Err(e) => return (None, None, every(e)),
        };
        let body = match query::list_request(&dialect, questions) {
            Ok(body) => body,
            Err(e) => return (Some(token.generation), None, every(e)),
        };
        if let Some(first) = questions.first() {
            self.attempts[first.stream].fetch_add(1, Ordering::Relaxed);
        }
        let authorization = Secret::new(format!("{}{}", dialect.authorization_prefix, token.secret.reveal()));
        let answered = self.http.post(body, Some(&authorization)).await;
        let (outcomes, headers) = match answered {
            Ok(Attempt { answer, headers }) => {
                self.budget.observe(number, headers);
                self.in_flight.learn(questions, answer.body.len());
                (envelope::pages(&dialect, questions, answer), headers)
            }
            Err(e) => (every(e), Headers::default()),
        };
        let settled = outcomes.into_iter().map(|o| {
            let o = o.map_err(|e| self.hidden(e, Some(&token.secret)));
            self.settle(number, headers, o).map(|p| Page { hold: hold.clone(), ..p })
        });
        (Some(token.generation), headers.retry_after, settled.collect())
    }
}

/// The error as the operator reads it: how often and how long it was tried.
pub(super) fn told(error: Error, failures: &Failures) -> Error {
    if failures.count <= 1 {
        return error;
    }
    let detail = format!("{} ({} attempts in {} s)", error.detail, failures.count, failures.lasted().as_secs());
    Error { detail, ..error }
}
