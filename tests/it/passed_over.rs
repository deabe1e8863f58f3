//! Rows that move to a place that was already read: each of these servers once hid a row from a run that ended with
//! 0.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{STREAMS, Work, ids};

/// Asserts that no record is missing that was there at both the first and the last request of the run.
#[track_caller]
fn nothing_that_stood_is_missing(work: &Work, before: &Account, server: &Qpien, what: &str) {
    let after = server.account();
    for stream in STREAMS {
        let delivered: BTreeSet<String> = ids(work, stream).into_iter().collect();
        let (then, now) = (before.ids(stream), after.ids(stream));
        let missing: Vec<&String> = then.intersection(&now).filter(|id| !delivered.contains(*id)).collect();
        assert!(missing.is_empty(), "{what}: {stream} lacks {missing:?}");
    }
}

/// Deletes a row that was already read, and moves one that was not to the head. Every window still joins, and the
/// number of rows stays the same.
fn cancel(rows: &mut Vec<Value>) {
    rows.remove(3);
    let last = rows.len() - 20;
    let moved = rows.remove(last);
    rows.insert(0, moved);
}

#[test]
fn a_message_that_is_edited_and_leaps_to_the_head_is_not_lost() {
    for seed in 0..4_usize {
        let account = Account::new(3, 1, 600);
        let before = account.clone();
        let server = Qpien::changing(account, move |account, n| {
            let rows = account.messages.values_mut().next().expect("messages");
            // The changes begin after the first pages, and come with every third request.
            if n > 6 && n % 3 == 0 {
                let at = 300 + (n * 37 + seed * 101) % 300;
                let mut edited = rows.remove(at);
                edited["ackStatus"] = json!("READ");
                rows.insert(0, edited);
            }
        });
        let work = job("backfill", "page_size = 20\naliases_per_request = 2");
        server.run(&work).expect(0);
        nothing_that_stood_is_missing(&work, &before, &server, &format!("seed {seed}"));
    }
}

#[test]
fn two_changes_that_cancel_each_other_in_one_gap_hide_nothing() {
    let ignore = |claim| format!("[source.dialect.streams.contacts]\nlist.{claim} = \"ignore\"");
    for (what, extra) in [
        ("contacts", String::new()),
        ("contacts", ignore("total")),
        ("contacts", ignore("has_next")),
        ("messages", String::new()),
    ] {
        for rises in [false, true] {
            let mut account = Account::new(600, 1, 600);
            account.messages.values_mut().filter(|_| rises).for_each(|rows| rows.reverse());
            let before = account.clone();
            let work = job("backfill", &format!("page_size = 20\naliases_per_request = 1\n{extra}"));
            // This is in the middle of both lists, because the run reads them side by side.
            let done = AtomicUsize::new(0);
            let changing = Qpien::changing(account, move |account, n| {
                if n == 40 && done.fetch_add(1, Ordering::SeqCst) == 0 {
                    cancel(account.lists.get_mut("getContactList").expect("contacts"));
                    cancel(account.messages.values_mut().next().expect("messages"));
                }
            });
            changing.run(&work).expect(0);
            nothing_that_stood_is_missing(&work, &before, &changing, &format!("{what} {extra} {rises}"));
            // The second pass and the closing readings of contacts never ask the same question twice.
            let ids_alone = changing.asked().into_iter().filter(|field| {
                let is_page = field.number("limit").is_some_and(|limit| limit > 5);
                field.operation == "getContactList" && is_page && !field.selects("firstName")
            });
            let asked: Vec<_> = ids_alone.map(|field| (field.number("limit"), field.number("page"))).collect();
            let different: BTreeSet<_> = asked.iter().collect();
            if extra.is_empty() {
                assert!(asked.len() > 30 && asked.len() == different.len(), "{asked:?}");
            }
        }
    }
}

/// Changes between two cut runs hide no record, although the second run's walk does not read again what the first has
/// read.
#[test]
fn changes_between_two_pieces_of_a_run_hide_nothing() {
    for requests in [10, 14, 30] {
        let account = Account::new(600, 1, 2);
        let before = account.clone();
        let server = Qpien::start(account, |_, _| None);
        let work = job("backfill", "page_size = 20\naliases_per_request = 1");
        let piece = |most: u32| {
            work.call(&["run", "job.toml", "--max-requests", &most.to_string(), "--endpoint", server.endpoint()]).code
        };
        // The first run also finds out how the API is spelled.
        assert_eq!(piece(36), 4);
        cancel(server.account().lists.get_mut("getContactList").expect("contacts"));
        let pieces = (0..120).map(|_| piece(requests)).take_while(|code| *code == 4).count();
        assert!(pieces < 110, "{requests}: it does not come to its end");
        server.run(&work).expect(0);
        nothing_that_stood_is_missing(&work, &before, &server, &format!("{requests} requests"));
    }
}

