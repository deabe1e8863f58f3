//! Talks to the Qpien API. [`Source`] takes questions and returns one result for each: a page of records, or an error
//! with its kind. Tokens, the request limit and retries are handled here.
//!
//! Each concern has its own file, so that a change has one place:
//!
//! | concern | files |
//! |---|---|
//! | one attempt | `exchange`, [`client`] (HTTP), `decoding`, `transport_error` |
//! | writing a request | [`query`], [`response_names`], [`path_tree`] |
//! | reading an answer | [`envelope`], `envelope_members`, `answer_errors`, `error_words` |
//! | what an answer means | [`classify`], [`page`], [`surrogates`] (repairs strings) |
//! | what may be shown of a server's words | [`wording`] |
//! | questions and their retries | `ask`, `batch`, [`batch_size`], [`retry`], `control_question` |
//! | the token | [`token`] |
//! | the limit | [`rate_limit`]: the budget, the file that processes share, the headers, what the server counts |
//! | time | [`server_clock`], [`http_date`] |
//! | memory, and requests under way | `in_flight`, `requests_under_way` |
//! | the rows of a page | `page_limit` |
//! | what a source has seen | `observed` |
//!
//! How the API is spelled is data: [`crate::dialect`]. [`crate::discovery::negotiate`] finds the spelling out. It
//! sends documents through [`document`], checks the paging with [`crate::discovery::check_paging`], and asks for
//! single records through [`crate::discovery::fetch_by_id`]. [`crate::discovery::saved_dialect`] keeps the spelling
//! for later runs.

mod answer_errors;
#[cfg(test)]
mod any_answer_tests;
mod ask;
mod batch;
pub mod batch_size;
pub mod classify;
pub mod client;
mod control_question;
mod decoding;
pub mod document;
pub mod envelope;
mod envelope_members;
mod error_words;
mod exchange;
pub mod http_date;
mod in_flight;
mod observed;
pub mod page;
mod page_limit;
pub mod path_tree;
pub mod query;
pub mod rate_limit;
mod requests_under_way;
pub mod response_names;
pub mod retry;
pub mod server;
pub mod server_clock;
pub mod settings;
pub mod surrogates;
pub mod token;
mod transport_error;
pub mod wording;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

pub use self::batch::AtWork;
use self::batch::WaitingQuestions;
use self::client::Http;
use self::in_flight::InFlight;
use self::page_limit::PageLimit;
use self::rate_limit::{Budget, Purpose};
pub use self::requests_under_way::UnderWay;
use self::response_names::{IGNORED, Named, ResponseNames};
use self::retry::{AfterFailure, Failures};
use self::settings::Collecting;
pub use self::settings::SourceSettings;
use self::token::Tokens;
use crate::dialect::{Dialect, StreamDialect};
use crate::error::{Error, Kind, Result};
use crate::policy::{self, Subject};
use crate::record::volatile::Volatile;
use crate::source::batch_size::BatchSize;
use crate::streams::{self, PerStream, Stream};
use crate::waits::Waits;

/// The connection to the API. Answers questions, with one result for each.
pub struct Source {
    http: Http,
    settings: SourceSettings,
    dialect: RwLock<Arc<Dialect>>,
    tokens: Tokens,
    /// The budget of the API key.
    pub budget: Budget,
    /// The number of questions that a request carries.
    pub aliases: BatchSize,
    in_flight: InFlight,
    names: ResponseNames,
    token_names: ResponseNames,
    waiting: Arc<WaitingQuestions>,
    /// The generation of the token that lacked the stream's scope, so that a new token was requested; 0 if no token
    /// lacked it.
    scope_renewed: PerStream<AtomicU64>,
    /// The undocumented fields of each stream that have failed in this run.
    refused_fields: Mutex<PerStream<Vec<String>>>,
    /// The id of the parent record whose list was answered last; `None` before the first.
    last_parent: PerStream<Mutex<Option<String>>>,
    /// Whether a question was refused because of a limit that applies to it alone.
    limits_one: AtomicBool,
    /// Whether the paging of a stream's lists is known for certain.
    sure: PerStream<AtomicBool>,
    /// The largest number of rows that a page of the stream has, if the server sends fewer than are asked for.
    served: PerStream<PageLimit>,
    /// Whether a stream's total has exceeded the rows shown so far, which shows that it counts the list and not the
    /// page.
    counts: PerStream<AtomicBool>,
    /// The id of the parent record that requests name, if the server ignores which one it is; otherwise `None`.
    any_parent: PerStream<Mutex<Option<String>>>,
    /// The number of lists with a page that was too large for the server or for this program.
    heavy: PerStream<AtomicU32>,
    /// Whether the endpoint has answered as the API does, in this run or an earlier one.
    contacted: AtomicBool,
    under_way: Arc<UnderWay>,
    /// The number of questions that were answered.
    answered: AtomicU64,
    attempts: PerStream<AtomicU64>,
    /// How long the run has waited for single rows that fail, in milliseconds.
    waited_for_rows: AtomicU64,
    retries: AtomicU64,
}

