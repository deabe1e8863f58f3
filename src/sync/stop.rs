//! Stopping on request. A first SIGINT, SIGTERM or SIGHUP lets requests under way come home (for some seconds) and stops at
//! the next page boundary; where none is under way, because the run waits for something, it stops at once, and so it does at
//! a second signal. Either way everything committed stays, and the next run goes on.
//!
//! SIGHUP is a signal like the others, unless it was ignored when the program began: then somebody has said `nohup`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tracing::Instrument as _;

use crate::source::UnderWay;

/// How long requests under way may take to come home.
const GRACE: Duration = Duration::from_secs(5);

/// Who has not stopped by then does not look.
const LATE: Duration = Duration::from_millis(600);

/// A shared wish to stop.
#[derive(Clone)]
pub struct Stop {
    sender: Arc<watch::Sender<u32>>,
    /// Why the run stops by itself.
    why: Arc<OnceLock<String>>,
    /// The requests that may come home first.
    under_way: Arc<OnceLock<Arc<UnderWay>>>,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { sender: Arc::new(watch::channel(0).0), why: Arc::default(), under_way: Arc::default() }
    }
}

impl Stop {
    /// Asks for a stop; a second time, for one at once.
    pub fn request(&self) {
        self.sender.send_modify(|n| *n += 1);
    }

    /// Asks for a stop for a reason of our own; what is proven is delivered all the same.
    pub fn because(&self, why: String) {
        tracing::warn!("{why}: stopping at the next page boundary");
        let _ = self.why.set(why);
        self.request();
    }

    /// A stop that is asked for whenever this one is, for the same reason, and by itself.
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

    /// Why, when it was for a reason of our own.
    pub fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Whether a stop was asked for.
    pub fn requested(&self) -> bool {
        *self.sender.borrow() > 0
    }

    /// Returns when a stop was asked for.
    pub async fn asked(&self) {
        let _ = self.sender.subscribe().wait_for(|n| *n > 0).await;
    }

    /// Waits for these requests before it stops, and for nothing where none is under way.
    pub fn waits_for(&self, under_way: &Arc<UnderWay>) {
        let _ = self.under_way.set(under_way.clone());
    }

    /// Returns when a stop was asked for and requests under way have had their time.
    pub async fn now(&self) {
        let mut receiver = self.sender.subscribe();
        let _ = receiver.wait_for(|n| *n > 0).await;
        let home = async {
            match self.under_way.get() {
                Some(under_way) => under_way.come_home().await,
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

    /// Returns when whoever sees [`Stop::now`] has stopped: what goes on after that waits for something.
    pub async fn late(&self) {
        self.now().await;
        tokio::time::sleep(LATE).await;
    }

    /// Asks for a stop at each SIGINT, SIGTERM or SIGHUP.
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

/// Whether SIGHUP is ignored, which a program inherits from `nohup`. Where the system does not tell, it is left alone.
fn is_hangup_ignored() -> bool {
    let ignored = |status: String| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?.trim().to_owned();
        u64::from_str_radix(&mask, 16).ok()
    };
    // SIGHUP is signal 1, the lowest bit.
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
