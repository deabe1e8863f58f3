//! Tests the walk against a model of every server that `WALKS.md` names: a list that moves between two questions, and
//! servers that clamp, filter, cap, repeat, shuffle ties, cache, ignore the page or serve one size only.

use self::model::{Kind, Order, Server, never_wrong, seeds, walk, walk_for, walk_from};
use super::*;

mod by_hand;
mod collect;
mod model;
mod transitions;

#[test]
fn a_walk_over_a_moving_list_is_complete_or_says_that_it_is_not() {
    for order in [Order::NewestFirst, Order::OldestFirst, Order::Anywhere] {
        for interrupt in [false, true] {
            let accepted = never_wrong(seeds(), interrupt, |seed| Server::new(seed, 700, order, Kind::Honest, 0.6));
            assert!(accepted as u64 > seeds() * 8 / 10, "{order:?}: only {accepted} accepted");
        }
    }
}

#[cfg(debug_assertions)]
#[test]
fn the_same_walk_without_overlap_misses_rows() {
    let wrong = (0..seeds()).filter(|seed| {
        let mut server = Server::new(*seed, 700, Order::NewestFirst, Kind::Honest, 0.6);
        let outcome = walk_from(Walk::new(40).without_overlap(), &mut server, false);
        outcome.verdict.is_complete() && outcome.missed > 0
    });
    assert!(wrong.count() > 20, "the adversary is too weak to show what the overlap is for");
}

#[cfg(debug_assertions)]
#[test]
fn a_walk_that_is_believed_on_counts_alone_misses_rows() {
    let (mut wrong, mut refused) = (0, 0);
    for seed in 0..seeds() {
        let mut server = Server::new(seed, 700, Order::NewestFirst, Kind::Honest, 0.2);
        let outcome = walk_from(Walk::new(40).on_counts_alone(), &mut server, true);
        wrong += usize::from(outcome.verdict.is_complete() && outcome.missed > 0);
        refused += usize::from(!outcome.verdict.is_complete());
    }
    assert!(wrong > 3 && refused > 3, "{wrong} wrong, {refused} refused");
}

#[test]
fn servers_that_lie_are_never_believed() {
    for kind in [Kind::Filter, Kind::DepthCap, Kind::Ties, Kind::Cache, Kind::PageIgnored] {
        never_wrong(seeds(), false, |seed| Server::new(seed, 700, Order::Anywhere, kind, 0.1));
    }
    for kind in [Kind::Ties, Kind::DepthCap, Kind::PageIgnored] {
        let mut server = Server::new(1, 700, Order::Anywhere, kind, 0.0);
        let outcome = walk(&mut server);
        assert!(!outcome.verdict.is_complete(), "{kind:?} was accepted");
        assert!(outcome.asked < 100, "{kind:?} took {} questions to give up", outcome.asked);
    }
    for n in 1..400 {
        let mut server = Server::new(n, n, Order::Anywhere, Kind::PageIgnored, 0.0);
        let outcome = walk(&mut server);
        assert!(outcome.missed == 0 || !outcome.verdict.is_complete(), "page ignored, {n} rows");
    }
}

#[test]
fn clamps_last_pages_bulk_deletes_and_missing_totals_are_walked() {
    for (kind, totals) in [
        (Kind::Clamp(25), true),
        (Kind::Clamp(25), false),
        (Kind::ClampRowsOnly(25), true),
        (Kind::ClampRowsOnly(25), false),
        (Kind::Repeats, true),
        (Kind::Repeats, false),
        (Kind::LastPageAgain, true),
        (Kind::LastPageAgain, false),
        (Kind::Honest, false),
        (Kind::OneSize(30), true),
        (Kind::OneSize(30), false),
        (Kind::OneSize(90), true),
    ] {
        // A walk in pages of one size has a hole that its module names: three changes in turn that cancel each other.
        // With a change in five questions the hole shows once in some thousand walks. With one in fifty it is not
        // seen.
        let rate = if matches!(kind, Kind::OneSize(_)) { 0.02 } else { 0.2 };
        let accepted = never_wrong(seeds(), false, |seed| {
            let mut server = Server::new(seed, 500, Order::Anywhere, kind, rate);
            server.totals = totals;
            server
        });
        assert!(accepted as u64 > seeds() * 7 / 10, "{kind:?} totals {totals}: only {accepted} accepted");
    }
    let accepted = never_wrong(seeds(), false, |seed| {
        let mut server = Server::new(seed, 700, Order::Anywhere, Kind::Honest, 0.6);
        server.bulk = true;
        server
    });
    assert!(accepted as u64 > seeds() / 2, "bulk deletes: only {accepted} accepted");
}

