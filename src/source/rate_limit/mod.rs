//! Keeps requests within the limit of the API key. Three reasons can delay a request, and the screen shows which one
//! does:
//!
//! - *pace*: `governor` spaces requests evenly a little below the limit, so that no minute has more requests than the
//!   limit. The rate is 98.5 % of the limit; a burst of 1 % makes up for late timers. The state is in the key's
//!   shared [`BudgetWindow`], so that all processes together keep one pace.
//! - *window*: the server's `X-RateLimit-Remaining` shows that the limit is used up, perhaps by another program.
//!   Requests wait for the reset.
//! - *block*: a 429 stops every request until the reset, in every process that uses the key.
//!
//! Governor's own `until_ready` sleeps by its own clock. Here only governor's decision is used, and every wait is
//! tokio's, so that tests can pause time.

pub mod headers;
mod pacer;
mod stats;
mod unit;
pub mod window;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::NotKeyed;
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep};

pub use self::headers::Headers;
use self::pacer::{Clock, InWindow, nanos};
pub use self::stats::{Purpose, Reason, Stats};
use self::unit::Counting;
use self::window::{BudgetWindow, Shared};
use crate::error::{Error, Kind, Result};
use crate::waits::{OpenWait, Waits};

/// The request budget of one API key. Every request waits here for its turn.
pub struct Budget {
    /// What requests wait for at the moment, for the screen.
    pub waits: Waits,
    window: Arc<BudgetWindow>,
    clock: Clock,
    /// The lock of the request whose turn is next, so that requests go first come, first served.
    turn: tokio::sync::Mutex<()>,
    /// The most requests that this run may make.
    most: u64,
    /// The job's limit in requests a minute; 0 means that the job sets no limit.
    own: u32,
    /// The longest wait that a header may ask for.
    longest: Duration,
    pacer: Mutex<Option<(u32, Pacer)>>,
    state: Mutex<State>,
}

/// A callback for the last request of a run.
type Tell = Box<dyn FnOnce() + Send>;
type Pacer = Arc<RateLimiter<NotKeyed, InWindow, Clock, NoOpMiddleware<Nanos>>>;

#[derive(Default)]
struct State {
    stats: Stats,
    /// The number of the latest request whose answer reported how many are left.
    told_by: u64,
    /// The limit that the latest answer for a list reported.
    limit: Option<u32>,
    /// The number of the last request that the server's report allows, and the moment at which the limit resets.
    ceiling: Option<(u64, Instant)>,
    counting: Counting,
    /// The number of the last request of the run, and the callback for it (`None` once it was called).
    stops_after: Option<(u64, Option<Tell>)>,
    /// How many requests had been sent when the last block began. Those were under way then, so a 429 for one of them
    /// does not count again.
    block_began_at: u64,
    /// Whether a request of this process was answered without a 429.
    is_answered: bool,
    /// While the server asks to wait for longer than the job allows: the moment until which every request fails, and
    /// the error.
    over: Option<(Instant, Error)>,
}

/// Returns how long the first block lasts if the server names no time: a minute. A debug build reads
/// `QPIEN_TEST_BLOCK` (seconds), so that a test need not wait for minutes.
fn first_block() -> Duration {
    let told = if cfg!(debug_assertions) { std::env::var("QPIEN_TEST_BLOCK").ok() } else { None };
    Duration::from_secs(told.and_then(|text| text.parse().ok()).unwrap_or(60))
}

/// The longest block for which the server names no time.
const LONGEST_UNTOLD: Duration = Duration::from_secs(600);

/// The longest wait that a header may ask for, unless the job allows more or less.
const LONGEST: Duration = Duration::from_secs(3600);

impl Budget {
    /// Creates a budget of `per_minute` requests a minute. 0 means that the job sets no limit. `window` is the state
    /// that the key's processes share.
    pub fn new(per_minute: u32, window: BudgetWindow) -> Budget {
        let window = Arc::new(window);
        let clock = Clock::new();
        let budget = Budget {
            waits: Waits::default(),
            pacer: Mutex::new(None),
            turn: tokio::sync::Mutex::default(),
            most: u64::MAX,
            own: per_minute,
            longest: LONGEST,
            state: Mutex::default(),
            window,
            clock,
        };
        budget.pace(per_minute);
        budget
    }

    /// Sets the longest wait that a header may ask for. It is never less than a minute.
    #[must_use]
    pub fn waiting_at_most(mut self, longest: Duration) -> Budget {
        self.longest = longest.max(Duration::from_secs(60));
        self
    }