const CURSORS: &str = "[source.dialect.streams.contacts.list]\npaging = \"cursor\"\npage = \"after\"\nsize = \"first\"\n\
    items = \"edges.node\"\nhas_next = \"pageInfo.hasNextPage\"\nnext_cursor = \"pageInfo.endCursor\"\ntotal = \"totalCount\"\n\
    success = \"\"\ncode = \"\"\nmessage = \"\"";

/// A list with cursors that has fewer rows than a page asks for is not one window if the server cuts pages short. The
/// run reads it again, and finds the row that leapt over the reading point.
#[test]
fn a_list_with_cursors_in_pages_that_are_cut_short_is_read_again() {
    for with_rows in [true, false] {
        let moved = AtomicUsize::new(0);
        let account = Account::new(95, 1, 2);
        let before = account.clone();
        let order = std::sync::Mutex::new((0..95_usize).collect::<Vec<_>>());
        let server = Qpien::start(account, move |account, field| {
            let rows = account.lists.get("getContactList").filter(|_| field.operation == "getContactList")?;
            let mut order = order.lock().expect("no panic");
            let from = field.arguments.get("after").map_or(0, |cursor| cursor.parse::<usize>().expect("ours") + 1);
            if from >= 28 && moved.fetch_add(1, Ordering::SeqCst) == 0 {
                let leaps = order.remove(90);
                order.insert(0, leaps);
            }
            let to = (from + 30).min(order.len());
            let edge = |n: usize| {
                let members = rows[order[n]].as_object().expect("a row").iter().filter(|(name, _)| field.selects(name));
                let node: serde_json::Map<String, Value> = members.map(|(n, v)| (n.clone(), v.clone())).collect();
                let mut edge = json!({ "node": node });
                if with_rows {
                    edge["cursor"] = json!(n.to_string());
                }
                edge
            };
            let edges: Vec<Value> = (from..to).map(edge).collect();
            let info = json!({"hasNextPage": to < order.len(), "endCursor": to.checked_sub(1).map(|n| n.to_string())});
            Some(Ok(json!({"edges": edges, "pageInfo": info})))
        });
        let row_cursor = if with_rows { "\nrow_cursor = \"edges.cursor\"" } else { "" };
        let work = job("backfill", &format!("page_size = 100\n{CURSORS}{row_cursor}"));
        server.run(&work).expect(0);
        nothing_that_stood_is_missing(&work, &before, &server, &format!("{with_rows}"));
    }
}

/// If only the first page carries a total, the run still compares it with the rows that the list shows. A night
/// deletes nothing because of such a list.
#[test]
fn a_total_that_one_answer_tells_is_not_forgotten() {
    let hides = std::sync::Arc::new(AtomicUsize::new(1));
    let is_hiding = hides.clone();
    let server = Qpien::start(Account::new(20, 1, 2), move |account, field| {
        let rows = account.lists.get("getContactList").filter(|_| field.operation == "getContactList")?;
        let hidden = 3 * is_hiding.load(Ordering::SeqCst);
        let (from, to) = field.rows();
        let docs: Vec<&Value> = rows[..rows.len() - hidden].iter().skip(from).take(to - from).collect();
        let total = (from == 0 && to >= rows.len()).then_some(rows.len());
        Some(Ok(json!({"success": true, "data": {"docs": docs, "hasNextPage": false, "totalDocs": total}})))
    });
    let work = job("backfill", "page_size = 100");
    let outcome = server.run(&work).expect(3);
    assert!(outcome.stderr.contains("20") && outcome.stderr.contains("shows 17"), "{}", outcome.stderr);
    hides.store(0, Ordering::SeqCst);
    let work = job("incremental", "page_size = 100");
    server.run(&work).expect(0);
    hides.store(1, Ordering::SeqCst);
    for _ in 0..3 {
        server.run(&work);
    }
    hides.store(0, Ordering::SeqCst);
    assert_eq!(ids(&work, "contacts").len(), 20);
}

/// If one of the pages of a fixed size shows a record twice, in the place of another, the list is not complete, and
/// the run says why.
#[test]
fn a_record_that_stands_twice_in_a_page_of_the_only_size_is_named() {
    for with_total in [true, false] {
        let server = Qpien::start(Account::new(130, 1, 2), move |account, field| {
            let rows = account.lists.get("getContactList").filter(|_| field.operation == "getContactList")?;
            let from = (field.number("page").unwrap_or(1).max(1) - 1) * 20;
            let mut shown: Vec<&Value> = rows.iter().skip(from).take(20).collect();
            if from == 60 {
                shown[9] = shown[8];
            }
            let total = with_total.then_some(rows.len());
            Some(Ok(
                json!({"success": true, "data": {"docs": shown, "hasNextPage": from + 20 < rows.len(), "totalDocs": total}}),
            ))
        });
        let work = job("backfill", "page_size = 100\nretry_for = \"1s\"");
        let outcome = server.run(&work).expect(3);
        assert!(outcome.stderr.contains("one record twice"), "{}", outcome.stderr);
    }
}
