//! The Qpien API behind our client. One file per concern:
//!
//! [`query`] writes requests, [`client`] makes one attempt, [`envelope`] turns the answer into typed results
//! (through [`response_names`], [`shape`], [`page`], `faults`, [`classify`] and [`surrogates`]), [`token`] keeps the token alive,
//! [`budget`] and [`budget_window`] keep the limit (`counting`: of what?), [`limit_headers`] reads what an answer says of
//! it, [`server_clock`] says what time it is for the server, `in_flight` keeps memory flat, [`retry`]
//! says how long to try, [`crate::dialect`] how this API is spelled; [`crate::discovery::negotiate`] finds that out, with [`document`] to ask,
//! [`crate::discovery::check_paging`] to make sure, [`crate::discovery::fetch_by_id`] to ask for single records and [`crate::discovery::saved_dialect`] to know it the next night.
//! [`Source`] in this file puts them together; `answering` is how it answers questions, `batch` how they travel
//! together, [`batch_size`] how many at a time; `observed` tells what it has seen.

#[cfg(test)]
mod any_answer_tests;
mod ask;
mod batch;
pub mod batch_size;
pub mod budget;
pub mod budget_window;
pub mod classify;
pub mod client;
mod decoding;
pub mod document;
pub mod envelope;
mod exchange;
mod faults;
pub mod http_date;
mod in_flight;
pub mod limit_headers;
mod limit_unit;
mod members;
mod observed;
mod pacer;
pub mod page;
mod page_limit;
pub mod query;
pub mod response_names;
pub mod retry;
pub mod server;
pub mod server_clock;
mod settings;
pub mod shape;
pub mod surrogates;
pub mod token;
mod transport_error;
mod under_way;
mod witness;
pub mod wording;
mod words;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

pub use self::batch::AtWork;
use self::batch::Waiting;
use self::budget::{Budget, Of};
use self::client::Http;
use self::in_flight::InFlight;
use self::page_limit::PageLimit;
use self::response_names::{IGNORED, Named, ResponseNames};
use self::retry::{Failures, Next};
pub use self::settings::Settings;
use self::token::Tokens;
pub use self::under_way::UnderWay;
use crate::dialect::{Dialect, StreamDialect};
use crate::error::{Error, Result};
use crate::policy::{self, Subject};
use crate::record::volatile::Volatile;
use crate::source::batch_size::Aliases;
use crate::streams::{self, PerStream, Stream};
use crate::waits::Waits;

/// Answers questions, one result each.
pub struct Source {
    http: Http,
    settings: Settings,
    dialect: RwLock<Arc<Dialect>>,
    tokens: Tokens,
    /// The key's budget.
    pub budget: Budget,
    /// How many questions a request carries.
    pub aliases: Aliases,
    in_flight: InFlight,
    names: ResponseNames,
    token_names: ResponseNames,
    waiting: Arc<Waiting>,
    scope_renewed: PerStream<AtomicU64>,
    /// The record whose list was answered last.
    last_parent: PerStream<Mutex<Option<String>>>,
    /// A question was refused for a limit of its own.
    limits_one: AtomicBool,
    sure: PerStream<AtomicBool>,
    /// The rows of a page that is served where more were asked for.
    served: PerStream<PageLimit>,
    /// Lists whose totals were seen to count more than the rows of their page.
    counts: PerStream<AtomicBool>,
    /// A record that requests name although the server ignores which one it is.
    any_parent: PerStream<Mutex<Option<String>>>,
    /// Lists of which a page was more than the server bears, or than is taken.
    heavy: PerStream<AtomicU32>,
    contacted: AtomicBool,
    under_way: Arc<UnderWay>,
    /// Questions that were answered.
    answered: AtomicU64,
    attempts: PerStream<AtomicU64>,
    /// How long single rows that fail were waited for, in milliseconds.
    waited_for_rows: AtomicU64,
    retries: AtomicU64,
}

impl Source {
    /// Returns what the job says of the source.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Notes that the server has refused the token of this generation: the next request takes another one.
    pub fn token_was_refused(&self, generation: u64) {
        self.tokens.refused(generation);
    }

    /// Returns a response name that no answer of the last questions has ([`response_names`]).
    pub fn response_name(&self, operation: &str) -> String {
        self.names.next(operation)
    }

