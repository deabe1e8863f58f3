//! Sends questions to the server and returns their results. One request carries several questions. Each question has
//! its own result and is retried by itself.
//!
//! A failure is not always caused by the question that met it. The other questions of the request, the token or an
//! outage may be the reason, and each calls for another reaction. `Source::ask` finds out which it is before it
//! counts the failure against the question.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{Error, Kind, Result, quote};
use crate::policy::{self, Action, Subject};
use crate::source::Source;
use crate::source::batch::{QuestionOutcome, QueuePlace};
use crate::source::control_question::SUSPICIOUS;
use crate::source::envelope;
use crate::source::page::Page;
use crate::source::query;
use crate::source::query::{Question, Start};
use crate::source::rate_limit::Purpose;
use crate::source::retry::{AfterFailure, Failures, Limits};
use crate::streams::Stream;

/// How long a walk retries a page in which a field of one record fails. It is time for one retry, whose delay is at
/// most 450 ms, and as a rule not for two.
const ONCE_MORE: Duration = Duration::from_millis(500);

/// The generation of the token with which a request was sent (`None` if there was no token), and the result of each
/// question.
type Outcomes = (Option<u64>, Vec<Result<Page>>);

impl Source {
    /// Asks a question and retries it for as long as the job's limits allow. Questions that wait at the same time
    /// share a request. Returns the page, or the last error.
    pub async fn ask(&self, question: Question) -> Result<Page> {
        let place = self.waiting.put(question.clone(), usize::MAX);
        self.ask_from(place, question, &self.settings.limits).await
    }

    async fn ask_from(&self, place: QueuePlace<'_>, question: Question, limits: &Limits) -> Result<Page> {
        let stream = question.stream;
        let mut failures = Failures::default();
        let (mut most, mut own, mut is_denied, mut was_refused) = (usize::MAX, false, false, false);
        let mut answered_before = self.answered.load(Ordering::Relaxed);
        let mut place = Some(place);
        loop {
            let waits = place.take().unwrap_or_else(|| self.waiting.put(question.clone(), most));
            let mut answered = self.ask_together(waits, &question, most).await;
            own |= answered.beside_answers;
            let outcome = std::mem::replace(&mut answered.outcome, Ok(Page::default()));
            let mut error = match outcome {
                Ok(page) => {
                    self.scope_renewed[stream].store(0, Ordering::Relaxed);
                    if was_refused {
                        self.aliases.confirm();
                    }
                    return Ok(page);
                }
                Err(error) => error,
            };
            // An API that answers other questions is not down: the fault is this question's own.
            if policy::subject(&error.kind) == Subject::Api {
                let answers = self.answered.load(Ordering::Relaxed);
                let others = answers > std::mem::replace(&mut answered_before, answers);
                let is_suspicious = failures.count >= SUSPICIOUS;
                own |= is_suspicious && (others || self.answers_another(&question, &failures).await);
                if own {
                    error.kind = Kind::UnknownFailure;
                }
            }
            if policy::subject(&error.kind) == Subject::Limit && !is_denied {
                match self.ask_beside_another(&question, &failures).await {
                    Some(Ok(page)) => return Ok(page),
                    refused => is_denied |= refused.is_some(),
                }
            }
            is_denied |= is_its_own_denial(&error, &answered, &failures);
            if is_denied && policy::is_denial(&error.kind) {
                error.kind = Kind::UnknownFailure;
            }
            if answered.together > 1 && policy::may_be_of_other_questions(&error) {
                // Perhaps the other questions were the reason: ask with half as many, at once.
                tracing::debug!(%stream, together = answered.together, %error, "asking in smaller company");
                was_refused |= answered.was_refused;
                most = answered.together / 2;
                continue;
            }
            if most < usize::MAX && answered.together == 1 {
                match policy::subject(&error.kind) {
                    Subject::Query => self.aliases.number_was_not_the_reason(),
                    _ if policy::may_be_of_other_questions(&error) => self.aliases.number_may_not_be_the_reason(),
                    _ => {}
                }
            }
            let fresh = answered.generation.is_none_or(|g| self.tokens.is_newest(g));
            match self.next(&mut failures, stream, &error, answered.generation, fresh, limits) {
                AfterFailure::After(delay) => tokio::time::sleep(delay).await,
                AfterFailure::GiveUp => return Err(self.advised(stream, with_attempts(error, &failures, limits))),
            }
            if failures.count > 1 && !error.is_addressed {
                most = (answered.together / 2).max(1);
            }
        }
    }

    /// Asks questions, each with retries as in [`Source::ask`]. Returns their results in the order of the questions.
    pub async fn ask_all(&self, questions: Vec<Question>) -> Vec<Result<Page>> {
        self.ask_each(questions, self.settings.limits).await
    }

