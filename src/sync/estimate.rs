//! Estimates what a run will take from the answers to a few questions, and how much of a run under way is still to
//! come. Pure arithmetic. It counts questions as the walk does, so that an estimate is wrong only where the account
//! differs from the sample.

use std::sync::atomic::Ordering;

use super::walk::{second_pass_questions, windows_for};
use crate::progress::{Progress, get};
use crate::source::Source;
use crate::streams::Stream;

/// What is known of one stream before a run.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownStream {
    /// The number of the stream's lists: one, or one for each conversation.
    pub lists: u64,
    /// The number of rows in each list of the sample.
    pub sampled: Vec<u64>,
    /// The page size, in rows.
    pub page_size: u32,
    /// Whether lists are read a second time.
    pub twice: bool,
    /// Whether the server claims totals.
    pub totals: bool,
    /// The average size of a row, in bytes.
    pub row_bytes: f64,
}

/// What reading a stream will take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// The number of rows.
    pub rows: f64,
    /// The number of questions.
    pub questions: f64,
    /// The size of the answers, in bytes.
    pub bytes: f64,
    /// Half the width of the 95 % confidence interval of `questions`. It is zero if every list was sampled.
    pub uncertainty: f64,
}

impl Estimate {
    /// Returns a share of the estimate. `left` is that share, from 0 to 1.
    #[must_use]
    pub fn part(self, left: f64) -> Estimate {
        Estimate {
            rows: self.rows * left,
            questions: self.questions * left,
            bytes: self.bytes * left,
            uncertainty: self.uncertainty * left,
        }
    }
}

impl std::iter::Sum for Estimate {
    fn sum<I: Iterator<Item = Estimate>>(parts: I) -> Estimate {
        parts.fold(Estimate::default(), |all, part| Estimate {
            rows: all.rows + part.rows,
            questions: all.questions + part.questions,
            bytes: all.bytes + part.bytes,
            uncertainty: all.uncertainty.hypot(part.uncertainty),
        })
    }
}

/// Estimates what one stream takes, or a part of its lists.
pub fn stream(known: &KnownStream) -> Estimate {
    let lists = known.lists as f64;
    let n = known.sampled.len() as f64;
    if n == 0.0 {
        return Estimate::default();
    }
    let each: Vec<f64> =
        known.sampled.iter().map(|rows| list(*rows, known.page_size, known.totals, known.twice)).collect();
    let mean = each.iter().sum::<f64>() / n;
    let variance = each.iter().map(|q| (q - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // A sample of all lists leaves nothing uncertain.
    let unseen = (1.0 - n / lists.max(n)).max(0.0);
    let rows = known.sampled.iter().sum::<u64>() as f64 / n * lists;
    Estimate {
        rows,
        questions: mean * lists,
        bytes: rows * known.row_bytes * if known.sampled.len() == 1 { 1.15 } else { 1.0 },
        uncertainty: 1.96 * (variance / n * unseen).sqrt() * lists,
    }
}

/// Returns how many questions a list of `rows` rows takes if nobody changes it. `totals` says whether the server
/// claims totals, `twice` whether the list is read a second time.
pub fn list(rows: u64, page_size: u32, totals: bool, twice: bool) -> f64 {
    let again = if twice { second_pass_questions(rows, page_size) } else { 0 };
    (windows_for(rows, page_size, totals) + again) as f64
}

/// What is known, before a nightly run, of a stream that has a list for each parent record. Such a run reads only
/// lists that may have changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NightEstimate {
    /// The number of rows in each list.
    pub rows: Vec<u64>,
    /// The number of rows in each list that the run reads in any case, changed or not.
    pub due: Vec<u64>,
    /// The parts of the parent stream's list, each with what a sample of it has shown.
    pub parts: Vec<SampledPart>,
    /// Whether a walk over a list can end early, at rows that are known.
    pub end_early: bool,
    /// The number of unchanged lists that are read completely, to measure what skipping misses.
    pub audit: u64,
    /// The page size, in rows.
    pub page_size: u32,
    /// Whether the server claims totals.
    pub totals: bool,
    /// The average size of a row, in bytes.
    pub row_bytes: f64,
}

/// A part of the parent stream's list, and what a sample of it has shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SampledPart {
    /// The number of records in this part.
    pub records: u64,
    /// The number of records in the sample of this part.
    pub seen: u64,
    /// For each sampled record that has changed, the number of rows in its list. Lists that are read in any case are
    /// left out.
    pub changed: Vec<u64>,
}

