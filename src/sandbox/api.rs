//! Handles one request to the API, from its bytes to its reply: rate limit, validation, fault, execution
//! (`resolve.rs`), log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::dialects::DEFAULT_SDL;
use super::faults::{Fault, RequestAttempt};
use super::token::{IssuedTokens, TokenState};
use super::{SandboxOptions, StartError};
use crate::sandbox::account::data::{GeneratedAccount, Size};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::changes::drift_settings::ListOrder;
use crate::sandbox::changes::night::{NightChanges, NightReport};
use crate::sandbox::faults::adversary::Adversaries;
use crate::sandbox::graphql::outcome::DocumentOutcome;
use crate::sandbox::graphql::question::SandboxQuestion;
use crate::sandbox::graphql::schema::{Prepared, SandboxSchema};
use crate::sandbox::http::limit::{Limit, LimitState};
use crate::sandbox::http::log::{Counts, Log, LogLine};
use crate::sandbox::truth::{ObjectFields, Truth};
use crate::streams::Stream;

/// The complete state of the server.
#[derive(Debug)]
pub struct Api {
    /// The options with which the server was started.
    pub options: SandboxOptions,
    /// The account as generated, before any change.
    pub world: Arc<GeneratedAccount>,
    /// The account's lists with all changes so far.
    pub lists: Mutex<AccountLists>,
    /// The habits of difficult servers that this one imitates in its lists.
    pub adversaries: Mutex<Adversaries>,
    pub(super) schema: SandboxSchema,
    /// The time of the `Date` header, in milliseconds since 1970. `None` means this machine's clock.
    clock: Mutex<Option<i64>>,
    pub(super) tokens: Mutex<IssuedTokens>,
    limit: Mutex<Option<Limit>>,
    log: Mutex<Log>,
    /// For each question (by a hash of its fields and arguments): its position among all different questions, and how
    /// often it was asked.
    attempts: Mutex<HashMap<u64, (u64, u32)>>,
    refused_scope: AtomicBool,
    /// The number of answers signed so far.
    pub(super) signatures: AtomicU64,
}

/// How the server replies to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum SandboxReply {
    /// A reply with a status and a complete body.
    Whole {
        /// HTTP status.
        status: u16,
        /// The body, as bytes.
        body: Vec<u8>,
        /// `true` if the body is an HTML page instead of JSON.
        html: bool,
    },
    /// No reply: the connection is closed.
    Nothing,
    /// An incomplete reply: these bytes are sent, although this larger `Content-Length` was announced. Then the
    /// connection is closed.
    Part(Vec<u8>, usize),
}

/// A reply, with its rate limit headers and its delay.
#[derive(Debug)]
pub struct TimedReply {
    /// The reply.
    pub reply: SandboxReply,
    /// The state of the rate limit, for the headers. `None` if there is no limit.
    pub account: Option<LimitState>,
    /// How long to wait before sending the reply.
    pub delay: Duration,
}

