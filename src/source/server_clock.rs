//! Derives the server's time from the `Date` headers of its answers. Code that decides which records may have changed
//! uses this time, because this machine's clock may be days off. If a checkpoint were stored with a moment of next
//! week, every change until then would look old.
//!
//! `Date` is the moment at which an answer was created (RFC 9110, 6.6.1). A cache that passes the answer on later
//! states in `Age` how many seconds ago that was, and leaves `Date` as it is (RFC 9111, 4.2.3 and 5.1). Some caches
//! replace `Date`. So two times follow:
//!
//! - Which records may have changed is decided by the latest moment at which the answer was certainly true. That is
//!   `Date` minus `Age`, whatever the cache has done to `Date`. The next query then reaches back too far rather than
//!   not far enough.
//! - The present is `Date` plus `Age`, or a little later, because the header counts whole seconds and the answer took
//!   its time. This machine's clock is compared with it.
//!
//! Each answer thus shows at which moment of the server's clock this process began. The median of the latest answers
//! is used. From that moment on, the monotonic clock counts, because nobody sets it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{AGE, DATE, HeaderMap};

use super::http_date;
use crate::clock;
use crate::number;

/// The most answers that are remembered.
const ANSWERS: usize = 255;
/// The dates that count as valid: the years 2000 to 2199, in seconds since 1970. A server that sends another date has
/// no usable clock.
const DATES: std::ops::Range<i64> = 946_684_800..7_258_118_400;
/// The greatest `Age` with which an answer still shows the time: a day, in seconds.
const OLDEST: u64 = 86_400;

/// A difference between two clocks, and how certain it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skew {
    /// The seconds by which this machine's clock is ahead of the server's; negative if it is behind.
    pub ahead: f64,
    /// The seconds by which the difference may be larger or smaller.
    pub uncertainty: f64,
}

/// The server's clock, as its answers show it.
pub struct ServerClock {
    /// The moment at which this clock was created, on the monotonic clock.
    begun: Instant,
    /// The moment at which this clock was created, by this machine's clock, in milliseconds since 1970.
    machine: i64,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// The moment at which this clock was created by the server's clock, as each of the latest answers shows it.
    begun: VecDeque<Told>,
    /// The difference between the clocks, from the answer that shows it most exactly.
    skew: Option<Skew>,
}

/// The times that an answer shows, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    /// The latest moment at which the answer was certainly true, by the server's clock.
    holds: i64,
    /// The moment at which the answer arrived, by the server's clock.
    now: i64,
}

impl ServerClock {
    /// Creates a clock that has seen no answer yet. `machine` is this machine's time, in milliseconds since 1970.
    pub fn new(machine: i64) -> ServerClock {
        ServerClock { begun: Instant::now(), machine, heard: Mutex::default() }
    }

    /// Learns the time from the headers of an answer that arrived just now, `round_trip` after its request was sent.
    pub fn hear(&self, headers: &HeaderMap, round_trip: Duration) {
        self.hear_at(headers, self.begun.elapsed(), round_trip);
    }

    fn hear_at(&self, headers: &HeaderMap, elapsed: Duration, round_trip: Duration) {
        let elapsed = milliseconds(elapsed);
        let received = self.machine.saturating_add(elapsed);
        let Some(told) = told(headers, received.div_euclid(1000)) else { return };
        let half = round_trip.as_secs_f64() / 2.0;
        let apart = received.saturating_sub(told.now) as f64 / 1000.0;
        let skew = Skew { ahead: apart - half - 0.5, uncertainty: half + 0.5 };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.begun.len() == ANSWERS {
            heard.begun.pop_front();
        }
        heard.begun.push_back(Told { holds: told.holds - elapsed, now: told.now - elapsed });
        if heard.skew.is_none_or(|before| skew.uncertainty < before.uncertainty) {
            heard.skew = Some(skew);
        }
    }

    /// Returns the time for deciding which records may have changed, in milliseconds since 1970. It is the server's
    /// time, and no later than the latest moment at which its answers were certainly true. Until an answer shows it,
    /// it is this machine's time.
    pub fn now(&self) -> i64 {
        self.median(|told| told.holds).unwrap_or(self.machine).saturating_add(milliseconds(self.begun.elapsed()))
    }

    /// Returns the server's present time in milliseconds since 1970. Until an answer shows it, it is this machine's
    /// time.
    pub fn time(&self) -> i64 {
        self.median(|told| told.now).unwrap_or(self.machine).saturating_add(milliseconds(self.begun.elapsed()))
    }

    /// Returns how far this machine's clock is from the server's, from the answer that shows it most exactly. Returns
    /// `None` until an answer shows the time.
    pub fn skew(&self) -> Option<Skew> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).skew
    }

    /// Returns by how many milliseconds this machine's clock is ahead of the server's (negative if it is behind), or
    /// `None` until an answer shows the time.
    pub fn ahead(&self) -> Option<i64> {
        self.median(|told| told.now).map(|begun| self.machine.saturating_sub(begun))
    }

    fn median(&self, of: impl Fn(&Told) -> i64) -> Option<i64> {
        let mut all: Vec<i64> = {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.begun.iter().map(of).collect()
        };
        let middle = all.len().checked_sub(1)? / 2;
        Some(*all.select_nth_unstable(middle).1)
    }
}

