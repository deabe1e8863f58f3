//! Which question comes next where windows overlap, and which will probably follow it.

use std::collections::HashSet;

use super::{Ask, NEED, Paging, Phase, Walk, page_number};

impl Walk {
    /// The next question and those that follow if every answer is a whole window that joins: at most `n`, none past what
    /// the server said is the end. Whoever asks them together gives up those that turn out not to be next.
    pub fn foresee(&self, n: usize, total: Option<u64>) -> Vec<Ask> {
        let mut asks = vec![self.ask()];
        let steady = self.phase == Phase::Window
            && self.alone.is_none()
            && self.fixed.is_none()
            && self.cursors.is_none()
            && self.position > 0;
        let Some(total) = total.filter(|_| steady && matches!(self.paging, Paging::Pages | Paging::Offset)) else {
            return asks;
        };
        while asks.len() < n {
            let end = asks.last().map_or(0, |a| a.end());
            let next = self.reach(end);
            if end >= total || next.end() <= end {
                break;
            }
            asks.push(next);
        }
        asks
    }

    /// The page size that is served, when it is less than was asked for and several windows have shown it.
    pub fn clamped(&self, asked: u32) -> Option<u32> {
        let several = self.position > u64::from(self.size) && self.fixed.is_none() && self.fault.is_none();
        (several && self.size < asked && self.short_at.is_none()).then_some(self.size)
    }

    /// Asks for pages of at most so many rows from here on; false where no size is asked for, or none but the one that is
    /// served.
    pub fn lower(&mut self, size: u32) -> bool {
        let lower = size < self.size && size as usize > NEED && self.fixed.is_none() && !self.is_at_once();
        if lower {
            self.size = size;
            self.phase = Phase::Window;
        }
        lower
    }

    /// The question that begins with the last anchors before a position and ends farthest.
    pub(super) fn reach(&self, position: u64) -> Ask {
        match self.paging {
            Paging::Offset => Ask { size: self.size, row: position.saturating_sub(NEED as u64) },
            _ if self.avoids.is_empty() => reach(position, self.size),
            _ => reach_anew(position, self.size, &self.avoids),
        }
    }
}

/// The question that begins `NEED` rows before `position` at the latest and ends farthest, among the sizes between half
/// of `size` and `size`: 1,153 windows instead of 1,000 for 100,000 rows of 100.
pub(super) fn reach(position: u64, size: u32) -> Ask {
    let need = NEED as u64;
    let least = (size / 2).max(u32::try_from(NEED).unwrap_or(2) + 1);
    (least..=size.max(least))
        .map(|z| Ask::page(z, page_number(position.saturating_sub(need) / u64::from(z))))
        .max_by_key(|a| (a.end(), std::cmp::Reverse(a.size)))
        .unwrap_or(Ask { size, row: 0 })
}

/// The same among the questions that were not asked before, where there are any.
fn reach_anew(position: u64, size: u32, asked: &HashSet<(u32, u64)>) -> Ask {
    let need = NEED as u64;
    let least = (size / 2).max(u32::try_from(NEED).unwrap_or(2) + 1);
    (least..=size.max(least))
        .map(|z| Ask::page(z, page_number(position.saturating_sub(need) / u64::from(z))))
        .max_by_key(|a| (a.end() > position && !asked.contains(&(a.size, a.row)), a.end(), std::cmp::Reverse(a.size)))
        .unwrap_or(Ask { size, row: 0 })
}

/// Windows that a walk takes over a quiet list of so many rows.
pub fn windows_of(rows: u64, size: u32, totals: bool) -> u64 {
    let size = size.max(3);
    if rows == 0 {
        return 2;
    }
    if rows <= u64::from(size) {
        // Without a total: is the page behind empty, and does the tail read the same?
        let short = u64::from(rows < u64::from(size));
        return if totals { 1 } else { 3 + short };
    }
    let (sizes, read) = sizes_of(rows, size);
    let windows = sizes.len() as u64;
    // Windows that are not counted one by one are as many to the row as those that were.
    let further = u128::from(windows) * u128::from(rows.saturating_sub(read)) / u128::from(read.max(1));
    windows.saturating_add(u64::try_from(further).unwrap_or(u64::MAX)).saturating_add(if totals { 0 } else { 2 })
}

/// Questions that reading such a list a second time takes: in the largest size that was not asked for the first time.
pub fn again_of(rows: u64, size: u32) -> u64 {
    let size = size.max(3);
    let (sizes, _) = sizes_of(rows, size);
    let other = (size / 2..size).rev().find(|other| !sizes.contains(other));
    other.map_or(0, |other| rows.div_ceil(u64::from(other)))
}

/// Windows that are counted one by one: a server may say that there are 2^53 rows.
const COUNTED: usize = 100_000;

/// The page sizes that a walk over a quiet list of so many rows asks for, and how many rows these windows read: all, or
/// those of the first [`COUNTED`] windows.
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
        let exact = windows_of(8_000_000, 100, true);
        assert!((92_000..93_000).contains(&exact), "{exact}");
        let ten_times = windows_of(80_000_000, 100, true);
        assert!(ten_times.abs_diff(exact * 10) <= ten_times / 1000, "{ten_times} for {exact}");
        let most = windows_of(crate::number::MOST, 100, true);
        assert!((100_000_000_000_000..110_000_000_000_000).contains(&most), "{most}");
        assert!(windows_of(u64::MAX, 3, false) > most && again_of(u64::MAX, 100) <= u64::MAX / 50);
    }
}
