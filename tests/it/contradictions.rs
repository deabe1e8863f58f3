//! Servers that contradict themselves. Whatever they say and serve, either the data is whole or the run is not green,
//! and a night against any of them deletes nothing that exists.
//!
//! A server whose answers equal those of an honest server with less data cannot be caught by any client.
//! `is_an_honest_ones` lists those cases; in no other case may a green run lack a record.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::qpien::{Account, Field, Qpien, job};
use crate::support::{Work, ids};

const ROWS: usize = 330;
const SIZE: usize = 50;

/// The value of `hasNextPage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Right,
    False,
    Absent,
    True,
    PageIsFull,
}

/// The value of the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Total {
    Right,
    Absent,
    Served,
    OfPage,
    SoFar,
    TooSmall,
    TooLarge,
    Changing,
    /// The right number, sent only with the first page.
    FirstPage,
}

/// The part of the list that the server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    All,
    Capped,
    WithoutFront,
    WithoutMiddle,
    WithoutEnd,
    /// All except eight rows in the middle of a page.
    WithoutFew,
    LastPageAgain,
    Doubled,
    Clamped,
}

/// The way in which the list is paged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paged {
    Number,
    Offset,
    Cursor,
    /// By number, in pages of twenty rows whatever the client asks for.
    OneSize,
}

const MORE: [More; 5] = [More::Right, More::False, More::Absent, More::True, More::PageIsFull];
const TOTAL: [Total; 9] = [
    Total::Right,
    Total::Absent,
    Total::Served,
    Total::OfPage,
    Total::SoFar,
    Total::TooSmall,
    Total::TooLarge,
    Total::Changing,
    Total::FirstPage,
];
const SERVED: [Served; 9] = [
    Served::All,
    Served::Capped,
    Served::WithoutFront,
    Served::WithoutMiddle,
    Served::WithoutEnd,
    Served::WithoutFew,
    Served::LastPageAgain,
    Served::Doubled,
    Served::Clamped,
];

type Combination = (More, Total, Served, Paged);

/// Returns the answer of such a server to a question for contacts.
fn answer(rows: &[Value], field: &Field, (more, total, served, paged): Combination, asked: usize) -> Value {
    let size = field.number("limit").unwrap_or(SIZE).min(if served == Served::Clamped { 20 } else { usize::MAX });
    let size = if paged == Paged::OneSize { 20 } else { size };
    let from = match paged {
        Paged::Number | Paged::OneSize => (field.number("page").unwrap_or(1).max(1) - 1) * size,
        Paged::Offset => field.number("skip").unwrap_or(0),
        Paged::Cursor => field.arguments.get("after").map_or(0, |cursor| cursor.parse::<usize>().expect("ours") + 1),
    };
    let mut all: Vec<Option<&Value>> = rows.iter().map(Some).collect();
    match served {
        Served::Capped => all.truncate(110),
        Served::WithoutFront => all[..60].fill(None),
        Served::WithoutMiddle => all[120..230].fill(None),
        Served::WithoutEnd => all[270..].fill(None),
        Served::WithoutFew => all[155..163].fill(None),
        Served::Doubled => (0..5).for_each(|n| all[60 * n + 9] = all[60 * n + 8]),
        _ => {}
    }
    let (all_rows, mut from) = (all.len(), from);
    if served == Served::LastPageAgain && from >= all_rows {
        from = (all_rows - 1) / size * size;
    }
    let to = (from + size).min(all_rows).max(from.min(all_rows));
    let docs: Vec<(usize, &Value)> = (from.min(to)..to).filter_map(|n| Some((n, all[n]?))).collect();
    let selected = |row: &Value| {
        let members = row.as_object().into_iter().flatten().filter(|(name, _)| field.selects(name));
        Value::Object(members.map(|(n, v)| (n.clone(), v.clone())).collect())
    };
    let has_next = match more {
        More::Right => Some(to < all_rows),
        More::False => Some(false),
        More::Absent => None,
        More::True => Some(true),
        More::PageIsFull => Some(docs.len() == size),
    };
    let told = match total {
        Total::Right => Some(rows.len()),
        Total::Absent => None,
        Total::Served => Some(all.iter().flatten().count()),
        Total::OfPage => Some(docs.len()),
        Total::SoFar => Some(to),
        Total::TooSmall => Some(rows.len() - 37),
        Total::TooLarge => Some(rows.len() + 37),
        Total::Changing => Some(rows.len() + asked % 3),
        Total::FirstPage => (from == 0).then_some(rows.len()),
    };
    if paged == Paged::Cursor {
        let edges: Vec<Value> =
            docs.iter().map(|(n, row)| json!({"cursor": n.to_string(), "node": selected(row)})).collect();
        let end = docs.last().map(|(n, _)| n.to_string());
        return json!({"edges": edges, "pageInfo": {"hasNextPage": has_next, "endCursor": end}, "totalCount": told});
    }
    let docs: Vec<Value> = docs.iter().map(|(_, row)| selected(row)).collect();
    json!({"success": true, "data": {"docs": docs, "hasNextPage": has_next, "totalDocs": told}})
}

