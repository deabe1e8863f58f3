//! Closing readings: a run that ends with 0 lacks no record that was there from its first request to its last,
//! wherever the record moved meanwhile. The same holds for messages that were there at both times.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{by_hand, ids};

/// The order of the conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By last message: a new message moves its conversation to the head.
    LastActivity,
    /// By name: an edit moves a conversation anywhere.
    Name,
    /// By creation: new conversations come first, and none moves.
    Creation,
}

/// A further peculiarity of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peculiar {
    Nothing,
    /// Three conversations stay at the top.
    Pinned,
    /// A message's moment is earlier than its arrival.
    Late,
    /// The server repeats its first answer to a question.
    Cached,
}

/// A random number generator (xorshift) that depends only on its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).expect("small")
    }
}

/// Number of conversations at the start: at least 40 pages.
const CONVERSATIONS: usize = 1000;
const PAGE: usize = 24;

/// Makes one change to the account.
fn change(account: &mut Account, random: &mut Random, n: usize, order: Order, peculiar: Peculiar) {
    let pinned = if peculiar == Peculiar::Pinned { 3 } else { 0 };
    let list = account.lists.get_mut("getConversationList").expect("the list");
    match (random.below(10), order) {
        (0, _) => {
            let id = format!("conversation-new-{n:05}");
            account.talk(&id, 2);
            // The messages are new, and later than the clock of any machine that runs this test.
            for message in account.messages.get_mut(&id).expect("its messages") {
                message["createdAt"] = json!(format!("2096-11-28T{:02}:{:02}:00.000Z", n / 60 % 24, n % 60));
            }
            let list = account.lists.get_mut("getConversationList").expect("the list");
            let new = list.pop().expect("the new one");
            list.insert(pinned, new);
        }
        (1, _) => {
            let at = pinned + random.below(list.len() - pinned);
            let gone = list.remove(at);
            account.messages.remove(gone["_id"].as_str().expect("an id"));
        }
        (_, Order::Creation) => {
            let at = random.below(list.len());
            list[at]["status"] = json!(format!("CLOSED {n}"));
        }
        (_, Order::Name) => {
            let mut row = list.remove(random.below(list.len()));
            row["status"] = json!(format!("renamed {n}"));
            list.insert(random.below(list.len()), row);
        }
        (_, Order::LastActivity) => {
            let mut row = list.remove(pinned + random.below(list.len() - pinned));
            let id = row["_id"].as_str().expect("an id").to_owned();
            let late = if peculiar == Peculiar::Late { random.below(3) } else { 0 };
            let at =
                format!("2096-11-28T{:02}:{:02}:{:02}.000Z", 12 + n / 3600, n / 60 % 60, (n % 60) - late.min(n % 60));
            let message = json!({"_id": format!("message-live-{n:06}"), "conversation": id, "content": "live",
                "createdAt": at});
            row["lastMessage"] = json!({"content": format!("live {n}"), "createdAt": at});
            list.insert(pinned, row);
            account.messages.get_mut(&id).expect("its messages").insert(0, message);
        }
    }
}

/// The result of a run over a moving account.
struct Ran {
    code: i32,
    /// Number of records that the closing readings found.
    found: usize,
    /// Numbers of conversations and of messages that were there all along and are missing.
    missing: (usize, usize),
}

/// Runs a backfill over an account that changes before every `every`-th request.
fn run(seed: u64, order: Order, peculiar: Peculiar, every: usize) -> Ran {
    let account = Account::new(5, CONVERSATIONS, 2);
    let first = account.clone();
    let random = Mutex::new(Random(seed * 7919 + 17));
    let changes = move |account: &mut Account, n: usize| {
        if n.is_multiple_of(every) {
            change(account, &mut random.lock().expect("no panic"), n, order, peculiar);
        }
    };
    let server = match peculiar {
        Peculiar::Cached => Qpien::changing_and_cached(account, changes),
        _ => Qpien::changing(account, changes),
    };
    // On a slow machine the run sends more requests, and the account changes with them, so more of it is really
    // deleted.
    let source = format!("page_size = {PAGE}\naliases_per_request = 4\nretry_for = \"1s\"");
    let work = job("backfill", &format!("{source}\n[mirror]\nmax_deletes = \"100%\""));
    let outcome = server.run(&work);
    assert!([0, 3].contains(&outcome.code), "{} {}{}", outcome.code, outcome.stdout, outcome.stderr);
    let found = outcome
        .stdout
        .split("reading the list again found ")
        .nth(1)
        .map_or(0, |behind| behind.split(' ').next().and_then(|n| n.parse().ok()).expect("a number"));
    let last = server.account();
    let missing = |stream: &str| {
        let delivered: BTreeSet<String> = if work.path(&format!("out/{stream}.csv")).exists() {
            ids(&work, stream).into_iter().collect()
        } else {
            return 0;
        };
        let (before, after) = (first.ids(stream), last.ids(stream));
        before.intersection(&after).filter(|id| !delivered.contains(*id)).count()
    };
    Ran { code: outcome.code, found, missing: (missing("conversations"), missing("messages")) }
}

