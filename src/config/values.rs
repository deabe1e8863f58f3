//! Durations and sizes as people write them: `30s`, `15m`, `2h`, `3d`; `500kB`, `32MiB`.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::number;

/// The longest duration of a job, a hundred years, so that a date that far from now can still be expressed.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Parses a duration. `place` names its key in the message.
pub fn duration(text: &str, place: &str) -> Result<Duration> {
    let wrong =
        || Error::usage(format!("{place} = {text:?} is not a duration; write for example \"30s\", \"15m\" or \"2h\""));
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let seconds = number.ok_or_else(wrong)? * factor;
    Duration::try_from_secs_f64(seconds).ok().filter(|d| *d <= LONGEST).ok_or_else(wrong)
}

/// Parses a size in bytes. `place` names its key in the message.
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
        for (text, seconds) in
            [("90", 90.0), ("30s", 30.0), ("1.5m", 90.0), ("2h", 7200.0), ("3d", 259_200.0), ("250ms", 0.25)]
        {
            assert!((duration(text, "p").expect(text).as_secs_f64() - seconds).abs() < 1e-9, "{text}");
        }
        assert_eq!((size("64MiB", "p").expect("size"), size("2kB", "p").expect("size")), (64 << 20, 2000));
        let endless = ["NaN", "inf", "99999999999d", "36501d", "1.2.3s"].map(str::to_owned);
        for text in ["", "soon", "-3s", "3x"].map(str::to_owned).into_iter().chain(endless).chain(["9".repeat(400)]) {
            assert!(duration(&text, "p").is_err(), "{text}");
        }
        for text in ["", "soon", "-3s", "3x", "NaN", "inf", "1e3", "99999999999GB"] {
            assert!(size(text, "p").is_err(), "{text}");
        }
    }
}