/// Returns `true` if an honest server, whose list ends where this one has its first gap, would give the same answers.
/// Then a green run lacks the rows after the gap, and nothing can show it.
///
/// A total that counts the page, or the rows so far, is found out and not believed: it counts as absent. In a list
/// with cursors, nothing tells how far apart two rows are, so a short page proves nothing. This list must not grow.
fn is_an_honest_ones((more, total, served, paged): Combination) -> bool {
    let has_place = paged != Paged::Cursor;
    let tells_no_end = matches!(total, Total::Absent | Total::OfPage);
    let counts_so_far = total == Total::SoFar && (has_place || matches!(more, More::Right | More::PageIsFull));
    let is_silent = matches!(more, More::False | More::Absent | More::PageIsFull);
    match served {
        Served::Capped => more != More::True && (tells_no_end || total == Total::Served || counts_so_far),
        Served::WithoutFew => {
            let is_honest = tells_no_end || matches!(total, Total::Served | Total::TooSmall) || counts_so_far;
            !has_place && more != More::True && is_honest
        }
        Served::WithoutEnd | Served::WithoutMiddle if (more, total) == (More::PageIsFull, Total::SoFar) => !has_place,
        Served::WithoutEnd => is_silent && (tells_no_end || total == Total::Served),
        Served::WithoutFront | Served::WithoutMiddle => is_silent && tells_no_end,
        _ => false,
    }
}

fn dialect(paged: Paged) -> &'static str {
    match paged {
        Paged::Number | Paged::OneSize => "",
        Paged::Offset => "[source.dialect.streams.contacts.list]\npaging = \"offset\"\npage = \"skip\"",
        Paged::Cursor => {
            "[source.dialect.streams.contacts.list]\npaging = \"cursor\"\npage = \"after\"\nsize = \"first\"\nitems = \"edges.node\"\nrow_cursor = \"edges.cursor\"\nhas_next = \"pageInfo.hasNextPage\"\nnext_cursor = \"pageInfo.endCursor\"\ntotal = \"totalCount\"\nsuccess = \"\"\ncode = \"\"\nmessage = \"\""
        }
    }
}

struct Lying {
    server: Qpien,
    now: Arc<Mutex<Combination>>,
    lies: Arc<AtomicBool>,
}

/// Returns a server whose contacts are answered this way while it lies.
fn lying(paged: Paged) -> Lying {
    let now = Arc::new(Mutex::new((More::Right, Total::Right, Served::All, paged)));
    let lies = Arc::new(AtomicBool::new(true));
    let (combination, is_lying, asked) = (now.clone(), lies.clone(), Mutex::new(0_usize));
    let server = Qpien::start(Account::new(ROWS, 3, 5), move |account, field| {
        let rows = account.lists.get("getContactList").filter(|_| field.operation == "getContactList")?;
        let mut field = field.clone();
        if let Some(first) = field.arguments.get("first").cloned() {
            field.arguments.insert("limit".into(), first);
        }
        let mut asked = asked.lock().expect("no panic");
        *asked += 1;
        let mut combination = *combination.lock().expect("no panic");
        if !is_lying.load(Ordering::SeqCst) {
            combination = (More::Right, Total::Right, Served::All, combination.3);
        }
        Some(Ok(answer(rows, &field, combination, *asked)))
    });
    Lying { server, now, lies }
}

fn lacks(work: &Work, account: &Account) -> usize {
    let delivered: BTreeSet<String> = ids(work, "contacts").into_iter().collect();
    account.ids("contacts").difference(&delivered).count()
}

fn combinations(paged: Paged) -> impl Iterator<Item = Combination> {
    MORE.into_iter().flat_map(move |more| {
        TOTAL.into_iter().flat_map(move |total| SERVED.into_iter().map(move |served| (more, total, served, paged)))
    })
}

/// Runs against such a server. Returns whether the run is green, and the error if that is wrong.
fn run(combination: Combination) -> (bool, Option<String>) {
    let Lying { server, now, .. } = lying(combination.3);
    *now.lock().expect("no panic") = combination;
    let work = job("backfill", &format!("page_size = {SIZE}\nretry_for = \"1s\"\n{}", dialect(combination.3)));
    let outcome = server.run(&work);
    let is_green = outcome.code == 0;
    let missing = if is_green { lacks(&work, &server.account()) } else { 0 };
    let wrong = match (is_green, missing > 0, is_an_honest_ones(combination)) {
        (true, true, false) => Some(format!("green, and {missing} are missing")),
        (true, false, true) | (false, _, true) => Some("the list of what nobody can see is too long".into()),
        (false, ..) if outcome.code != 3 || !outcome.stderr.contains("error: contacts:") => Some(outcome.stderr),
        (false, ..) if !outcome.stdout.contains("  hint: ") => Some(format!("without a hint: {}", outcome.stdout)),
        _ => None,
    };
    (is_green, wrong.map(|why| format!("{combination:?}: {why}")))
}

