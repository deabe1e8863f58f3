//! Stops a run on request. After a first SIGINT, SIGTERM or SIGHUP, requests under way may finish within some
//! seconds, and the run stops at the next page boundary. If no request is under way, because the run waits for
//! something, it stops at once. It also stops at once at a second signal. In all cases, everything committed stays,
//! and the next run goes on from there.
//!
//! SIGHUP is a signal like the others, unless it was ignored when the program began: then the program was started
//! with `nohup`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tracing::Instrument as _;

use crate::source::UnderWay;

/// How long requests under way may take to finish after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// How long a task that watches [`Stop::now`] may take to stop. A task that has not stopped after that time waits for
/// something and does not watch.
const LATE: Duration = Duration::from_millis(600);

/// A request to stop. Its clones share it.
#[derive(Clone)]
pub struct Stop {
    /// How often a stop was asked for.
    sender: Arc<watch::Sender<u32>>,
    /// The reason, if the run stops by itself.
    why: Arc<OnceLock<String>>,
    /// The requests that may finish before the run stops.
    under_way: Arc<OnceLock<Arc<UnderWay>>>,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { sender: Arc::new(watch::channel(0).0), why: Arc::default(), under_way: Arc::default() }
    }
}

impl Stop {
    /// Asks for a stop at the next page boundary. A second call asks for a stop at once.
    pub fn request(&self) {
        self.sender.send_modify(|n| *n += 1);
    }

    /// Asks for a stop for the reason `why` of the program's own, such as a time box. Everything that is proven is
    /// delivered all the same.
    pub fn because(&self, why: String) {
        tracing::warn!("{why}: stopping at the next page boundary");
        let _ = self.why.set(why);
        self.request();
    }

    /// Returns a new `Stop` that is also asked to stop, with the same reason, whenever this one is. Asking the new
    /// one to stop does not affect this one.
    #[must_use]
    pub fn own(&self) -> Stop {
        let own = Stop::default();
        let (mut asked, why, theirs) = (self.sender.subscribe(), self.why.clone(), own.clone());
        let forward = async move {
            let mut told = 0;
            loop {
                let times = *asked.borrow_and_update();
                if let Some(why) = why.get().filter(|_| times > 0) {
                    let _ = theirs.why.set(why.clone());
                }
                (told..times).for_each(|_| theirs.request());
                told = times;
                if asked.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::spawn(forward.in_current_span());
        own
    }

    /// Returns the reason if the program itself asked for the stop, and `None` if a signal did.
    pub fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Returns whether a stop was asked for.
    pub fn requested(&self) -> bool {
        *self.sender.borrow() > 0
    }

    /// Waits until a stop is asked for.
    pub async fn asked(&self) {
        let _ = self.sender.subscribe().wait_for(|n| *n > 0).await;
    }

    /// Sets the requests for which [`Stop::now`] waits. If none of them is under way, [`Stop::now`] does not wait.
    pub fn waits_for(&self, under_way: &Arc<UnderWay>) {
        let _ = self.under_way.set(under_way.clone());
    }

    /// Waits until a stop is asked for, and then a few seconds at most for the requests under way. A second request
    /// to stop ends that wait.
    pub async fn now(&self) {
        let mut receiver = self.sender.subscribe();
        let _ = receiver.wait_for(|n| *n > 0).await;
        let home = async {
            match self.under_way.get() {
                Some(under_way) => under_way.wait_for_recent().await,
                None => std::future::pending().await,
            }
        };
        let _ = tokio::time::timeout(GRACE, async {
            tokio::select! {
                _ = receiver.wait_for(|n| *n > 1) => {}
                () = home => {}
            }
        })
        .await;
    }

    /// Waits until every task that watches [`Stop::now`] has stopped. A task that is still running then waits for
    /// something.
    pub async fn late(&self) {
        self.now().await;
        tokio::time::sleep(LATE).await;
    }

    /// Asks for a stop at each SIGINT, SIGTERM or SIGHUP. Fails if the signals cannot be watched.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        let stop = self.clone();
        tokio::spawn(async move {
            loop {
                let hung_up = async {
                    match &mut hangup {
                        Some(hangup) => hangup.recv().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hung_up => {}
                }
                tracing::warn!("stopping at the next page boundary");
                stop.request();
            }
        });
        Ok(())
    }
}

/// Returns whether SIGHUP is ignored, as in a program that was started with `nohup`. Also returns `true` if the
/// system does not show it, so that SIGHUP is left alone.
fn is_hangup_ignored() -> bool {
    let ignored = |status: String| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?.trim().to_owned();
        u64::from_str_radix(&mask, 16).ok()
    };
    // SIGHUP is signal 1, which is the lowest bit.
    std::fs::read_to_string("/proc/self/status").ok().and_then(ignored).is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_of_many_stops_with_all_and_all_do_not_stop_with_one() {
        let all = Stop::default();
        let (one, other) = (all.own(), all.own());
        one.because("enough".into());
        one.asked().await;
        assert!(!all.requested() && !other.requested());
        all.because("over".into());
        other.asked().await;
        assert_eq!((one.why(), other.why()), (Some("enough"), Some("over")));
        all.request();
        other.now().await;
        all.own().asked().await;
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_under_way_nothing_is_waited_for() {
        let (stop, under_way) = (Stop::default(), Arc::new(UnderWay::default()));
        stop.waits_for(&under_way);
        stop.request();
        let begun = tokio::time::Instant::now();
        stop.now().await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        let _sent = under_way.begin();
        let begun = tokio::time::Instant::now();
        stop.now().await;
        assert_eq!(begun.elapsed(), GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_leaves_time_and_the_second_none() {
        let stop = Stop::default();
        assert!(!stop.requested());
        stop.request();
        let begun = tokio::time::Instant::now();
        stop.now().await;
        assert_eq!(begun.elapsed(), GRACE);
        stop.request();
        let begun = tokio::time::Instant::now();
        stop.now().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
