//! Records which requests are under way, so that a run that stops waits for the answers that may come soon, and for
//! no others.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// How long after a request was sent a stopping run still waits for its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long no request must begin or end until a stopping run assumes that all answers were passed on.
const QUIET: Duration = Duration::from_millis(200);

/// The requests that were sent and not answered yet.
#[derive(Debug, Default)]
pub struct UnderWay {
    sent: Mutex<(u64, BTreeMap<u64, Instant>)>,
    changed: Notify,
}

/// Marks a request as under way until this guard is dropped.
#[derive(Debug)]
pub struct RequestUnderWay<'u> {
    all: &'u UnderWay,
    number: u64,
}

impl UnderWay {
    /// Notes that a request is sent now. The request counts as under way until the guard is dropped.
    pub fn begin(&self) -> RequestUnderWay<'_> {
        let number = {
            let mut sent = self.sent();
            sent.0 += 1;
            let number = sent.0;
            sent.1.insert(number, Instant::now());
            number
        };
        self.changed.notify_waiters();
        RequestUnderWay { all: self, number }
    }

    /// Waits until no request is under way that was sent in the last five seconds. Older requests are not waited for.
    pub async fn wait_for_recent(&self) {
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let next = self.sent().1.values().map(|sent| *sent + PATIENCE).filter(|until| *until > now).min();
            let Some(until) = next else {
                tokio::select! {
                    () = changed => continue,
                    () = sleep(QUIET) => return,
                }
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn sent(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Instant>)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestUnderWay<'_> {
    fn drop(&mut self) {
        self.all.sent().1.remove(&self.number);
        self.all.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn takes(under_way: &UnderWay) -> Duration {
        let begun = Instant::now();
        under_way.wait_for_recent().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_young_is_waited_for_and_what_is_old_is_not() {
        let under_way = UnderWay::default();
        assert_eq!(takes(&under_way).await, QUIET);
        let slow = under_way.begin();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&takes(&under_way).await));
        assert_eq!(takes(&under_way).await, QUIET, "it is old now");
        let young = under_way.begin();
        let answered = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            drop(young);
        };
        let (waited, ()) = tokio::join!(takes(&under_way), answered);
        assert_eq!(waited, Duration::from_secs(2) + QUIET);
        drop(slow);
    }
}
