//! Tests walks whose pages are answered by hand, as one kind of server would answer.

use super::*;
use crate::record::Record;

#[test]
fn a_cursor_that_is_missing_is_no_end_when_the_server_says_that_more_follows() {
    let records = |from: u64, n: u64| -> Vec<Record> {
        (from..from + n)
            .map(|id| Record { range: 0..0, id: id.to_string().into(), hash: 1, volatile: false, repaired: 0 })
            .collect()
    };
    let (rows, cursors) = (records(0, 40), (0..40).map(|n| n.to_string().into_boxed_str()).collect::<Vec<_>>());
    for (has_next, total) in [(Some(true), None), (Some(true), Some(300)), (None, Some(300))] {
        for (cursors, next_cursor) in [(&[][..], None), (&cursors[..], None), (&[][..], Some("40"))] {
            let mut walk = Walk::new(40).by_cursor();
            let mut end = None;
            for _ in 0..60 {
                let page = Shown { rows: &rows, nameless: 0, total, has_next, cursors, next_cursor };
                // After the first page the server gives no cursor to go on with.
                let behind = records(38, 12);
                let last = Shown { rows: &behind, cursors: &[], next_cursor: None, ..page };
                let shown = if walk.after().is_none() { page } else { last };
                end = walk.judge(&shown).end;
                if end.is_some() {
                    break;
                }
            }
            let end = end.expect("an end");
            // If only a total says that more follows, rows may have gone meanwhile, so the list is read again.
            let is_doubted = !end.is_complete() || walk.was_told_more();
            assert!(is_doubted, "{has_next:?} {total:?} {} cursors, {next_cursor:?}: {end}", cursors.len());
        }
    }
}

#[test]
fn the_overlap_costs_about_a_sixth_more_windows() {
    let mut position = 100;
    let mut windows = 1;
    while position < 100_000 {
        let ask = crate::sync::walk::reach::reach(position, 100);
        assert!(ask.row + 2 <= position && ask.size <= 100);
        position = ask.row + u64::from(ask.size);
        windows += 1;
    }
    assert!(windows <= 1_160, "{windows}");
}

#[test]
fn rows_without_an_id_make_a_walk_incomplete() {
    let mut walk = Walk::new(40);
    walk.add_known_totals(TotalsKnowledge::Told);
    let step =
        walk.judge(&Shown { rows: &[], nameless: 3, total: Some(3), has_next: None, cursors: &[], next_cursor: None });
    assert_eq!(step.end, Some(Verdict::Incomplete("rows without an id: 3".into())));
}

#[test]
fn a_page_argument_that_is_ignored_is_not_the_last_page_again() {
    for (size, has_next) in [(20, Some(true)), (20, None), (2, None), (1, Some(true))] {
        let rows: Vec<Record> = (0..size)
            .map(|i: u32| Record { range: 0..0, id: i.to_string().into(), hash: 1, volatile: false, repaired: 0 })
            .collect();
        let mut walk = Walk::new(100);
        let shown = Shown { rows: &rows, nameless: 0, total: None, has_next, cursors: &[], next_cursor: None };
        let end = (0..100).find_map(|_| walk.judge(&shown).end).expect("an end");
        assert!(!end.is_complete(), "{size} {has_next:?}");
    }
}

#[test]
fn nothing_past_a_row_is_named() {
    let rows: Vec<Record> = (0..100)
        .map(|i: u32| Record { range: 0..0, id: i.to_string().into(), hash: 1, volatile: false, repaired: 0 })
        .collect();
    let mut walk = Walk::new(40);
    let end = (0..100).find_map(|_| {
        let ask = walk.ask();
        let place = |row: u64| usize::try_from(row).expect("small").min(rows.len());
        let rows = &rows[place(ask.row)..place(ask.row + u64::from(ask.size))];
        walk.judge(&Shown { rows, nameless: 0, total: Some(300), has_next: None, cursors: &[], next_cursor: None }).end
    });
    assert_eq!(end, Some(Verdict::Incomplete("nothing is served past row 100".into())));
}

#[test]
fn anchors_that_do_not_stand_next_to_each_other_join_nothing() {
    let rows = |ids: &[u32]| -> Vec<Record> {
        ids.iter()
            .map(|id| Record { range: 0..0, id: id.to_string().into(), hash: 1, volatile: false, repaired: 0 })
            .collect()
    };
    // The second window should begin with row 38.
    for (anchors, joined) in [([38, 39], true), ([10, 11], true), ([3, 17], false), ([39, 38], false)] {
        let mut walk = Walk::new(40);
        let see = |walk: &mut Walk, ids: &[u32]| {
            let rows = rows(ids);
            walk.judge(&Shown {
                rows: &rows,
                nameless: 0,
                total: Some(300),
                has_next: None,
                cursors: &[],
                next_cursor: None,
            })
        };
        see(&mut walk, &(0..40).collect::<Vec<_>>());
        let step = see(&mut walk, &anchors.into_iter().chain(100..136).collect::<Vec<_>>());
        assert_eq!(step.stepped_back, !joined, "{anchors:?}");
    }
}