    /// Asks for the pages of a walk, with retries. Returns the results in the order of the questions. A page in which
    /// a field of one record fails is retried only once, because the walk then searches for that record.
    pub async fn ask_pages(&self, questions: Vec<Question>) -> Vec<Result<Page>> {
        self.ask_each(questions, Limits { field: ONCE_MORE, ..self.settings.limits }).await
    }

    /// Asks questions without retrying failures that concern a single question, and without waiting for the limit.
    /// Used to search for the one row that fails, where some of the questions are expected to fail. Returns the
    /// results in the order of the questions.
    pub async fn ask_all_briefly(&self, questions: Vec<Question>) -> Vec<Result<Page>> {
        self.ask_each(questions, Limits { short: Duration::ZERO, budget: Duration::ZERO, ..self.settings.limits }).await
    }

    async fn ask_each(&self, questions: Vec<Question>, limits: Limits) -> Vec<Result<Page>> {
        // All questions are queued before any is sent; otherwise the first would be sent alone.
        let places: Vec<QueuePlace<'_>> = questions.iter().map(|q| self.waiting.put(q.clone(), usize::MAX)).collect();
        join_all(places.into_iter().zip(questions).map(|(p, q)| self.ask_from(p, q, &limits))).await
    }

    /// Decides whether a failed question is asked again, and after what delay. If its token was refused, notes that,
    /// so that the next request takes a new one. `generation` is the generation of that token; `fresh` is `true` if
    /// it is the newest.
    fn next(
        &self,
        failures: &mut Failures,
        stream: Stream,
        error: &Error,
        generation: Option<u64>,
        fresh: bool,
        limits: &Limits,
    ) -> AfterFailure {
        let action = policy::decide(&error.kind).action;
        if let (Action::Renew | Action::RenewOnce, Some(generation)) = (action, generation) {
            if policy::subject(&error.kind) == Subject::Scope {
                // For a missing scope, a token is renewed once a stream and not once a question, because a thousand
                // conversations lack the same scope.
                let renewed = &self.scope_renewed[stream];
                let before = renewed.load(Ordering::Relaxed);
                if before != 0 && generation > before {
                    return AfterFailure::GiveUp;
                }
                renewed.store(generation, Ordering::Relaxed);
            }
            self.tokens.refused(generation);
        }
        let next = failures.next(error, limits, self.contacted.load(Ordering::Relaxed), fresh);
        if let AfterFailure::After(delay) = next {
            self.note_retry(error, delay, failures);
        }
        next
    }

