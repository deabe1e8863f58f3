//! Wall-clock time, for records of what happened. (Waiting is tokio's business.)

use jiff::Timestamp;

use crate::moment::{self, YEARS};

/// Now; in a debug build what `QPIEN_TEST_NOW` says, so that a test's nights need not last a day.
fn current() -> Timestamp {
    let told = if cfg!(debug_assertions) { std::env::var("QPIEN_TEST_NOW").ok() } else { None };
    told.and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
}

/// Now, in milliseconds since 1970.
pub fn milliseconds() -> i64 {
    current().as_millisecond()
}

/// A moment as text, in milliseconds since 1970; one that names no zone is taken as UTC.
pub fn parsed(text: &str) -> Option<i64> {
    moment::read_text(text).map(|(micros, _)| micros.div_euclid(1000))
}

/// A moment in milliseconds since 1970 as text, RFC 3339 in UTC, whole seconds. It is never a later one, but for those
/// before the year 1, which RFC 3339 cannot write: they are its first.
pub fn text(milliseconds: i64) -> String {
    moment::text_of_second(milliseconds.saturating_mul(1000).clamp(*YEARS.start(), *YEARS.end()))
}

/// Now, RFC 3339 in UTC, whole seconds.
pub fn now() -> String {
    let now = current();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Whole days since a moment that [`now`] wrote; none when the text is no moment, or one that is still to come: then a clock
/// was wrong.
pub fn days_since(text: &str) -> Option<i64> {
    let (then, now) = (parsed(text)?, milliseconds());
    (!is_ahead(then, now)).then(|| (now - then) / 86_400_000)
}

/// Clocks that differ by this many milliseconds are right: five minutes.
pub const APART: i64 = 300_000;

/// Whether so many milliseconds between two clocks mean that one of them is wrong.
pub fn is_apart(difference: i64) -> bool {
    difference.unsigned_abs() > APART.unsigned_abs()
}

/// Whether a moment that was remembered is still to come: then the clock was wrong that told it, and what it says of the
/// time before it is not believed.
pub fn is_ahead(moment: i64, now: i64) -> bool {
    moment > now && is_apart(moment.saturating_sub(now))
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
