//! Decides the delays between attempts, and how long each kind of failure is retried. No other file uses the
//! `backoff` crate.
//!
//! That crate is unmaintained (RUSTSEC-2025-0012) and pulls in `instant` (RUSTSEC-2024-0384). It is used because it
//! was asked for, and because its exponential policy is small and right. Replacing it means rewriting
//! [`Delays::advance`]: let an interval grow by a factor up to a ceiling, and spread it by a random share. The
//! crate's own clock is never used (`max_elapsed_time` is `None`). The time is measured here, by tokio's clock, so
//! that tests can pause it.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::time::Instant;

use crate::clock::human;
use crate::error::{Error, Wait};
use crate::policy::{self, Action};

/// How long failures are retried, counted from the first one in a row. Time bounds the retries, not their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For temporary faults: network, 5xx, incomplete answers.
    pub long: Duration,
    /// For failures that will probably occur again.
    pub short: Duration,
    /// For a page in which a field of one record fails. After that, the caller searches for that record.
    pub field: Duration,
    /// For every failure until the endpoint has answered as the API does, because a wrong endpoint should be reported
    /// soon.
    pub first_contact: Duration,
    /// For waiting until the rate limit allows requests again.
    pub budget: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            long: Duration::from_secs(15 * 60),
            short: Duration::from_secs(30),
            field: Duration::from_secs(30),
            first_contact: Duration::from_secs(20),
            budget: Duration::from_secs(60 * 60),
        }
    }
}

impl Limits {
    /// Returns a sentence for the operator if the server asks to wait for longer than the job allows; otherwise
    /// `None`.
    pub fn asked_too_much(&self, wait: Option<Wait>) -> Option<String> {
        let wait = wait?;
        let (header, setting, allowed) = if wait.is_reset {
            ("X-RateLimit-Reset", "wait_for_budget", self.budget)
        } else {
            ("Retry-After", "retry_for", self.long)
        };
        // A caller that asks only once allows no time at all, which is not the job's setting.
        (wait.time > allowed && !allowed.is_zero()).then(|| {
            format!("the server asks to wait {} ({header}), and {setting} allows {}", human(wait.time), human(allowed))
        })
    }
}

/// Growing delays with a random share: about 0.3 s, 0.6 s, 1.2 s, ... up to 60 s.
pub struct Delays(ExponentialBackoff);

impl Default for Delays {
    fn default() -> Self {
        let initial = Duration::from_millis(300);
        Delays(ExponentialBackoff {
            current_interval: initial,
            initial_interval: initial,
            randomization_factor: 0.5,
            multiplier: 2.0,
            max_interval: Duration::from_secs(60),
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }
}

impl Delays {
    /// Returns the next delay, and doubles the one after it.
    pub fn advance(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(Duration::from_secs(60))
    }
}

/// The failures of one question in a row.
#[derive(Default)]
pub struct Failures {
    since: Option<Instant>,
    /// The moment after which the latest failure is no longer retried; `None` if time does not limit the retries.
    until: Option<Instant>,
    delays: Delays,
    renewals: u32,
    /// The number of failures so far.
    pub count: u32,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Ask again after this delay.
    After(Duration),
    /// Give up.
    GiveUp,
}

/// How many new tokens one question may cause. After that, the server is at fault and not the token.
const MOST_RENEWALS: u32 = 8;

impl Failures {
    /// Decides what to do after one more failure. `contacted` is `true` if the endpoint has ever answered as the API
    /// does. `fresh` is `true` if the token of the request is still the newest. The refusal of an older token only
    /// means that the question is asked again with the newer one.
    ///
    /// A wait that the server asks for is never shortened. If it is longer than the time that is left for retries,
    /// the question is given up, because asking earlier would be refused and waiting longer is not allowed.
    pub fn next(&mut self, error: &Error, limits: &Limits, contacted: bool, fresh: bool) -> AfterFailure {
        let kind = &error.kind;
        let told = error.wait.map_or(Duration::ZERO, |wait| wait.time);
        self.count += 1;
        self.until = None;
        let since = *self.since.get_or_insert_with(Instant::now);
        let patience = match policy::decide(kind).action {
            Action::FailStream | Action::FailRun => return AfterFailure::GiveUp,
            Action::Renew | Action::RenewOnce if !fresh => return AfterFailure::After(Duration::ZERO),
            Action::RenewOnce => {
                self.renewals += 1;
                return match self.renewals {
                    1 => AfterFailure::After(Duration::ZERO),
                    2 => AfterFailure::After(self.delays.advance()),
                    _ => AfterFailure::GiveUp,
                };
            }
            Action::Renew => {
                self.renewals += 1;
                return match self.renewals {
                    1 => AfterFailure::After(Duration::ZERO),
                    2..=MOST_RENEWALS => AfterFailure::After(self.delays.advance()),
                    _ => AfterFailure::GiveUp,
                };
            }
            Action::Pause => {
                // The budget does the waiting; only its end is decided here.
                let is_over = since.elapsed() > limits.budget || limits.asked_too_much(error.wait).is_some();
                return if is_over { AfterFailure::GiveUp } else { AfterFailure::After(Duration::ZERO) };
            }
            // A server that names a time to come again is no wrong address, so its wait is added.
            Action::Retry(_) if !contacted => (limits.first_contact + told).min(limits.long),
            Action::Retry(policy::Patience::Long) => limits.long,
            Action::Retry(policy::Patience::Short) => {
                let field = policy::names_a_record(kind).then_some(limits.field);
                limits.short.min(limits.long).min(field.unwrap_or(limits.short))
            }
        };
        self.until = since.checked_add(patience);
        let delay = self.delays.advance().max(told);
        if since.elapsed() + delay > patience { AfterFailure::GiveUp } else { AfterFailure::After(delay) }
    }

    /// Returns how much longer the question may be retried, or `None` if time does not limit the retries.
    pub fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Returns the time since the first failure in the row.
    pub fn lasted(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |s| s.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    async fn until_given_up(kind: Kind, contacted: bool) -> (u32, Duration) {
        let (mut failures, error) = (Failures::default(), Error::new(kind, "a test"));
        while let AfterFailure::After(delay) = failures.next(&error, &Limits::default(), contacted, true) {
            tokio::time::sleep(delay).await;
        }
        (failures.count, failures.lasted())
    }

    #[tokio::test(start_paused = true)]
    async fn patience_is_bounded_by_time() {
        let (tries, lasted) = until_given_up(Kind::ServerFault, true).await;
        assert!(
            tries > 10 && lasted <= Duration::from_secs(900) && lasted > Duration::from_secs(700),
            "{tries} {lasted:?}"
        );
        assert!(until_given_up(Kind::Network, false).await.1 <= Duration::from_secs(20));
        assert!(until_given_up(Kind::UnknownFailure, true).await.1 <= Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_twice_for_unauthorized_and_some_times_for_expired() {
        assert_eq!(until_given_up(Kind::Unauthorized, true).await.0, 3);
        assert_eq!(until_given_up(Kind::TokenExpired, true).await.0, MOST_RENEWALS + 1);
        assert_eq!(until_given_up(Kind::InvalidClient, true).await.0, 1);
        let mut old_news = Failures::default();
        for _ in 0..50 {
            assert_eq!(
                old_news.next(&Error::new(Kind::Unauthorized, "a test"), &Limits::default(), true, false),
                AfterFailure::After(Duration::ZERO)
            );
        }
    }
}
