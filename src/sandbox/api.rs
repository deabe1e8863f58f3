//! One request to the API, from its bytes to its reply: limit, validation, fault, execution (`resolve.rs`), log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::data::{Size, World};
use super::dice::Dice;
use super::drift::{Lists, Order};
use super::faults::{Attempt, Fault};
use super::limit::{Account, Limit};
use super::log::{Counts, Line, Log};
use super::outcome::Outcome;
use super::question::Question;
use super::schema::{DEFAULT_SDL, Prepared, Schema};
use super::token::{Standing, Tokens};
use super::{Error, Options};
use crate::streams::Stream;

/// Everything the server knows.
#[derive(Debug)]
pub struct Api {
    /// How it was started.
    pub options: Options,
    /// The account.
    pub world: Arc<World>,
    /// The account's lists as they stand now.
    pub lists: Mutex<Lists>,
    pub(super) schema: Schema,
    pub(super) tokens: Mutex<Tokens>,
    limit: Mutex<Option<Limit>>,
    log: Mutex<Log>,
    /// How often each question was asked.
    attempts: Mutex<HashMap<u64, (u64, u32)>>,
    refused_scope: AtomicBool,
}

/// How a request is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// With a status and a body.
    Whole {
        /// HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
        /// It is an HTML page instead of JSON.
        html: bool,
    },
    /// By closing the connection.
    Nothing,
    /// With so much of a body that was to be this long; then the connection is closed.
    Part(Vec<u8>, usize),
}

/// A reply and what goes with it.
#[derive(Debug)]
pub struct Answered {
    /// The reply.
    pub reply: Reply,
    /// The rate limit's headers.
    pub account: Option<Account>,
    /// How long to wait before replying.
    pub delay: Duration,
}

