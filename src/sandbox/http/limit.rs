//! The rate limit of the server. Requests are counted in windows of fixed length, for all tokens together. The first
//! request after a window has ended opens the next one.
//!
//! A client that exceeds the limit is blocked until the window ends, or for the time that the options set.

use std::time::{Duration, Instant};

/// The state of the rate limit after a request, for the `X-RateLimit` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// The number of requests allowed per minute, as the documentation defines the header, whatever the length of the
    /// window.
    pub limit: u32,
    /// The number of requests left in this window.
    pub remaining: u32,
    /// The number of seconds until the limit resets, rounded up.
    pub reset: u64,
    /// `true` if the request is refused.
    pub refused: bool,
}

/// Counts the requests in the present window of the rate limit.
#[derive(Debug)]
pub struct Limit {
    per_minute: u32,
    per_window: u32,
    window: Duration,
    block: Option<Duration>,
    ends: Option<Instant>,
    used: u32,
    blocked_until: Option<Instant>,
}

impl Limit {
    /// Returns a limit of this many requests per minute, converted to the length of the window. Returns `None` if the
    /// number is 0, which means no limit. A client that exceeds the limit is blocked for `block`, or until the window
    /// ends if that is `None`.
    pub fn new(requests_per_minute: u32, window: Duration, block: Option<Duration>) -> Option<Limit> {
        if requests_per_minute == 0 {
            return None;
        }
        let exact = u128::from(requests_per_minute) * window.as_millis();
        // A limit of 0 per window would refuse everything.
        let per_window = u32::try_from((exact + 30_000) / 60_000).unwrap_or(u32::MAX).max(1);
        Some(Limit {
            per_minute: requests_per_minute,
            per_window,
            window,
            block,
            ends: None,
            used: 0,
            blocked_until: None,
        })
    }

    /// Counts further questions of a request that [`Limit::count`] has just counted as one. Updates `account`, the
    /// state that it returned.
    pub fn count_more(&mut self, account: &mut LimitState, questions: usize) {
        if !account.refused {
            self.used = self.used.saturating_add(u32::try_from(questions).unwrap_or(u32::MAX));
            account.remaining = self.per_window.saturating_sub(self.used);
        }
    }

    /// Counts a request, and returns the state of the limit after it.
    pub fn count(&mut self, now: Instant) -> LimitState {
        if self.ends.is_none_or(|end| now >= end) {
            self.ends = Some(now + self.window);
            self.used = 0;
        }
        let end = self.ends.unwrap_or(now);
        let mut refused = self.blocked_until.is_some_and(|until| now < until);
        if !refused {
            refused = self.used >= self.per_window;
            self.blocked_until = refused.then(|| self.block.map_or(end, |block| now + block));
            self.used += u32::from(!refused);
        }
        let until = self.blocked_until.unwrap_or(end);
        let left = until.saturating_duration_since(now);
        let remaining = if refused { 0 } else { self.per_window - self.used };
        LimitState {
            limit: self.per_minute,
            remaining,
            reset: left.as_secs() + u64::from(left.subsec_nanos() > 0),
            refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_request_opens_a_window_and_the_limit_holds_in_it() {
        let start = Instant::now();
        let mut limit = Limit::new(90, 2 * SECOND, None).unwrap();
        for left in [2, 1, 0] {
            let account = limit.count(start);
            assert_eq!(account, LimitState { limit: 90, remaining: left, reset: 2, refused: false });
        }
        assert_eq!(limit.count(start + SECOND), LimitState { limit: 90, remaining: 0, reset: 1, refused: true });
        assert_eq!(limit.count(start + 3 * SECOND), LimitState { limit: 90, remaining: 2, reset: 2, refused: false });
    }

    #[test]
    fn a_block_may_outlast_the_window() {
        let start = Instant::now();
        let mut limit = Limit::new(60, SECOND, Some(5 * SECOND)).unwrap();
        assert!(!limit.count(start).refused);
        let over = limit.count(start);
        assert_eq!((over.refused, over.reset), (true, 5));
        let still = limit.count(start + 2 * SECOND);
        assert_eq!((still.refused, still.reset), (true, 3));
        assert!(!limit.count(start + 5 * SECOND).refused);
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(Limit::new(0, SECOND, None).is_none());
    }
}