/// Locks a mutex, even if a panic has poisoned it: the data is still good enough for a test server.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Api {
    /// Generates an account, and creates the server's state. Returns an error if the schema is invalid or there are
    /// too many messages.
    pub fn new(options: SandboxOptions) -> Result<Api, StartError> {
        let sdl = options.sdl.as_deref().unwrap_or(DEFAULT_SDL);
        let schema =
            SandboxSchema::from_sdl(sdl, options.introspection, options.suggestions).map_err(StartError::Schema)?;
        let newest_first = options.drift.as_ref().is_none_or(|d| d.order != ListOrder::OldestFirst);
        let size = Size {
            contacts: options.contacts,
            persons: options.persons,
            conversations: options.conversations,
            messages: options.messages,
        };
        if u32::try_from(size.messages).is_err() {
            return Err(StartError::TooMany);
        }
        let world = Arc::new(GeneratedAccount::new(options.seed, size, newest_first).dated(schema.reading().dates));
        let seed = options.drift.as_ref().map_or(options.seed, |drift| drift.seed);
        Ok(Api {
            adversaries: Mutex::new(Adversaries::new(options.adversaries.clone(), seed)),
            lists: Mutex::new(AccountLists::new(Arc::clone(&world), options.drift.clone())),
            clock: Mutex::new(options.now),
            tokens: Mutex::new(IssuedTokens::new(options.seed, options.token_ttl, options.new_token_cancels_older)),
            limit: Mutex::new(Limit::new(options.requests_per_minute, options.window, options.block)),
            log: Mutex::new(Log::new(Instant::now())),
            attempts: Mutex::default(),
            refused_scope: AtomicBool::new(false),
            signatures: AtomicU64::new(0),
            schema,
            world,
            options,
        })
    }

    /// Returns the counts of requests, answers and faults so far.
    pub fn counts(&self) -> Counts {
        let mut counts = lock(&self.log).counts.clone();
        counts.tokens = lock(&self.tokens).issued();
        counts.drift_events = lock(&self.lists).events();
        counts
    }

    /// Returns the ids of the records that drift has changed, by stream.
    pub fn touched(&self) -> std::collections::BTreeMap<&'static str, Vec<String>> {
        lock(&self.lists).touched()
    }

    /// Applies the changes of a simulated night, and reports them. If the time is set by an option, it moves to the
    /// end of the night.
    pub fn night(&self, night: NightChanges) -> NightReport {
        let told = lock(&self.lists).night(night);
        let mut clock = lock(&self.clock);
        if clock.is_some() {
            *clock = crate::clock::parsed(&told.now);
        }
        told
    }

    /// Returns the value of the `Date` header, or `None` if the HTTP library should use this machine's time.
    pub fn date(&self) -> Option<String> {
        let now = jiff::Timestamp::from_millisecond((*lock(&self.clock))?).ok()?;
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()
    }

    /// Returns the log of all requests so far, as JSON Lines.
    pub fn log_lines(&self) -> Vec<u8> {
        lock(&self.log).lines()
    }

    /// Handles one request. `authorization` is the value of its `Authorization` header, and `now` the time of its
    /// arrival.
    pub fn answer(&self, authorization: Option<&str>, body: &[u8], now: Instant) -> TimedReply {
        let mut account = lock(&self.limit).as_mut().map(|limit| limit.count(now));
        let prepared = self.schema.prepare(body);
        let questions = prepared.as_ref().map_or(1, |p| p.roots.len());
        if let (true, Some(limit), Some(account)) =
            (self.options.count_questions, lock(&self.limit).as_mut(), &mut account)
        {
            limit.count_more(account, questions.saturating_sub(1));
        }
        let mut line = prepared.as_ref().map_or_else(|_| LogLine::default(), line_of);
        line.remaining = account.map(|a| a.remaining);
        line.token_generation = match lock(&self.tokens).standing(authorization, now) {
            TokenState::Valid(generation) | TokenState::Expired(generation) => generation,
            TokenState::Unknown => 0,
        };
        let mut fault = None;
        let outcome = if account.is_some_and(|a| a.refused) {
            lock(&self.log).counts.over_limit += 1;
            DocumentOutcome::too_many()
        } else if self.options.max_questions > 0 && questions > self.options.max_questions {
            lock(&self.log).counts.refused += 1;
            DocumentOutcome::too_many_questions(self.options.max_questions, questions)
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
                    match fault.and_then(DocumentOutcome::instead) {
                        Some(outcome) => outcome,
                        None => self.execute(&prepared, authorization, fault, now),
                    }
                }
            }
        };
        self.finish(line, outcome, fault, account)
    }

    /// Applies a fault of the connection to the outcome, logs the request, and returns the reply.
    fn finish(
        &self,
        mut line: LogLine,
        outcome: DocumentOutcome,
        fault: Option<Fault>,
        account: Option<LimitState>,
    ) -> TimedReply {
        let DocumentOutcome { status, mut body, html, code, rows } = outcome;
        let reply = match fault {
            Some(Fault::CutBefore) => SandboxReply::Nothing,
            Some(Fault::CutAfter) => {
                let whole = body.len();
                body.truncate(whole / 2);
                SandboxReply::Part(body, whole)
            }
            Some(Fault::Truncated) => {
                body.truncate(body.len() * 2 / 3);
                SandboxReply::Whole { status, body, html }
            }
            _ => SandboxReply::Whole { status, body, html },
        };
        line.status = if matches!(reply, SandboxReply::Whole { .. }) { status } else { 0 };
        line.fault = fault.map(Fault::name);
        (line.code, line.rows) = (code, rows);
        lock(&self.log).write(line);
        let slow = if fault == Some(Fault::Slow) { self.options.faults.slow() } else { Duration::ZERO };
        TimedReply { reply, account, delay: self.options.latency + slow }
    }

    /// Counts the attempt, and returns the fault that the plan intends for it, if any. Notes the attempt in the log
    /// line.
    fn fault(&self, prepared: &Prepared, line: &mut LogLine) -> Option<Fault> {
        let arguments = line.arguments.to_string();
        let operations: Vec<&str> = prepared.roots.iter().map(|r| r.pick.name.as_str()).collect();
        let key = operations.iter().fold(RandomTable::new(0), |dice, name| dice.named(name)).named(&arguments).bits();
        let mut attempts = lock(&self.attempts);
        let next = attempts.len() as u64 + 1;
        let (question, attempt) = attempts.entry(key).or_insert((next, 0));
        *attempt += 1;
        line.attempt = *attempt;
        let asked = RequestAttempt {
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

    /// Returns a function that returns the stream's current records as JSON Lines, one part per call, and `None` at
    /// the end.
    pub fn truth(
        self: Arc<Api>,
        stream: Stream,
        objects: ObjectFields,
    ) -> impl FnMut() -> Option<Vec<u8>> + Send + 'static {
        let mut truth = Truth::of(stream, self.schema.reading(), objects);
        move || truth.next_lines(&self.world, &self.lists)
    }
}

