//! Decides the verdict of a walk. No other module does. The decision is pure: it takes the reason why reading is
//! over, the evidence and the claims, and gives a verdict.
//!
//! A strategy reports that reading is over, and why ([`EndReason`]). A list that was read to its end is `continuous`,
//! unless one of these rules makes it `incomplete`. The first that applies gives the reason:
//!
//! 1. Rows had no id.
//! 2. A page showed one record twice, however often it was read.
//! 3. A window was short although the server said that more rows follow.
//! 4. The server's own claims contradict the end.
//!
//! Every other end makes the walk `incomplete`, and so do a dozen answers in a row without progress. The texts are
//! those of [`super::reasons`]. A verdict of `proven` takes a second pass: see [`super::collect`].

use super::claims::Claims;
use super::evidence::Evidence;
use super::reasons;
use crate::verdict::Verdict;

/// The number of answers in a row without progress after which a walk gives up.
const PATIENCE: u32 = 12;

/// Why reading is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The last window reaches the end of the list.
    Reached,
    /// The last window reaches the end of a list with cursors.
    LastCursor {
        /// Whether all rows came as the list's first page.
        is_one_page: bool,
    },
    /// The server claims a total, but page one was empty twice.
    NoneShown {
        /// The total that the server claims.
        told: u64,
    },
    /// The server answers with another page than the one that was asked for.
    PageIgnored,
    /// The server answers with another page than the one behind the cursor.
    CursorIgnored,
    /// A list of which no page argument is known shows as many rows as a usual page, such as 20. More rows may
    /// follow.
    UsualPage {
        /// The number of rows that the list shows.
        rows: u64,
    },
    /// The walk makes no progress.
    GaveUp,
    /// The end of a naive walk, which a test runs. It holds the reason if the walk is incomplete.
    #[cfg(debug_assertions)]
    Naive(Option<String>),
}

/// Returns the verdict of a walk after an answer, or `None` if the walk goes on. `end` says why the walk's strategy
/// has stopped reading; `None` if it has not. A walk also ends after too many answers in a row without progress.
pub(super) fn decide(end: Option<EndReason>, evidence: &Evidence, claims: &Claims) -> Option<Verdict> {
    let end = end.or_else(|| (evidence.failures >= PATIENCE).then_some(EndReason::GaveUp))?;
    Some(why_not(&end, evidence, claims).map_or(Verdict::Continuous, Verdict::Incomplete))
}

/// Returns why a walk with this end is incomplete, or `None` if it is complete.
fn why_not(end: &EndReason, evidence: &Evidence, claims: &Claims) -> Option<String> {
    match end {
        EndReason::Reached => spoilt(evidence).or_else(|| claims.contradict()),
        EndReason::LastCursor { is_one_page } => spoilt(evidence)
            .or_else(|| claims.contradict_cursors(evidence.position, *is_one_page))
            .or_else(|| claims.contradict()),
        EndReason::NoneShown { told } => Some(reasons::none_shown(*told)),
        EndReason::PageIgnored => Some(reasons::page_not_heeded(evidence)),
        EndReason::CursorIgnored => Some(reasons::CURSOR_IGNORED.into()),
        EndReason::UsualPage { rows } => Some(reasons::usual_page(*rows)),
        EndReason::GaveUp => Some(reasons::gave_up(evidence)),
        #[cfg(debug_assertions)]
        EndReason::Naive(why) => why.clone(),
    }
}

