//! Compares this machine's clock with the server's.

use super::line::CheckLine;
use crate::source::server_clock::Skew;

/// The difference in seconds above which the line becomes a note instead of `ok`.
const MUCH: f64 = 30.0;

const NO_DATE: &str =
    "compare this machine's clock yourself: it decides what may have changed where the server's is not known";

/// Returns the line that shows how far this machine's clock and the server's are apart. `contacted` says whether the
/// server has answered at all.
pub fn line(skew: Option<Skew>, contacted: bool) -> CheckLine {
    let Some(Skew { ahead, uncertainty }) = skew else {
        return if contacted {
            CheckLine::unchecked("clock", "the server sends no Date header that can be read", NO_DATE)
        } else {
            CheckLine::unchecked("clock", "no answer told the server's time", "see the endpoint's line")
        };
    };
    let direction = if ahead < 0.0 { "behind" } else { "ahead of" };
    let detail = if ahead.abs() <= uncertainty {
        format!("as the server's, within {uncertainty:.1} s")
    } else {
        format!("{:.1} s {direction} the server's, give or take {uncertainty:.1} s", ahead.abs())
    };
    let line = if ahead.abs() > MUCH {
        CheckLine::note(
            "clock",
            detail,
            "set it by NTP: `as of`, certificates and processes that share a budget depend on it",
        )
    } else {
        CheckLine::ok("clock", detail, "`as of` in the manifest is this machine's time")
    };
    line.with("ahead_seconds", ahead).with("uncertainty_seconds", uncertainty)
}