    /// Adds to an error what the server does not say: the missing scope, or the line of the job file that leaves the
    /// failing field out.
    fn advised(&self, stream: Stream, mut error: Error) -> Error {
        match &error.kind {
            Kind::InsufficientScopes { required } => {
                let scope = required.as_deref().unwrap_or(stream.definition().scope);
                let _ = write!(error.detail, "; the scope is {}", quote(scope));
            }
            Kind::FieldFailed { field: Some(field) } => {
                let dialect = self.dialect();
                let whole = dialect.stream(stream).ok().and_then(|spelled| spelled.drop_name(field));
                if let Some(name) = whole {
                    let drop = format!("[source.dialect.streams.{stream}] drop = [\"{name}\"]");
                    let _ =
                        write!(error.detail, "; to go on without the field: {drop}{}", cost_of_dropping(stream, name));
                }
            }
            Kind::QueryRejected { fields } => {
                let dialect = self.dialect();
                let spelled = dialect.stream(stream).ok();
                let mut names: Vec<String> = Vec::new();
                for name in fields.iter().filter_map(|f| spelled?.drop_name(f)) {
                    let name = format!("\"{name}\"");
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                if !names.is_empty() {
                    let cost: String =
                        names.iter().map(|name| cost_of_dropping(stream, name.trim_matches('"'))).collect();
                    let names = names.join(", ");
                    let _ = write!(
                        error.detail,
                        "; to go on without: [source.dialect.streams.{stream}] drop = [{names}]{cost}"
                    );
                }
            }
            _ => {}
        }
        error
    }

    /// Sends these questions in one request of their own, once. Returns the token's generation and the result of each
    /// question.
    pub(crate) async fn attempt(&self, questions: &[Question]) -> Outcomes {
        self.attempt_beside(questions, false).await
    }

    /// Sends these questions in one request of their own, once. `are_others_answered` is `true` if the server
    /// answered other questions a moment ago. A rate-limit error then concerns these questions alone and does not
    /// pause other requests.
    pub(super) async fn attempt_beside(&self, questions: &[Question], are_others_answered: bool) -> Outcomes {
        let _slot = self.in_flight.slot().await;
        let (hold, _moving) = self.share(questions).await;
        let number = match self.budget.acquire().await {
            Ok(number) => number,
            Err(e) => return (None, questions.iter().map(|_| Err(e.clone())).collect()),
        };
        self.send_beside(number, hold, questions, are_others_answered).await
    }

    /// Sends questions in one request. `number` is the request's turn in the budget, `hold` its share of the bytes in
    /// flight. Returns the token's generation and the result of each question.
    pub(super) async fn send(
        &self,
        number: u64,
        hold: Option<Arc<OwnedSemaphorePermit>>,
        questions: &[Question],
    ) -> Outcomes {
        self.send_beside(number, hold, questions, false).await
    }

    async fn send_beside(
        &self,
        number: u64,
        hold: Option<Arc<OwnedSemaphorePermit>>,
        questions: &[Question],
        are_others_answered: bool,
    ) -> Outcomes {
        let every = |e: Error| questions.iter().map(|_| Err(e.clone())).collect();
        let dialect = self.dialect();
        let token = match self.token().await {
            Ok(token) => token,
            Err(e) => return (None, every(e)),
        };
        let names: Result<Vec<String>> = query::operations(&dialect, questions)
            .map(|operations| operations.into_iter().map(|operation| self.names.next(operation)).collect());
        let asked = names.and_then(|names| Ok((query::list_request(&dialect, questions, &names)?, names)));
        let (body, names) = match asked {
            Ok(asked) => asked,
            Err(e) => return (Some(token.generation), every(e)),
        };
        for question in questions {
            self.attempts[question.stream].fetch_add(1, Ordering::Relaxed);
        }
        let generation = Some(token.generation);
        let (answer, sent) = self.exchange(number, Purpose::List, Some(token), body).await;
        let outcomes = match answer {
            Ok(answer) => {
                self.in_flight.learn(questions, answer.body.len());
                let judged = envelope::pages(&dialect, &self.settings.volatile, questions, &names, answer);
                self.note_names(judged.named);
                judged.outcomes
            }
            Err(e) => every(e),
        };
        for (question, page) in questions.iter().zip(&outcomes) {
            if let (Some(parent), Ok(_)) = (&question.parent, page) {
                let mut last = self.last_parent[question.stream].lock().unwrap_or_else(PoisonError::into_inner);
                *last = Some(parent.clone());
            }
            if let (Start::Row(row), Ok(page)) = (&question.start, page) {
                let shown = row + page.records.rows.len() as u64 + u64::from(page.nameless);
                if page.total.is_some_and(|total| total > shown) && question.since.is_none() && shown > *row {
                    self.found_counting(question.stream);
                }
            }
        }
        let are_answered = are_others_answered || outcomes.iter().any(Result::is_ok);
        let outcomes: Vec<Result<Page>> = outcomes
            .into_iter()
            .map(|o| {
                self.answered.fetch_add(u64::from(o.is_ok()), Ordering::Relaxed);
                sent.judge(o, are_answered).map(|p| Page { hold: hold.clone(), ..p })
            })
            .collect();
        (generation, outcomes)
    }
}

/// Returns what a job loses if it leaves a field out, in words for the end of a hint. Returns an empty string if no
/// loss is known.
fn cost_of_dropping(stream: Stream, field: &str) -> &'static str {
    match (stream, field) {
        (Stream::Conversations, "lastMessage") => " (each night then asks for the messages of every conversation)",
        _ => "",
    }
}

/// Returns whether a refusal concerns one question only, because other questions of the same request were answered
/// under the same token. A scope is missing for a stream as a whole, so for that error the other question must be of
/// the same stream.
fn is_its_own_denial(error: &Error, answered: &QuestionOutcome, failures: &Failures) -> bool {
    match error.kind {
        Kind::InsufficientScopes { .. } => answered.beside_its_own,
        Kind::Unauthorized | Kind::RateLimited => answered.beside_answers,
        // A token can expire in the middle of a request, but not again and again.
        Kind::TokenExpired => answered.beside_answers && failures.count > 1,
        _ => false,
    }
}

/// Returns the error as the operator reads it. Its text gains the number of attempts and how long they took, or the
/// reason why no further attempt was made.
pub(super) fn with_attempts(error: Error, failures: &Failures, limits: &Limits) -> Error {
    let told = match limits.asked_too_much(error.wait) {
        Some(why) => format!(" ({why})"),
        None if failures.count <= 1 => return error,
        None => format!(" ({} attempts in {} s)", failures.count, failures.lasted().as_secs()),
    };
    Error { detail: format!("{}{told}", error.detail), ..error }
}
