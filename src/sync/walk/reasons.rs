//! Why a walk ends incomplete, for people.

use super::{Fault, TWICE, Walk, unpaged};
use crate::verdict::Verdict;

impl Walk {
    pub(super) fn reason(&self) -> String {
        let at = self.farthest.max(self.position);
        match (self.fault, self.short_at) {
            (Some(Fault::Short), _) if self.is_at_once() => unpaged::short(self.farthest),
            (Some(Fault::Duplicates), _) => TWICE.into(),
            (Some(Fault::Vanished), None) => format!("nothing is served past row {}", self.farthest),
            // What is left out cannot be an anchor either.
            (_, Some(short_at)) if short_at < at => short(short_at),
            (_, Some(_)) => format!("nothing is served past row {at}"),
            (Some(Fault::Short), None) => short(at),
            (Some(Fault::NoJoin) | None, None) => {
                format!("the order is not stable: pages cannot be joined at row {}", self.farthest)
            }
        }
    }
}

/// The first page came again where the second was asked for.
pub fn page_ignored() -> Verdict {
    Verdict::Incomplete("the server ignores the page argument".into())
}

fn short(at: u64) -> String {
    format!("a page is short at row {at} and the total says otherwise: are rows filtered?")
}
