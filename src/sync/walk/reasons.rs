//! Puts into words why a list ends incomplete, and what people can do about it.
//!
//! A reason is stored as text in the checkpoint of the list. [`hint`] finds the hint for such a text by words that
//! every text of its kind contains. Reasons and hints are in this file together, so that they stay in step.

use super::evidence::{Evidence, NoProgress};
use crate::quantity::counted;
use crate::verdict::Verdict;

/// Why a list is incomplete if a page shows a record twice each time it is asked for.
pub(super) const TWICE: &str = "a page shows one record twice, however often it is read";
/// Why a list is incomplete if a server answers every question with page one.
pub(super) const PAGE_IGNORED: &str = "the server ignores the page argument";
/// Why a list is incomplete if a server answers with page one behind every cursor.
pub(super) const CURSOR_IGNORED: &str = "the server ignores the cursor";
/// Why a list is incomplete if an empty page claims that another page follows.
pub(super) const MORE_BEHIND: &str = "an empty page says that more follows";
/// Why a list is incomplete if the last page claims that another page follows, although it is not full.
pub(super) const MORE_THAN_LAST: &str = "the last page says that more follows, and is not full";
/// Why a list is incomplete if it changes faster than it can be read.
pub(super) const KEEP_MOVING: &str = "records keep moving while the list is read";
/// Why a list is incomplete if it takes no page argument, and each answer shows other rows.
const RESTLESS: &str = "asked for at once it shows other rows each time: it changes while it is read";
const TOLD: &str = "the server says";
const NO_CURSOR: &str = "no cursor leads on";
const NAMELESS: &str = "rows without an id";
const AT_ONCE: &str = "asked for at once";
const VANISHED: &str = "nothing is served past row";
const UNSTABLE: &str = "the order is not stable: pages cannot be joined at row";
const SHORT: &str = "a page is short at row";
const IDS: &str = "between them: a record moved";
/// What to write in a job when the answer to one question does not hold the whole list.
const PAGED: &str = "what pages it? write paging, page and size of its list into [source.dialect], or assumed = false where these are all";

/// Returns the verdict of a walk whose server ignores the page argument.
pub fn page_ignored() -> Verdict {
    Verdict::Incomplete(PAGE_IGNORED.into())
}

/// Returns why a list is incomplete if the server answers with another page than the one asked for. There are three
/// cases:
///
/// - The walk has read pages before: the server has no pages behind some row.
/// - Many windows showed other rows: the order depends on the question, so that rows of page one show up anywhere.
/// - Otherwise the server ignores the page argument.
pub(super) fn page_not_heeded(evidence: &Evidence) -> String {
    if evidence.has_pages() {
        shown_again(evidence.farthest)
    } else if evidence.has_other_pages() {
        unstable(evidence.farthest)
    } else {
        PAGE_IGNORED.into()
    }
}

fn unstable(row: u64) -> String {
    format!("{UNSTABLE} {row}")
}

/// Returns why a list is incomplete if the server, asked for rows behind row `row`, repeats rows that come before it.
fn shown_again(row: u64) -> String {
    format!("{VANISHED} {row}: behind it the server shows rows again that stand before it")
}

/// Returns why a list is incomplete if the server claims a total of `told` rows and shows no row.
pub(super) fn none_shown(told: u64) -> String {
    format!("{TOLD} {} and shows none", counted(told, "row"))
}

/// Returns why a list is incomplete if the server claims `told` rows or records (`what`), but shows only `shown`.
pub(super) fn fewer_shown(told: u64, shown: u64, what: &str) -> String {
    format!("{TOLD} {} and shows {shown}", counted(told, what))
}

/// Returns why a list is incomplete if it shows `rows` rows, but only `ids` distinct ids.
pub(super) fn fewer_ids(rows: u64, ids: u64) -> String {
    let (rows, ids) = (counted(rows, "row"), counted(ids, "id"));
    format!(
        "{rows} have {ids} between them: a record moved while it was read, stands there twice, or ids differ in their type alone"
    )
}

/// Returns why a list is incomplete if the server says that more rows follow row `row`, but no cursor leads to them.
pub(super) fn no_cursor(row: u64) -> String {
    format!("{NO_CURSOR} from row {row}, and the server says that there is more")
}

/// Returns why a list is incomplete if `rows` rows came without an id.
pub(super) fn nameless(rows: u32) -> String {
    format!("{NAMELESS}: {rows}")
}

/// Returns why a list is incomplete if no page argument of it is known, and it shows as many rows (`rows`) as a usual
/// page, such as 20.
pub(super) fn usual_page(rows: u64) -> String {
    format!("{AT_ONCE} it shows {rows} rows, and nothing says that these are all: {PAGED}")
}

