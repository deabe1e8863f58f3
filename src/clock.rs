//! Wall-clock time, for records of what happened. (Waiting is tokio's business.)

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Now; in a debug build what `QPIEN_TEST_NOW` says, so that a test's nights need not last a day.
fn moment() -> Timestamp {
    let told = if cfg!(debug_assertions) { std::env::var("QPIEN_TEST_NOW").ok() } else { None };
    told.and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
}

/// Now, in milliseconds since 1970.
pub fn milliseconds() -> i64 {
    moment().as_millisecond()
}

/// A moment as text, in milliseconds since 1970; one that names no zone is taken as UTC.
pub fn parsed(text: &str) -> Option<i64> {
    let zoned = text.parse::<Timestamp>().ok();
    let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    zoned.or_else(civil).map(Timestamp::as_millisecond)
}

/// A moment as text, in microseconds since 1970, and whether that is all of it; one that names no zone is taken as UTC.
pub fn micros(text: &str) -> Option<(i64, bool)> {
    let zoned = text.parse::<Timestamp>().ok();
    let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let nanoseconds = zoned.or_else(civil)?.as_nanosecond();
    Some((i64::try_from(nanoseconds.div_euclid(1000)).ok()?, nanoseconds % 1000 == 0))
}

/// A moment in microseconds since 1970 as text, RFC 3339 in UTC, with six digits behind the point.
pub fn text_micros(microseconds: i64) -> String {
    format!("{:.6}", Timestamp::from_microsecond(microseconds).unwrap_or_default())
}

/// A moment in milliseconds since 1970 as text, RFC 3339 in UTC, whole seconds; never a later one.
pub fn text(milliseconds: i64) -> String {
    Timestamp::from_second(milliseconds.div_euclid(1000)).unwrap_or_default().to_string()
}

/// Now, RFC 3339 in UTC, whole seconds.
pub fn now() -> String {
    let now = moment();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Whole days since a moment that [`now`] wrote; none when the text is no moment.
pub fn days_since(text: &str) -> Option<i64> {
    let then: Timestamp = text.parse().ok()?;
    Some((moment().as_second() - then.as_second()) / 86_400)
}

/// A duration for people: `2h 5m`, `48s`, `0.3s`.
pub fn human(duration: std::time::Duration) -> String {
    if duration.as_secs() < 10 {
        return format!("{:.1}s", duration.as_secs_f64());
    }
    let (h, m, s) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m {s}s"),
        _ => format!("{h}h {m}m"),
    }
}
