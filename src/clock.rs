//! Wall-clock time as text, for records of what happened. (Waiting is tokio's business.)

use jiff::Timestamp;

/// Now, RFC 3339 in UTC, whole seconds.
pub fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Whole days since a moment that [`now`] wrote; none when the text is no moment.
pub fn days_since(text: &str) -> Option<i64> {
    let then: Timestamp = text.parse().ok()?;
    Some((Timestamp::now().as_second() - then.as_second()) / 86_400)
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
