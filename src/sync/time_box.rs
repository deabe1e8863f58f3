//! Time boxes: a run ends after so long, at a time of day, or after so many requests. It stops as on a signal, at a page
//! boundary; what is proven by then is delivered, and the next run goes on where it stopped.

use std::time::Duration;

use jiff::ZonedDateTime;
use jiff::civil::{Date, Time};

use super::shutdown::Stop;
use crate::clock::human;
use crate::error::{Error, Result};
use crate::source::Source;

/// When a run ends at the latest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeBox {
    /// After so long.
    pub lasts: Option<Duration>,
    /// At this time of day, in this machine's zone.
    pub until: Option<Time>,
    /// After so many requests, those under way included.
    pub requests: Option<u64>,
}

/// A time of day: `06:00`, `6:00:30`.
pub fn time_of_day(text: &str) -> Result<Time> {
    let wrong = || Error::usage(format!("--until {text:?} is not a time of day; write for example \"06:00\""));
    let mut parts = text.trim().split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next().flatten(), parts.next().flatten(), parts.next().unwrap_or(Some(0)));
    let (Some(hour), Some(minute), Some(second), None) = (hour, minute, second, parts.next()) else {
        return Err(wrong());
    };
    Time::new(hour, minute, second, 0).map_err(|_| wrong())
}

/// How long it is from `now` to the next time the clock shows `time`.
fn from_now(now: &ZonedDateTime, time: Time) -> Option<Duration> {
    let at =
        |date: Date| date.at(time.hour(), time.minute(), time.second(), 0).to_zoned_datetime(now.time_zone().clone());
    let today = at(now.date()).ok()?;
    let next = if today > *now { today } else { at(now.date().tomorrow().ok()?).ok()? };
    Duration::try_from(next.timestamp().duration_since(now.timestamp())).ok()
}

impl TimeBox {
    /// Asks `stop` to stop when the time is over.
    pub fn watch_clock(&self, stop: &Stop) {
        if let Some(lasts) = self.lasts {
            let why = format!("the time allowed is over (--max-runtime, {})", human(lasts));
            after(stop.clone(), lasts, why);
        }
        if let Some(until) = self.until
            && let Some(left) = from_now(&ZonedDateTime::now(), until)
        {
            after(stop.clone(), left, format!("it is {until} (--until)"));
        }
    }

    /// Asks `stop` to stop when this source has made its requests, before one more is made: whoever is about to make one
    /// by then may still do so, and each request that is under way may have one to follow it.
    pub fn watch_requests(&self, stop: &Stop, source: &Source, in_flight: u32) {
        if let Some(requests) = self.requests {
            let most = requests.saturating_sub(in_flight.into()).max(1);
            let stop = stop.clone();
            let why = format!("the requests allowed are made (--max-requests {requests})");
            source.budget.when_made(most, move || stop.because(why));
        }
    }
}

fn after(stop: Stop, time: Duration, why: String) {
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        stop.because(why);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let now: ZonedDateTime = "2026-03-01T05:30:00[UTC]".parse().expect("a moment");
        let minutes = |text| from_now(&now, time_of_day(text).expect(text)).expect("a duration").as_secs() / 60;
        assert_eq!((minutes("06:00"), minutes("5:30"), minutes("05:00:00")), (30, 24 * 60, 23 * 60 + 30));
        for text in ["", "6", "24:00", "06:60", "six", "06:00:00:00", "-1:00"] {
            assert!(time_of_day(text).expect_err(text).detail.contains("06:00"), "{text}");
        }
    }

    #[test]
    fn a_night_of_changing_clocks_is_an_hour_shorter() {
        let Ok(now) = "2026-03-29T01:30:00[Europe/Berlin]".parse::<ZonedDateTime>() else {
            return; // a machine without zones
        };
        assert_eq!(from_now(&now, time_of_day("06:00").expect("a time")), Some(Duration::from_secs(12_600)));
    }
}
