//! Reads the dates in HTTP headers. A recipient must accept three forms (RFC 9110, 5.6.7): today's, that of RFC 850
//! with its two-digit years, and that of C's `asctime`. The weekday is redundant and is ignored.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Returns a date in whole seconds since 1970, or `None` if `text` is not a date. `now`, in the same unit, decides
/// the century of a two-digit year.
pub fn parse(text: &str, now: i64) -> Option<i64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words[..] {
        // `Sun, 06 Nov 1994 08:49:37 GMT`
        [_, day, month, year, time, "GMT" | "UTC"] => moment(day, month, year.parse().ok()?, time),
        // `Sunday, 06-Nov-94 08:49:37 GMT`
        [_, date, time, "GMT" | "UTC"] => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            let said = year.parse().ok()?;
            moment(day, month, if year.len() == 2 { four_digits(said, now)? } else { said }, time)
        }
        // `Sun Nov  6 08:49:37 1994`
        [_, month, day, time, year] if time.contains(':') => moment(day, month, year.parse().ok()?, time),
        // A date with another zone than the prescribed one.
        _ => Some(jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().as_second()),
    }
}

/// Returns the full year for a two-digit year: the latest one that is at most 50 years after `now` (seconds since
/// 1970). Returns `None` if `now` is not a valid date.
fn four_digits(said: i16, now: i64) -> Option<i16> {
    let latest = TimeZone::UTC.to_datetime(Timestamp::from_second(now).ok()?).year() + 50;
    Some(latest - (latest - said).rem_euclid(100))
}

fn moment(day: &str, month: &str, year: i16, time: &str) -> Option<i64> {
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let mut parts = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is read as the last second of its minute.
    let date =
        DateTime::new(year, i8::try_from(month).ok()?, day.parse().ok()?, hour, minute, second.min(59), 0).ok()?;
    parts.next().is_none().then(|| date.duration_since(EPOCH).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_date_are_read() {
        let now = 1_700_000_000;
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "  Sun Nov 06 08:49:37 1994 ",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 10:49:37 +0200",
            "Tue, 06 Nov 1994 08:49:37 UTC",
        ] {
            assert_eq!(parse(text, now), Some(784_111_777), "{text}");
        }
        assert_eq!(parse("Sat, 31 Dec 2016 23:59:60 GMT", now), Some(1_483_228_799));
        for text in ["", "soon", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT"]
        {
            assert_eq!(parse(text, now), None, "{text}");
        }
        assert_eq!(parse("Sun, 06 Nov -1994 08:49:37 GMT", now).filter(|n| *n > 0), None);
    }

    #[test]
    fn two_digits_are_a_year_at_most_50_ahead() {
        let year = |digits, now| four_digits(digits, now).expect("a year");
        let (of_2023, of_2060) = (1_700_000_000, 2_860_000_000);
        assert_eq!(
            (year(94, of_2023), year(23, of_2023), year(73, of_2023), year(74, of_2023)),
            (1994, 2023, 2073, 1974)
        );
        assert_eq!((year(94, of_2060), year(5, of_2060), year(11, of_2060)), (2094, 2105, 2011));
    }
}
