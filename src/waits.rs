//! Shows people what a run waits for. For each wait of more than ten seconds it shows why the run waits, since when,
//! and until when at the latest. The run's progress shows this while the wait lasts. A log line shows it when the
//! wait begins, but at most every five minutes for the same subject.
//!
//! All code that waits reports its waits here. Failing requests count as one wait, from the first failure to the
//! first answer, however many questions are asked again and however short each pause is.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::clock::{self, human};

/// The longest wait that is not shown.
pub const LONG: Duration = Duration::from_secs(10);
/// The least time between two log lines about the same subject.
const AGAIN: Duration = Duration::from_secs(300);

/// The waits of a run that are under way, and those of which a log line was written.
#[derive(Default)]
pub struct Waits {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    current: BTreeMap<u64, Wait>,
    failing: Option<Failing>,
    /// The moment at which a wait was last logged, by its subject.
    told: BTreeMap<&'static str, Instant>,
}

struct Wait {
    why: String,
    since: i64,
    until: i64,
}

/// A series of failures without an answer between them.
struct Failing {
    wait: Wait,
    begun: Instant,
    is_long: bool,
    told: Option<Instant>,
}

impl Wait {
    fn new(why: String, at_most: Duration) -> Wait {
        let since = clock::milliseconds();
        Wait { why, since, until: since.saturating_add(milliseconds(at_most)) }
    }

    fn line(&self) -> String {
        let (since, until) = (clock::text(self.since), clock::text(self.until));
        format!("waiting since {since} until {until} at the latest: {}", self.why)
    }
}

impl Waits {
    /// Begins a wait that lasts at most `at_most`. `subject` is one word for all waits of this kind; `why` is shown
    /// as the reason. The wait ends when the returned guard is dropped.
    pub fn begin(&self, subject: &'static str, why: impl Display, at_most: Duration) -> OpenWait<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let wait = Wait::new(why.to_string(), at_most);
        let line = (at_most > LONG && is_due(&mut state.told, subject)).then(|| wait.line());
        if at_most > LONG {
            state.current.insert(number, wait);
        }
        drop(state);
        if let Some(line) = line {
            tracing::warn!("{line}");
        }
        OpenWait { waits: self, number }
    }

    /// Waits for `future`, which takes at most `at_most`, and returns its output. Reports the wait once it has lasted
    /// ten seconds. `subject` is one word for all waits of this kind; `why` is shown as the reason.
    pub async fn through<F: Future>(
        &self,
        subject: &'static str,
        why: impl Display,
        at_most: Duration,
        future: F,
    ) -> F::Output {
        let mut future = std::pin::pin!(future);
        if let Ok(done) = timeout(LONG.min(at_most), &mut future).await {
            return done;
        }
        let mut waiting = self.begin(subject, why, at_most);
        waiting.began(LONG);
        future.await
    }

    /// Notes that a request failed, for the reason `why`. It is repeated after `pause`, and retries end at the latest
    /// after `left`.
    pub fn failed(&self, why: &str, pause: Duration, left: Duration) {
        let line = {
            let mut state = self.state();
            let now = Instant::now();
            let failing = state.failing.get_or_insert_with(|| Failing {
                wait: Wait::new(String::new(), Duration::ZERO),
                begun: now,
                is_long: false,
                told: None,
            });
            why.clone_into(&mut failing.wait.why);
            failing.wait.until = failing.wait.until.max(clock::milliseconds().saturating_add(milliseconds(left)));
            failing.is_long |= now - failing.begun + pause > LONG;
            let is_due = failing.told.is_none_or(|told| now - told >= AGAIN);
            (failing.is_long && is_due).then(|| {
                failing.told = Some(now);
                failing.wait.line()
            })
        };
        if let Some(line) = line {
            tracing::warn!("{line}");
        }
    }

    /// Notes that a request was answered, which ends a series of failures. If the series was logged, logs its end.
    pub fn answered(&self) {
        let over = self.state().failing.take();
        if let Some(Failing { begun, told: Some(_), .. }) = over {
            tracing::warn!("answers come again, after {}", human(begun.elapsed()));
        }
    }

    /// Returns a line for the run's progress about the current long wait: failing requests if there are any, or else
    /// the wait that ends last. Returns `None` if there is no long wait.
    pub fn now(&self) -> Option<String> {
        let state = self.state();
        let failing = state.failing.as_ref().filter(|failing| failing.is_long || failing.begun.elapsed() > LONG);
        let longest = state.current.values().max_by_key(|wait| wait.until);
        failing.map(|failing| &failing.wait).or(longest).map(Wait::line)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a wait with this subject is to be logged now. If so, records that it is.
fn is_due(told: &mut BTreeMap<&'static str, Instant>, subject: &'static str) -> bool {
    let now = Instant::now();
    let is_due = told.get(subject).is_none_or(|told| now - *told >= AGAIN);
    if is_due {
        told.insert(subject, now);
    }
    is_due
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Marks a wait as under way until this guard is dropped.
pub struct OpenWait<'w> {
    waits: &'w Waits,
    number: u64,
}

impl OpenWait<'_> {
    /// Moves the wait's beginning and end back by `ago`, because it began earlier.
    fn began(&mut self, ago: Duration) {
        if let Some(wait) = self.waits.state().current.get_mut(&self.number) {
            wait.since = wait.since.saturating_sub(milliseconds(ago));
            wait.until = wait.until.saturating_sub(milliseconds(ago));
        }
    }
}

impl Drop for OpenWait<'_> {
    fn drop(&mut self) {
        self.waits.state().current.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_takes_long_is_shown() {
        let waits = Waits::default();
        let short = waits.begin("a", "a short one", Duration::from_secs(10));
        assert_eq!(waits.now(), None);
        let long = waits.begin("a", "a long one", Duration::from_secs(11));
        assert!(waits.now().is_some_and(|line| line.ends_with("at the latest: a long one")));
        drop((short, long));
        assert_eq!(waits.now(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_one_wait_until_an_answer_comes() {
        let waits = Waits::default();
        for seconds in [0, 1, 2, 4] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            waits.failed("HTTP 503", Duration::from_secs(seconds), Duration::from_secs(900));
        }
        assert!(waits.now().is_some_and(|line| line.ends_with("at the latest: HTTP 503")));
        waits.answered();
        assert_eq!(waits.now(), None);
        waits.failed("HTTP 503", Duration::from_secs(1), Duration::from_secs(900));
        assert_eq!(waits.now(), None, "it has only begun");
        waits.failed("HTTP 503", Duration::from_secs(25), Duration::from_secs(900));
        assert!(waits.now().is_some(), "the pause alone is long");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_through_is_shown_once_it_is_slow() {
        let waits = Waits::default();
        let slow = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(waits.now(), None);
            tokio::time::sleep(Duration::from_secs(6)).await;
            waits.now()
        };
        let shown = waits.through("answer", "an answer", Duration::from_secs(180), slow).await;
        assert!(shown.is_some_and(|line| line.ends_with("an answer")));
        assert_eq!(waits.now(), None);
    }
}