/// Estimates what a nightly run reads of a stream that has a list for each parent record.
pub fn night(night: &NightEstimate) -> Estimate {
    let whole = |rows: u64| list(rows, night.page_size, night.totals, false);
    let some = |rows: u64, most: f64| if night.end_early { whole(rows).min(most) } else { whole(rows) };
    let read = |rows: u64, questions: f64| (rows as f64).min(f64::from(night.page_size) * questions);
    let mut all = Estimate::default();
    let (mut lists, mut changed) = (0, 0.0);
    for part in night.parts.iter().filter(|p| p.seen > 0) {
        let (n, of) = (part.seen as f64, part.records as f64);
        // New rows stand on the first page. The second page shows known rows and ends the list.
        let each: Vec<f64> = part.changed.iter().map(|rows| some(*rows, 2.0)).collect();
        let (sum, squares) = (each.iter().sum::<f64>(), each.iter().map(|q| q * q).sum::<f64>());
        lists += part.records;
        changed += part.changed.len() as f64 / n * of;
        all.questions += sum / n * of;
        all.rows += part.changed.iter().zip(&each).map(|(rows, q)| read(*rows, *q)).sum::<f64>() / n * of;
        let variance = (squares / n - (sum / n).powi(2)) / n * (1.0 - n / of).max(0.0);
        all.uncertainty = all.uncertainty.hypot(1.96 * variance.max(0.0).sqrt() * of);
    }
    for rows in &night.due {
        all.questions += some(*rows, 1.0);
        all.rows += read(*rows, some(*rows, 1.0));
    }
    let unchanged = (lists as f64 - changed - night.due.len() as f64).max(0.0);
    let audited = (night.audit as f64).min(unchanged);
    let known = (night.rows.len() as f64).max(1.0);
    all.questions += night.rows.iter().map(|rows| whole(*rows)).sum::<f64>() / known * audited;
    all.rows += night.rows.iter().sum::<u64>() as f64 / known * audited;
    Estimate { bytes: all.rows * night.row_bytes, ..all }
}

/// Returns how many requests questions take if up to `together` of them share one.
///
/// - `walked` holds the number of questions of each list that is walked page by page. Lists are walked side by side.
///   But a list's second page is asked for only after the first has come, and its second reading only after the first
///   reading. So a few short lists take as many requests as the longest of them has such steps.
/// - `fanned` is the number of questions of many lists side by side. As measured, six of a hundred questions that
///   requests have room for stay unused, because now and then a list is at its end while no other is ready.
pub fn requests(walked: &[f64], fanned: f64, together: usize) -> f64 {
    let (each, all) = (together.max(1) as f64, walked.iter().sum::<f64>());
    if together <= 1 {
        return all + fanned;
    }
    let steps = |questions: &f64| if *questions <= 1.0 { questions.ceil() } else { 2.0 + questions / each };
    let longest = walked.iter().map(steps).fold(0.0, f64::max);
    ((all / each).max(longest) + fanned / (each * 0.94)).ceil()
}

