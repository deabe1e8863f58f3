//! Ends a run after a time, at a time of day, or after a number of requests. The run stops as on a signal, at a page
//! boundary. What is proven by then is delivered, and the next run goes on from there.
//!
//! A time of day is meant in this machine's time zone, as `TZ` or `/etc/localtime` names it. A named zone that is not
//! known is an error, because libraries take it for UTC and the run would end hours late without notice. The run
//! prints at its start which moment is meant.

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::clock::{self, human};
use crate::error::{Error, Result, quote};
use crate::source::Source;
use crate::sync::stop::Stop;

/// The limits at which a run ends. The limit that is reached first counts. `None` sets no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeBox {
    /// The longest duration of the run.
    pub lasts: Option<Duration>,
    /// The moment at which the run ends.
    pub until: Option<Until>,
    /// The largest number of requests, including those under way.
    pub requests: Option<u64>,
}

/// The next moment at which the clock shows a certain time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    time: Time,
    at: Timestamp,
    /// The time from the start to that moment.
    left: Duration,
    zone: String,
}

impl Until {
    /// Returns the next moment at which this machine's clock shows the time in `text`.
    pub fn read(text: &str) -> Result<Until> {
        let time = time_of_day(text)?;
        let now = Timestamp::from_millisecond(clock::milliseconds()).unwrap_or(Timestamp::UNIX_EPOCH);
        Until::next(&now.to_zoned_datetime(zone()?), time)
            .ok_or_else(|| Error::usage(format!("--until {text:?} never comes")))
    }

    /// Returns the next moment after `now` at which the clock of its zone shows `time`. Two times need a rule when
    /// clocks change:
    ///
    /// - In the hour that comes twice, it is the first of the two moments that is still to come.
    /// - In the hour that is left out, it is the moment as far behind the beginning of that hour as `time` is: 02:30
    ///   becomes 03:30.
    fn next(now: &ZonedDateTime, time: Time) -> Option<Until> {
        let zone = now.time_zone();
        let at = |date: Date| {
            let shown = zone.to_ambiguous_timestamp(date.at(time.hour(), time.minute(), time.second(), 0));
            [shown.earlier(), shown.later()]
        };
        let days = [now.date(), now.date().tomorrow().ok()?];
        let moments = days.into_iter().flat_map(at).filter_map(std::result::Result::ok);
        let at = moments.filter(|at| *at > now.timestamp() && shows(*at, zone, time)).min()?;
        let left = Duration::try_from(at.duration_since(now.timestamp())).ok()?;
        Some(Until { time, at, left, zone: name_of(zone, at) })
    }

    /// Describes the moment for a person, for example `until 06:00 Europe/Istanbul, 03:00 UTC (in 2h 5m)`.
    pub fn told(&self) -> String {
        let (time, utc) = (shown(self.time), shown(self.at.to_zoned_datetime(TimeZone::UTC).time()));
        format!("until {time} {}, {utc} UTC (in {})", self.zone, human(self.left))
    }
}

/// Returns whether the clock of `zone` shows `time` at the moment `at`, or skips it there because clocks go forward.
fn shows(at: Timestamp, zone: &TimeZone, time: Time) -> bool {
    let there = at.to_zoned_datetime(zone.clone());
    there.time() == time || there.time() > time
}

fn shown(time: Time) -> String {
    let seconds = if time.second() == 0 { String::new() } else { format!(":{:02}", time.second()) };
    format!("{:02}:{:02}{seconds}", time.hour(), time.minute())
}

/// Returns this machine's time zone. Fails if a zone is named and not known. If no zone is named at all, returns UTC.
fn zone() -> Result<TimeZone> {
    const LOCAL: &str = "/etc/localtime";
    const THEN: &str = "install the time zone data (tzdata), or set TZ=UTC and give the time in UTC";
    if let Some(zone) = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown()) {
        return Ok(zone);
    }
    match std::env::var_os("TZ").filter(|named| !named.is_empty()) {
        Some(named) => Err(Error::usage(format!(
            "--until: TZ names a time zone that this system does not know, `{}`: write it as in TZ=Europe/Istanbul, and {THEN}",
            quote(&named.to_string_lossy())
        ))),
        None if std::fs::symlink_metadata(LOCAL).is_err() => Ok(TimeZone::UTC),
        None => Err(Error::usage(format!("--until: this system's time zone ({LOCAL}) cannot be read: {THEN}"))),
    }
}

/// Returns the name of a zone, or the value of `TZ`, or the zone's offset from UTC at the moment `at`.
fn name_of(zone: &TimeZone, at: Timestamp) -> String {
    let of_system = || std::env::var("TZ").ok().filter(|named| !named.is_empty() && zone.iana_name().is_none());
    let offset = || zone.to_offset(at).to_string();
    zone.iana_name().map(str::to_owned).or_else(of_system).map_or_else(offset, |name| quote(&name))
}