    /// Returns how many requests this run may still make, or `u64::MAX` if nothing limits them.
    pub fn left(&self) -> u64 {
        let state = self.state();
        let most = state.stops_after.as_ref().map_or(self.most, |(most, _)| self.most.min(*most));
        if most == u64::MAX { u64::MAX } else { most.saturating_sub(state.stats.requests) }
    }

    /// Sets the most requests that this run may make. After `most` requests, [`Budget::acquire`] fails with
    /// [`Kind::Spent`].
    #[must_use]
    pub fn capped(mut self, most: u64) -> Budget {
        self.most = most;
        self
    }

    /// Waits for a request's turn and returns the request's number. Fails if the run has made all requests that it
    /// may make, or if the server asks to wait for longer than the job allows.
    pub async fn acquire(&self) -> Result<u64> {
        loop {
            if let Some((number, ())) = self.acquire_for(|| true, || ()).await? {
                return Ok(number);
            }
        }
    }

    /// Waits for a turn as long as `wanted` returns `true`. When the turn has come, calls `take` before any other
    /// request gets a turn, and returns the request's number and the value of `take`. Returns `None` as soon as
    /// `wanted` returns `false`; no turn is used up then. Fails as [`Budget::acquire`] does.
    pub async fn acquire_for<T>(
        &self,
        wanted: impl Fn() -> bool,
        take: impl FnOnce() -> T,
    ) -> Result<Option<(u64, T)>> {
        let _first_come_first_served = self.turn.lock().await;
        if self.state().stats.requests >= self.most {
            self.state().stats.spent = true;
            return Err(Error::new(Kind::Spent, format!("the {} requests that may be made are made", self.most)));
        }
        if self.is_stopping() {
            std::future::pending::<()>().await;
        }
        loop {
            if !wanted() {
                return Ok(None);
            }
            if let Some((_, error)) = self.state().over.as_ref().filter(|(until, _)| Instant::now() < *until) {
                return Err(error.clone());
            }
            let Some((reason, wait)) = self.obstacle() else { break };
            let _shown = Shown::begin(self, reason, wait);
            sleep(wait).await;
        }
        let taken = take();
        let (number, told) = {
            let mut state = self.state();
            state.stats.requests += 1;
            let number = state.stats.requests;
            (number, state.stops_after.as_mut().filter(|(most, _)| number >= *most).and_then(|(_, tell)| tell.take()))
        };
        if let Some(tell) = told {
            tell();
        }
        Ok(Some((number, taken)))
    }

    /// Ends the turns after this many requests. Calls `tell` at the last one. Later callers wait without end, because
    /// `tell` is expected to stop the run.
    pub fn stop_after(&self, requests: u64, tell: impl FnOnce() + Send + 'static) {
        self.state().stops_after = Some((requests, Some(Box::new(tell))));
    }

    fn is_stopping(&self) -> bool {
        let state = self.state();
        state.stops_after.as_ref().is_some_and(|(most, _)| state.stats.requests >= *most)
    }

    /// Notes how many questions the request with this number carries.
    pub fn carries(&self, number: u64, questions: usize) {
        self.state().counting.carries(number, questions);
    }

    /// Returns whether the server was seen to count questions against its limit, not requests.
    pub fn counts_questions(&self) -> bool {
        self.state().counting.by_questions()
    }

    /// Reads what the answer to request `number` reports about the limit. An answer to an earlier request than the
    /// latest one that reported is ignored. The limit in an answer for a list becomes the pace, even if it is higher
    /// than before, but never above the job's own limit. Reports in other answers count only if they name the same
    /// limit. `of` is what the request asked for.
    pub fn observe(&self, number: u64, headers: Headers, of: Purpose) {
        let mut state = self.state();
        if number < state.told_by {
            return;
        }
        let limit = headers.limit.filter(|limit| *limit > 0);
        if of == Purpose::List && limit.is_some() {
            state.limit = limit;
        }
        let is_kept = of == Purpose::List || limit.is_some_and(|told| state.limit == Some(told) || self.own == told);
        let says_something = headers.limit.is_some() || headers.remaining.is_some() || headers.reset.is_some();
        if says_something && (is_kept || state.stats.told.is_none()) {
            state.stats.told = Some(headers);
        }
        if let (Some(remaining), Some(reset), true) = (headers.remaining, headers.reset, is_kept) {
            state.told_by = number;
            state.counting.told(number, remaining);
            state.stats.remaining = Some(remaining);
            state.ceiling = Some((number + u64::from(remaining), Instant::now() + reset.min(self.longest)));
        }
        drop(state);
        if let (Some(limit), Purpose::List) = (limit, of) {
            self.follow(limit.min(self.own));
        }
    }