/// Returns the log line of a valid request. The arguments of a token request are left out, because they contain the
/// secret.
fn line_of(prepared: &Prepared) -> LogLine {
    let mut names: Vec<&str> = prepared.roots.iter().map(|r| r.pick.name.as_str()).collect();
    names.dedup();
    let arguments = prepared.roots.iter().map(|root| match root.question {
        SandboxQuestion::Token { .. } => json!({}),
        _ => Value::Object(root.arguments.clone()),
    });
    LogLine {
        operation: names.join(","),
        questions: prepared.roots.len(),
        arguments: arguments.collect(),
        ..LogLine::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::faults::Plan;
    use super::*;
    use crate::dialect::{Dialect, field_name};
    use crate::sandbox::changes::drift_settings::DriftSettings;

    const CONTACTS: &str = "_id customer firstName lastName username avatar email phone phoneCountryCode country gender \
                            tags { _id name color } createdAt phoneUsagePermission emailUsagePermission language owner";

    fn api(change: impl FnOnce(&mut SandboxOptions)) -> Arc<Api> {
        let mut options = SandboxOptions {
            contacts: 230,
            persons: 5,
            conversations: 30,
            messages: 900,
            requests_per_minute: 0,
            ..SandboxOptions::default()
        };
        change(&mut options);
        Arc::new(Api::new(options).unwrap())
    }

    fn failing(plan: &str) -> Arc<Api> {
        api(|o| o.faults = Plan::from_toml(plan).unwrap())
    }

    fn reply(api: &Api, token: &str, query: &str) -> SandboxReply {
        api.answer(Some(&format!("Bearer {token}")), json!({"query": query}).to_string().as_bytes(), Instant::now())
            .reply
    }

    /// Returns the status and the body; replaces lone surrogates, as a lenient reader would.
    fn ask(api: &Api, token: &str, query: &str) -> (u16, Value) {
        let SandboxReply::Whole { status, body, .. } = reply(api, token, query) else { panic!("no answer") };
        (status, serde_json::from_str(&lenient(&String::from_utf8(body).unwrap())).unwrap_or(Value::Null))
    }

    /// Replaces a high surrogate that stands alone, and keeps complete pairs.
    fn lenient(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("\\ud83d") {
            out.push_str(&rest[..at]);
            rest = &rest[at + 6..];
            let pair = rest.starts_with("\\ud") && !rest.starts_with("\\ud83d");
            out.push_str(if pair { "\\ud83d" } else { "\\ufffd" });
        }
        out + rest
    }

    fn token(api: &Api) -> String {
        let query = r#"mutation { generateOAuthToken(input: {clientId: "sandbox-client", clientSecret: "sandbox-secret"})
            { success data { accessToken expiresIn } code message } }"#;
        // A fault hits a question's first two attempts at most, so the third gets through.
        for _ in 0..3 {
            if let SandboxReply::Whole { status: 200, body, .. } = reply(api, "", query)
                && let Ok(answer) = serde_json::from_slice::<Value>(&body)
                && let Some(text) = answer["data"]["generateOAuthToken"]["data"]["accessToken"].as_str()
            {
                return text.to_owned();
            }
        }
        panic!("no token");
    }

    fn code(answer: &Value) -> &str {
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
    }

    fn contacts(api: &Api, token: &str, page: u64) -> Value {
        let query = format!(
            "{{ getContactList(page: {page}, limit: 100) {{ success code data {{ docs {{ {CONTACTS} }} hasNextPage totalDocs }} }} }}"
        );
        ask(api, token, &query).1
    }

    /// Reads every row of a list, page by page.
    fn walk(api: &Api, token: &str, field: &str, more_arguments: &str, columns: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        for page in 1.. {
            let query = format!(
                "{{ {field}(page: {page}, limit: 100{more_arguments}) {{ data {{ docs {{ {columns} }} hasNextPage totalDocs }} }} }}"
            );
            let mut answer = ask(api, token, &query).1;
            let list = answer["data"][field]["data"].take();
            rows.extend(list["docs"].as_array().unwrap().clone());
            if list["hasNextPage"] == false {
                assert_eq!(list["totalDocs"], rows.len());
                break;
            }
        }
        rows
    }

    #[test]
    fn a_walk_shows_the_truth() {
        let api = api(|_| {});
        let token = token(&api);
        let shipped = Dialect::shipped().unwrap();
        for stream in crate::streams::ALL {
            let asked = &shipped.stream(stream).unwrap().fields;
            let left_out = |name: &str| !asked.iter().any(|field| field_name(field) == name);
            let columns = asked.join(" ");
            let seen = match stream {
                Stream::Contacts => walk(&api, &token, "getContactList", "", &columns),
                Stream::CustomerPersons => walk(&api, &token, "getCustomerPersonList", "", &columns),
                Stream::Conversations => walk(&api, &token, "getConversationList", "", &columns),
                Stream::Messages => walk(&api, &token, "getConversationList", "", "_id")
                    .iter()
                    .flat_map(|c| {
                        walk(&api, &token, "getMessages", &format!(", conversationId: {}", c["_id"]), &columns)
                    })
                    .collect(),
                Stream::Channels => {
                    let query = format!("{{ getAllConnectedPlatformList {{ data {{ {columns} }} }} }}");
                    let answer = ask(&api, &token, &query).1;
                    let rows = &answer["data"]["getAllConnectedPlatformList"]["data"];
                    rows.as_array().unwrap().clone()
                }
                Stream::WhatsappBusinessTemplates => {
                    walk(&api, &token, "getWhatsappBusinessTemplateList", "", &columns)
                }
            };
            let mut parts = Arc::clone(&api).truth(stream, ObjectFields::Shipped);
            let mut truth = Vec::new();
            while let Some(lines) = parts() {
                truth.extend(
                    String::from_utf8(lines).unwrap().lines().map(|l| serde_json::from_str::<Value>(l).unwrap()),
                );
            }
            for record in &mut truth {
                record.as_object_mut().unwrap().retain(|name, value| !left_out(name) || !value.is_null());
            }
            assert_eq!(seen, truth, "{stream}");
        }
        assert_eq!(api.counts().rows, 230 + 5 + 30 + 30 + 900 + 12 + 12);
    }

    #[test]
    fn keys_come_in_the_order_of_the_selection() {
        let api = api(|_| {});
        let query = "query Q($more: Boolean = false, $page: Int = 3) {
            b: getContactList(limit: 1, page: $page) { data { totalDocs ...Rows } success }
            a: getContactList(limit: 1) { __typename message }
          }
          fragment Rows on ContactPage { docs { n: createdAt ... on ExternalContact { z: customer @include(if: $more) __typename } } }";
        let SandboxReply::Whole { body, .. } = reply(&api, &token(&api), query) else { panic!("no answer") };
        let text = String::from_utf8(body).unwrap();
        let (before, rest) = text.split_once("\"n\":\"").unwrap();
        assert_eq!(before, r#"{"data":{"b":{"data":{"totalDocs":230,"docs":[{"#);
        let after = r#"","__typename":"ExternalContact"}]},"success":true},"a":{"__typename":"ContactListPayload","message":null}}}"#;
        assert_eq!(rest[24..], *after);
    }

    #[test]
    fn tokens_expire_and_are_cancelled() {
        let one = "{ getContactList(limit: 1) { success } }";
        let api = api(|o| o.new_token_cancels_older = true);
        assert_eq!(code(&ask(&api, "", one).1), "UNAUTHORIZED");
        let first = token(&api);
        assert_eq!(code(&ask(&api, &first, one).1), "none");
        let second = token(&api);
        assert_eq!(code(&ask(&api, &first, one).1), "TOKEN_EXPIRED");
        assert_eq!(code(&ask(&api, &second, one).1), "none");
        let later = Instant::now() + Duration::from_secs(3600);
        let body = json!({"query": one}).to_string();
        let SandboxReply::Whole { status, body, .. } = api.answer(Some(&second), body.as_bytes(), later).reply else {
            panic!("no answer")
        };
        assert_eq!(status, 200);
        let documented =
            r#"{"errors":[{"message":"Token expired","extensions":{"code":"TOKEN_EXPIRED"},"success":false}]}"#;
        assert_eq!(String::from_utf8(body).unwrap(), documented);
        assert_eq!(api.counts().tokens, 2);
    }

    #[test]
    fn a_missing_scope_denies_its_own_questions_only() {
        let api = api(|o| o.denied_scopes = vec!["read_messages".to_owned()]);
        let token = token(&api);
        let (status, alone) = ask(&api, &token, r#"{ getMessages(conversationId: "x") { success } }"#);
        assert_eq!((status, code(&alone), alone.get("data")), (200, "INSUFFICIENT_SCOPES", None));
        assert_eq!(alone["errors"][0]["extensions"]["requiredScope"], "read_messages");
        let both = r#"{ m: getMessages(conversationId: "x") { success } getContactList { success } }"#;
        let (_, both) = ask(&api, &token, both);
        assert_eq!(both["data"], json!({"m": null, "getContactList": {"success": true}}));
        assert_eq!(both["errors"][0]["path"], json!(["m"]));
    }

    #[test]
    fn over_the_limit_nothing_is_served() {
        let api = api(|o| o.requests_per_minute = 2);
        let token = token(&api);
        let one = "{ getContactList(limit: 1) { success } }";
        assert_eq!(ask(&api, &token, one).0, 200);
        let (status, refused) = ask(&api, &token, one);
        assert_eq!((status, code(&refused)), (429, "TOO_MANY_REQUESTS"));
        assert_eq!(api.counts().over_limit, 1);
    }

    #[test]
    fn faults_are_what_their_names_say_and_retries_get_through() {
        for (fault, status, code_of) in [
            ("token_expired", 200, "TOKEN_EXPIRED"),
            ("rate_limited_status", 429, "TOO_MANY_REQUESTS"),
            ("rate_limited_body", 200, "TOO_MANY_REQUESTS"),
            ("bad_request_graphql", 400, "INTERNAL_SERVER_ERROR"),
            ("unauthorized_graphql", 401, "UNAUTHORIZED"),
            ("errors_200", 200, "INTERNAL_SERVER_ERROR"),
            ("partial_data", 200, "INTERNAL_SERVER_ERROR"),
            ("insufficient_scopes", 200, "INSUFFICIENT_SCOPES"),
            ("error_500", 500, "none"),
            ("error_502", 502, "none"),
            ("error_503", 503, "none"),
        ] {
            let api = failing(&format!("rule = [{{ fault = '{fault}', rate = 1, operations = ['getContactList'] }}]"));
            let first = token(&api);
            let one = "{ getContactList(limit: 4) { success data { docs { _id } } } }";
            let (seen, answer) = ask(&api, &first, one);
            assert_eq!((seen, code(&answer)), (status, code_of), "{fault}");
            if fault == "partial_data" {
                assert_eq!(answer["data"]["getContactList"]["data"]["docs"].as_array().unwrap().len(), 2);
            }
            let again = if fault == "token_expired" { token(&api) } else { first.clone() };
            assert_eq!(ask(&api, &again, one).1["data"]["getContactList"]["success"], true, "{fault}");
            assert_eq!(api.counts().faults[fault], 1);
            if fault == "token_expired" {
                assert_eq!(code(&ask(&api, &first, one).1), "TOKEN_EXPIRED");
            }
        }
    }

    #[test]
    fn what_is_left_of_an_object_after_skip_is_an_object() {
        let api = api(|_| {});
        let token = token(&api);
        let query = "{ a: getContactList(limit: 1) { success @skip(if: true) } \
                     b: getContactList(limit: 2) { data { docs { _id @skip(if: true) } } } }";
        let expected = json!({"a": {}, "b": {"data": {"docs": [{}, {}]}}});
        assert_eq!(ask(&api, &token, query).1["data"], expected);
    }

    #[test]
    fn a_null_that_a_variable_brings_in_fails_its_field() {
        let api = api(|_| {});
        let token = token(&api);
        let query = "query($id: ID = 1) { getContact(_id: $id) { success } a: getContactList { success } }";
        let body = json!({"query": query, "variables": {"id": null}}).to_string();
        let answered = api.answer(Some(&token), body.as_bytes(), Instant::now());
        let SandboxReply::Whole { body, .. } = answered.reply else { panic!("no answer") };
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["data"], json!({"getContact": null, "a": {"success": true}}));
        assert_eq!(answer["errors"][0]["message"], "Argument \"_id\" of non-null type \"ID!\" must not be null.");
        assert_eq!(answer["errors"][0]["path"], json!(["getContact"]));
    }

    #[test]
    fn faults_of_one_list_befall_one_alias() {
        let api = failing("rule = [{ fault = 'success_false', rate = 1 }]");
        let token = token(&api);
        let two = "{ a: getContactList(page: 1) { success } b: getContactList(page: 2) { success } }";
        let (_, answer) = ask(&api, &token, two);
        let failed = ["a", "b"].iter().filter(|alias| answer["data"][**alias]["success"] == false).count();
        assert_eq!(failed, 1);
        let api =
            failing("rule = [{ fault = 'missing_total', rate = 1 }, { fault = 'repeated_page', questions = [4] }]");
        let token = super::tests::token(&api);
        assert!(contacts(&api, &token, 1)["data"]["getContactList"]["data"]["totalDocs"].is_null());
        let first = contacts(&api, &token, 1);
        contacts(&api, &token, 3);
        let second = contacts(&api, &token, 2);
        let docs = |answer: &Value| answer["data"]["getContactList"]["data"]["docs"].clone();
        assert_eq!(docs(&first), docs(&second));
        assert_ne!(docs(&first), docs(&contacts(&api, &token, 2)));
    }

    #[test]
    fn broken_answers_break_where_they_say() {
        let api = failing("rule = [{ fault = 'truncated', rate = 1, operations = ['getContactList'] }]");
        let one = "{ getContactList(limit: 4) { success data { docs { _id } } } }";
        let SandboxReply::Whole { body, .. } = reply(&api, &token(&api), one) else { panic!("no answer") };
        assert!(serde_json::from_slice::<Value>(&body).is_err());
        let api = failing("rule = [{ fault = 'cut_before', rate = 1, operations = ['getContactList'] }]");
        assert_eq!(reply(&api, &token(&api), one), SandboxReply::Nothing);
        let api = failing("rule = [{ fault = 'cut_after', rate = 1, operations = ['generateOAuthToken'] }]");
        let query = r#"mutation { generateOAuthToken(input: {clientId: "sandbox-client", clientSecret: "sandbox-secret"}) { success } }"#;
        assert!(matches!(reply(&api, "", query), SandboxReply::Part(part, whole) if part.len() < whole));
        assert_eq!(api.counts().tokens, 1, "the answer was lost, the token was made");
    }

    #[test]
    fn two_runs_of_one_client_meet_the_same_and_the_log_keeps_secrets() {
        let run = || {
            let api = api(|o| {
                o.faults = Plan::named("all").unwrap();
                o.drift = Some(DriftSettings::default());
            });
            let mut token = token(&api);
            for page in 1..40 {
                for _ in 0..4 {
                    let query =
                        format!("{{ getContactList(page: {page}, limit: 7) {{ success data {{ docs {{ _id }} }} }} }}");
                    if let SandboxReply::Whole { status: 200, body, .. } = reply(&api, &token, &query) {
                        let text = String::from_utf8_lossy(&body);
                        if text.contains("TOKEN_EXPIRED") {
                            token = self::token(&api);
                        }
                    }
                }
            }
            let log = String::from_utf8(api.log_lines()).unwrap();
            for secret in [super::super::token::MARKER, "sandbox-secret", "sandbox-client"] {
                assert!(!log.contains(secret));
            }
            (api.counts(), api.touched())
        };
        let (first, second) = (run(), run());
        assert_eq!(first, second);
        assert!(first.0.faults.len() > 8, "{:?}", first.0.faults);
        assert!(first.0.drift_events > 20);
    }
}