/// Returns the note that a run shows about the clocks: by how much this machine's is wrong, or that no answer showed
/// the time (`ahead` is `None`). Returns `None` if the clocks agree. `ahead` is in milliseconds.
pub fn note(ahead: Option<i64>) -> Option<String> {
    const DECIDES: &str = "decides what may have changed";
    let Some(ahead) = ahead else {
        return Some(format!(
            "no answer of the server told the time in a `Date` header that can be read: this machine's clock {DECIDES}"
        ));
    };
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    let by = clock::human(Duration::from_millis(ahead.unsigned_abs()));
    clock::is_apart(ahead).then(|| format!("this machine's clock is {by} {direction} the server's, which {DECIDES}"))
}

/// Returns the times that an answer's headers show, or `None` if they show none. `now` is this machine's time, in
/// seconds since 1970.
fn told(headers: &HeaderMap, now: i64) -> Option<Told> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let date = http_date::parse(text(DATE)?, now)?;
    // An age that cannot be read leaves the time unknown.
    let age = text(AGE).map_or(Some(0), number::count).filter(|age| *age <= OLDEST)?;
    let age = i64::try_from(age).ok()?;
    DATES.contains(&date).then_some(Told { holds: (date - age) * 1000, now: (date + age) * 1000 })
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// `Wed, 21 Oct 2015 07:28:00 GMT`
    const DAY: i64 = 1_445_412_480_000;

    fn headers(date: &str, age: Option<&str>) -> HeaderMap {
        let of = |name: HeaderName, text: &str| (name, HeaderValue::from_str(text).expect("a value"));
        [of(DATE, date)].into_iter().chain(age.map(|age| of(AGE, age))).collect()
    }

    fn heard(machine: i64, date: &str, age: Option<&str>, elapsed: f64, round_trip: f64) -> ServerClock {
        let clock = ServerClock::new(machine);
        clock.hear_at(&headers(date, age), Duration::from_secs_f64(elapsed), Duration::from_secs_f64(round_trip));
        clock
    }

    #[test]
    fn a_date_tells_how_far_the_clocks_are_apart() {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        let near = |machine: i64, round_trip: f64, ahead: f64, uncertainty: f64| {
            let skew = heard(machine, date, None, 0.0, round_trip).skew().expect("a date");
            assert!((skew.ahead - ahead).abs() < 1e-6 && (skew.uncertainty - uncertainty).abs() < 1e-6, "{skew:?}");
        };
        near(DAY + 600, 0.2, 0.0, 0.6);
        near(DAY + 62_500, 4.0, 60.0, 2.5);
        near(DAY - 59_500, 0.0, -60.0, 0.5);
        assert_eq!(heard(DAY, "yesterday", None, 0.0, 0.0).skew(), None);
    }

    #[test]
    fn the_servers_time_is_told_and_goes_on() {
        let clock = heard(DAY + 5 * 86_400_000, "Wed, 21 Oct 2015 07:28:00 GMT", None, 10.0, 1.0);
        assert_eq!(clock.ahead(), Some(5 * 86_400_000 + 10_000));
        let since = clock.now() - (DAY - 10_000);
        assert!((0..5_000).contains(&since), "{since}");
    }

    #[test]
    fn a_cached_answer_held_no_later_than_its_age_says() {
        let clock = heard(DAY, "Wed, 21 Oct 2015 07:28:00 GMT", Some("600"), 0.0, 0.0);
        let held = clock.now() - (DAY - 600_000);
        assert!((0..5_000).contains(&held), "{held}");
        let ahead = |age| heard(DAY, "Wed, 21 Oct 2015 07:18:00 GMT", age, 0.0, 0.0).ahead();
        assert_eq!((ahead(None), ahead(Some("600")), ahead(Some("0"))), (Some(600_000), Some(0), Some(600_000)));
        for broken in ["NaN", "-600", "1e9", "600s", "", "1.5", "9223372036854775807"] {
            assert_eq!(ahead(Some(broken)), None, "{broken}");
        }
    }

    #[test]
    fn a_date_that_is_none_is_not_believed() {
        for date in ["", "now", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "1445412480"] {
            let clock = heard(DAY, date, None, 0.0, 0.0);
            assert_eq!((clock.ahead(), clock.skew()), (None, None), "{date}");
            assert!((0..5_000).contains(&(clock.now() - DAY)), "this machine's");
        }
        assert_eq!(heard(DAY, "Wednesday, 21-Oct-15 07:28:00 GMT", None, 0.0, 0.0).ahead(), Some(0));
    }

    #[test]
    fn the_median_is_believed_and_old_answers_are_forgotten() {
        let clock = ServerClock::new(DAY);
        let hear = |date: &str| clock.hear_at(&headers(date, None), Duration::ZERO, Duration::ZERO);
        for _ in 0..3 {
            hear("Wed, 21 Oct 2015 07:28:00 GMT");
        }
        hear("Wed, 21 Oct 2026 07:28:00 GMT");
        hear("Wed, 21 Oct 2009 07:28:00 GMT");
        assert_eq!(clock.ahead(), Some(0));
        (0..ANSWERS).for_each(|_| hear("Wed, 21 Oct 2015 07:38:00 GMT"));
        assert_eq!(clock.ahead(), Some(-600_000));
        assert_eq!(clock.heard.lock().expect("no panic").begun.len(), ANSWERS);
    }

    #[test]
    fn more_than_five_minutes_are_told() {
        assert_eq!((note(Some(0)), note(Some(300_000)), note(Some(-300_000))), (None, None, None));
        let told = |ahead| note(ahead).expect("a note");
        assert!(
            told(Some(432_000_000)).starts_with("this machine's clock is 120h 0m ahead of the server's, which decides")
        );
        assert!(told(Some(-301_000)).starts_with("this machine's clock is 5m 1s behind the server's"));
        assert!(told(None).ends_with("this machine's clock decides what may have changed"));
    }
}
