//! What a run will take, from what a few questions showed. Pure: numbers in, numbers out; the walk's own arithmetic, so
//! that an estimate is wrong where the account is not what was sampled, not where the walk is.

use super::drift::windows_of;

/// What is known of one stream before a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// How many lists it has: one, or one a conversation.
    pub lists: u64,
    /// Rows of each list that was looked at.
    pub sampled: Vec<u64>,
    /// Rows of a page.
    pub page_size: u32,
    /// Lists are read a second time.
    pub twice: bool,
    /// The server says how many rows there are.
    pub totals: bool,
    /// Bytes of a row, on the average.
    pub row_bytes: f64,
}

/// What reading a stream will take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// Rows.
    pub rows: f64,
    /// Questions.
    pub questions: f64,
    /// Bytes of answers.
    pub bytes: f64,
    /// Half the width of the 95 % interval of the questions, for want of a larger sample.
    pub uncertainty: f64,
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

/// Of one stream, or of a part of its lists.
pub fn stream(known: &Known) -> Estimate {
    let lists = known.lists as f64;
    let n = known.sampled.len() as f64;
    if n == 0.0 {
        return Estimate::default();
    }
    let each: Vec<f64> = known.sampled.iter().map(|rows| questions(*rows, known)).collect();
    let mean = each.iter().sum::<f64>() / n;
    let variance = each.iter().map(|q| (q - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // The whole of a finite number of lists leaves nothing uncertain.
    let unseen = (1.0 - n / lists.max(n)).max(0.0);
    let rows = known.sampled.iter().sum::<u64>() as f64 / n * lists;
    Estimate {
        rows,
        questions: mean * lists,
        bytes: rows * known.row_bytes * if known.sampled.len() == 1 { 1.15 } else { 1.0 },
        uncertainty: 1.96 * (variance / n * unseen).sqrt() * lists,
    }
}

/// Questions that a quiet list of so many rows takes.
fn questions(rows: u64, known: &Known) -> f64 {
    let size = u64::from(known.page_size.max(1));
    let again = if known.twice { rows.div_ceil(size.saturating_sub(1).max(1)) } else { 0 };
    (windows_of(rows, known.page_size, known.totals) + again) as f64
}

/// Requests that so many questions take, so many of them together.
pub fn requests(questions: f64, together: usize) -> f64 {
    (questions / together.max(1) as f64).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lists: u64, sampled: &[u64]) -> Known {
        Known { lists, sampled: sampled.to_vec(), page_size: 100, twice: false, totals: true, row_bytes: 10.0 }
    }

    #[test]
    fn a_list_takes_what_its_walk_takes() {
        assert!((stream(&known(1, &[50])).questions - 1.0).abs() < 1e-9);
        assert!((stream(&Known { twice: true, ..known(1, &[50]) }).questions - 2.0).abs() < 1e-9);
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
    fn questions_travel_together() {
        assert!((requests(101.0, 10) - 11.0).abs() < 1e-9 && (requests(5.0, 1) - 5.0).abs() < 1e-9);
    }
}
