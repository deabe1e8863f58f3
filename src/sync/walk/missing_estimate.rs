//! Estimates how many records may be missing from a list that moves, although its last closing reading found no
//! record that was passed over.
//!
//! A record is missing only if it moved past the reading point in every reading. The last reading shows how often
//! that happens: of `n` known records it did not show `m` although they exist, because they moved. Then about `3m /
//! (n - m)` records may have moved in that way in the walk and in all readings.

use super::read_list::ReadList;
use crate::discovery::fetch_by_id::{RecordLookup, look_up};
use crate::error::Result;
use crate::mirror::reread::{self, NotShownAgain};

/// The largest number of records that are asked for by id to see whether they exist. The others are taken to exist.
const LOOKED_UP: usize = 50;

/// Returns the records that the round has seen in the list and the finished closing reading has not shown.
pub(super) async fn unshown(list: &ReadList<'_>) -> Result<NotShownAgain> {
    let (place, since) = (list.place(), list.from.since_run);
    list.context.mirror.call(move |w| w.transaction(|t| reread::not_shown_again(t, &place, since, LOOKED_UP))).await
}

/// Estimates how many records may be missing although they were in the list all along. `unshown` are the known
/// records that the last closing reading did not show. Those of them that are gone do not count.
pub(super) async fn may_miss(list: &ReadList<'_>, unshown: NotShownAgain) -> Result<f64> {
    let together = list.context.source.aliases.now().max(1);
    let mut gone = 0;
    for ids in unshown.ids.chunks(together) {
        if list.context.stop.requested() {
            break;
        }
        let found = look_up(&list.context.source, list.stream, ids).await?;
        gone += found.into_iter().filter(|found| *found == RecordLookup::Gone).count() as u64;
    }
    Ok(bound(unshown.count - gone, unshown.of - gone))
}

/// Returns `3m / (n - m)` for `m = unshown` and `n = known`. `WALKS.md` holds the argument.
fn bound(unshown: u64, known: u64) -> f64 {
    match known.saturating_sub(unshown) {
        _ if unshown == 0 => 0.0,
        0 => f64::INFINITY,
        shown => 3.0 * unshown as f64 / shown as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn the_bound_is_zero_where_all_is_shown_and_endless_where_nothing_is() {
        assert!(bound(0, 4000) == 0.0 && bound(0, 0) == 0.0);
        assert!((bound(4, 4004) - 0.003).abs() < 1e-9);
        assert!(bound(1000, 4000) >= 1.0 && bound(3, 3).is_infinite());
    }
}
