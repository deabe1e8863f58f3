//! Tests when a walk turns into one in pages of one size, and when it does not.

use std::ops::Range;

use super::*;
use crate::record::Record;

/// Returns the walk after `answers` answers to its next questions. `rows` gives the rows that answer a question, out
/// of a thousand.
fn after(mut walk: Walk, answers: usize, rows: impl Fn(Ask) -> Range<u64>) -> Walk {
    for _ in 0..answers {
        let record = |id: u64| Record { range: 0..0, id: id.to_string().into(), hash: 1, volatile: false, repaired: 0 };
        let rows: Vec<Record> = rows(walk.ask()).map(record).collect();
        let (total, has_next) = (Some(1_000), Some(true));
        walk.judge(&Shown { rows: &rows, nameless: 0, total, has_next, cursors: &[], next_cursor: None });
    }
    walk
}

/// Answers as a server that shows `size` rows from the first row that is asked for.
fn always(size: u64) -> impl Fn(Ask) -> Range<u64> {
    move |ask| ask.row..ask.row + size
}

fn is_of_one_size(walk: &Walk) -> bool {
    matches!(walk.strategy, Strategy::FixedPageSize(_))
}

#[test]
fn a_page_one_of_more_rows_than_were_asked_for_has_the_only_size() {
    let walk = after(Walk::new(20), 1, always(30));
    assert!(is_of_one_size(&walk));
    assert_eq!((walk.page_size(), walk.rows(), walk.ask()), (30, 30, Ask { size: 30, row: 30 }));
}

#[test]
fn a_server_that_takes_offsets_and_serves_more_shows_its_size_alone() {
    let walk = after(Walk::new(20).by_offset(), 1, always(30));
    assert!(!is_of_one_size(&walk));
    assert_eq!((walk.page_size(), walk.rows(), walk.ask()), (30, 30, Ask { size: 30, row: 28 }));
}

#[test]
fn a_later_page_of_more_rows_than_were_asked_for_has_the_only_size() {
    let one_size = |ask: Ask| {
        let first = u64::from(ask.number() - 1) * 20;
        first..first + 20
    };
    let walk = after(Walk::new(20), 1, one_size);
    assert!(walk.ask().size < 20 && !is_of_one_size(&walk), "windows overlap");
    let walk = after(walk, 1, one_size);
    assert!(is_of_one_size(&walk));
    assert_eq!((walk.rows(), walk.ask()), (20, Ask { size: 20, row: 0 }), "the last page must join again");
}

#[test]
fn where_nothing_known_stands_one_question_tells_whether_a_size_is_obeyed() {
    // The server counts pages in another size than the one that is asked for.
    let elsewhere = |ask: Ask| {
        let first = u64::from(ask.number() - 1) * 50;
        first..first + u64::from(ask.size)
    };
    let walk = after(Walk::new(20), 2, elsewhere);
    assert_eq!((walk.ask(), is_of_one_size(&walk)), (Ask { size: 19, row: 0 }, false));
    assert!(is_of_one_size(&after(walk.clone(), 1, |_| 0..20)), "it is not obeyed");
    assert!(!is_of_one_size(&after(walk, 1, |_| 0..19)), "it is obeyed");
}

#[test]
fn pages_too_small_to_overlap_adjoin() {
    for (walk, size) in [(Walk::new(2), 2), (Walk::new(2).by_offset(), 2), (Walk::new(3), 3)] {
        assert!(is_of_one_size(&after(walk.clone(), 1, always(size))), "{walk:?}");
    }
    assert!(!is_of_one_size(&after(Walk::new(3).by_offset(), 1, always(3))), "two anchors and a new row");
}

#[test]
fn pages_of_one_size_are_never_made_smaller() {
    let mut walk = after(Walk::new(20), 1, always(30));
    assert!(!walk.lower(10) && walk.ask().size == 30);
    let mut walk = Walk::new(20);
    assert!(walk.lower(10) && walk.ask().size == 10);
}