    /// Paces requests by `limit` (requests a minute) from now on, unless the job sets no limit.
    fn follow(&self, limit: u32) {
        let now = self.pacer().as_ref().map(|(now, _)| *now);
        if let Some(now) = now.filter(|now| *now != limit) {
            tracing::info!(limit, before = now, "pacing by the limit that the server tells");
            self.pace(limit);
        }
    }

    /// Notes that a request was answered without a 429, so that the next 429 is the first in a row again.
    pub fn answered(&self) {
        let is_first = !std::mem::replace(&mut self.state().is_answered, true);
        if is_first || self.state().stats.refused > 0 {
            self.update(|s| s.strikes = 0);
        }
    }

    /// Notes that request `number` was answered with a 429. Every request now waits for `wait`, the time that the
    /// server names. Without one, requests wait for a minute, doubled with each further 429 in a row, up to ten
    /// minutes. If the named time proved too short, the next wait is at least as long as it would be without a named
    /// time.
    pub fn block(&self, number: u64, wait: Option<Duration>) {
        let news = {
            let mut state = self.state();
            state.stats.refused += 1;
            let news = number > state.block_began_at;
            if news {
                state.block_began_at = state.stats.requests;
            }
            news
        };
        let now = self.clock.wall();
        let until = self.update(|s| {
            s.strikes = s.strikes.saturating_add(u32::from(news));
            let doubled = |times: u32| first_block().saturating_mul(1 << times.min(4)).min(LONGEST_UNTOLD);
            let wait = match (wait, s.strikes) {
                (Some(wait), 0 | 1) => wait,
                (Some(wait), strikes) => wait.max(doubled(strikes - 2)),
                (None, strikes) => doubled(strikes.saturating_sub(1)),
            };
            let wait = wait.clamp(Duration::from_secs(1), self.longest);
            s.block(now, now + nanos(wait));
            s.blocked_until
        });
        tracing::info!(
            seconds = until.saturating_sub(now) / 1_000_000_000,
            "429: every request waits until the limit resets"
        );
    }

    /// Makes every request fail with `error` for the time `wait`, because the server asks to wait for longer than the
    /// job allows.
    pub fn refuse_until(&self, wait: Duration, error: Error) {
        self.state().over = Some((Instant::now() + wait, error));
    }

    /// Returns what the budget has counted and seen so far.
    pub fn stats(&self) -> Stats {
        self.state().stats
    }

    /// Returns why the next request has to wait and for how long, or `None` if it can be sent now.
    fn obstacle(&self) -> Option<(Reason, Duration)> {
        let now = self.clock.wall();
        let blocked = self.update(|s| s.blocked_until);
        if blocked > now {
            return Some((Reason::Block, Duration::from_nanos(blocked - now)));
        }
        {
            let mut state = self.state();
            if let Some((ceiling, reset_at)) = state.ceiling {
                let now = Instant::now();
                if now >= reset_at {
                    state.ceiling = None;
                } else if state.stats.requests >= ceiling {
                    return Some((Reason::Window, reset_at - now));
                }
            }
        }
        let pacer = self.pacer().as_ref().map(|(_, p)| p.clone())?;
        let not_until = pacer.check().err()?;
        Some((Reason::Pace, not_until.wait_time_from(self.clock.now()).max(Duration::from_micros(100))))
    }

    fn pace(&self, per_minute: u32) {
        *self.pacer() = NonZeroU32::new(per_minute).map(|limit| {
            let rate = f64::from(limit.get()) * 0.985 / 60.0;
            let burst = NonZeroU32::new(limit.get() / 100).unwrap_or(NonZeroU32::MIN);
            let quota =
                Quota::with_period(Duration::from_secs_f64(1.0 / rate)).unwrap_or_else(|| Quota::per_minute(limit));
            let store = InWindow::new(self.window.clone(), self.clock.clone());
            (limit.get(), Arc::new(RateLimiter::new(quota.allow_burst(burst), store, self.clock.clone())))
        });
    }

