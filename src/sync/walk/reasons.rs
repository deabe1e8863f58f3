//! Why a walk ends incomplete, in words for people.

use super::evidence::{Evidence, Fault};
use crate::quantity::counted;
use crate::verdict::Verdict;

/// What a page that spoils a walk does.
pub(super) const TWICE: &str = "a page shows one record twice, however often it is read";
/// What a server does that answers every question with page one.
pub(super) const PAGE_IGNORED: &str = "the server ignores the page argument";
/// What a server does that answers with page one behind every cursor.
pub(super) const CURSOR_IGNORED: &str = "the server ignores the cursor";
/// What to write where one question does not read all of a list.
const PAGED: &str = "what pages it? write paging, page and size of its list into [source.dialect], or assumed = false where these are all";

/// The verdict of a walk whose server ignores the page argument.
pub fn page_ignored() -> Verdict {
    Verdict::Incomplete(PAGE_IGNORED.into())
}

/// A total without a row.
pub(super) fn none_shown(told: u64) -> String {
    format!("the server says {} and shows none", counted(told, "row"))
}

/// Rows without an id.
pub(super) fn nameless(rows: u32) -> String {
    format!("rows without an id: {rows}")
}

/// A list that nothing is known to page shows a usual page.
pub(super) fn usual_page(rows: u64) -> String {
    format!("asked for at once it shows {rows} rows, and nothing says that these are all: {PAGED}")
}

/// What was wrong with the last window of a walk that made no progress, or that a short window spoilt.
pub(super) fn gave_up(evidence: &Evidence) -> String {
    let farthest = evidence.farthest;
    let at = farthest.max(evidence.position);
    match (evidence.fault, evidence.short_at) {
        (Some(Fault::Unpaged), _) => {
            format!("asked for at once it shows {farthest} rows, and there are more: {PAGED}")
        }
        (Some(Fault::Restless), _) => {
            "asked for at once it shows other rows each time: it changes while it is read".into()
        }
        (Some(Fault::Duplicates), _) => TWICE.into(),
        (Some(Fault::Vanished), None) => format!("nothing is served past row {farthest}"),
        // What is left out cannot be an anchor either.
        (_, Some(short_at)) if short_at < at => short(short_at),
        (_, Some(_)) => format!("nothing is served past row {at}"),
        (Some(Fault::Short), None) => short(at),
        (Some(Fault::NoJoin) | None, None) => {
            format!("the order is not stable: pages cannot be joined at row {farthest}")
        }
    }
}

fn short(at: u64) -> String {
    format!("a page is short at row {at}, and more rows follow: are rows filtered?")
}
