//! Talks to the Qpien API. [`Source`] takes questions and returns one result for each: a page of records, or an error
//! with its kind. Tokens, the request limit and retries are handled here.
//!
//! Each concern has its own file, so that a change has one place:
//!
//! | concern | files |
//! |---|---|
//! | one attempt | `exchange`, [`client`] (HTTP), `decoding`, `transport_error` |
//! | writing a request | [`query`], [`response_names`], [`path_tree`] |
//! | reading an answer | [`envelope`], with `members`, `faults`, `words`, [`classify`], [`page`] and [`surrogates`] |
//! | what may be told of a server's words | [`wording`] |
//! | questions and their retries | `ask`, `batch` (how they travel together), [`batch_size`], [`retry`], `witness` |
//! | the token | [`token`] |
//! | the limit | [`rate_limit`]: the budget, its file that processes share, the headers, what the server counts |
//! | time | [`server_clock`], [`http_date`] |
//! | memory, and requests under way | `in_flight`, `under_way` |
//! | the rows of a page | `page_limit` |
//! | what a source has seen | `observed` |
//!
//! How the API is spelled is data: [`crate::dialect`]. [`crate::discovery::negotiate`] finds the spelling out. It
//! asks through [`document`], checks it with [`crate::discovery::check_paging`], asks for single records through
//! [`crate::discovery::fetch_by_id`], and keeps it for the next night in [`crate::discovery::saved_dialect`].

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
mod settings;
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
pub use self::settings::SourceSettings;
use self::token::Tokens;
use crate::dialect::{Dialect, StreamDialect};
use crate::error::{Error, Result};
use crate::policy::{self, Subject};
use crate::record::volatile::Volatile;
use crate::source::batch_size::BatchSize;
use crate::streams::{self, PerStream, Stream};
use crate::waits::Waits;

/// Answers questions, one result each.
pub struct Source {
    http: Http,
    settings: SourceSettings,
    dialect: RwLock<Arc<Dialect>>,
    tokens: Tokens,
    /// The budget of the API key.
    pub budget: Budget,
    /// How many questions a request carries.
    pub aliases: BatchSize,
    in_flight: InFlight,
    names: ResponseNames,
    token_names: ResponseNames,
    waiting: Arc<WaitingQuestions>,
    /// The generation of the token that lacked the stream's scope and was renewed for it, or 0.
    scope_renewed: PerStream<AtomicU64>,
    /// The parent record whose list was answered last.
    last_parent: PerStream<Mutex<Option<String>>>,
    /// Whether a question was refused for a limit of its own.
    limits_one: AtomicBool,
    /// Whether it is settled how a stream's lists are paged.
    sure: PerStream<AtomicBool>,
    /// How many rows a page has where more are asked for.
    served: PerStream<PageLimit>,
    /// Whether a stream's totals were seen to exceed the rows shown so far, so that they count the list.
    counts: PerStream<AtomicBool>,
    /// The record that requests name although the server ignores which one it is.
    any_parent: PerStream<Mutex<Option<String>>>,
    /// How many lists had a page that was more than the server bears, or than this program accepts.
    heavy: PerStream<AtomicU32>,
    /// Whether a sensible answer has come from this address, in this run or an earlier one.
    contacted: AtomicBool,
    under_way: Arc<UnderWay>,
    /// How many questions were answered.
    answered: AtomicU64,
    attempts: PerStream<AtomicU64>,
    /// How long the run has waited for single rows that fail, in milliseconds.
    waited_for_rows: AtomicU64,
    retries: AtomicU64,
}

impl Source {
    /// Returns the settings that the job has for the source.
    pub fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    /// Notes that the server has refused the token of this generation. The next request takes another token.
    pub fn token_was_refused(&self, generation: u64) {
        self.tokens.refused(generation);
    }

    /// Returns the name under which a question is to be answered: a new one, or `operation` itself if the server
    /// ignores aliases ([`response_names`]).
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

    /// Returns whether a stream is read list by list, one for each record of another stream (messages by
    /// conversation). It is not if the dialect names no argument for that record, or if the server ignores the
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