    fn update<T>(&self, change: impl Fn(&mut Shared) -> T) -> T {
        self.window.update(self.clock.wall(), change)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pacer(&self) -> MutexGuard<'_, Option<(u32, Pacer)>> {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reason {
    /// Returns a wait's reason in one word, and a sentence that explains it.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Reason::Pace => ("pace", "requests are spaced to stay under the limit"),
            Reason::Window => ("window", "the server says that the limit is used up, and resets then"),
            Reason::Block => ("block", "the server has refused for the limit (429), and asked everybody to wait"),
        }
    }
}

/// A wait that the screen shows and the summary counts. The wait ends when this is dropped, even if the request was
/// cancelled before.
struct Shown<'b> {
    budget: &'b Budget,
    reason: Reason,
    begun: Instant,
    _waiting: OpenWait<'b>,
}

impl Shown<'_> {
    fn begin(budget: &Budget, reason: Reason, wait: Duration) -> Shown<'_> {
        let (subject, why) = reason.told();
        Shown { budget, reason, begun: Instant::now(), _waiting: budget.waits.begin(subject, why, wait) }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.budget.state().stats.waited[self.reason as usize] += self.begun.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_minute_holds_more_than_the_limit_and_little_is_left_unused() {
        for limit in [10, 100, 1000, 6000] {
            let budget = Budget::new(limit, BudgetWindow::in_memory());
            let start = Instant::now();
            let mut moments = Vec::new();
            while start.elapsed() < Duration::from_secs(180) {
                budget.acquire().await.expect("a turn");
                moments.push(start.elapsed());
            }
            let most = moments
                .iter()
                .map(|m| moments.iter().filter(|o| *o >= m && **o < *m + Duration::from_secs(60)).count())
                .step_by(97);
            let most = most.max().expect("some");
            assert!(most <= limit as usize, "{most} of {limit} in a minute");
            assert!(moments.len() as f64 >= f64::from(limit) * 3.0 * 0.97, "{} of {}", moments.len(), limit * 3);
        }
    }

    #[tokio::test]
    async fn a_cap_is_never_exceeded_and_says_so() {
        let budget = Budget::new(0, BudgetWindow::in_memory()).capped(2);
        for n in [1, 2] {
            assert_eq!(budget.acquire().await, Ok(n));
            assert!(!budget.stats().spent);
        }
        assert_eq!(budget.acquire().await.expect_err("no third").kind, Kind::Spent);
        assert!(budget.stats().spent && budget.stats().requests == 2);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_last_request_everybody_waits_to_be_stopped() {
        let (budget, told) = (Budget::new(0, BudgetWindow::in_memory()), Arc::new(Mutex::new(0)));
        let tell = told.clone();
        budget.stop_after(2, move || *tell.lock().expect("a lock") += 1);
        assert_eq!(budget.acquire().await, Ok(1));
        assert_eq!(*told.lock().expect("a lock"), 0, "one is left");
        assert_eq!(budget.acquire().await, Ok(2));
        for _ in 0..3 {
            tokio::time::timeout(Duration::from_secs(3600), budget.acquire()).await.expect_err("it waits");
        }
        assert_eq!((*told.lock().expect("a lock"), budget.stats().requests), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn two_processes_on_one_key_are_one_pacer() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("w.json");
        let start = Instant::now();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let budget = Budget::new(100, BudgetWindow::open(&path).expect("window"));
            all.spawn(async move {
                let mut n = 0;
                while start.elapsed() < Duration::from_secs(60) {
                    budget.acquire().await.expect("a turn");
                    n += 1;
                }
                n
            });
        }
        let sent: u32 = all.join_all().await.into_iter().sum();
        assert!((95..=102).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_stops_everybody_until_the_reset() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("w.json");
        let (one, other) = (
            Budget::new(6000, BudgetWindow::open(&path).expect("w")),
            Budget::new(6000, BudgetWindow::open(&path).expect("w")),
        );
        let n = one.acquire().await.expect("a turn");
        one.block(n, Some(Duration::from_secs(42)));
        let begun = Instant::now();
        other.acquire().await.expect("a turn");
        assert!(begun.elapsed() >= Duration::from_secs(41), "{:?}", begun.elapsed());
        assert!(other.stats().waited[Reason::Block as usize] >= Duration::from_secs(41));
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_without_a_reset_grow_from_one_minute_to_ten() {
        let budget = Budget::new(0, BudgetWindow::in_memory());
        let mut waits = Vec::new();
        for _ in 0..6 {
            let n = budget.acquire().await.expect("a turn");
            budget.block(n, None);
            budget.block(n, None); // another that was under way: no new strike
            let begun = Instant::now();
            budget.acquire().await.expect("a turn");
            waits.push(begun.elapsed().as_secs());
        }
        assert!(
            (59..=61).contains(&waits[0]) && waits.windows(2).all(|w| w[0] <= w[1]) && (599..=601).contains(&waits[5]),
            "{waits:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_headers_correct_ours() {
        let budget = Budget::new(6000, BudgetWindow::in_memory());
        let n = budget.acquire().await.expect("a turn");
        let told = Headers { remaining: Some(1), reset: Some(Duration::from_secs(30)), ..Headers::default() };
        budget.observe(n, told, Purpose::List);
        let begun = Instant::now();
        budget.acquire().await.expect("a turn");
        assert!(begun.elapsed() < Duration::from_secs(1), "one was left");
        let n = budget.acquire().await.expect("a turn");
        assert!(begun.elapsed() >= Duration::from_secs(29), "none was left");
        budget.observe(n, Headers { limit: Some(60), ..Headers::default() }, Purpose::List);
        let begun = Instant::now();
        for _ in 0..5 {
            budget.acquire().await.expect("a turn");
        }
        assert!(begun.elapsed() >= Duration::from_secs(4), "the server's limit is lower: {:?}", begun.elapsed());
    }

    /// Returns how many seconds the next eleven turns take.
    async fn pace_of(budget: &Budget) -> u64 {
        let begun = Instant::now();
        for _ in 0..11 {
            budget.acquire().await.expect("a turn");
        }
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_word_of_a_list_is_followed_and_a_tokens_is_not() {
        let budget = Budget::new(600, BudgetWindow::in_memory());
        let limit = |limit, of| budget.observe(1, Headers { limit: Some(limit), ..Headers::default() }, of);
        limit(5, Purpose::Another);
        assert!(pace_of(&budget).await <= 2, "a token's own limit is no limit of lists");
        let spent =
            Headers { limit: Some(5), remaining: Some(0), reset: Some(Duration::from_secs(50)), retry_after: None };
        budget.observe(1000, spent, Purpose::Another);
        assert!(pace_of(&budget).await <= 2, "nor is what is left of it");
        limit(60, Purpose::List);
        assert!((9..=12).contains(&pace_of(&budget).await));
        limit(60_000, Purpose::List);
        assert!(pace_of(&budget).await <= 2, "upwards, too, as far as the job's own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_told_wait_that_was_too_short_is_not_believed_again() {
        let budget = Budget::new(0, BudgetWindow::in_memory());
        let mut waits = Vec::new();
        for _ in 0..7 {
            let n = budget.acquire().await.expect("a turn");
            budget.block(n, Some(Duration::ZERO));
            let begun = Instant::now();
            budget.acquire().await.expect("a turn");
            waits.push((begun.elapsed() + Duration::from_millis(500)).as_secs());
        }
        assert_eq!(waits, [1, 60, 120, 240, 480, 600, 600]);
        budget.answered();
        let n = budget.acquire().await.expect("a turn");
        budget.block(n, Some(Duration::from_secs(5)));
        let begun = Instant::now();
        budget.acquire().await.expect("a turn");
        assert_eq!(begun.elapsed().as_secs(), 5, "an answer ends the row");
    }

    #[test]
    fn of_two_headers_the_documented_one_is_believed() {
        let seconds = |n: u64| Some(Duration::from_secs(n));
        let wait = |reset, retry_after, kind| {
            let headers = Headers { reset, retry_after, ..Headers::default() };
            headers.wait(&kind).map(|wait| (wait.time.as_secs(), wait.is_reset))
        };
        assert_eq!(wait(seconds(8), seconds(60_000), Kind::RateLimited), Some((8, true)));
        assert_eq!(wait(seconds(50), seconds(1), Kind::RateLimited), Some((50, true)));
        assert_eq!(wait(seconds(0), seconds(20), Kind::RateLimited), Some((20, false)));
        assert_eq!(wait(seconds(0), seconds(7000), Kind::RateLimited), Some((60, false)));
        assert_eq!(wait(seconds(0), None, Kind::RateLimited), Some((0, true)));
        assert_eq!(wait(None, seconds(30), Kind::RateLimited), Some((30, false)));
        assert_eq!(wait(None, None, Kind::RateLimited), None);
        assert_eq!(wait(seconds(8), None, Kind::ServerFault), None, "it stands on every answer");
        assert_eq!(wait(seconds(8), seconds(60_000), Kind::ServerFault), Some((60, false)));
        assert_eq!(wait(seconds(300), seconds(25), Kind::ServerFault), Some((25, false)));
    }
}