/// A panic elsewhere leaves numbers behind that are still true enough for a rehearsal.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Api {
    /// An account and everything around it.
    pub fn new(options: Options) -> Result<Api, Error> {
        let sdl = options.sdl.as_deref().unwrap_or(DEFAULT_SDL);
        let schema = Schema::from_sdl(sdl, options.introspection, options.suggestions).map_err(Error::Schema)?;
        let newest_first = options.drift.as_ref().is_none_or(|d| d.order != Order::OldestFirst);
        let size = Size {
            contacts: options.contacts,
            persons: options.persons,
            conversations: options.conversations,
            messages: options.messages,
        };
        if u32::try_from(size.messages).is_err() {
            return Err(Error::TooMany);
        }
        let world = Arc::new(World::new(options.seed, size, newest_first));
        Ok(Api {
            lists: Mutex::new(Lists::new(Arc::clone(&world), options.drift.clone())),
            tokens: Mutex::new(Tokens::new(
                options.seed,
                options.token_ttl,
                options.new_token_cancels_older,
            )),
            limit: Mutex::new(Limit::new(options.requests_per_minute, options.window, options.block)),
            log: Mutex::new(Log::new(Instant::now())),
            attempts: Mutex::default(),
            refused_scope: AtomicBool::new(false),
            schema,
            world,
            options,
        })
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let mut counts = lock(&self.log).counts.clone();
        counts.tokens = lock(&self.tokens).issued();
        counts.drift_events = lock(&self.lists).events();
        counts
    }

    /// The ids that drift has touched, by stream.
    pub fn touched(&self) -> std::collections::BTreeMap<&'static str, Vec<String>> {
        lock(&self.lists).touched()
    }

    /// The log so far, as JSON Lines.
    pub fn log_lines(&self) -> Vec<u8> {
        lock(&self.log).lines()
    }

    /// Answers one request.
    pub fn answer(&self, authorization: Option<&str>, body: &[u8], now: Instant) -> Answered {
        let mut account = lock(&self.limit).as_mut().map(|limit| limit.count(now));
        let prepared = self.schema.prepare(body);
        let mut line = prepared.as_ref().map_or_else(|_| Line::default(), line_of);
        line.remaining = account.map(|a| a.remaining);
        line.token_generation = match lock(&self.tokens).standing(authorization, now) {
            Standing::Valid(generation) | Standing::Expired(generation) => generation,
            Standing::Unknown => 0,
        };
        let mut fault = None;
        let outcome = if account.is_some_and(|a| a.refused) {
            lock(&self.log).counts.over_limit += 1;
            Outcome::too_many()
        } else {
            match prepared {
                Err(refusal) => {
                    lock(&self.log).counts.refused += 1;
                    refusal
                }
                Ok(prepared) => {
                    fault = self.fault(&prepared, &mut line);
                    if fault == Some(Fault::TokenExpired) {
                        lock(&self.tokens).expire(authorization, now);
                    }
                    if let (Some(Fault::RateLimitedStatus | Fault::RateLimitedBody), Some(account)) =
                        (fault, &mut account)
                    {
                        (account.remaining, account.reset) = (0, 1);
                    }
                    match fault.and_then(Outcome::instead) {
                        Some(outcome) => outcome,
                        None => self.execute(&prepared, authorization, fault, now),
                    }
                }
            }
        };
        self.finish(line, outcome, fault, account)
    }

    /// Logs the request and makes of its outcome what the fault leaves of it.
    fn finish(&self, mut line: Line, outcome: Outcome, fault: Option<Fault>, account: Option<Account>) -> Answered {
        let Outcome {
            status,
            mut body,
            html,
            code,
            rows,
        } = outcome;
        let reply = match fault {
            Some(Fault::CutBefore) => Reply::Nothing,
            Some(Fault::CutAfter) => {
                let whole = body.len();
                body.truncate(whole / 2);
                Reply::Part(body, whole)
            }
            Some(Fault::Truncated) => {
                body.truncate(body.len() * 2 / 3);
                Reply::Whole { status, body, html }
            }
            _ => Reply::Whole { status, body, html },
        };
        line.status = if matches!(reply, Reply::Whole { .. }) {
            status
        } else {
            0
        };
        line.fault = fault.map(Fault::name);
        (line.code, line.rows) = (code, rows);
        lock(&self.log).write(line);
        let slow = if fault == Some(Fault::Slow) {
            self.options.faults.slow()
        } else {
            Duration::ZERO
        };
        Answered {
            reply,
            account,
            delay: self.options.latency + slow,
        }
    }

    /// Counts the attempt and asks the plan.
    fn fault(&self, prepared: &Prepared, line: &mut Line) -> Option<Fault> {
        let arguments = line.arguments.to_string();
        let operations: Vec<&str> = prepared.roots.iter().map(|r| r.pick.name.as_str()).collect();
        let key = operations
            .iter()
            .fold(Dice::new(0), |dice, name| dice.named(name))
            .named(&arguments)
            .bits();
        let mut attempts = lock(&self.attempts);
        let next = attempts.len() as u64 + 1;
        let (question, attempt) = attempts.entry(key).or_insert((next, 0));
        *attempt += 1;
        line.attempt = *attempt;
        let asked = Attempt {
            operations: &operations,
            arguments: &arguments,
            attempt: *attempt,
            question: *question,
            needs_token: prepared.roots.iter().any(|r| r.question.needs_token()),
            has_list: prepared.roots.iter().any(|r| r.question.is_list()),
        };
        let fault = self.options.faults.hits(asked)?;
        let spent = fault == Fault::InsufficientScopes && self.refused_scope.swap(true, Ordering::Relaxed);
        (!spent).then_some(fault)
    }

    /// The stream of that name as it stands now, as lines of JSON, a part at a time.
    pub fn truth(self: Arc<Api>, stream: Stream) -> impl FnMut() -> Option<Vec<u8>> + Send + 'static {
        let mut truth = super::truth::Truth::of(stream);
        move || truth.next_lines(&self.world, &self.lists)
    }
}

/// What the log says of a valid request. The arguments of a token request are the secret: they are left out.
fn line_of(prepared: &Prepared) -> Line {
    let mut names: Vec<&str> = prepared.roots.iter().map(|r| r.pick.name.as_str()).collect();
    names.dedup();
    let arguments = prepared.roots.iter().map(|root| match root.question {
        Question::Token { .. } => json!({}),
        _ => Value::Object(root.arguments.clone()),
    });
    Line {
        operation: names.join(","),
        questions: prepared.roots.len(),
        arguments: arguments.collect(),
        ..Line::default()
    }
}
