//! How the limit is kept. Three things can hold a request back, and the screen says which:
//!
//! - *pace*: `governor` spaces requests evenly a little below the limit, so that in any minute at most the limit is
//!   used (98.5 % as the rate, 1 % as the burst that makes up for late timers). Its state lives in the key's shared
//!   [`Window`], so that two processes are one pacer.
//! - *window*: the server's `X-RateLimit-Remaining` says that somebody else used the budget up: wait for the reset.
//! - *block*: a 429 stops everybody, in every process of the key, until the reset.
//!
//! Governor's own `until_ready` sleeps on its own clock; here its decision is only asked for, and every wait is
//! tokio's, so that tests can pause time.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::NotKeyed;
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep};

use super::budget_window::{Shared, Window};
use super::counting::Counting;
use super::pacer::{Clock, InWindow, nanos};
use crate::error::{Error, Kind, Result};

/// What the rate-limit headers of one answer say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// `X-RateLimit-Limit`: requests a minute (documented).
    pub limit: Option<u32>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u32>,
    /// `X-RateLimit-Reset`: until the limit resets (documented as seconds, a delta).
    pub reset: Option<Duration>,
    /// `Retry-After`, which any failing answer may carry.
    pub retry_after: Option<Duration>,
}

/// Why requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Even spacing below the limit.
    Pace,
    /// The server's window is used up.
    Window,
    /// A 429.
    Block,
}

/// Numbers for the screen and the summary.
#[derive(Debug, Default, Clone, Copy)]
pub struct Stats {
    /// Requests sent, the token's included.
    pub requests: u64,
    /// 429 answers met.
    pub refused: u64,
    /// Time waited for pace, window and block.
    pub waited: [Duration; 3],
    /// What the server said was left, at last.
    pub remaining: Option<u32>,
    /// What the headers of the latest answer that had any said of the limit.
    pub told: Option<Headers>,
    /// A request was asked for and not made: the cap was reached.
    pub spent: bool,
    /// What is waited for now, and until when.
    pub waiting: Option<(Reason, Instant)>,
}

/// The budget of one key.
pub struct Budget {
    window: Arc<Window>,
    clock: Clock,
    turn: tokio::sync::Mutex<()>,
    most: u64,
    pacer: Mutex<Option<(u32, Pacer)>>,
    state: Mutex<State>,
}

type Pacer = Arc<RateLimiter<NotKeyed, InWindow, Clock, NoOpMiddleware<Nanos>>>;

#[derive(Default)]
struct State {
    stats: Stats,
    /// The latest request whose answer told how many are left, and the number no later request may exceed.
    told_by: u64,
    ceiling: Option<(u64, Instant)>,
    counting: Counting,
    /// Who is told when so many requests were given away.
    told_at: Option<(u64, Box<dyn FnOnce() + Send>)>,
    /// Requests sent before this one were under way when the last block began: their 429 is no new strike.
    block_began_at: u64,
}

impl Budget {
    /// A budget of `per_minute` requests (0: no limit of our own).
    pub fn new(per_minute: u32, window: Window) -> Budget {
        let window = Arc::new(window);
        let clock = Clock::new();
        let budget = Budget {
            pacer: Mutex::new(None),
            turn: tokio::sync::Mutex::default(),
            most: u64::MAX,
            state: Mutex::default(),
            window,
            clock,
        };
        budget.pace(per_minute);
        budget
    }

    /// The same that gives at most this many requests away, and fails when asked for more.
    #[must_use]
    pub fn capped(mut self, most: u64) -> Budget {
        self.most = most;
        self
    }

    /// Waits for this request's turn; returns its number.
    pub async fn acquire(&self) -> Result<u64> {
        loop {
            if let Some((number, ())) = self.acquire_for(|| true, || ()).await? {
                return Ok(number);
            }
        }
    }

    /// Waits for a turn as long as it is `wanted`, and then takes what it is for, before anybody else's turn comes. A
    /// turn that nobody wants any more is not used up.
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
        loop {
            if !wanted() {
                return Ok(None);
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
            (number, state.told_at.take_if(|(at, _)| number >= *at))
        };
        if let Some((_, tell)) = told {
            tell();
        }
        Ok(Some((number, taken)))
    }

    /// Calls `tell` once, when so many requests were given away and before one more is.
    pub fn when_made(&self, requests: u64, tell: impl FnOnce() + Send + 'static) {
        self.state().told_at = Some((requests, Box::new(tell)));
    }

    /// Request `number` carries so many questions.
    pub fn carries(&self, number: u64, questions: usize) {
        self.state().counting.carries(number, questions);
    }

    /// Whether the server's limit was seen to fall by questions, not by requests.
    pub fn counts_questions(&self) -> bool {
        self.state().counting.by_questions()
    }

