//! Parses every number from outside: from a server's body or headers, from a manifest, from a job file. A number that
//! is accepted is finite and in range. Any other text gives `None`, and the caller continues as if the value were
//! missing.
//!
//! `f64`'s own parser accepts `NaN`, `inf` and `1e400`, and `Duration::from_secs_f64` panics on each of them. A cast
//! with `as` hides the problem: it turns NaN into 0 and infinity into the largest integer.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// The largest count that is accepted: 2^53. JSON's numbers are exact up to there, and sums of them fit into the
/// mirror's 64-bit columns.
pub const MOST: u64 = 1 << 53;

/// Parses a finite decimal number, such as `1.5` or `-2e3`. Returns `None` for any other text.
pub fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

/// Parses a count: an integer from 0 to [`MOST`], which may be written as `7.0` or `7e0`. Returns `None` for any
/// other text.
pub fn count(text: &str) -> Option<u64> {
    if let Ok(whole) = text.trim().parse::<u64>() {
        return Some(whole).filter(|n| *n <= MOST);
    }
    let n = finite(text).filter(|n| *n >= 0.0 && *n <= MOST as f64 && n.fract() == 0.0)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked above
    Some(n as u64)
}

/// Returns `value` rounded down to an integer, and whether it was an integer already. Returns `None` if it does not
/// fit into an `i64`.
pub fn floor(value: f64) -> Option<(i64, bool)> {
    // 2^63 is the first value that does not fit; -2^63 fits.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let whole = value.floor();
    #[allow(clippy::cast_possible_truncation)] // checked above
    (-BEYOND..BEYOND).contains(&whole).then(|| (whole as i64, value.fract() == 0.0))
}

/// Returns a duration of `n` seconds, but at most `most`. Returns `None` if `n` is negative or not finite.
pub fn seconds(n: f64, most: Duration) -> Option<Duration> {
    if !n.is_finite() || n < 0.0 {
        return None;
    }
    Duration::try_from_secs_f64(n.min(most.as_secs_f64())).ok()
}

/// Deserializes a count in a manifest. A count above [`MOST`] is an error.
pub fn read_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let n = u64::deserialize(deserializer)?;
    if n <= MOST { Ok(n) } else { Err(D::Error::custom("a number is above 2^53")) }
}

/// Deserializes a seq in a manifest. A negative seq, or one above [`MOST`], is an error.
pub fn read_seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    read_count(deserializer).and_then(|n| i64::try_from(n).map_err(D::Error::custom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_no_number() {
        for text in ["NaN", "nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "", "soon", "1,000", "0x10", "1_000"] {
            assert_eq!(finite(text), None, "{text}");
            assert_eq!(count(text), None, "{text}");
        }
        assert_eq!((finite(" 1.5 "), finite("-2e3")), (Some(1.5), Some(-2000.0)));
    }

    #[test]
    fn a_count_is_whole_and_at_most_two_to_the_53() {
        for (text, n) in [("0", 0), ("7", 7), ("7.0", 7), ("1e3", 1000), ("9007199254740992", MOST), ("-0", 0)] {
            assert_eq!(count(text), Some(n), "{text}");
        }
        let beyond = ["9007199254740993", "18446744073709551615", "18446744073709551616", "1e17", "1e300"];
        for text in ["-1", "1.5", "1e-3"].iter().chain(&beyond) {
            assert_eq!(count(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_made_whole_where_that_is_possible() {
        assert_eq!((floor(-0.5), floor(2.0)), (Some((-1, false)), Some((2, true))));
        assert_eq!(floor(-9_223_372_036_854_775_808.0), Some((i64::MIN, true)));
        for value in [9_223_372_036_854_775_808.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(floor(value), None, "{value}");
        }
    }

    #[test]
    fn seconds_are_bounded_and_never_panic() {
        let hour = Duration::from_secs(3600);
        for (n, found) in [
            (0.0, Some(Duration::ZERO)),
            (1.5, Some(Duration::from_millis(1500))),
            (1e300, Some(hour)),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (f64::NEG_INFINITY, None),
        ] {
            assert_eq!(seconds(n, hour), found, "{n}");
        }
    }
}
