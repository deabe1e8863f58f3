//! Runs the second pass against the model: if it calls a list proven, the list held exactly those records between the
//! two passes.

use super::*;
use crate::record::Record;

/// Walks a list to its end and reads it a second time. Returns whether it was proven. Returns `None` if the walk was
/// not complete, if no second pass was possible, or if counts alone (`counts_alone`) proved a list that in truth was
/// different.
fn twice(server: &mut Server, counts_alone: bool) -> Option<bool> {
    let mut walk = walk_for(server);
    let mut read: Vec<u64> = Vec::new();
    let shown = |server: &mut Server, ask: Ask| {
        let (rows, total) = server.page(ask);
        server.asked += 1;
        let record = |(id, v): &(u64, u64)| Record {
            range: 0..0,
            id: id.to_string().into(),
            hash: u128::from(*v),
            volatile: false,
            repaired: 0,
        };
        let records: Vec<Record> = rows.iter().map(record).collect();
        (records, server.totals.then_some(total), rows)
    };
    loop {
        let ask = walk.ask();
        let (records, total, rows) = shown(server, ask);
        read.extend(rows.iter().map(|(id, _)| *id).filter(|id| !read.contains(id)).collect::<Vec<_>>());
        let step = walk.judge(&see(&records, total));
        if let Some(end) = step.end {
            if end != Verdict::Continuous {
                return None;
            }
            break;
        }
        assert!(server.asked < 4000);
        // The walk goes on from its stored text, as after a kill.
        walk = serde_json::from_str(&serde_json::to_string(&walk).expect("JSON")).expect("a walk");
        server.change();
    }
    let stood: Vec<u64> = server.rows.iter().map(|(id, _)| *id).collect();
    let mut collect = Collect::after(&walk)?;
    if counts_alone {
        collect.forget_ids();
    }
    if collect.rows() != read.len() as u64 {
        return Some(false); // an id stands twice
    }
    let same = 'pass: loop {
        for ask in collect.asks(3) {
            server.change();
            let (records, total, _) = shown(server, ask);
            if let Some(same) = collect.judge(&see(&records, total)) {
                break 'pass same;
            }
        }
    };
    if same && read != stood {
        assert!(counts_alone, "{:?} {:?}: proven, and it did not stand so", server.kind, server.order);
        return None;
    }
    Some(same)
}

fn see(records: &[Record], total: Option<u64>) -> Shown<'_> {
    Shown { rows: records, nameless: 0, total, has_next: None, cursors: &[], next_cursor: None }
}

#[test]
fn what_is_proven_stood_exactly_so_between_the_passes() {
    let mut proven = 0;
    for (order, rate) in
        [(Order::NewestFirst, 0.03), (Order::OldestFirst, 0.03), (Order::Anywhere, 0.03), (Order::Anywhere, 0.3)]
    {
        for totals in [true, false] {
            for seed in 0..seeds() {
                let mut server = Server::new(seed, 300, order, Kind::Honest, rate);
                (server.totals, server.offset) = (totals, seed % 4 == 0);
                proven += usize::from(twice(&mut server, false) == Some(true));
            }
        }
    }
    // A cached answer to an earlier question proves nothing, so the second pass asks in another size.
    for seed in 0..seeds() {
        twice(&mut Server::new(seed, 300, Order::Anywhere, Kind::Cache, 0.1), false);
    }
    assert!(proven as u64 > seeds(), "{proven} proven: too few to show anything");
}

#[test]
fn a_list_that_stands_still_is_proven_and_one_that_hangs_on_the_question_is_not() {
    for n in [1, 2, 39, 40, 41, 80, 300, 700] {
        let mut still = Server::new(1, n, Order::Anywhere, Kind::Honest, 0.0);
        assert_eq!(twice(&mut still, false), Some(true), "{n} rows");
        let mut clamped = Server::new(1, n, Order::Anywhere, Kind::Clamp(25), 0.0);
        assert_eq!(twice(&mut clamped, false), Some(true), "{n} rows, clamped");
    }
    for kind in [Kind::OneSize(40), Kind::Ties, Kind::PageIgnored, Kind::DepthCap] {
        let mut server = Server::new(1, 700, Order::Anywhere, kind, 0.0);
        assert_ne!(twice(&mut server, false), Some(true), "{kind:?}");
    }
}

#[test]
fn counts_alone_would_prove_what_did_not_stand_so() {
    let wrong = (0..seeds() * 4).filter(|seed| {
        let mut server = Server::new(*seed, 300, Order::NewestFirst, Kind::Honest, 0.3);
        twice(&mut server, true).is_none()
    });
    assert!(wrong.count() > 0, "the model is too tame to show what the sequence is for");
}
