//! Lists that are asked for at once: no argument pages them, or none that anybody knows.
//!
//! A list that only seems unpaged gives its first page, and twice the same: where the server shows no schema and tells
//! neither a total nor an end, as many rows as a usual page has prove nothing.

use super::anchors::{duplicates, print};
use super::{Fault, Paging, Shown, Walk, len};
use crate::verdict::Verdict;

/// What to write where one question does not read all of a list.
const PAGED: &str = "what pages it? write paging, page and size of its list into [source.dialect], or assumed = false where these are all";

/// As many rows as servers give when nobody says how many.
fn is_a_usual_page(rows: u64) -> bool {
    rows > 0 && (rows.is_multiple_of(5) || (rows >= 8 && rows.is_power_of_two()))
}

/// Why a list that is asked for at once is short.
pub(super) fn short(at: u64) -> String {
    format!("asked for at once it shows {at} rows, and there are more: {PAGED}")
}

impl Walk {
    /// A walk over a list that takes no page argument.
    #[must_use]
    pub fn unpaged(mut self) -> Walk {
        self.paging = Paging::Unpaged;
        self
    }

    /// A walk over a list that takes no page argument that anybody knows.
    #[must_use]
    pub fn perhaps_unpaged(mut self) -> Walk {
        self.paging = Paging::PerhapsUnpaged;
        self
    }

    pub(super) fn is_at_once(&self) -> bool {
        matches!(self.paging, Paging::Unpaged | Paging::PerhapsUnpaged)
    }

    /// The total says that it is whole, or it is read twice, the same.
    pub(super) fn whole(&mut self, shown: &Shown<'_>) -> Option<Verdict> {
        let now = (1, print(shown.rows));
        let before = self.current.replace(now);
        let told = shown.total.map(|total| total == len(shown));
        let whole = told.unwrap_or(before == Some(now)) && shown.has_next != Some(true) && !duplicates(shown.rows);
        if whole && told.is_none() && self.paging == Paging::PerhapsUnpaged && is_a_usual_page(len(shown)) {
            let why =
                format!("asked for at once it shows {} rows, and nothing says that these are all: {PAGED}", len(shown));
            return Some(Verdict::Incomplete(why));
        }
        if whole {
            return Some(Verdict::Continuous);
        }
        self.farthest = len(shown);
        if before.is_some() {
            self.failures += 1;
            self.fault = Some(Fault::Short);
            self.short_at = Some(self.farthest);
        }
        None
    }
}
