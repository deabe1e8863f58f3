//! Parses and formats moments: as the API sends them, and as files contain them. A moment is a number of microseconds
//! since 1970 in UTC, in the years 1 to 9999. Parsing returns `None` for a string that is not a moment or is outside
//! these years.
//!
//! `jiff::Timestamp` is not used here, because it ends a day before the year 9999 does. Numbers are read digit by
//! digit, because a 64-bit float of seconds does not hold today's microseconds exactly.

use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::{Pieces, PiecesOffset};

use crate::streams::{DateForm, Zone};

/// The range of valid moments, in microseconds since 1970: from `0001-01-01T00:00:00Z` to
/// `9999-12-31T23:59:59.999999Z`.
pub const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const DAY: i64 = 86_400_000_000;
/// The most digits of a number that are read exactly, because 10^36 fits into 128 bits. If a further digit is not
/// zero, the moment is reported as inexact.
const DIGITS: usize = 36;

/// Parses a moment that is written in this form. `text` is a string's content, or the digits of a number. Returns the
/// moment in microseconds since 1970, and whether it is exact. A fraction of a microsecond is rounded down.
pub fn read(text: &str, form: DateForm) -> Option<(i64, bool)> {
    match form {
        DateForm::Iso8601 => read_text(text),
        DateForm::Iso8601In(zone) => read_local(text, Some(zone)),
        DateForm::EpochMs => read_number(text, 3),
        DateForm::EpochS => read_number(text, 6),
    }
}

/// Parses a date and a time with or without an offset from UTC; without one it counts as UTC. Returns the moment in
/// microseconds since 1970, and whether it is exact. Returns `None` for a time zone given by name only, because its
/// meaning differs from machine to machine.
pub fn read_text(text: &str) -> Option<(i64, bool)> {
    read_local(text, None)
}

/// Returns whether `text` is a date and a time without an offset from UTC, so that it may be local time.
pub fn is_without_zone(text: &str) -> bool {
    Pieces::parse(text).is_ok_and(|pieces| pieces.offset().is_none() && pieces.time().is_some())
}

/// Does the same as [`read_text`], but a moment without an offset counts as local time in `zone`.
fn read_local(text: &str, zone: Option<Zone>) -> Option<(i64, bool)> {
    let pieces = Pieces::parse(text).ok()?;
    let time = pieces.time().unwrap_or(Time::midnight());
    let offset = match (pieces.offset(), zone) {
        (None, _) if pieces.time_zone_annotation().is_some() => return None,
        (None, Some(zone)) => zone.seconds_ahead(pieces.date().to_datetime(time)),
        (Some(PiecesOffset::Numeric(numeric)), _) => numeric.offset().seconds(),
        _ => 0,
    };
    let nanoseconds =
        pieces.date().to_datetime(time).duration_since(EPOCH).as_nanos() - i128::from(offset) * 1_000_000_000;
    let micros = i64::try_from(nanoseconds.div_euclid(1000)).ok().filter(|micros| YEARS.contains(micros))?;
    // A leap second is read as the second before it.
    let is_leap = time.second() == 59 && text.contains(":60");
    Some((micros, nanoseconds % 1000 == 0 && !is_leap))
}

/// Parses a decimal number whose unit is 10^`places` microseconds. Returns the moment in microseconds since 1970, and
/// whether it is exact.
fn read_number(text: &str, places: i64) -> Option<(i64, bool)> {
    let text = text.trim();
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let (kept, cut) = digits.split_at(digits.len().min(DIGITS));
    if kept.is_empty() {
        return Some((0, true));
    }
    let fraction = i64::try_from(fraction.len()).ok()?;
    let cut_digits = i64::try_from(cut.len()).ok()?;
    let shift = exponent.parse::<i64>().ok()?.checked_add(places)?.checked_sub(fraction)?.checked_add(cut_digits)?;
    let kept: i128 = kept.parse().ok()?;
    let power = 10_i128.checked_pow(u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX));
    let (micros, rest) = match (shift >= 0, power) {
        (true, Some(power)) => (kept.checked_mul(power)?, false),
        (true, None) => return None,
        (false, Some(power)) => (kept / power, kept % power != 0),
        (false, None) => (0, true),
    };
    let is_cut = rest || cut.bytes().any(|digit| digit != b'0');
    let micros = if negative { -micros - i128::from(is_cut) } else { micros };
    Some((i64::try_from(micros).ok().filter(|micros| YEARS.contains(micros))?, !is_cut))
}