/// Returns why a walk is incomplete that made no progress, or in which a window stayed short.
pub(super) fn gave_up(evidence: &Evidence) -> String {
    let farthest = evidence.farthest;
    let at = farthest.max(evidence.position);
    match (evidence.fault, evidence.short_at) {
        (Some(NoProgress::Unpaged), _) => {
            format!("{AT_ONCE} it shows {farthest} rows, and there are more: {PAGED}")
        }
        (Some(NoProgress::Restless), _) => RESTLESS.into(),
        (Some(NoProgress::Duplicates), _) => TWICE.into(),
        (Some(NoProgress::Vanished), None) => format!("{VANISHED} {farthest}"),
        // Rows that the server leaves out cannot be anchors either, so a fault that came later follows from them.
        (_, Some(short_at)) if short_at < at => short(short_at),
        (_, Some(_)) => format!("{VANISHED} {at}"),
        (Some(NoProgress::Short), None) => short(at),
        (Some(NoProgress::NoJoin) | None, None) if evidence.begins_again() => shown_again(farthest),
        (Some(NoProgress::NoJoin) | None, None) => unstable(farthest),
    }
}

fn short(at: u64) -> String {
    format!("{SHORT} {at}, and more rows follow: are rows filtered?")
}

/// For each kind of reason, words that every reason of that kind contains, and what to do about it.
const HINTS: [(&str, &str); 14] = [
    (
        NO_CURSOR,
        "ask the API's support where the cursor of the next page stands, and write it into the stream's list: next_cursor or row_cursor",
    ),
    (MORE_BEHIND, IGNORE_HAS_NEXT),
    (MORE_THAN_LAST, IGNORE_HAS_NEXT),
    (NAMELESS, "ask the API's support which field is the record's id, and write it into the job: [source.dialect] id"),
    (
        IDS,
        "ask the API's support whether an id of this list is one record's alone; where records only moved, the next run reads the list again",
    ),
    (
        TWICE,
        "ask the API's support why one page shows a record twice; a sort that is stable, as [source.dialect.streams.NAME] list.arguments, avoids it",
    ),
    (
        PAGE_IGNORED,
        "ask the API's support how a page is asked for, and write the argument's name: [source.dialect.streams.NAME] list.page",
    ),
    (
        CURSOR_IGNORED,
        "ask the API's support how a page is asked for, and write the argument's name: [source.dialect.streams.NAME] list.page",
    ),
    (RESTLESS, "run it again when fewer people write, or ask the API's support how the list is read page by page"),
    (AT_ONCE, "ask the API's support what pages the list"),
    (VANISHED, "ask the API's support how rows past that one are asked for: is the depth of a list limited?"),
    (
        UNSTABLE,
        "ask the API's support for a sort that is stable, and write it as [source.dialect.streams.NAME] list.arguments; the next run reads the list again",
    ),
    (SHORT, "ask the API's support whether rows are left out of a page after it was cut; those rows are missing"),
    (KEEP_MOVING, "run it again when fewer people write: the next run reads the list anew"),
];

const IGNORE_HAS_NEXT: &str = "ask the API's support why the end of the list says that more follows; where it always does, [source.dialect.streams.NAME] list.has_next = \"ignore\"";
/// The hint for a total that is larger than the number of rows shown.
const IGNORE_TOTAL: &str = "ask the API's support which records its total counts; where it counts others, too, [source.dialect.streams.NAME] list.total = \"ignore\"";

/// Returns what to do about a list that is incomplete for the reason `why`, or `None` if there is no hint for it.
pub fn hint(why: &str) -> Option<&'static str> {
    let own = HINTS.iter().find(|(words, _)| why.contains(words)).map(|(_, hint)| *hint);
    own.or_else(|| (why.contains(TOLD) && why.contains("and shows")).then_some(IGNORE_TOTAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_hint_of_its_own() {
        let gave_up = |fault, short_at| gave_up(&Evidence { fault: Some(fault), short_at, ..Evidence::default() });
        for why in [
            MORE_BEHIND.into(),
            MORE_THAN_LAST.into(),
            KEEP_MOVING.into(),
            TWICE.into(),
            PAGE_IGNORED.into(),
            CURSOR_IGNORED.into(),
            nameless(3),
            none_shown(1),
            fewer_shown(9, 7, "record"),
            fewer_ids(9, 7),
            no_cursor(9),
            usual_page(20),
            gave_up(NoProgress::Unpaged, None),
            gave_up(NoProgress::Restless, None),
            gave_up(NoProgress::Duplicates, None),
            gave_up(NoProgress::Vanished, None),
            shown_again(200),
            gave_up(NoProgress::NoJoin, Some(5)),
            gave_up(NoProgress::NoJoin, None),
            gave_up(NoProgress::Short, None),
        ] {
            let one_of_many = format!("3 of 7 lists: {why}");
            assert!(hint(&why).is_some() && hint(&why) == hint(&one_of_many), "{why}");
        }
        assert_eq!(hint("the list came out empty"), None);
        assert_ne!(hint(&fewer_shown(9, 7, "row")), hint(&no_cursor(7)), "each has its own");
    }
}
