//! How far this machine's clock is from the server's, by the `Date` header of an answer. The header counts whole seconds,
//! and nobody knows when on the way there and back it was written: half the round trip, and half a second, are uncertain.

use std::time::Duration;

use jiff::Timestamp;

/// A difference of two clocks, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skew {
    /// Seconds that this machine's clock is ahead of the server's; negative when it is behind.
    pub ahead: f64,
    /// The difference may be this many seconds more or less.
    pub uncertainty: f64,
}

impl Skew {
    /// By the `Date` header of an answer that came at `received`, `round_trip` after it was asked for. None when it is no
    /// date.
    pub fn of(date: &str, received: Timestamp, round_trip: Duration) -> Option<Skew> {
        let server = jiff::fmt::rfc2822::parse(date.trim()).ok()?.timestamp();
        let half = round_trip.as_secs_f64() / 2.0;
        let apart = received.duration_since(server).as_secs_f64();
        Some(Skew { ahead: apart - half - 0.5, uncertainty: half + 0.5 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skew(date: &str, received: &str, round_trip: f64) -> Option<Skew> {
        Skew::of(date, received.parse().expect("a moment"), Duration::from_secs_f64(round_trip))
    }

    #[test]
    fn a_date_tells_how_far_the_clocks_are_apart() {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        let near = |skew: Option<Skew>, ahead: f64, uncertainty: f64| {
            let skew = skew.expect("a date");
            assert!((skew.ahead - ahead).abs() < 1e-6 && (skew.uncertainty - uncertainty).abs() < 1e-6, "{skew:?}");
        };
        near(skew(date, "2015-10-21T07:28:00.6Z", 0.2), 0.0, 0.6);
        near(skew(date, "2015-10-21T07:29:02.5Z", 4.0), 60.0, 2.5);
        near(skew(date, "2015-10-21T07:27:00.5Z", 0.0), -60.0, 0.5);
        assert_eq!(skew("yesterday", "2015-10-21T07:28:00Z", 0.0), None);
    }
}