impl Source {
    /// Returns the job's settings for the source.
    pub fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    /// Notes that the server has refused the token of this generation. The next request takes another token.
    pub fn token_was_refused(&self, generation: u64) {
        self.tokens.refused(generation);
    }

    /// Returns the response name for a question: a new one, or `operation` itself if the server ignores aliases
    /// ([`response_names`]).
    pub fn response_name(&self, operation: &str) -> String {
        self.names.next(operation)
    }

    /// Creates a source. Makes no request. Fails if the endpoint is not an acceptable URL.
    pub fn new(settings: SourceSettings, dialect: Dialect, budget: Budget) -> Result<Source> {
        let http = Http::new(&settings)?;
        Ok(Source {
            http,
            dialect: RwLock::new(Arc::new(dialect)),
            tokens: Tokens::default(),
            budget,
            aliases: BatchSize::new(settings.aliases_per_request, None),
            in_flight: InFlight::new(&settings),
            names: ResponseNames::default(),
            token_names: ResponseNames::default(),
            waiting: Arc::default(),
            scope_renewed: PerStream::new(AtomicU64::default),
            refused_fields: Mutex::new(PerStream::new(Vec::new)),
            last_parent: PerStream::new(Mutex::default),
            limits_one: AtomicBool::new(false),
            sure: PerStream::new(AtomicBool::default),
            served: PerStream::new(PageLimit::default),
            counts: PerStream::new(AtomicBool::default),
            any_parent: PerStream::new(Mutex::default),
            heavy: PerStream::new(AtomicU32::default),
            contacted: AtomicBool::new(false),
            under_way: Arc::default(),
            answered: AtomicU64::new(0),
            attempts: PerStream::new(AtomicU64::default),
            waited_for_rows: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            settings,
        })
    }