    /// Takes in what the answer to request `number` says of the limit.
    pub fn observe(&self, number: u64, headers: Headers) {
        if let Some(limit) = headers.limit.filter(|l| *l > 0) {
            let lower = self.pacer().as_ref().is_some_and(|(now, _)| limit < *now);
            if lower {
                tracing::info!(limit, "the server's limit is lower than ours: pacing by it");
                self.pace(limit);
            }
        }
        let mut state = self.state();
        if number < state.told_by {
            return;
        }
        if headers.limit.is_some() || headers.remaining.is_some() || headers.reset.is_some() {
            state.stats.told = Some(headers);
        }
        if let (Some(remaining), Some(reset)) = (headers.remaining, headers.reset) {
            state.told_by = number;
            state.counting.told(number, remaining);
            state.stats.remaining = Some(remaining);
            state.ceiling = Some((number + u64::from(remaining), Instant::now() + reset));
        }
    }

    /// A request that was not refused ends a row of 429s.
    pub fn answered(&self) {
        if self.state().stats.refused > 0 {
            self.update(|s| s.strikes = 0);
        }
    }

    /// Request `number` met a 429: everybody waits, as long as the server says, else 60 s doubling to 10 min.
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
            let doublings = s.strikes.saturating_sub(1).min(4);
            let wait = wait.unwrap_or_else(|| Duration::from_secs((60u64 << doublings).min(600)));
            let wait = wait.clamp(Duration::from_secs(1), Duration::from_secs(3600));
            s.blocked_until = s.blocked_until.max(now + nanos(wait));
            s.blocked_until
        });
        tracing::warn!(
            seconds = until.saturating_sub(now) / 1_000_000_000,
            "429: every request waits until the limit resets"
        );
    }

    /// Numbers so far.
    pub fn stats(&self) -> Stats {
        self.state().stats
    }

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

/// A wait, as the screen shows it and the summary counts it; over when dropped, slept to its end or not.
struct Shown<'b> {
    budget: &'b Budget,
    reason: Reason,
    begun: Instant,
}

impl Shown<'_> {
    fn begin(budget: &Budget, reason: Reason, wait: Duration) -> Shown<'_> {
        let begun = Instant::now();
        budget.state().stats.waiting = Some((reason, begun + wait));
        Shown { budget, reason, begun }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.stats.waiting = None;
        state.stats.waited[self.reason as usize] += self.begun.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_minute_holds_more_than_the_limit_and_little_is_left_unused() {
        for limit in [10, 100, 1000, 6000] {
            let budget = Budget::new(limit, Window::in_memory());
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
        let budget = Budget::new(0, Window::in_memory()).capped(2);
        for n in [1, 2] {
            assert_eq!(budget.acquire().await, Ok(n));
            assert!(!budget.stats().spent);
        }
        assert_eq!(budget.acquire().await.expect_err("no third").kind, Kind::Spent);
        assert!(budget.stats().spent && budget.stats().requests == 2);
    }

    #[tokio::test(start_paused = true)]
    async fn two_processes_on_one_key_are_one_pacer() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("w.json");
        let start = Instant::now();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let budget = Budget::new(100, Window::open(&path).expect("window"));
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
        let (one, other) =
            (Budget::new(6000, Window::open(&path).expect("w")), Budget::new(6000, Window::open(&path).expect("w")));
        let n = one.acquire().await.expect("a turn");
        one.block(n, Some(Duration::from_secs(42)));
        let begun = Instant::now();
        other.acquire().await.expect("a turn");
        assert!(begun.elapsed() >= Duration::from_secs(41), "{:?}", begun.elapsed());
        assert!(other.stats().waited[Reason::Block as usize] >= Duration::from_secs(41));
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_without_a_reset_grow_from_one_minute_to_ten() {
        let budget = Budget::new(0, Window::in_memory());
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
        let budget = Budget::new(6000, Window::in_memory());
        let n = budget.acquire().await.expect("a turn");
        budget.observe(n, Headers { remaining: Some(1), reset: Some(Duration::from_secs(30)), ..Headers::default() });
        let begun = Instant::now();
        budget.acquire().await.expect("a turn");
        assert!(begun.elapsed() < Duration::from_secs(1), "one was left");
        let n = budget.acquire().await.expect("a turn");
        assert!(begun.elapsed() >= Duration::from_secs(29), "none was left");
        budget.observe(n, Headers { limit: Some(60), ..Headers::default() });
        let begun = Instant::now();
        for _ in 0..5 {
            budget.acquire().await.expect("a turn");
        }
        assert!(begun.elapsed() >= Duration::from_secs(4), "the server's limit is lower: {:?}", begun.elapsed());
    }
}