    /// Returns the record that requests for a stream name although the server ignores it, or `None` if the server
    /// obeys the argument.
    pub fn any_parent(&self, stream: Stream) -> Option<String> {
        self.any_parent[stream].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the dialect, from the next request on.
    pub fn set_dialect(&self, dialect: Dialect) {
        *self.dialect.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(dialect);
    }

    /// Notes that this address has answered as the API in an earlier run. An answer there that is not GraphQL then
    /// counts as an outage and is retried for as long.
    pub fn know_endpoint(&self) {
        self.contacted.store(true, Ordering::Relaxed);
    }

    /// Returns whether the job takes fields along that are not documented.
    pub fn is_collecting(&self) -> bool {
        self.settings.collect
    }

    /// Returns the rules for what stays out of the records' hashes.
    pub fn volatile(&self) -> &Arc<PerStream<Volatile>> {
        &self.settings.volatile
    }

    /// Returns whether it is settled how this stream's lists are paged. Rows have shown it, in this run or an earlier
    /// one, or the stream's only list is empty.
    pub fn is_sure(&self, stream: Stream) -> bool {
        self.sure[stream].load(Ordering::Relaxed)
    }

    /// Notes that it is settled how this stream's lists are paged.
    pub fn note_paging_settled(&self, stream: Stream) {
        self.sure[stream].store(true, Ordering::Relaxed);
    }

    /// Counts a stream's pages from `page_from`, from the next request on.
    pub fn count_from(&self, stream: Stream, page_from: u32) {
        let mut spoken = self.dialect.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = Arc::make_mut(&mut spoken).streams.get_mut(stream.name()) {
            part.list.page_from = page_from;
        }
    }

    /// Returns how many rows a page has where more are asked for, or `None` if pages have as many rows as are asked
    /// for.
    pub fn served_page_size(&self, stream: Stream) -> Option<u32> {
        self.served[stream].rows()
    }

    /// Notes that pages of a stream have `rows` rows where more are asked for. 0 means that they have as many as are
    /// asked for.
    pub fn found_page_size(&self, stream: Stream, rows: u32) {
        self.served[stream].found(rows);
    }

    /// Notes that an earlier run has found such a limit. It holds until this run has tried more rows
    /// ([`Source::first_page_size`]).
    pub fn recall_page_size(&self, stream: Stream, rows: u32) {
        self.served[stream].remember(rows);
    }

    /// Returns how many rows to ask for in the first page of a list. The job allows `allowed`.
    pub fn first_page_size(&self, stream: Stream, allowed: u32) -> u32 {
        self.served[stream].first(allowed)
    }

    /// Notes that the server has refused more rows than an earlier run had found. No stream asks for more in this
    /// run.
    pub fn note_larger_pages_refused(&self) {
        for stream in streams::ALL {
            self.served[stream].keep();
        }
    }

    /// Notes that a page came with `rows` rows where `asked` were asked for.
    pub fn saw_page(&self, stream: Stream, asked: u32, rows: usize) {
        self.served[stream].saw(asked, rows);
    }

    /// Returns whether a stream's totals count the list, and not the page or the rows so far. One total that exceeded
    /// the rows shown so far is the evidence.
    pub fn counts_lists(&self, stream: Stream) -> bool {
        self.counts[stream].load(Ordering::Relaxed)
    }

    /// Notes that a stream's totals count the list.
    pub fn found_counting(&self, stream: Stream) {
        self.counts[stream].store(true, Ordering::Relaxed);
    }

    /// Counts a list that had a page too large or too slow. Returns `true` from the stream's second such list on:
    /// then the reason is not one list alone.
    pub fn note_heavy_list(&self, stream: Stream) -> bool {
        self.heavy[stream].fetch_add(1, Ordering::Relaxed) > 0
    }

    /// Returns how many pages of one list may be asked for at a time. The questions of a request and the bytes in
    /// flight bound it.
    pub fn pages_together(&self, stream: Stream) -> usize {
        self.aliases.now().min(self.in_flight.pages(stream))
    }

    /// Announces that a question comes in a moment. Until the returned guard is dropped, a request with room for more
    /// waits for the question, at most 250 ms.
    pub fn at_work(&self) -> AtWork {
        self.waiting.at_work()
    }

    /// Returns whether the run may wait `delay` for single rows that fail by themselves, and counts the delay if so.
    /// All such rows share the patience that one question has. Otherwise a hundred broken rows would take an hour.
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

    /// Generates a token if there is none, with retries. Success settles that the endpoint and the credentials are
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

    /// Returns the requests under way.
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

    /// Makes the next connections anew after an answer that belonged to another request, because its connection
    /// cannot be trusted.
    fn distrust(&self, named: Named) {
        if named == Named::Others {
            self.http.reconnect();
        }
    }

    /// Notes under which names the answer to some questions came. If the server ignores aliases, questions travel
    /// alone from then on.
    fn note_names(&self, named: Named) {
        self.distrust(named);
        if self.names.answered(named) {
            tracing::warn!("{IGNORED}");
            self.aliases.travel_alone();
        }
    }

    /// Adds what looks wrong with the key to the error that refuses it.
    fn suspected(&self, mut error: Error) -> Error {
        if policy::subject(&error.kind) == Subject::Key {
            for suspicion in &self.settings.suspicions {
                error.detail = format!("{}; {suspicion}", error.detail);
            }
        }
        error
    }
}
