//! Reads and formats wall-clock time, for recording when something happened. Waiting uses tokio's clock instead.

use jiff::Timestamp;

use crate::moment::{self, YEARS};

/// Returns the current moment. In a debug build, `QPIEN_TEST_NOW` replaces it, so that a test can run on simulated
/// days.
fn current() -> Timestamp {
    let told = if cfg!(debug_assertions) { std::env::var("QPIEN_TEST_NOW").ok() } else { None };
    told.and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
}

/// Returns the current moment, in milliseconds since 1970.
pub fn milliseconds() -> i64 {
    current().as_millisecond()
}

/// Parses a moment into milliseconds since 1970, or returns `None` if `text` is not one. A moment without a time zone
/// counts as UTC.
pub fn parsed(text: &str) -> Option<i64> {
    moment::read_text(text).map(|(micros, _)| micros.div_euclid(1000))
}

/// Formats a moment, in milliseconds since 1970, as RFC 3339 in UTC with whole seconds, rounded down. RFC 3339 cannot
/// write a moment before year 1, so such a moment becomes the first of that year.
pub fn text(milliseconds: i64) -> String {
    moment::text_of_second(milliseconds.saturating_mul(1000).clamp(*YEARS.start(), *YEARS.end()))
}

/// Returns the current moment as RFC 3339 in UTC with whole seconds.
pub fn now() -> String {
    let now = current();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Returns the number of whole days since a moment that [`now`] formatted. Returns `None` if `text` is not a moment,
/// or if the moment is in the future ([`is_ahead`]), because a clock was then wrong.
pub fn days_since(text: &str) -> Option<i64> {
    let (then, now) = (parsed(text)?, milliseconds());
    (!is_ahead(then, now)).then(|| (now - then) / 86_400_000)
}

/// The largest difference, in milliseconds, at which two clocks still count as equal: five minutes.
pub const APART: i64 = 300_000;

/// Returns whether two clocks that differ by `difference` milliseconds are so far apart that one of them is wrong.
pub fn is_apart(difference: i64) -> bool {
    difference.unsigned_abs() > APART.unsigned_abs()
}

/// Returns whether a stored moment is more than [`APART`] ahead of `now` (both in milliseconds since 1970). The clock
/// that stored it was then wrong, so other moments that it stored cannot be trusted either.
pub fn is_ahead(moment: i64, now: i64) -> bool {
    moment > now && is_apart(moment.saturating_sub(now))
}

/// Formats a duration for people: `2h 5m`, `48s`, `0.3s`.
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