/// Returns a fault that the walk met on its way and that makes it incomplete at any end, or `None`.
fn spoilt(evidence: &Evidence) -> Option<String> {
    if evidence.nameless > 0 {
        Some(reasons::nameless(evidence.nameless))
    } else if evidence.spoiled {
        Some(reasons::TWICE.into())
    } else {
        evidence.short_at.map(|_| reasons::gave_up(evidence))
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::NoProgress;
    use super::super::questions::Ask;
    use super::super::shown::Shown;
    use super::*;
    use crate::record::Record;

    fn claims(rows: usize, total: Option<u64>, has_next: Option<bool>) -> Claims {
        let mut claims = Claims::default();
        hear(&mut claims, rows, total, has_next);
        claims
    }

    /// Takes in an answer to a question for 40 rows.
    fn hear(claims: &mut Claims, rows: usize, total: Option<u64>, has_next: Option<bool>) {
        let row = Record { range: 0..0, id: "a".into(), hash: 0, volatile: false, repaired: 0 };
        let rows = vec![row; rows];
        let shown = Shown { rows: &rows, nameless: 0, total, has_next, cursors: &[], next_cursor: None };
        claims.record_answer(Ask { size: 40, row: 0 }, &shown);
    }

    fn decided(end: EndReason, evidence: &Evidence, claims: &Claims) -> String {
        decide(Some(end), evidence, claims).expect("an end").to_string()
    }

    fn quiet(end: EndReason) -> String {
        decided(end, &Evidence::default(), &Claims::default())
    }

    const OTHER_CURSORS: EndReason = EndReason::LastCursor { is_one_page: false };

    #[test]
    fn a_list_read_to_its_end_is_continuous() {
        assert_eq!((quiet(EndReason::Reached), quiet(OTHER_CURSORS)), ("continuous".into(), "continuous".into()));
    }

    #[test]
    fn a_walk_without_an_end_goes_on_until_patience_ends() {
        let tired = |failures| Evidence { failures, farthest: 7, ..Evidence::default() };
        assert_eq!(decide(None, &tired(PATIENCE - 1), &Claims::default()), None);
        let gave_up = decide(None, &tired(PATIENCE), &Claims::default()).expect("an end").to_string();
        assert_eq!(gave_up, "incomplete: the order is not stable: pages cannot be joined at row 7");
        assert_eq!(decide(Some(EndReason::Reached), &tired(PATIENCE), &Claims::default()), Some(Verdict::Continuous));
    }

    #[test]
    fn rows_without_an_id_come_first() {
        let evidence = Evidence { nameless: 3, spoiled: true, short_at: Some(5), ..Evidence::default() };
        assert_eq!(decided(EndReason::Reached, &evidence, &Claims::default()), "incomplete: rows without an id: 3");
    }

    #[test]
    fn a_page_that_shows_a_record_twice_spoils_the_walk() {
        let evidence = Evidence { spoiled: true, short_at: Some(5), ..Evidence::default() };
        let told = decided(EndReason::Reached, &evidence, &Claims::default());
        assert_eq!(told, "incomplete: a page shows one record twice, however often it is read");
    }

    #[test]
    fn a_short_window_spoils_the_walk() {
        let evidence = Evidence { short_at: Some(5), position: 9, ..Evidence::default() };
        let told = decided(EndReason::Reached, &evidence, &claims(1, None, Some(true)));
        assert_eq!(told, "incomplete: a page is short at row 5, and more rows follow: are rows filtered?");
    }

    #[test]
    fn the_last_page_that_is_not_full_says_that_more_follows() {
        let more = |rows| decided(EndReason::Reached, &Evidence::default(), &claims(rows, None, Some(true)));
        assert_eq!(more(39), "incomplete: the last page says that more follows, and is not full");
        assert_eq!(more(40), "continuous", "it only means that the page is full");
    }

    #[test]
    fn an_empty_page_says_that_more_follows() {
        let mut claims = claims(40, None, Some(true));
        hear(&mut claims, 0, None, Some(true));
        let told = decided(EndReason::Reached, &Evidence::default(), &claims);
        assert_eq!(told, "incomplete: an empty page says that more follows");
    }

    #[test]
    fn a_list_with_cursors_says_that_more_follows_its_last_row() {
        let evidence = Evidence { position: 40, ..Evidence::default() };
        let told = decided(OTHER_CURSORS, &evidence, &claims(40, None, Some(true)));
        assert_eq!(told, "incomplete: no cursor leads on from row 40, and the server says that there is more");
    }

    #[test]
    fn a_list_with_cursors_ends_before_its_total() {
        let evidence = Evidence { position: 40, ..Evidence::default() };
        let less = "incomplete: the server says 41 rows and shows 40";
        let told = claims(40, Some(41), None);
        assert_eq!(decided(OTHER_CURSORS, &evidence, &told), "continuous", "rows may have gone meanwhile");
        assert!(told.tell_more_than(40), "it is read again");
        let last = claims(40, Some(41), Some(false));
        assert_eq!(decided(OTHER_CURSORS, &evidence, &last), "continuous", "rows may have gone meanwhile");
        assert_eq!(
            decided(EndReason::LastCursor { is_one_page: true }, &evidence, &last),
            less,
            "one page is one moment"
        );
    }

    #[test]
    fn every_other_end_is_incomplete_and_says_why() {
        for (end, why) in [
            (EndReason::NoneShown { told: 1 }, "the server says 1 row and shows none"),
            (EndReason::PageIgnored, "the server ignores the page argument"),
            (EndReason::CursorIgnored, "the server ignores the cursor"),
            (EndReason::GaveUp, "the order is not stable: pages cannot be joined at row 0"),
        ] {
            assert_eq!(quiet(end), format!("incomplete: {why}"));
        }
        let evidence = Evidence { apart: 3, ..Evidence::default() };
        let told = decided(EndReason::PageIgnored, &evidence, &Claims::default());
        assert_eq!(told, "incomplete: the order is not stable: pages cannot be joined at row 0");
        assert!(
            quiet(EndReason::UsualPage { rows: 20 }).contains("shows 20 rows, and nothing says that these are all")
        );
    }

    #[test]
    fn a_walk_that_gives_up_says_what_was_wrong_with_the_last_window() {
        for (fault, short_at, why) in [
            (NoProgress::NoJoin, None, "the order is not stable: pages cannot be joined at row 9"),
            (NoProgress::Vanished, None, "nothing is served past row 9"),
            (NoProgress::Vanished, Some(10), "nothing is served past row 10"),
            (NoProgress::NoJoin, Some(5), "a page is short at row 5, and more rows follow: are rows filtered?"),
            (NoProgress::Short, None, "a page is short at row 10, and more rows follow: are rows filtered?"),
            (NoProgress::Duplicates, Some(5), "a page shows one record twice, however often it is read"),
        ] {
            let evidence = Evidence { fault: Some(fault), short_at, farthest: 9, position: 10, ..Evidence::default() };
            assert_eq!(decided(EndReason::GaveUp, &evidence, &Claims::default()), format!("incomplete: {why}"));
        }
        let evidence = Evidence { fault: Some(NoProgress::Unpaged), farthest: 9, ..Evidence::default() };
        let told = decided(EndReason::GaveUp, &evidence, &Claims::default());
        assert!(told.contains("asked for at once it shows 9 rows, and there are more: what pages it?"), "{told}");
    }
}
