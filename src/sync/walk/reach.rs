//! Computes which page of a list to ask for next, so that it overlaps the rows read before and ends farthest, and how
//! many windows a list takes.

use std::collections::HashSet;

use crate::sync::walk::anchors::MIN_ANCHORS;
use crate::sync::walk::questions::Ask;

/// Returns the question that begins at least `MIN_ANCHORS` rows before row `position` and ends farthest. It may ask
/// for any page size from half of `size` to `size`. For 100,000 rows in pages of 100 this takes 1,153 windows instead
/// of 1,000.
pub(super) fn reach(position: u64, size: u32) -> Ask {
    let need = MIN_ANCHORS as u64;
    let least = (size / 2).max(u32::try_from(MIN_ANCHORS).unwrap_or(2) + 1);
    (least..=size.max(least))
        .map(|z| Ask::page_with(position.saturating_sub(need), z))
        .max_by_key(|a| (a.end(), std::cmp::Reverse(a.size)))
        .unwrap_or(Ask { size, row: 0 })
}

/// Returns the question that begins at least `MIN_ANCHORS` rows before row `position` and ends farthest, as `reach`
/// does, but prefers questions that are not in `asked` (page size and first row) and end behind `position`.
pub(super) fn reach_anew(position: u64, size: u32, asked: &HashSet<(u32, u64)>) -> Ask {
    let need = MIN_ANCHORS as u64;
    let least = (size / 2).max(u32::try_from(MIN_ANCHORS).unwrap_or(2) + 1);
    (least..=size.max(least))
        .map(|z| Ask::page_with(position.saturating_sub(need), z))
        .max_by_key(|a| (a.end() > position && !asked.contains(&(a.size, a.row)), a.end(), std::cmp::Reverse(a.size)))
        .unwrap_or(Ask { size, row: 0 })
}

/// Returns how many windows a walk takes over a list of `rows` rows that nobody changes. `size` is the largest page
/// size; `totals` says whether the server claims totals.
pub fn windows_for(rows: u64, size: u32, totals: bool) -> u64 {
    let size = size.max(3);
    if rows == 0 {
        return 2;
    }
    if rows <= u64::from(size) {
        // Without a total, two more questions follow: is the page behind empty, and does the tail read the same?
        let short = u64::from(rows < u64::from(size));
        return if totals { 1 } else { 3 + short };
    }
    let (sizes, read) = sizes_of(rows, size);
    let windows = sizes.len() as u64;
    // The rows behind the windows that were counted take as many windows per row as the rows before.
    let further = u128::from(windows) * u128::from(rows.saturating_sub(read)) / u128::from(read.max(1));
    windows.saturating_add(u64::try_from(further).unwrap_or(u64::MAX)).saturating_add(if totals { 0 } else { 2 })
}

/// Returns how many questions it takes to read a list of `rows` rows a second time, in the largest page size below
/// `size` that the first reading did not use.
pub fn second_pass_questions(rows: u64, size: u32) -> u64 {
    let size = size.max(3);
    let (sizes, _) = sizes_of(rows, size);
    let other = (size / 2..size).rev().find(|other| !sizes.contains(other));
    other.map_or(0, |other| rows.div_ceil(u64::from(other)))
}

/// The largest number of windows that are counted one by one, because a server may claim 2^53 rows.
const COUNTED: usize = 100_000;

/// Returns the page sizes that a walk asks for over a list of `rows` rows that nobody changes, and how many rows
/// these windows read: all, or those of the first [`COUNTED`] windows.
fn sizes_of(rows: u64, size: u32) -> (Vec<u32>, u64) {
    let mut sizes = vec![size];
    let mut position = u64::from(size);
    while position < rows && sizes.len() < COUNTED {
        let ask = reach(position, size);
        position = ask.end().max(position + 1);
        sizes.push(ask.size);
    }
    (sizes, position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_windows_than_can_be_counted_are_estimated_from_the_first() {
        let exact = windows_for(8_000_000, 100, true);
        assert!((92_000..93_000).contains(&exact), "{exact}");
        let ten_times = windows_for(80_000_000, 100, true);
        assert!(ten_times.abs_diff(exact * 10) <= ten_times / 1000, "{ten_times} for {exact}");
        let most = windows_for(crate::number::MOST, 100, true);
        assert!((100_000_000_000_000..110_000_000_000_000).contains(&most), "{most}");
        assert!(windows_for(u64::MAX, 3, false) > most && second_pass_questions(u64::MAX, 100) <= u64::MAX / 50);
    }
}