/// Returns how many requests a run still has to make, for those of these streams that are not at their end. Counts
/// them as a plan does. Returns `None` if nothing is left to read, as far as is known.
pub fn left(
    source: &Source,
    progress: &Progress,
    streams: &[Stream],
    page_size: u32,
    double_collect: bool,
) -> Option<f64> {
    let (mut walked, mut fanned) = (Vec::new(), 0.0);
    for stream in streams {
        let c = progress.of(*stream);
        if c.finished.load(Ordering::Relaxed) {
            continue;
        }
        let windows = get(&c.windows) as f64;
        match stream.definition().parent.filter(|_| source.is_partitioned(*stream)) {
            None => {
                let all = list(get(&c.total), page_size, true, double_collect);
                walked.push((all - windows).max(0.0));
            }
            Some(parent) => {
                // Every conversation that is known or still to come counts at the average of those read so far.
                let skipped = get(&c.skipped) as f64;
                let known = (get(&c.walks) as f64).max(get(&progress.of(parent).total) as f64 - skipped);
                let closed = get(&c.closed) as f64;
                let each = if closed > 0.0 { windows / closed } else { 1.0 };
                fanned += (known - closed).max(0.0) * each.max(1.0);
            }
        }
    }
    let is_any = fanned > 0.0 || walked.iter().any(|questions| *questions > 0.0);
    is_any.then(|| requests(&walked, fanned, source.aliases.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lists: u64, sampled: &[u64]) -> KnownStream {
        KnownStream { lists, sampled: sampled.to_vec(), page_size: 100, twice: false, totals: true, row_bytes: 10.0 }
    }

    #[test]
    fn a_list_takes_what_its_walk_takes() {
        assert!((stream(&known(1, &[50])).questions - 1.0).abs() < 1e-9);
        assert!((stream(&KnownStream { twice: true, ..known(1, &[50]) }).questions - 2.0).abs() < 1e-9);
        let large = stream(&known(1, &[100_000]));
        assert!((1_100.0..1_200.0).contains(&large.questions), "{large:?}");
        assert!(large.uncertainty < 1e-9, "all of it was looked at");
    }

    #[test]
    fn a_sample_speaks_for_the_rest_and_says_how_well() {
        let even = stream(&known(1_000, &[40; 50]));
        assert!(
            (even.questions - 1_000.0).abs() < 1e-6 && even.uncertainty < 1e-6 && (even.rows - 40_000.0).abs() < 1.0
        );
        let odd: Vec<u64> = (0..50).map(|i| if i % 5 == 0 { 400 } else { 10 }).collect();
        assert!(stream(&known(1_000, &odd)).uncertainty > 100.0);
    }

    #[test]
    fn a_night_takes_what_has_changed_what_is_due_and_the_audit() {
        let quiet = NightEstimate {
            rows: vec![20; 1_000],
            parts: vec![SampledPart { records: 1_000, seen: 200, changed: Vec::new() }],
            page_size: 100,
            totals: true,
            row_bytes: 10.0,
            ..NightEstimate::default()
        };
        assert!(night(&quiet).questions.abs() < 1e-9);
        let audited = night(&NightEstimate { audit: 20, ..quiet.clone() });
        assert!((audited.questions - 20.0).abs() < 1e-9 && (audited.rows - 400.0).abs() < 1e-6, "{audited:?}");
        let busy = NightEstimate {
            parts: vec![SampledPart { records: 1_000, seen: 200, changed: vec![20; 10] }],
            ..quiet.clone()
        };
        let busy = night(&busy);
        assert!((busy.questions - 50.0).abs() < 1e-9 && busy.uncertainty > 10.0, "{busy:?}");
        let due = NightEstimate { due: vec![20; 100], ..quiet.clone() };
        assert!((night(&due).questions - 100.0).abs() < 1e-9);
        let all = NightEstimate { due: vec![20; 1_000], audit: 20, ..quiet };
        assert!((night(&all).questions - 1_000.0).abs() < 1e-9, "nothing is left to audit");
    }

    #[test]
    fn a_long_list_that_shows_the_newest_first_is_not_read_whole() {
        let long = NightEstimate {
            rows: vec![10_000; 10],
            parts: vec![SampledPart { records: 10, seen: 10, changed: vec![10_000; 10] }],
            page_size: 100,
            totals: true,
            ..NightEstimate::default()
        };
        assert!(night(&long).questions > 1_000.0);
        assert!((night(&NightEstimate { end_early: true, ..long }).questions - 20.0).abs() < 1e-9);
    }

    #[test]
    fn questions_travel_together() {
        let taken = |walked: &[f64], fanned| requests(walked, fanned, 10);
        assert!((requests(&[3.0, 2.0], 5.0, 1) - 10.0).abs() < 1e-9);
        // A long list fills its requests, and short lists do not.
        assert!((1_000.0..=1_003.0).contains(&taken(&[10_000.0], 0.0)));
        assert!((1_000.0..=1_003.0).contains(&taken(&[], 9_400.0)));
        assert!((taken(&[2.0, 2.0, 2.0], 0.0) - 3.0).abs() < 1e-9 && (taken(&[1.0; 4], 0.0) - 1.0).abs() < 1e-9);
        assert!((taken(&[0.0], 0.0)).abs() < 1e-9, "nothing to ask");
    }
}