    /// Returns the dialect that requests are written in.
    pub fn dialect(&self) -> Arc<Dialect> {
        self.dialect.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether a stream is read as one list for each record of another stream (messages: one list for each
    /// conversation). It is not if the dialect has no argument for that record, or if the server ignores the
    /// argument.
    pub fn is_partitioned(&self, stream: Stream) -> bool {
        if self.any_parent(stream).is_some() {
            return false;
        }
        let dialect = self.dialect();
        let named = |part: &StreamDialect| part.parent.as_deref().is_some_and(|name| !name.is_empty());
        stream.definition().parent.is_some() && dialect.stream(stream).is_ok_and(named)
    }

    /// Reads a stream as one list from now on, because the server ignores which record's list it is asked for.
    /// Requests still name `parent`, because the argument may be required.
    pub fn read_as_one_list(&self, stream: Stream, parent: &str) {
        *self.any_parent[stream].lock().unwrap_or_else(PoisonError::into_inner) = Some(parent.to_owned());
    }

    /// Returns the id of the parent record that requests for a stream name although the server ignores it. Returns
    /// `None` if the server obeys the argument.
    pub fn any_parent(&self, stream: Stream) -> Option<String> {
        self.any_parent[stream].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the dialect, from the next request on.
    pub fn set_dialect(&self, dialect: Dialect) {
        *self.dialect.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(dialect);
    }

    /// Notes that this endpoint answered as the API in an earlier run. An answer that is not GraphQL then counts as
    /// an outage, not as a wrong endpoint, and is retried as long as an outage is.
    pub fn know_endpoint(&self) {
        self.contacted.store(true, Ordering::Relaxed);
    }

    /// Returns whether the job also collects fields that are not documented.
    pub fn is_collecting(&self, stream: Stream) -> bool {
        self.settings.collect[stream] == Collecting::Shown
    }

    /// Leaves out an undocumented field that fails for some record, if the error is about such a field and the job
    /// does not name it. `own` are the undocumented fields that the job names. Returns the error that makes the caller
    /// find out the stream's query again, or `None` if the error is about something else.
    pub fn refuse_collected(&self, stream: Stream, own: &[String], error: &Error) -> Option<Error> {
        let Kind::FieldFailed { field: Some(field) } = &error.kind else { return None };
        let is_collected = self.dialect().stream(stream).is_ok_and(|part| part.is_collected(field));
        let is_own = own.iter().any(|own| own.split([' ', '{', '}', ':']).any(|word| word == field));
        if !is_collected || is_own || !self.is_collecting(stream) {
            return None;
        }
        let mut refused = self.refused_fields.lock().unwrap_or_else(PoisonError::into_inner);
        if !refused[stream].contains(field) {
            refused[stream].push(field.clone());
        }
        let detail = format!("the undocumented field `{field}` fails: {}", error.reason());
        Some(Error::new(Kind::QueryRejected { fields: vec![field.clone()] }, detail))
    }

    /// Returns the undocumented fields of a stream that have failed in this run.
    pub fn refused_fields(&self, stream: Stream) -> Vec<String> {
        self.refused_fields.lock().unwrap_or_else(PoisonError::into_inner)[stream].clone()
    }

    /// Returns, for each stream, the rules that say which values do not enter a record's hash.
    pub fn volatile(&self) -> &Arc<PerStream<Volatile>> {
        &self.settings.volatile
    }

    /// Returns whether the paging of this stream's lists is known for certain. Either rows have shown it, in this run
    /// or an earlier one, or the stream's only list is empty.
    pub fn is_sure(&self, stream: Stream) -> bool {
        self.sure[stream].load(Ordering::Relaxed)
    }

    /// Notes that the paging of this stream's lists is known for certain.
    pub fn note_paging_settled(&self, stream: Stream) {
        self.sure[stream].store(true, Ordering::Relaxed);
    }

    /// Numbers a stream's pages from `page_from` (0 or 1), from the next request on.
    pub fn count_from(&self, stream: Stream, page_from: u32) {
        let mut spoken = self.dialect.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = Arc::make_mut(&mut spoken).streams.get_mut(stream.name()) {
            part.list.page_from = page_from;
        }
    }

    /// Returns the server's limit on the rows of a page of this stream, or `None` if a page has as many rows as are
    /// asked for.
    pub fn served_page_size(&self, stream: Stream) -> Option<u32> {
        self.served[stream].rows()
    }

    /// Notes that the server limits the pages of a stream to `rows` rows. 0 means that a page has as many as are
    /// asked for.
    pub fn found_page_size(&self, stream: Stream, rows: u32) {
        self.served[stream].found(rows);
    }

    /// Notes that an earlier run found a limit of `rows` rows a page for a stream. It holds until this run has tried
    /// more rows ([`Source::first_page_size`]).
    pub fn recall_page_size(&self, stream: Stream, rows: u32) {
        self.served[stream].remember(rows);
    }

    /// Returns how many rows to ask for in the first page of a list. `allowed` is the page size that the job allows.
    pub fn first_page_size(&self, stream: Stream, allowed: u32) -> u32 {
        self.served[stream].first(allowed)
    }

    /// Notes that the server refused a page with more rows than an earlier run found. No stream asks for more in this
    /// run.
    pub fn note_larger_pages_refused(&self) {
        for stream in streams::ALL {
            self.served[stream].keep();
        }
    }

    /// Notes that a page of a stream had `rows` rows when `asked` were asked for.
    pub fn saw_page(&self, stream: Stream, asked: u32, rows: usize) {
        self.served[stream].saw(asked, rows);
    }

    /// Returns whether a stream's totals count the records of the list, and not those of the page or those shown so
    /// far. One total that exceeded the rows shown so far is the evidence.
    pub fn counts_lists(&self, stream: Stream) -> bool {
        self.counts[stream].load(Ordering::Relaxed)
    }

    /// Notes that a stream's totals count the records of the list.
    pub fn found_counting(&self, stream: Stream) {
        self.counts[stream].store(true, Ordering::Relaxed);
    }

    /// Counts a list of the stream that had a page too large or too slow. Returns `true` from the second such list
    /// on, because the reason is then not one list alone.
    pub fn note_heavy_list(&self, stream: Stream) -> bool {
        self.heavy[stream].fetch_add(1, Ordering::Relaxed) > 0
    }

    /// Returns how many pages of one list may be asked for at a time. The number of questions a request and the bytes
    /// in flight limit it.
    pub fn pages_together(&self, stream: Stream) -> usize {
        self.aliases.now().min(self.in_flight.pages(stream))
    }

    /// Announces that the calling task is about to ask a question. Until the returned guard is dropped, a request
    /// with room for more questions waits for it, at most 250 ms.
    pub fn at_work(&self) -> AtWork {
        self.waiting.at_work()
    }

    /// Returns whether the run may wait `delay` before it retries a single row that fails, and counts the delay if
    /// so. All such rows share the retry time of one question. Otherwise a hundred broken rows would take an hour.
    pub fn spend_row_patience(&self, delay: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let limits = &self.settings.limits;
        let (ms, most) = (millis(delay), millis(limits.short.min(limits.long)));
        self.waited_for_rows
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waited| {
                Some(waited.saturating_add(ms)).filter(|waited| *waited <= most)
            })
            .is_ok()
    }

    /// Generates a token if there is none, with retries. Success shows that the endpoint and the credentials are
    /// right.
    pub async fn sign_in(&self) -> Result<()> {
        let mut failures = Failures::default();
        loop {
            match self.token().await {
                Ok(_) => return Ok(()),
                Err(e) => self.after_failure(&mut failures, e, true).await?,
            }
        }
    }

    async fn after_failure(&self, failures: &mut Failures, error: Error, fresh: bool) -> Result<()> {
        let limits = &self.settings.limits;
        match failures.next(&error, limits, self.contacted.load(Ordering::Relaxed), fresh) {
            AfterFailure::After(delay) => {
                self.note_retry(&error, delay, failures);
                tokio::time::sleep(delay).await;
                Ok(())
            }
            AfterFailure::GiveUp => Err(ask::with_attempts(error, failures, limits)),
        }
    }

    fn note_retry(&self, error: &Error, delay: Duration, failures: &Failures) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        tracing::info!(error = %error, delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "asking again");
        if let Some(left) = failures.left() {
            self.waits().failed(&error.detail, delay, left);
        }
    }

    /// Returns what the source waits for now.
    pub fn waits(&self) -> &Waits {
        &self.budget.waits
    }

    /// Returns the requests that were sent and not answered yet.
    pub fn under_way(&self) -> &Arc<UnderWay> {
        &self.under_way
    }

    async fn token(&self) -> Result<token::Token> {
        let generate = || async {
            let number = self.budget.acquire().await?;
            let dialect = self.dialect();
            let name = self.token_names.next(&dialect.token.operation);
            let (id, secret) = (&self.settings.client_id, self.settings.client_secret.reveal());
            let body = query::token_request(&dialect, &name, id, secret);
            let (answer, sent) = self.exchange(number, Purpose::Another, None, body).await;
            let granted = answer.and_then(|answer| {
                let (named, granted) = envelope::token(&dialect, &name, answer);
                self.token_names.answered(named);
                self.distrust(named);
                granted
            });
            let granted = granted.map_err(|e| self.suspected(e));
            sent.judge(granted, false).map_err(|e| e.at("generating a token"))
        };
        self.tokens.current(generate).await
    }

    /// Closes the connections if an answer belonged to another request, because its connection cannot be trusted.
    fn distrust(&self, named: Named) {
        if named == Named::Others {
            self.http.reconnect();
        }
    }

    /// Notes whether an answer used the response names of its request. If the server ignores aliases, each later
    /// request carries one question.
    fn note_names(&self, named: Named) {
        self.distrust(named);
        if self.names.answered(named) {
            tracing::warn!("{IGNORED}");
            self.aliases.travel_alone();
        }
    }

    /// Adds what looks wrong with the configured key to an error that refuses it.
    fn suspected(&self, mut error: Error) -> Error {
        if policy::subject(&error.kind) == Subject::Key {
            for suspicion in &self.settings.suspicions {
                error.detail = format!("{}; {suspicion}", error.detail);
            }
        }
        error
    }
}