#[test]
fn offsets_and_cursors_are_walked() {
    // Lists with offsets, and with a cursor for each row or for the next page only, in every order. A cursor here is
    // an offset in disguise, which is the worst kind.
    for (offset, cursors) in [(true, None), (true, Some(true)), (true, Some(false))] {
        for kind in [Kind::Honest, Kind::Clamp(25)] {
            for totals in [true, false] {
                let rate = if cursors == Some(false) { 0.02 } else { 0.3 };
                for order in [Order::NewestFirst, Order::OldestFirst, Order::Anywhere] {
                    let accepted = never_wrong(seeds() / 2, totals && cursors.is_none(), |seed| {
                        let mut server = Server::new(seed, 500, order, kind, rate);
                        (server.offset, server.cursors, server.totals) = (offset, cursors, totals);
                        server
                    });
                    assert!(
                        accepted as u64 > seeds() / 2 * 8 / 10,
                        "{kind:?} {order:?} cursors {cursors:?} totals {totals}: only {accepted} accepted"
                    );
                }
            }
        }
    }
}

#[test]
fn every_strategy_is_walked_by_a_test_of_this_file() {
    let test_of = |walk: &Walk| match walk.strategy {
        Strategy::ByPage(_) => "a_walk_over_a_moving_list_is_complete_or_says_that_it_is_not",
        Strategy::ByOffset(_) | Strategy::ByCursor(_) => "offsets_and_cursors_are_walked",
        Strategy::FixedPageSize(_) => "clamps_last_pages_bulk_deletes_and_missing_totals_are_walked",
        Strategy::Unpaged(_) => {
            "a_list_that_takes_no_page_argument_is_read_twice_unless_the_total_says_that_it_is_whole"
        }
        #[cfg(debug_assertions)]
        Strategy::Naive(_) => "the_same_walk_without_overlap_misses_rows",
    };
    for walk in [Walk::new(40), Walk::new(40).by_offset(), Walk::new(40).by_cursor(), Walk::new(40).unpaged()] {
        let name = test_of(&walk);
        assert!(include_str!("tests.rs").contains(&format!("fn {name}()")), "src/sync/walk/tests.rs lacks {name}");
    }
}