#[track_caller]
fn whole_or_not_green(paged: Paged) {
    let (green, wrong): (Vec<bool>, Vec<Option<String>>) = combinations(paged).map(run).unzip();
    assert!(green.contains(&true), "an honest server is green");
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lists_by_number_are_whole_or_not_green() {
    whole_or_not_green(Paged::Number);
}

#[test]
fn lists_by_offset_are_whole_or_not_green() {
    whole_or_not_green(Paged::Offset);
}

#[test]
fn lists_by_cursor_are_whole_or_not_green() {
    whole_or_not_green(Paged::Cursor);
}

/// A list in pages of one size is whole, or the run is not green. Each closing reading of such a list waits a minute,
/// so the test takes one combination in 41 (a soak takes all) and runs twelve at a time.
#[test]
fn lists_in_pages_of_one_size_are_whole_or_not_green() {
    let step = if std::env::var_os("SOAK_SEEDS").is_some() { 1 } else { 41 };
    let all: Vec<Combination> = combinations(Paged::OneSize).step_by(step).collect();
    for some in all.chunks(12) {
        let runs: Vec<_> = some
            .iter()
            .map(|one| {
                (
                    *one,
                    std::thread::spawn({
                        let one = *one;
                        move || run(one)
                    }),
                )
            })
            .collect();
        for (one, run) in runs {
            let (_, wrong) = run.join().expect("no panic");
            assert_eq!(wrong, None, "{one:?}");
        }
    }
}

/// A nightly run over a complete mirror deletes no existing record, however often the server contradicts itself.
#[test]
fn a_night_against_them_deletes_nothing_that_exists() {
    let Lying { server, now, lies } = lying(Paged::Number);
    let mut wrong = Vec::new();
    for combination in combinations(Paged::Number).step_by(3).filter(|one| !is_an_honest_ones(*one)) {
        *now.lock().expect("no panic") = combination;
        lies.store(false, Ordering::SeqCst);
        let work = job("incremental", &format!("page_size = {SIZE}\nretry_for = \"1s\""));
        server.run(&work).expect(0);
        lies.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            server.run(&work);
        }
        lies.store(false, Ordering::SeqCst);
        let missing = lacks(&work, &server.account());
        if missing > 0 {
            wrong.push(format!("{combination:?}: {missing} are gone"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A job can ignore a claim that is always wrong. The run then says that it does not believe the claim, and reports
/// `continuous`, because an ignored claim proves nothing.
#[test]
fn a_claim_that_is_always_wrong_can_be_ignored() {
    for (combination, setting) in [
        ((More::True, Total::Right, Served::All, Paged::Number), "has_next"),
        ((More::Right, Total::TooLarge, Served::All, Paged::Number), "total"),
    ] {
        let Lying { server, now, .. } = lying(Paged::Number);
        *now.lock().expect("no panic") = combination;
        let base = format!("page_size = {SIZE}\nretry_for = \"1s\"");
        server.run(&job("backfill", &base)).expect(3);
        let ignores = format!("{base}\n[source.dialect.streams.contacts]\nlist.{setting} = \"ignore\"");
        let work = job("backfill", &ignores);
        let outcome = server.run(&work).expect(0);
        assert_eq!(lacks(&work, &server.account()), 0);
        assert!(outcome.stdout.contains(&format!("under `{setting}` is not believed")), "{}", outcome.stdout);
        assert_eq!(work.manifest()["streams"]["contacts"]["verdict"], json!("continuous"));
    }
}

/// If the server serves a list only up to some row, the run says so and names the row, whatever the server shows past
/// it.
#[test]
fn a_list_that_is_served_only_to_a_row_is_told_as_that() {
    const LAST: usize = 200;
    type Past = fn(usize) -> Result<usize, &'static str>;
    let ways: [(&str, Past); 4] = [
        ("behind it the server shows rows again", |size| Ok(LAST - size)),
        ("behind it the server shows rows again", |_| Ok(0)),
        ("nothing is served past row 200", |_| Ok(LAST)),
        ("Result window is too large", |_| Err("Result window is too large, from + size must be at most: [200]")),
    ];
    for (told, past) in ways {
        let server = Qpien::start(Account::new(ROWS, 2, 2), move |account: &Account, field: &Field| {
            if field.operation != "getContactList" {
                return None;
            }
            let rows = &account.lists["getContactList"];
            let (mut from, to) = field.rows();
            let size = to - from;
            if to > LAST {
                match past(size) {
                    Ok(instead) => from = instead,
                    Err(why) => return Some(Err(json!({"message": why}))),
                }
            }
            let shown: Vec<&Value> = rows[..LAST].iter().skip(from).take(size).collect();
            let data = json!({"docs": shown, "hasNextPage": true, "totalDocs": rows.len()});
            Some(Ok(json!({"success": true, "data": data, "code": null, "message": null})))
        });
        let ended = server.run(&job("backfill", &format!("page_size = {SIZE}\nretry_for = \"1s\"")));
        assert!([3, 6].contains(&ended.code), "{told}: {}", ended.code);
        assert!(ended.stdout.contains(told), "{told}: {}", ended.stdout);
        assert!(ended.code == 6 || ended.stdout.contains("200 of 330"), "{told}: {}", ended.stdout);
    }
}
