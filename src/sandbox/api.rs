//! One request to the API, from its bytes to its reply: limit, validation, fault, token, scopes, execution, log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::data::{List, Size, World};
use super::dice::Dice;
use super::drift::{Lists, Order};
use super::execute::{Content, Writer};
use super::faults::{Attempt, Fault};
use super::limit::{Account, Limit};
use super::log::{Counts, Line, Log};
use super::out::Out;
use super::plan::Root;
use super::question::{Paging, Question};
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
    schema: Schema,
    tokens: Mutex<Tokens>,
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

/// What an execution comes to.
struct Outcome {
    status: u16,
    body: Vec<u8>,
    html: bool,
    code: Option<String>,
    rows: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
            failure(429, "Too Many Requests", "TOO_MANY_REQUESTS")
        } else {
            match prepared {
                Err(refusal) => {
                    lock(&self.log).counts.refused += 1;
                    Outcome::of(400, refusal.body, refusal.code)
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
                    match fault.and_then(instead) {
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

    fn execute(&self, prepared: &Prepared, authorization: Option<&str>, fault: Option<Fault>, now: Instant) -> Outcome {
        if prepared.roots.iter().any(|r| r.question.needs_token()) {
            match lock(&self.tokens).standing(authorization, now) {
                Standing::Valid(_) => {}
                Standing::Expired(_) => return failure(200, "Token expired", "TOKEN_EXPIRED"),
                Standing::Unknown => return failure(200, "Missing or invalid access token", "UNAUTHORIZED"),
            }
        }
        let denied = |root: &Root| {
            let scope = root.question.scope()?;
            let all = fault == Some(Fault::InsufficientScopes);
            (all || self.options.denied_scopes.iter().any(|s| s == scope)).then_some(scope)
        };
        let refusals: Vec<Option<&str>> = prepared.roots.iter().map(denied).collect();
        if let (Some(scope), true) = (refusals[0], refusals.iter().all(Option::is_some)) {
            let body = json!({"errors": [scope_error(scope, None)]}).to_string();
            return Outcome::of(200, body, "INSUFFICIENT_SCOPES");
        }
        let introspected = if prepared.roots.iter().any(Root::is_introspection) {
            match self.schema.introspect(prepared) {
                Ok(data) => data,
                Err(refusal) => return Outcome::of(400, refusal.body, refusal.code),
            }
        } else {
            Default::default()
        };
        let twisted = twisted_root(&prepared.roots, fault);
        let mut out = Out {
            bytes: Vec::with_capacity(64 * 1024),
            lossy: false,
        };
        let (mut errors, mut rows, mut first_list, mut code) = (Vec::new(), 0, true, None);
        out.raw("{\"data\":{");
        for (n, (root, refusal)) in prepared.roots.iter().zip(refusals).enumerate() {
            if n > 0 {
                out.raw(",");
            }
            out.raw(&root.pick.key);
            if let Some(scope) = refusal {
                errors.push(scope_error(scope, Some(&root.pick.alias)));
                out.raw("null");
                continue;
            }
            if root.question == Question::Meta {
                match introspected.get(root.pick.alias.as_str()) {
                    Some(value) => serde_json::to_writer(&mut out.bytes, value).unwrap_or_default(),
                    None => out.text(&root.pick.on),
                }
                continue;
            }
            let twist = fault.filter(|_| twisted == Some(n));
            let content = match self.content(&root.question, twist, &mut first_list, now) {
                Ok(Some(content)) => content,
                Ok(None) => {
                    out.raw("null");
                    continue;
                }
                Err(outcome) => return outcome,
            };
            if let (Some(Fault::PartialData), Content::Page { rows, .. }) = (twist, &content) {
                errors.push(json!({
                    "message": "Internal server error", "path": [root.pick.alias, "data", "docs", rows.len()],
                    "extensions": {"code": "INTERNAL_SERVER_ERROR"},
                }));
            }
            if let Content::Failed(failed, _) = content {
                code = Some(failed.to_owned());
            }
            rows += content.rows();
            Writer {
                world: &self.world,
                out: &mut out,
            }
            .envelope(&root.pick, &content);
        }
        out.raw("}}");
        if !errors.is_empty() {
            code = errors[0]["extensions"]["code"].as_str().map(str::to_owned);
            let mut body = format!("{{\"errors\":{},", Value::Array(errors)).into_bytes();
            body.extend_from_slice(&out.bytes[1..]);
            out.bytes = body;
        }
        Outcome {
            status: 200,
            body: out.bytes,
            html: false,
            code,
            rows,
        }
    }

    /// What a question is answered with; nothing for one that nobody knows.
    fn content(
        &self,
        question: &Question,
        twist: Option<Fault>,
        first_list: &mut bool,
        now: Instant,
    ) -> Result<Option<Content>, Outcome> {
        Ok(match question {
            Question::Token {
                client_id,
                client_secret,
            } => {
                if *client_id != self.options.client_id || *client_secret != self.options.client_secret {
                    return Err(failure(200, "Invalid client id or client secret", "INVALID_CLIENT"));
                }
                let (text, seconds) = lock(&self.tokens).issue(now);
                Some(Content::Token { text, seconds })
            }
            Question::Page(stream, paging) => List::of(*stream).map(|list| self.page(list, *paging, twist, first_list)),
            Question::Messages(conversation, paging) => {
                let list = lock(&self.lists).messages_of(conversation);
                // Of an unknown conversation there are no messages: a list nobody has.
                Some(self.page(list.unwrap_or(List::Messages(u64::MAX)), *paging, twist, first_list))
            }
            Question::One(stream, id) => {
                let list = List::of(*stream);
                let found = list.and_then(|list| Some((list, lock(&self.lists).position(list, id)?.1)));
                Some(Content::One(found.map(|(list, entry)| self.world.object(list, entry))))
            }
            Question::Channels => Some(Content::Channels),
            Question::Meta | Question::Unknown => None,
        })
    }

    fn page(&self, list: List, paging: Paging, twist: Option<Fault>, first_list: &mut bool) -> Content {
        let mut lists = lock(&self.lists);
        if list != List::Messages(u64::MAX) {
            lists.pass_time(list, std::mem::take(first_list));
        }
        let limit = paging.limit.min(u64::from(self.options.max_page_size.max(1)));
        let page = if twist == Some(Fault::RepeatedPage) {
            (paging.page - 1).max(1)
        } else {
            paging.page
        };
        let start = (page - 1).saturating_mul(limit);
        let total = lists.len(list);
        let mut rows = lists.slice(list, start..start.saturating_add(limit));
        match twist {
            Some(Fault::SuccessFalse) => return Content::Failed("500", "Something went wrong"),
            Some(Fault::PartialData) => rows.truncate(rows.len() / 2),
            _ => {}
        }
        let more = paging.page.saturating_mul(limit) < total;
        let total = (twist != Some(Fault::MissingTotal)).then_some(total);
        Content::Page {
            list,
            rows,
            total,
            more,
        }
    }

    /// The stream of that name as it stands now, as lines of JSON, a part at a time.
    pub fn truth(self: Arc<Api>, stream: Stream) -> impl FnMut() -> Option<Vec<u8>> + Send + 'static {
        let mut truth = super::truth::Truth::of(stream);
        move || truth.next_lines(&self.world, &self.lists)
    }
}

impl Outcome {
    fn of(status: u16, body: String, code: &str) -> Outcome {
        Outcome {
            status,
            body: body.into_bytes(),
            html: false,
            code: Some(code.to_owned()),
            rows: 0,
        }
    }
}

/// The documented form of an error, alone.
fn failure(status: u16, message: &str, code: &str) -> Outcome {
    let mut error = json!({"message": message, "extensions": {"code": code}});
    if status == 200 {
        error["success"] = Value::Bool(false);
    }
    Outcome::of(status, json!({"errors": [error]}).to_string(), code)
}

fn scope_error(scope: &str, path: Option<&str>) -> Value {
    let mut error = json!({
        "message": "Insufficient scopes for this operation",
        "extensions": {"code": "INSUFFICIENT_SCOPES", "requiredScope": scope},
        "success": false,
    });
    if let Some(path) = path {
        error["path"] = json!([path]);
    }
    error
}

/// The outcome of faults that leave nothing to execute.
fn instead(fault: Fault) -> Option<Outcome> {
    let page = |status: u16, title: &str| Outcome {
        status,
        body: format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
        )
        .into_bytes(),
        html: true,
        code: None,
        rows: 0,
    };
    Some(match fault {
        Fault::RateLimitedStatus => failure(429, "Too Many Requests", "TOO_MANY_REQUESTS"),
        Fault::RateLimitedBody => failure(200, "Too Many Requests", "TOO_MANY_REQUESTS"),
        Fault::Error500 => page(500, "Internal Server Error"),
        Fault::Error502 => page(502, "Bad Gateway"),
        Fault::Error503 => page(503, "Service Temporarily Unavailable"),
        Fault::BadRequestGraphql => failure(400, "Internal server error", "INTERNAL_SERVER_ERROR"),
        Fault::UnauthorizedGraphql => failure(401, "Missing or invalid access token", "UNAUTHORIZED"),
        Fault::Errors200 => {
            let error = json!({"message": "Internal server error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}});
            Outcome::of(
                200,
                json!({"errors": [error], "data": null}).to_string(),
                "INTERNAL_SERVER_ERROR",
            )
        }
        Fault::CutBefore => page(0, ""),
        _ => return None,
    })
}

/// The root field that a fault of one list befalls: the arguments say which.
fn twisted_root(roots: &[Root], fault: Option<Fault>) -> Option<usize> {
    fault?;
    let lists: Vec<usize> = (0..roots.len()).filter(|n| roots[*n].question.is_list()).collect();
    let dice = lists.iter().fold(Dice::new(0), |dice, n| {
        dice.named(&Value::Object(roots[*n].arguments.clone()).to_string())
    });
    lists
        .get(usize::try_from(dice.below(lists.len() as u64)).unwrap_or(0))
        .copied()
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
