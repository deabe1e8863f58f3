//! Wall-clock time, for records of what happened. Waiting goes by tokio's clock instead.

use jiff::Timestamp;

use crate::moment::{self, YEARS};

/// Returns the current moment. In a debug build `QPIEN_TEST_NOW` replaces it, so that a test's nights need not last a
/// day.
fn current() -> Timestamp {
    let told = if cfg!(debug_assertions) { std::env::var("QPIEN_TEST_NOW").ok() } else { None };
    told.and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
}

/// Returns the current moment, in milliseconds since 1970.
pub fn milliseconds() -> i64 {
    current().as_millisecond()
}

/// Reads a moment, in milliseconds since 1970. A text that names no zone is taken as UTC.
pub fn parsed(text: &str) -> Option<i64> {
    moment::read_text(text).map(|(micros, _)| micros.div_euclid(1000))
}

/// Writes a moment, in milliseconds since 1970, as RFC 3339 in UTC with whole seconds. The text is never later than
/// the moment, except for a moment before year 1: RFC 3339 cannot write it, so it becomes the first of that year.
pub fn text(milliseconds: i64) -> String {
    moment::text_of_second(milliseconds.saturating_mul(1000).clamp(*YEARS.start(), *YEARS.end()))
}

/// Returns the current moment as RFC 3339 in UTC with whole seconds.
pub fn now() -> String {
    let now = current();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Returns the number of whole days since a moment that [`now`] wrote. Returns `None` if the text is not a moment, or
/// if the moment is still to come ([`is_ahead`]), because then a clock was wrong.
pub fn days_since(text: &str) -> Option<i64> {
    let (then, now) = (parsed(text)?, milliseconds());
    (!is_ahead(then, now)).then(|| (now - then) / 86_400_000)
}

/// The difference up to which two clocks count as right, in milliseconds: five minutes.
pub const APART: i64 = 300_000;

/// Returns whether two clocks differ by so many milliseconds that one of them is wrong.
pub fn is_apart(difference: i64) -> bool {
    difference.unsigned_abs() > APART.unsigned_abs()
}

/// Returns whether a stored moment is more than [`APART`] ahead of `now`. The clock that wrote it was wrong then, and
/// what it says of the time before that moment is not believed.
pub fn is_ahead(moment: i64, now: i64) -> bool {
    moment > now && is_apart(moment.saturating_sub(now))
}

/// Writes a duration for people: `2h 5m`, `48s`, `0.3s`.
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
