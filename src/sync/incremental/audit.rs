//! Measures what is missed by skipping unchanged conversations. It reads a random sample of the skipped ones
//! completely, and counts the messages in them that should have been found before.
//!
//! If it finds a message that the mirror lacked, an unchanged entry does not mean an unchanged conversation. Then the
//! run reads the skipped conversations again, for as many requests as the job allows (`audit_repair`), and the next
//! runs read the rest. Until that is done, the messages are `incomplete`.

use crate::error::Result;
use crate::mirror::audits::{self, Audited};
use crate::mirror::walk_key::Lane;
use crate::streams::Stream;
use crate::sync::Context;

/// Begins the run's audits, once the parent stream is at its end. Returns whether there are any.
pub async fn begin(context: &Context, stream: Stream) -> Result<bool> {
    let (begun, most) = (context.begun, context.audit);
    if context.lane != Lane::Incremental || most == 0 {
        return Ok(false);
    }
    // The seed is the round's number, so that a run that goes on with the round draws the same sample.
    let seed = begun.since_run.unsigned_abs();
    let now = context.source.now();
    let sample = context
        .mirror
        .call(move |w| w.transaction(|t| audits::sample(t, stream, begun.since_run, begun.run, seed, most, now)));
    Ok(sample.await? > 0)
}

/// Begins to read lists again that were skipped wrongly, as an audit in this or an earlier run has shown. Returns
/// whether the run could begin any. `spent` is `None` at the first call, and then holds the number of requests that
/// the run had made before it.
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

/// Returns how many questions to begin at a time if `left` requests are left. It plans with half of them, because the
/// cost of a list is known only once it is read. With fewer than eight requests left, it counts one question per
/// request, because a few questions hardly share requests.
pub fn affordable(context: &Context, left: u64) -> u64 {
    if left < 8 { left } else { left / 2 * context.source.aliases.now().max(1) as u64 }
}

/// Returns what the round's audits of a stream have found.
pub async fn result(context: &Context, stream: Stream) -> Result<Audited> {
    let round = context.begun.since_run;
    context.mirror.call(move |w| w.transaction(|t| audits::audited(t, stream, round))).await
}

/// Returns the 95 % confidence interval of a proportion of which `hits` of `n` were seen. It is Wilson's score
/// interval, which holds for small samples and for rates near 0, where the usual interval is 0 ± 0.
pub fn wilson(hits: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (z, n, p) = (1.959_963_984_540_054, n as f64, hits as f64 / n as f64);
    let scale = 1.0 + z * z / n;
    let middle = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At 0 and 1 the interval ends there, whatever rounding says.
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