#[test]
fn every_length_of_a_quiet_list_is_read_to_its_end() {
    for totals in [true, false] {
        for kind in [Kind::Honest, Kind::Clamp(7), Kind::LastPageAgain, Kind::OneSize(5), Kind::OneSize(60)] {
            let pages = [(false, None)];
            let all = [(false, None), (true, None), (true, Some(true)), (true, Some(false))];
            let honest = matches!(kind, Kind::Honest | Kind::Clamp(_));
            for (offset, cursors) in if honest { &all[..] } else { &pages } {
                for n in 0..130 {
                    let mut server = Server::new(n, n, Order::Anywhere, kind, 0.0);
                    (server.offset, server.cursors, server.totals) = (*offset, *cursors, totals);
                    let outcome = walk(&mut server);
                    assert_eq!(
                        (outcome.verdict, outcome.missed),
                        (Verdict::Continuous, 0),
                        "{kind:?}, {n} rows, totals {totals}, offset {offset}, cursors {cursors:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_total_that_counts_the_page_is_none() {
    for n in 0..400 {
        let mut server = Server::new(n, n, Order::Anywhere, Kind::CountsThePage, 0.0);
        let outcome = walk(&mut server);
        assert_eq!((outcome.verdict, outcome.missed), (Verdict::Continuous, 0), "{n} rows");
    }
    never_wrong(seeds(), true, |seed| Server::new(seed, 300, Order::Anywhere, Kind::CountsThePage, 0.2));
}

#[test]
fn a_list_within_one_page_costs_one_question_and_an_empty_one_two() {
    // The second question finds out whether the total counts more than the page. A run asks it once a stream.
    assert_eq!(walk(&mut Server::new(1, 39, Order::Anywhere, Kind::Honest, 0.0)).asked, 2);
    for (known, asked) in [
        (TotalsKnowledge::Unknown, 2),
        (TotalsKnowledge::UpTo(38), 2),
        (TotalsKnowledge::UpTo(39), 1),
        (TotalsKnowledge::Told, 1),
    ] {
        let server = &mut Server::new(1, 39, Order::Anywhere, Kind::Honest, 0.0);
        let mut walk = walk_for(server);
        walk.add_known_totals(known);
        assert_eq!(walk_from(walk, server, false).asked, asked, "{known:?}");
    }
    // A page that is full takes the same question.
    assert_eq!(walk(&mut Server::new(1, 40, Order::Anywhere, Kind::Honest, 0.0)).asked, 2);
    assert_eq!(walk(&mut Server::new(1, 0, Order::Anywhere, Kind::Honest, 0.0)).asked, 2);
}

#[test]
fn a_list_that_takes_no_page_argument_is_read_twice_unless_the_total_says_that_it_is_whole() {
    for n in [0, 1, 20, 150] {
        for totals in [true, false] {
            let mut server = Server::new(n, n, Order::Anywhere, Kind::PageIgnored, 0.0);
            server.totals = totals;
            let outcome = walk_from(Walk::new(1000).unpaged(), &mut server, false);
            let cost = if totals { 1 } else { 2 };
            assert_eq!((outcome.verdict, outcome.missed, outcome.asked), (Verdict::Continuous, 0, cost));
        }
    }
}

#[test]
fn a_list_that_nobody_knows_to_be_unpaged_is_complete_unless_it_is_as_long_as_a_usual_page() {
    for (n, totals, complete) in [
        (7, false, true),
        (0, false, true),
        (20, true, true),
        (20, false, false),
        (128, false, false),
        (12, false, true),
    ] {
        let mut server = Server::new(n, n, Order::Anywhere, Kind::PageIgnored, 0.0);
        server.totals = totals;
        let outcome = walk_from(Walk::new(1000).perhaps_unpaged(), &mut server, false);
        assert_eq!(outcome.verdict.is_complete(), complete, "{n} {totals}: {:?}", outcome.verdict);
    }
}

#[test]
fn small_pages_are_walked_to_the_end() {
    for size in [1, 2, 3] {
        for totals in [true, false] {
            for n in [0, 1, 2, 3, 7, 30] {
                let mut server = Server::new(n, n, Order::Anywhere, Kind::Honest, 0.0);
                server.totals = totals;
                let outcome = walk_from(Walk::new(size), &mut server, false);
                assert_eq!(
                    (outcome.verdict, outcome.missed),
                    (Verdict::Continuous, 0),
                    "{size} a page, {n} rows, {totals}"
                );
            }
        }
    }
}

#[test]
fn a_record_that_stands_twice_in_a_page_spoils_the_proof_and_not_the_rest_of_the_list() {
    for n in [60, 300] {
        let mut server = Server::new(1, n, Order::Anywhere, Kind::Honest, 0.0);
        let twin = server.rows[5];
        server.rows.insert(12, twin);
        let outcome = walk(&mut server);
        assert!(!outcome.verdict.is_complete() && outcome.verdict.to_string().contains("twice"), "{}", outcome.verdict);
        assert_eq!(outcome.missed, 0, "of {n}");
    }
}

/// A walk does not forget rows that were left out of some pages, even if the list shrinks so that its end lies where
/// a page was short.
#[test]
fn rows_that_were_left_out_are_not_forgotten_when_the_list_shrinks() {
    for (order, bulk) in [(Order::NewestFirst, true), (Order::Anywhere, true), (Order::NewestFirst, false)] {
        for n in [20, 45, 60, 100, 300] {
            never_wrong(seeds() * 4, n % 40 == 20, |seed| {
                let mut server = Server::new(seed, n, order, Kind::Filter, 0.8);
                server.bulk = bulk;
                server
            });
        }
    }
}

#[test]
fn page_one_again_is_no_other_page_however_much_comes_in() {
    let mut named = 0;
    for rows in 41..160 {
        let mut server = Server::new(rows, rows, Order::NewestFirst, Kind::PageIgnored, 0.9);
        let outcome = walk(&mut server);
        assert!(!outcome.verdict.is_complete() || outcome.missed == 0, "{rows} rows: {}", outcome.verdict);
        named += usize::from(outcome.verdict.to_string().contains("ignores the page"));
    }
    assert!(named > 100, "{named} of 119 are named");
}
