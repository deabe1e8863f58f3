//! What skipping unchanged conversations misses, measured: a random sample of those that were not asked is read whole, and
//! what is found there that should have been found before is counted.
//!
//! A message that the mirror lacked shows that an unchanged entry is no sign. Then the run reads every skipped conversation
//! again, for as many requests as the job allows (`audit_repair`), and the next runs read the others. Until that is done the
//! messages are incomplete.

use crate::error::Result;
use crate::mirror::audits::{self, Audited};
use crate::mirror::checkpoint::Lane;
use crate::streams::Stream;
use crate::sync::Context;

/// Begins the run's audits once the parents' list is over; whether there are any.
pub async fn begin(context: &Context, stream: Stream) -> Result<bool> {
    let (begun, most) = (context.begun, context.audit);
    if context.lane != Lane::Incremental || most == 0 {
        return Ok(false);
    }
    // The round's number, so that a run that goes on with it draws the same.
    let seed = begun.since_run.unsigned_abs();
    let now = context.source.now();
    let sample = context
        .mirror
        .call(move |w| w.transaction(|t| audits::sample(t, stream, begun.since_run, begun.run, seed, most, now)));
    Ok(sample.await? > 0)
}

/// Begins to read again what was skipped on a sign that an audit found wrong, in this run or an earlier one; whether there
/// was any that the run may still read. `spent` begins as `None` and remembers the requests that were made before.
pub async fn repair(context: &Context, stream: Stream, spent: &mut Option<u64>) -> Result<bool> {
    if context.lane != Lane::Incremental {
        return Ok(false);
    }
    let made = context.source.budget.stats().requests;
    let left = u64::from(context.audit_repair).saturating_sub(made - *spent.get_or_insert(made));
    if left == 0 {
        return Ok(false);
    }
    let questions = affordable(context, left);
    let (begun, page_size, now) = (context.begun, context.page_size, context.source.now());
    let begun = context.mirror.call(move |w| {
        w.transaction(|t| audits::begin_owed(t, stream, (begun.since_run, begun.run), (questions, page_size), now))
    });
    Ok(begun.await? > 0)
}

/// How many questions to ask at a time with so many requests left. Half of what is left: how much a list takes is known only
/// once it is read, and few questions share requests badly.
pub fn affordable(context: &Context, left: u64) -> u64 {
    if left < 8 { left } else { left / 2 * context.source.aliases.now().max(1) as u64 }
}

/// What the round's audits of a stream have come to.
pub async fn result(context: &Context, stream: Stream) -> Result<Audited> {
    let round = context.begun.since_run;
    context.mirror.call(move |w| w.transaction(|t| audits::audited(t, stream, round))).await
}

/// The 95 % confidence interval of a proportion of which `hits` of `n` were seen (Wilson's score interval: it holds for
/// small samples and for rates near 0, where the usual one says 0 ± 0).
pub fn wilson(hits: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (z, n, p) = (1.959_963_984_540_054, n as f64, hits as f64 / n as f64);
    let scale = 1.0 + z * z / n;
    let middle = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At the ends the interval touches them, whatever rounding says.
    let low = if hits == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if p >= 1.0 { 1.0 } else { (middle + half).min(1.0) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn the_interval_is_what_textbooks_say() {
        for (hits, n, low, high) in [
            (0, 20, 0.0, 0.1611),
            (1, 20, 0.0089, 0.2361),
            (5, 20, 0.1119, 0.4687),
            (20, 20, 0.8389, 1.0),
            (10, 100, 0.0552, 0.1744),
        ] {
            let (l, h) = wilson(hits, n);
            assert!((l - low).abs() < 1e-4 && (h - high).abs() < 1e-4, "{hits} of {n}: {l} to {h}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0), "nothing is known");
    }

    #[test]
    fn a_larger_sample_says_more() {
        let width = |n: u64| {
            let (low, high) = wilson(n / 10, n);
            high - low
        };
        assert!(width(20) > width(200) && width(200) > width(2000));
    }
}
