//! The Qpien API behind our client. One file per concern:
//!
//! [`query`] writes requests, [`client`] makes one attempt, [`envelope`] turns the answer into typed results
//! (through [`shape`], [`page`], [`failure`] and [`repair`]), [`token`] keeps the token alive, [`budget`] and
//! [`budget_window`] keep the limit, [`server_clock`] tells the clocks apart, `in_flight` keeps memory flat, [`retry`] says how long to try,
//! [`dialect`] how this API is spelled; [`negotiate`] finds that out, with [`document`] to ask and [`prove`] to make sure.
//! [`Source`] in this file puts them together: it answers questions; `observed` tells what it has seen.

pub mod budget;
pub mod budget_window;
pub mod client;
pub mod dialect;
pub mod document;
pub mod envelope;
pub mod failure;
mod in_flight;
pub mod negotiate;
mod observed;
pub mod page;
pub mod prove;
pub mod query;
pub mod repair;
pub mod retry;
pub mod server_clock;
mod settings;
pub mod shape;
pub mod token;
mod unreachable;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use self::budget::{Budget, Headers};
use self::client::{Attempt, Http};
use self::dialect::{Dialect, StreamDialect};
use self::in_flight::InFlight;
use self::page::Page;
use self::query::Question;
use self::retry::{Failures, Next};
pub use self::settings::Settings;
use self::token::Tokens;
use crate::error::{Error, Kind, Result, quote};
use crate::policy::{self, Action};
use crate::secret::Secret;
use crate::streams::{PerStream, Stream};

/// Answers questions, one result each.
pub struct Source {
    http: Http,
    settings: Settings,
    dialect: RwLock<Arc<Dialect>>,
    tokens: Tokens,
    /// The key's budget.
    pub budget: Budget,
    in_flight: InFlight,
    scope_renewed: PerStream<AtomicU64>,
    contacted: AtomicBool,
    attempts: PerStream<AtomicU64>,
    retries: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl Source {
    /// A source for these settings; makes no request.
    pub fn new(settings: Settings, dialect: Dialect, budget: Budget) -> Result<Source> {
        let http = Http::new(&settings)?;
        Ok(Source {
            http,
            dialect: RwLock::new(Arc::new(dialect)),
            tokens: Tokens::default(),
            budget,
            in_flight: InFlight::new(&settings),
            scope_renewed: PerStream::new(AtomicU64::default),
            contacted: AtomicBool::new(false),
            attempts: PerStream::new(AtomicU64::default),
            retries: AtomicU64::new(0),
            last_failure: Mutex::new(None),
            settings,
        })
    }

    /// How the API is spelled.
    pub fn dialect(&self) -> Arc<Dialect> {
        self.dialect.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a stream is asked for by the records of another one (messages by conversation, unless the server lists
    /// them all).
    pub fn is_partitioned(&self, stream: Stream) -> bool {
        let dialect = self.dialect();
        let named = |part: &StreamDialect| part.parent.as_deref().is_some_and(|name| !name.is_empty());
        stream.definition().parent.is_some() && dialect.stream(stream).is_ok_and(named)
    }

    /// Speaks another dialect from the next request on.
    pub fn speak(&self, dialect: Dialect) {
        *self.dialect.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(dialect);
    }

    /// Generates a token when there is none, with retries: settles endpoint and credentials.
    pub async fn sign_in(&self) -> Result<()> {
        let mut failures = Failures::default();
        loop {
            match self.token().await {
                Ok(_) => return Ok(()),
                Err(e) => self.after_failure(&mut failures, e, true).await?,
            }
        }
    }

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

    async fn after_failure(&self, failures: &mut Failures, error: Error, fresh: bool) -> Result<()> {
        match failures.next(&error.kind, &self.settings.limits, self.contacted.load(Ordering::Relaxed), fresh) {
            Next::After(delay) => {
                self.note_retry(&error, delay);
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Next::GiveUp => Err(told(error, failures)),
        }
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

    fn note_retry(&self, error: &Error, delay: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        tracing::info!(error = %error, delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "asking again");
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.detail.clone());
    }

    async fn attempt(&self, questions: &[Question]) -> (Option<u64>, Option<Duration>, Vec<Result<Page>>) {
        let every = |e: Error| questions.iter().map(|_| Err(e.clone())).collect();
        let _slot = self.in_flight.slot().await;
        let hold = self.in_flight.hold(questions).await;
        let number = match self.budget.acquire().await {
            Ok(number) => number,
            Err(e) => return (None, None, every(e)),
        };
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

    async fn token(&self) -> Result<token::Token> {
        let generate = || async {
            let number = self.budget.acquire().await?;
            let dialect = self.dialect();
            let body = query::token_request(&dialect, &self.settings.client_id, self.settings.client_secret.reveal());
            let (granted, headers) = match self.http.post(body, None).await {
                Ok(Attempt { answer, headers }) => {
                    self.budget.observe(number, headers);
                    (envelope::token(&dialect, answer), headers)
                }
                Err(e) => (Err(e), Headers::default()),
            };
            let granted = granted.map_err(|e| self.hidden(e, None));
            self.settle(number, headers, granted).map_err(|e| e.at("generating a token"))
        };
        self.tokens.current(generate).await
    }

    /// The error without our secrets: the server's words in it may quote what it was sent (graphql-js quotes the value of
    /// a variable that does not fit).
    fn hidden(&self, mut error: Error, token: Option<&Secret>) -> Error {
        error.detail = self.settings.client_secret.hide_in(&error.detail);
        if let Some(token) = token {
            error.detail = token.hide_in(&error.detail);
        }
        error
    }

    /// What an outcome means for everybody: a 429 blocks, anything sensible is contact.
    fn settle<T>(&self, number: u64, headers: Headers, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(value) => {
                self.contacted.store(true, Ordering::Relaxed);
                self.budget.answered();
                Ok(value)
            }
            Err(mut error) => {
                if let Kind::RateLimited { wait } = &mut error.kind {
                    *wait = headers.reset.max(headers.retry_after);
                    self.budget.block(number, *wait);
                }
                // An address that has worked is right: what it says now is an outage.
                if matches!(error.kind, Kind::WrongEndpoint | Kind::Redirected | Kind::Untrusted)
                    && self.contacted.load(Ordering::Relaxed)
                {
                    error.kind = Kind::ServerFault;
                }
                Err(error)
            }
        }
    }
}

/// The error as the operator reads it: how often and how long it was tried.
fn told(error: Error, failures: &Failures) -> Error {
    if failures.count <= 1 {
        return error;
    }
    let detail = format!("{} ({} attempts in {} s)", error.detail, failures.count, failures.lasted().as_secs());
    Error { detail, ..error }
}
