//! Durations and sizes as people write them: `30s`, `15m`, `2h`, `1h30m`, `3d`; `500kB`, `32MiB`.

use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;

use crate::error::{Error, Result};
use crate::number;

/// The longest duration that a job may set: a hundred years, so that a date so far from now can still be expressed.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Parses a duration in jiff's *friendly* format, such as `1h30m` or `2 days 4 hours`. A day has 24 hours. A number
/// without a unit means seconds. Days may have a fraction, as in `1.5d`. `place` names the job key in the error
/// message.
pub fn duration(text: &str, place: &str) -> Result<Duration> {
    let duration = match split(text) {
        (Some(seconds), "") => Duration::try_from_secs_f64(seconds).ok(),
        (Some(days), "d") => Duration::try_from_secs_f64(days * 86_400.0).ok(),
        _ => friendly(text.trim()),
    };
    duration.filter(|duration| *duration <= LONGEST).ok_or_else(|| {
        Error::usage(format!("{place} = {text:?} is not a duration; write for example \"30s\", \"15m\" or \"1h30m\""))
    })
}

/// Parses a duration with the `jiff` crate. Returns `None` for months and years, because their length depends on a
/// date.
fn friendly(text: &str) -> Option<Duration> {
    let span = SpanParser::new().parse_span(text).ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// Parses a size such as `32MiB`, and returns it in bytes. `place` names the job key in the error message.
pub fn size(text: &str, place: &str) -> Result<u64> {
    let wrong = || Error::usage(format!("{place} = {text:?} is not a size; write for example \"64MiB\" or \"500MB\""));
    let (number, unit) = split(text);
    let factor: f64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" | "k" => 1e3,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number.ok_or_else(wrong)? * factor;
    if !(1.0..1e15).contains(&bytes) {
        return Err(wrong());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked above
    Ok(bytes as u64)
}

fn split(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (number::finite(&text[..at]), text[at..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_durations_and_sizes() {
        let plain = [("90", 90.0), ("1.5", 1.5), ("30s", 30.0), ("2h", 7200.0), ("3d", 259_200.0), ("250ms", 0.25)];
        let fractions = [("1.5m", 90.0), ("1.5d", 129_600.0), ("0.25h", 900.0), (" 30 s ", 30.0), ("5min", 300.0)];
        let several = [("1h30m", 5400.0), ("1d12h", 129_600.0), ("2 days 4 hours", 187_200.0), ("1h 0m 30s", 3630.0)];
        for (text, seconds) in plain.into_iter().chain(fractions).chain(several) {
            assert!((duration(text, "p").expect(text).as_secs_f64() - seconds).abs() < 1e-9, "{text}");
        }
        assert_eq!((size("64MiB", "p").expect("size"), size("2kB", "p").expect("size")), (64 << 20, 2000));
        let endless =
            ["NaN", "inf", "99999999999d", "36501d", "1.2.3s", "2mo", "1y", "1h ago", "30m1h"].map(str::to_owned);
        for text in ["", "soon", "-3s", "3x"].map(str::to_owned).into_iter().chain(endless).chain(["9".repeat(400)]) {
            assert!(duration(&text, "p").is_err(), "{text}");
        }
        for text in ["", "soon", "-3s", "3x", "NaN", "inf", "1e3", "99999999999GB"] {
            assert!(size(text, "p").is_err(), "{text}");
        }
    }
}