/// Returns the number of seeds: `few`, or as many as a soak asks for.
fn seeds(few: u64) -> u64 {
    std::env::var("SOAK_SEEDS").ok().and_then(|n| n.parse::<u64>().ok()).map_or(few, |n| n * 4)
}

#[test]
fn no_conversation_that_moves_to_the_head_is_passed_over() {
    for peculiar in [Peculiar::Nothing, Peculiar::Pinned, Peculiar::Late, Peculiar::Cached] {
        let (mut green, mut found) = (0, 0);
        for seed in 0..seeds(8) {
            let ran = run(seed, Order::LastActivity, peculiar, 3);
            if ran.code == 0 {
                green += 1;
                assert_eq!(ran.missing, (0, 0), "{peculiar:?}, seed {seed}");
            }
            found += ran.found;
        }
        // Overlapping pages alone would have missed these records.
        assert!(
            found >= 3 * usize::try_from(seeds(8)).expect("few"),
            "{peculiar:?}: only {found} were passed over: too calm to show anything"
        );
        assert!(green > 0, "{peculiar:?}: none of the runs was complete");
    }
}

#[test]
fn no_conversation_that_moves_anywhere_is_passed_over() {
    let mut found = 0;
    for seed in 0..seeds(4) {
        let ran = run(seed, Order::Name, Peculiar::Nothing, 1);
        if ran.code == 0 {
            assert_eq!(ran.missing, (0, 0), "seed {seed}");
        }
        found += ran.found;
    }
    assert!(found > 0, "too calm to show anything");
}

#[test]
fn what_is_made_or_goes_meanwhile_costs_nothing_that_stays() {
    for seed in 0..seeds(3) {
        let ran = run(seed, Order::Creation, Peculiar::Nothing, 1);
        assert_eq!((ran.code, ran.missing), (0, (0, 0)), "seed {seed}");
    }
}

/// Nearly every run over a busy account is complete. Busy means one change for every two requests.
#[test]
fn most_runs_over_a_busy_account_are_complete() {
    let runs = seeds(8);
    let green = (0..runs).filter(|seed| run(*seed, Order::LastActivity, Peculiar::Nothing, 2).code == 0).count();
    // A soak makes enough runs to demand 95 of 100.
    let least = if runs >= 40 { 95 } else { 60 };
    assert!(green * 100 >= least * usize::try_from(runs).expect("few"), "{green} of {runs}");
}

/// If a version without closing readings closed a list in a round that is still open, the next run makes the closing
/// reading.
#[test]
fn a_list_that_an_older_version_closed_in_this_round_gets_its_closing_reading() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let server = Qpien::start(Account::new(300, 3, 5), move |_, field| {
        let fails = field.operation == "getConversationList" && down.load(Ordering::SeqCst);
        fails.then(|| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", "page_size = 50\ndouble_collect = false\nretry_for = \"1s\"");
    assert_ne!(server.run(&work).code, 0);
    let first = include_str!("../../sql/mirror/0001_records_and_checkpoints.sql");
    let trigger =
        first.split("CREATE TRIGGER checkpoint_only_forward").nth(1).and_then(|rest| rest.split("END;").next());
    let trigger = trigger.expect("its trigger");
    // This is the mirror as that version left it: one contact was passed over.
    by_hand(
        &work.path("state/qpien.db"),
        &format!(
            "DROP TRIGGER checkpoint_only_forward;
             UPDATE checkpoint SET made_sure = 0 WHERE verdict = 'continuous';
             DELETE FROM record WHERE id = 'contact-00123';
             DELETE FROM body_contacts WHERE id = 'contact-00123';
             CREATE TRIGGER checkpoint_only_forward{trigger}END;"
        ),
    );
    is_down.store(false, Ordering::SeqCst);
    let outcome = server.run(&work).expect(0);
    assert!(outcome.stdout.contains("reading the list again found 1 record"), "{}", outcome.stdout);
    assert_eq!(ids(&work, "contacts").len(), 300);
    // The mirror records the closing reading, so the next run of the round does not repeat it.
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let unsure: i64 = mirror
        .query_row("SELECT count(*) FROM checkpoint WHERE open = 0 AND made_sure = 0 AND stream = 1", [], |r| r.get(0))
        .expect("a count");
    assert_eq!(unsure, 0);
}
