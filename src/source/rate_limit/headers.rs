//! Reads the headers of an answer about the request limit and about waiting. A value counts as missing if it is not a
//! number, is out of range, or has an unknown unit. How long a request really waits depends on the job, too.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::super::http_date;
use crate::error::{Kind, Wait};
use crate::number;

/// The longest wait that is returned: ten days. A longer one is cut to it.
const LONGEST: Duration = Duration::from_secs(864_000);

/// The rate-limit headers of one answer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// `X-RateLimit-Limit`: requests a minute (documented).
    pub limit: Option<u32>,
    /// `X-RateLimit-Remaining`: requests left until the reset.
    pub remaining: Option<u32>,
    /// `X-RateLimit-Reset`: the time until the limit resets (documented as seconds, a delta).
    pub reset: Option<Duration>,
    /// `Retry-After`, which any failing answer may carry.
    pub retry_after: Option<Duration>,
}

impl Headers {
    /// Returns how long an answer that failed with `kind` asks to wait, or `None` if it does not ask.
    ///
    /// - After a 429, `X-RateLimit-Reset` decides, because it is the documented header. A reset of zero is not used,
    ///   because it is over already.
    /// - Otherwise `Retry-After` decides. If there is an `X-RateLimit-Reset` too, the wait is at most that time or a
    ///   minute (the documented window), whichever is longer.
    /// - After another failure, `X-RateLimit-Reset` alone does not count, because every answer has it.
    /// - After a 429 with a reset of zero and no `Retry-After`, the wait is zero.
    pub fn wait(&self, kind: &Kind) -> Option<Wait> {
        const WINDOW: Duration = Duration::from_secs(60);
        let of_limit = *kind == Kind::RateLimited;
        let (time, is_reset) = match (self.reset, self.retry_after) {
            (Some(reset), _) if of_limit && !reset.is_zero() => (reset, true),
            (Some(reset), Some(after)) => (after.min(reset.max(WINDOW)), false),
            (Some(reset), None) if of_limit => (reset, true),
            (_, after) => (after?, false),
        };
        Some(Wait { time, is_reset })
    }
}

/// Reads the rate-limit headers of one answer. `now` is the server's time, in seconds since 1970.
pub fn read(headers: &HeaderMap, now: f64) -> Headers {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let count = |name: &str| text(name).and_then(number::count).and_then(|n| u32::try_from(n).ok());
    let wait = |text: &str| number::finite(text).and_then(|n| until(n, now));
    #[allow(clippy::cast_possible_truncation)] // a clock's seconds
    let date = |text: &str| http_date::parse(text, now as i64).and_then(|at| ahead(at as f64 - now));
    Headers {
        limit: count("x-ratelimit-limit"),
        remaining: count("x-ratelimit-remaining"),
        reset: text("x-ratelimit-reset").and_then(wait),
        retry_after: text(RETRY_AFTER.as_str()).and_then(|text| wait(text).or_else(|| date(text))),
    }
}

/// Returns the wait that a header's number `n` means. It is documented as seconds. A number that can only be a moment
/// (seconds or milliseconds since 1970) is read as one. Returns `None` if it can be neither. `now` is in seconds
/// since 1970.
fn until(n: f64, now: f64) -> Option<Duration> {
    match n {
        n if n < 1e9 => number::seconds(n, LONGEST),
        // Seconds of the years 2001 to 2286.
        n if n < 1e10 => ahead(n - now),
        n if (1e12..1e13).contains(&n) => ahead(n / 1000.0 - now),
        _ => None,
    }
}

/// Returns the wait until a moment that is so many seconds ahead. The wait is zero for a moment in the past.
fn ahead(seconds: f64) -> Option<Duration> {
    number::seconds(seconds.max(0.0), LONGEST)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const NOW: f64 = 1_700_000_000.0;

    fn read_one(name: &'static str, value: &str) -> Headers {
        let value = HeaderValue::from_str(value).expect("a value");
        read(&HeaderMap::from_iter([(HeaderName::from_static(name), value)]), NOW)
    }

    #[test]
    fn limit_headers_are_read_in_every_form() {
        assert_eq!(read(&HeaderMap::new(), NOW), Headers::default());
        let mut headers = HeaderMap::new();
        headers.insert("X-RateLimit-Limit", HeaderValue::from_static("100"));
        headers.insert("X-RateLimit-Remaining", HeaderValue::from_static("0"));
        headers.insert("X-RateLimit-Reset", HeaderValue::from_static("12"));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        let told = |seconds| Some(Duration::from_secs(seconds));
        let all = Headers { limit: Some(100), remaining: Some(0), reset: told(12), retry_after: told(30) };
        assert_eq!(read(&headers, NOW), all);
    }

    #[test]
    fn a_count_that_is_none_was_not_sent() {
        for value in ["NaN", "inf", "-5", "1e30", "1e400", "99.5", "", "many", "18446744073709551616"] {
            assert_eq!(read_one("x-ratelimit-limit", value), Headers::default(), "{value}");
            assert_eq!(read_one("x-ratelimit-remaining", value), Headers::default(), "{value}");
        }
        assert_eq!(read_one("x-ratelimit-limit", "1e2").limit, Some(100));
    }

    #[test]
    fn a_wait_is_bounded_and_its_unit_is_known() {
        for (value, seconds) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("7200", Some(7200)),
            ("1e8", Some(864_000)),
            ("1700000020", Some(20)),
            ("1700000020000", Some(20)),
            ("1600000000", Some(0)),
            ("9999999999", Some(864_000)),
            ("NaN", None),
            ("inf", None),
            ("-inf", None),
            ("1e400", None),
            ("-1", None),
            ("1e30", None),
            ("1700000020000000", None),
            ("soon", None),
        ] {
            let wait = seconds.map(Duration::from_secs);
            assert_eq!(read_one("x-ratelimit-reset", value).reset, wait, "{value}");
            assert_eq!(read_one("retry-after", value).retry_after, wait, "{value}");
        }
    }

    #[test]
    fn a_date_is_waited_for_in_every_form() {
        for (value, seconds) in [
            ("Tue, 14 Nov 2023 22:13:50 GMT", 30),
            ("Tuesday, 14-Nov-23 22:13:50 GMT", 30),
            ("Tue Nov 14 22:13:50 2023", 30),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 864_000),
            ("Mon, 01 Jan 0001 00:00:00 GMT", 0),
        ] {
            assert_eq!(read_one("retry-after", value).retry_after, Some(Duration::from_secs(seconds)), "{value}");
        }
    }
}