    /// A source for these settings; makes no request.
    pub fn new(settings: Settings, dialect: Dialect, budget: Budget) -> Result<Source> {
        let http = Http::new(&settings)?;
        Ok(Source {
            http,
            dialect: RwLock::new(Arc::new(dialect)),
            tokens: Tokens::default(),
            budget,
            aliases: Aliases::new(settings.aliases_per_request, None),
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

    /// How the API is spelled.
    pub fn dialect(&self) -> Arc<Dialect> {
        self.dialect.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a stream is asked for by the records of another one (messages by conversation, unless the server lists
    /// them all).
    pub fn is_partitioned(&self, stream: Stream) -> bool {
        if self.any_parent(stream).is_some() {
            return false;
        }
        let dialect = self.dialect();
        let named = |part: &StreamDialect| part.parent.as_deref().is_some_and(|name| !name.is_empty());
        stream.definition().parent.is_some() && dialect.stream(stream).is_ok_and(named)
    }

    /// Reads a stream as one list from now on, because the server ignores which record's list it is asked for. `parent` is
    /// the record that the requests name all the same, for the argument may be required.
    pub fn read_as_one_list(&self, stream: Stream, parent: &str) {
        *self.any_parent[stream].lock().unwrap_or_else(PoisonError::into_inner) = Some(parent.to_owned());
    }

    /// The record that requests for a stream name although the server ignores it; `None` where it is obeyed.
    pub fn any_parent(&self, stream: Stream) -> Option<String> {
        self.any_parent[stream].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Speaks another dialect from the next request on.
    pub fn speak(&self, dialect: Dialect) {
        *self.dialect.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(dialect);
    }

    /// This address has answered as the API in an earlier run: what is no GraphQL there is an outage, and worth the patience
    /// that an outage is worth.
    pub fn know_endpoint(&self) {
        self.contacted.store(true, Ordering::Relaxed);
    }

    /// Whether fields that are not documented are taken along.
    pub fn is_collecting(&self) -> bool {
        self.settings.collect
    }

    /// What stays out of the records' hashes.
    pub fn volatile(&self) -> &Arc<PerStream<Volatile>> {
        &self.settings.volatile
    }

    /// Whether rows have shown how this list is paged.
    pub fn is_sure(&self, stream: Stream) -> bool {
        self.sure[stream].load(Ordering::Relaxed)
    }

    /// Rows have shown it.
    pub fn be_sure(&self, stream: Stream) {
        self.sure[stream].store(true, Ordering::Relaxed);
    }

    /// Counts a stream's pages from this number, from the next request on.
    pub fn count_from(&self, stream: Stream, page_from: u32) {
        let mut spoken = self.dialect.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = Arc::make_mut(&mut spoken).streams.get_mut(stream.name()) {
            part.list.page_from = page_from;
        }
    }

    /// The rows of a page that is served where more were asked for.
    pub fn served_page_size(&self, stream: Stream) -> Option<u32> {
        self.served[stream].rows()
    }

    /// Pages of a stream were seen to have so many rows where more were asked for; 0: they have as many as are asked for.
    pub fn serves_pages_of(&self, stream: Stream, rows: u32) {
        self.served[stream].found(rows);
    }

    /// The same was seen by an earlier run: it holds until this one has tried more ([`Source::first_page_size`]).
    pub fn served_pages_of(&self, stream: Stream, rows: u32) {
        self.served[stream].remember(rows);
    }

    /// The rows of a page to begin a list with, of so many that the job allows.
    pub fn first_page_size(&self, stream: Stream, allowed: u32) -> u32 {
        self.served[stream].first(allowed)
    }

    /// More rows than an earlier run has found were refused: no stream is asked for more in this run.
    pub fn refuses_larger_pages(&self) {
        for stream in streams::ALL {
            self.served[stream].keep();
        }
    }

    /// A page of a stream has come with so many rows, of so many that were asked for.
    pub fn saw_page(&self, stream: Stream, asked: u32, rows: usize) {
        self.served[stream].saw(asked, rows);
    }

    /// Whether a stream's totals were seen to count the list, not the page or the rows so far: one told more rows than had
    /// been shown.
    pub fn counts_lists(&self, stream: Stream) -> bool {
        self.counts[stream].load(Ordering::Relaxed)
    }

    /// A stream's totals were seen to count the list.
    pub fn found_counting(&self, stream: Stream) {
        self.counts[stream].store(true, Ordering::Relaxed);
    }

    /// A page of a list was too much: true from the second list of the stream on, when it is no matter of one list.
    pub fn is_heavy(&self, stream: Stream) -> bool {
        self.heavy[stream].fetch_add(1, Ordering::Relaxed) > 0
    }

    /// How many pages of one list may be asked for at a time.
    pub fn pages_together(&self, stream: Stream) -> usize {
        self.aliases.now().min(self.in_flight.pages(stream))
    }

    /// Somebody will ask in a moment: until this is dropped, a request that could carry more waits for them, for a
    /// moment.
    pub fn at_work(&self) -> AtWork {
        self.waiting.at_work()
    }

    /// Whether a run may wait so long for single rows that fail by themselves; counts it where it may. All of them share the
    /// patience that one question has, or a hundred broken rows would take an hour.
    pub fn has_patience_for_rows(&self, delay: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let limits = &self.settings.limits;
        let (ms, most) = (millis(delay), millis(limits.short.min(limits.long)));
        self.waited_for_rows
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waited| {
                Some(waited.saturating_add(ms)).filter(|waited| *waited <= most)
            })
            .is_ok()
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

    async fn after_failure(&self, failures: &mut Failures, error: Error, fresh: bool) -> Result<()> {
        let limits = &self.settings.limits;
        match failures.next(&error, limits, self.contacted.load(Ordering::Relaxed), fresh) {
            Next::After(delay) => {
                self.note_retry(&error, delay, failures);
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Next::GiveUp => Err(ask::told(error, failures, limits)),
        }
    }

    fn note_retry(&self, error: &Error, delay: Duration, failures: &Failures) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        tracing::info!(error = %error, delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "asking again");
        if let Some(left) = failures.left() {
            self.waits().failed(&error.detail, delay, left);
        }
    }

    /// What is waited for.
    pub fn waits(&self) -> &Waits {
        &self.budget.waits
    }

    /// The requests under way.
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
            let (answer, sent) = self.exchange(number, Of::Another, None, body).await;
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

    /// An answer that belongs to another request came over a connection that is not to be trusted: the next ones are made
    /// anew.
    fn distrust(&self, named: Named) {
        if named == Named::Others {
            self.http.reconnect();
        }
    }

    /// Notes under which names the answer to some questions came.
    fn note_names(&self, named: Named) {
        self.distrust(named);
        if self.names.answered(named) {
            tracing::warn!("{IGNORED}");
            self.aliases.travel_alone();
        }
    }

    /// The error with what looks wrong with a key that is refused.
    fn suspected(&self, mut error: Error) -> Error {
        if policy::subject(&error.kind) == Subject::Key {
            for suspicion in &self.settings.suspicions {
                error.detail = format!("{}; {suspicion}", error.detail);
            }
        }
        error
    }
}