/// Formats a moment, in microseconds since 1970, as RFC 3339 in UTC with six decimal places. A moment outside the
/// years 1 to 9999, which parsing never returns, gets the longer year and the sign of ISO 8601.
pub fn text(micros: i64) -> String {
    let (date, second, micro) = parts(micros);
    format!("{date}T{:02}:{:02}:{:02}.{micro:06}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Formats a moment, in microseconds since 1970, as RFC 3339 in UTC with whole seconds, rounded down.
pub fn text_of_second(micros: i64) -> String {
    let (date, second, _) = parts(micros);
    format!("{date}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Returns the date, the second of the day, and the microseconds of that second.
fn parts(micros: i64) -> (String, i64, i64) {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    // Counts days from 0000-03-01 in eras of 400 years: a year that begins in March ends with its leap day.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let year = era * 400 + year;
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    (format!("{year}-{month:02}-{day:02}"), rest / 1_000_000, rest % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: i64 = *YEARS.start();
    const LAST: i64 = *YEARS.end();

    #[test]
    fn the_years_1_to_9999_are_read_and_written_to_the_microsecond() {
        for (written, micros) in [
            ("0001-01-01T00:00:00.000000Z", FIRST),
            ("0001-01-01T00:00:00.000001Z", FIRST + 1),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2000-02-29T12:00:00.500000Z", 951_825_600_500_000),
            ("9999-12-30T22:00:01.000000Z", 253_402_207_201_000_000),
            ("9999-12-31T23:59:59.999000Z", LAST - 999),
            ("9999-12-31T23:59:59.999999Z", LAST),
        ] {
            assert_eq!(text(micros), written);
            assert_eq!(read_text(written), Some((micros, true)), "{written}");
            let seconds = format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
            if micros >= 0 {
                assert_eq!(read(&seconds, DateForm::EpochS), Some((micros, true)), "{seconds}");
            }
        }
    }

    #[test]
    fn a_moment_without_a_zone_is_local_where_the_job_says_so() {
        let zone = DateForm::Iso8601In(Zone::named("Europe/Istanbul").expect("a zone"));
        for (text, utc) in [
            ("2024-03-05T08:09:10", "2024-03-05T05:09:10Z"),
            ("2024-03-05 08:09:10.5", "2024-03-05T05:09:10.5Z"),
            ("2024-03-05", "2024-03-04T21:00:00Z"),
            // What names its own offset keeps it.
            ("2024-03-05T08:09:10Z", "2024-03-05T08:09:10Z"),
            ("2024-03-05T08:09:10+01:00", "2024-03-05T07:09:10Z"),
        ] {
            assert_eq!(read(text, zone), read_text(utc), "{text}");
            assert_eq!(is_without_zone(text), !text.ends_with('Z') && !text.contains('+') && text.len() > 10, "{text}");
        }
        assert_eq!(read("2024-03-05T08:09:10[Europe/Berlin]", zone), None);
    }

    #[test]
    fn a_seeded_walk_over_the_years_agrees_with_the_calendar() {
        let mut state = 20_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let span = u128::from(LAST.abs_diff(FIRST)) + 1;
            let micros = FIRST + i64::try_from((u128::from(state) * span) >> 64).expect("within the years");
            let civil = EPOCH + jiff::SignedDuration::from_micros(micros);
            assert_eq!(text(micros), format!("{civil:.6}Z"));
            assert_eq!(read_text(&text(micros)), Some((micros, true)));
            assert_eq!(read_text(&format!("{civil:.6}")), Some((micros, true)), "without a zone it is UTC");
            let sign = if micros < 0 { "-" } else { "" };
            let (ms, rest) = (micros.unsigned_abs() / 1000, micros.unsigned_abs() % 1000);
            assert_eq!(read(&format!("{sign}{ms}.{rest:03}"), DateForm::EpochMs), Some((micros, true)));
            assert_eq!(read(&format!("{micros}e-6"), DateForm::EpochS), Some((micros, true)));
        }
    }

    #[test]
    fn an_offset_is_never_left_out() {
        for (written, micros) in [
            ("2024-03-05T10:09:10+02:00", 1_709_626_150_000_000),
            ("2024-03-05T00:09:10-08:00", 1_709_626_150_000_000),
            ("2024-03-05T11:09:10.5+03:00[Europe/Istanbul]", 1_709_626_150_500_000),
            ("0001-01-01T05:00:00+05:00", FIRST),
            ("9999-12-31T18:59:59.999999-05:00", LAST),
            ("9999-12-31T23:59:59+14:00", LAST - 999_999 - 14 * 3_600_000_000),
            ("2024-03-05", 1_709_596_800_000_000),
        ] {
            assert_eq!(read_text(written), Some((micros, true)), "{written}");
        }
        for none in [
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "0000-12-31T23:59:59Z",
            "2024-03-05T10:09:10[Europe/Istanbul]",
            "2024-02-30T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "soon",
            "",
        ] {
            assert_eq!(read_text(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_finer_is_cut_downwards_and_said() {
        for (written, form, micros) in [
            ("1970-01-01T00:00:00.000000999Z", DateForm::Iso8601, 0),
            ("1969-12-31T23:59:59.9999995Z", DateForm::Iso8601, -1),
            ("2016-12-31T23:59:60Z", DateForm::Iso8601, 1_483_228_799_000_000),
            ("0.0001", DateForm::EpochMs, 0),
            ("-0.0001", DateForm::EpochMs, -1),
            ("1.0000000000000000000000000000000000000000001", DateForm::EpochS, 1_000_000),
            ("-1.0000000000000000000000000000000000000000001", DateForm::EpochS, -1_000_001),
            ("1e-400", DateForm::EpochS, 0),
        ] {
            assert_eq!(read(written, form), Some((micros, false)), "{written}");
        }
        let exact = format!("1.{}", "0".repeat(80));
        assert_eq!(read(&exact, DateForm::EpochS), Some((1_000_000, true)));
        assert_eq!(read("1709626150.123456", DateForm::EpochS), Some((1_709_626_150_123_456, true)));
        assert_eq!(read("1.7096261501234e12", DateForm::EpochMs), Some((1_709_626_150_123_400, true)));
        assert_eq!(read(" 0e999999999 ", DateForm::EpochMs), Some((0, true)));
    }

    #[test]
    fn what_is_no_number_or_beyond_the_years_is_no_moment() {
        for none in
            ["NaN", "inf", "1e400", "-1e400", "1e99999999999999999999", "", "-", ".5", "1.2.3", "0x10", "1_0", "+5"]
        {
            assert_eq!(read(none, DateForm::EpochMs), None, "{none}");
            assert_eq!(read(none, DateForm::EpochS), None, "{none}");
        }
        for (beyond, form) in [
            ("253402300800000", DateForm::EpochMs),
            ("-62135596800001", DateForm::EpochMs),
            ("253402300799.9999995", DateForm::EpochS),
            ("253402300800", DateForm::EpochS),
            ("9223372036854775807", DateForm::EpochS),
        ] {
            let found = read(beyond, form);
            assert!(found.is_none() || found == Some((LAST, false)), "{beyond}: {found:?}");
        }
        assert_eq!(read("253402300799999.9999", DateForm::EpochMs), Some((LAST, false)));
    }

    #[test]
    fn no_text_is_another_moments() {
        assert_eq!(text(i64::MAX), "+294247-01-10T04:00:54.775807Z");
        assert_eq!(text(i64::MIN), "-290308-12-21T19:59:05.224192Z");
        assert_eq!(text(LAST + 1), "+010000-01-01T00:00:00.000000Z");
        assert_eq!(text(FIRST - 1), "0000-12-31T23:59:59.999999Z");
        assert_eq!(text_of_second(-1), "1969-12-31T23:59:59Z");
    }
}