/// Reads a time of day such as `06:00` or `6:00:30`. Fails with a usage error if `text` is not a time of day.
pub fn time_of_day(text: &str) -> Result<Time> {
    let wrong = || Error::usage(format!("--until {text:?} is not a time of day; write for example \"06:00\""));
    let mut parts = text.trim().split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next().flatten(), parts.next().flatten(), parts.next().unwrap_or(Some(0)));
    let (Some(hour), Some(minute), Some(second), None) = (hour, minute, second, parts.next()) else {
        return Err(wrong());
    };
    Time::new(hour, minute, second, 0).map_err(|_| wrong())
}

impl TimeBox {
    /// Asks `stop` to stop when the duration is over or the time of day has come.
    pub fn watch_clock(&self, stop: &Stop) {
        if let Some(lasts) = self.lasts {
            let why = format!("the time allowed is over (--max-runtime, {})", human(lasts));
            after(stop.clone(), lasts, why);
        }
        if let Some(until) = &self.until {
            let (stop, until) = (stop.clone(), until.clone());
            tokio::spawn(async move {
                until.come().await;
                stop.because(format!("it is {} (--until)", until.time));
            });
        }
    }
}

/// Asks `stop` to stop once `source` has made `requests` requests. After that, `source` makes no further request for
/// any purpose.
pub fn watch_requests(requests: u64, stop: &Stop, source: &Source) {
    let stop = stop.clone();
    let why = format!("the requests allowed are made (--max-requests {requests})");
    source.budget.stop_after(requests, move || stop.because(why));
}

impl Until {
    /// Waits until the moment has come, by the clock or by the time that has passed, whichever is first. Neither
    /// alone is enough: a machine that slept counts less time, and a clock may be set.
    async fn come(&self) {
        const LOOK: Duration = Duration::from_secs(30);
        let end = tokio::time::Instant::now() + self.left;
        loop {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() || clock::milliseconds() >= self.at.as_millisecond() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
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

    fn next(now: &str, time: &str) -> Until {
        let now: ZonedDateTime = now.parse().expect("a moment");
        Until::next(&now, time_of_day(time).expect(time)).expect("a moment")
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let minutes = |time| next("2026-03-01T05:30:00[UTC]", time).left.as_secs() / 60;
        assert_eq!((minutes("06:00"), minutes("5:30"), minutes("05:00:00")), (30, 24 * 60, 23 * 60 + 30));
        for text in ["", "6", "24:00", "06:60", "six", "06:00:00:00", "-1:00"] {
            assert!(time_of_day(text).expect_err(text).detail.contains("06:00"), "{text}");
        }
        let told = next("2026-03-01T05:30:00[Europe/Istanbul]", "06:00").told();
        assert_eq!(told, "until 06:00 Europe/Istanbul, 03:00 UTC (in 30m 0s)");
        assert_eq!(
            next("2026-03-01T05:30:00+03[+03]", "06:00:30").told(),
            "until 06:00:30 +03, 03:00:30 UTC (in 30m 30s)"
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_met_the_first_time_it_is_still_to_come() {
        // The clock goes back from 03:00 to 02:00 at 01:00 UTC.
        for (now, at) in [
            ("2026-10-25T01:50:00+02[Europe/Berlin]", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:10:00+02[Europe/Berlin]", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:40:00+02[Europe/Berlin]", "2026-10-25T01:30:00Z"),
            ("2026-10-25T02:10:00+01[Europe/Berlin]", "2026-10-25T01:30:00Z"),
            ("2026-10-25T02:30:00+01[Europe/Berlin]", "2026-10-26T01:30:00Z"),
            ("2026-10-24T23:00:00+02[Europe/Berlin]", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(next(now, "02:30").at.to_string(), at, "{now}");
        }
        // On Lord Howe Island clocks go back by half an hour.
        let half = next("2026-04-05T01:50:00+11[Australia/Lord_Howe]", "01:45");
        assert_eq!(half.at.to_string(), "2026-04-04T15:15:00Z");
    }

    #[test]
    fn an_hour_that_never_comes_is_over_as_soon_as_it_would_be() {
        // The clock goes from 02:00 to 03:00 at 01:00 UTC.
        assert_eq!(next("2026-03-29T01:30:00+01[Europe/Berlin]", "02:30").at.to_string(), "2026-03-29T01:30:00Z");
        assert_eq!(next("2026-03-29T01:30:00+01[Europe/Berlin]", "06:00").left, Duration::from_secs(12_600));
    }
}
