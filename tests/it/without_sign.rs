//! Conversations whose entries give no sign of new messages: a night asks for each of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{Work, ids};

/// Adds a message to conversation number `n`, and to its entry if that shows a last message.
fn add(account: &mut Account, n: usize, night: usize) {
    let conversation = format!("conversation-{n:05}");
    let made = format!("2024-04-{:02}T00:00:00.000Z", night + 1);
    let message = json!({"_id": format!("of-night-{night}-{n}"), "conversation": conversation, "content": "new",
        "createdAt": made});
    account.messages.get_mut(&conversation).expect("a conversation").insert(0, message);
    let entries = account.lists.get_mut("getConversationList").expect("conversations");
    let entry = entries.iter_mut().find(|entry| entry["_id"] == *conversation).expect("its entry");
    if entry["lastMessage"]["createdAt"].is_string() && entry["lastMessage"]["content"] != "the first" {
        entry["lastMessage"] = json!({"content": "new", "createdAt": made});
    }
}

/// Replaces the last message in the entries of these conversations by `told`.
fn silence(account: &mut Account, told: &Value, is_silent: impl Fn(usize) -> bool) {
    let entries = account.lists.get_mut("getConversationList").expect("conversations");
    for (_, entry) in entries.iter_mut().enumerate().filter(|(n, _)| is_silent(*n)) {
        entry["lastMessage"] = told.clone();
    }
}

#[track_caller]
fn messages_are_whole(work: &Work, server: &Qpien) {
    let delivered: BTreeSet<String> = ids(work, "messages").into_iter().collect();
    assert_eq!(delivered, server.account().ids("messages"));
}

const DROPPED: &str = "\n[source.dialect.streams.conversations]\ndrop = [\"lastMessage\"]";

#[test]
fn after_each_of_ten_nights_the_messages_are_the_truth() {
    type Silent = fn(usize, usize) -> bool;
    let kinds: [(&str, Value, Silent); 7] = [
        (DROPPED, Value::Null, |_, _| false),
        ("", Value::Null, |_, _| true),
        ("", Value::Null, |n, _| n % 3 == 0),
        ("", Value::Null, |n, night| night > 4 && n % 2 == 0),
        ("", json!({}), |n, _| n % 3 == 0),
        ("", json!({"content": null, "createdAt": null}), |n, _| n % 3 == 0),
        // The entry shows a last message, but never a newer one.
        ("", json!({"content": "the first", "createdAt": "2024-03-01T00:00:00.000Z"}), |n, _| n % 3 == 0),
    ];
    for (dialect, told, is_silent) in kinds {
        let server = Qpien::start(Account::new(3, 60, 4), |_, _| None);
        let work = job("incremental", &format!("audit = 0{dialect}"));
        for night in 0..10 {
            silence(&mut server.account(), &told, |n| is_silent(n, night));
            server.run(&work).expect(0);
            messages_are_whole(&work, &server);
            for n in (0..60).filter(|n| (n * 7 + night) % 11 == 0) {
                add(&mut server.account(), n, night);
            }
        }
    }
}

/// The run keeps asking for empty conversations whose entries are silent, and so finds messages that come later.
/// Entries of others show their last message, but silence proves no emptiness, because some silent conversations hold
/// messages.
#[test]
fn empty_conversations_that_are_filled_in_silence_are_asked_for() {
    let server = Qpien::start(Account::new(3, 60, 4), |_, _| None);
    let is_silent = |n: usize| n.is_multiple_of(3);
    for n in (0..60).filter(|n| n % 6 == 0) {
        server.account().messages.insert(format!("conversation-{n:05}"), Vec::new());
    }
    silence(&mut server.account(), &Value::Null, is_silent);
    let work = job("incremental", "audit = 0");
    for night in 0..10 {
        server.run(&work).expect(0);
        messages_are_whole(&work, &server);
        add(&mut server.account(), night * 6, night);
    }
}

/// Empty conversations cost no request as long as only empty ones are silent, wherever they stand in the list, even
/// if they fill a whole page.
#[test]
fn empty_conversations_are_not_asked_for_while_only_they_are_silent() {
    let server = Qpien::start(Account::new(3, 300, 4), |_, _| None);
    for n in 0..150 {
        server.account().messages.insert(format!("conversation-{n:05}"), Vec::new());
    }
    silence(&mut server.account(), &Value::Null, |n| n < 150);
    let work = job("incremental", "audit = 0\npage_size = 20");
    server.run(&work).expect(0);
    let asked = || server.asked().iter().filter(|field| field.operation == "getMessages").count();
    let before = asked();
    let night = server.run(&work).expect(0);
    assert!(asked() <= before + 5, "{} and {before}: {}", asked(), night.stdout);
    assert!(!night.stdout.contains("show no last message"), "{}", night.stdout);
}

/// The plan and the run say how many conversations show no last message, and the plan counts their cost.
#[test]
fn what_it_costs_is_told_before_it_is_paid() {
    for (dialect, lists) in [(DROPPED, 60), ("", 20)] {
        let server = Qpien::start(Account::new(3, 60, 4), |_, _| None);
        silence(&mut server.account(), &Value::Null, |n| n % 3 == 0);
        let work = job("incremental", &format!("audit = 0{dialect}"));
        server.run(&work).expect(0);
        let told = format!("the entries of {lists} conversations show no last message");
        let plan = work.call(&["plan", "job.toml", "--endpoint", server.endpoint()]).expect(0);
        assert!(plan.stdout.contains(&told), "{}", plan.stdout);
        let night = server.run(&work).expect(0);
        assert!(night.stderr.contains(&told) && night.stdout.contains(&told), "{}\n{}", night.stderr, night.stdout);
    }
    let server = Qpien::start(Account::new(3, 60, 4), |_, _| None);
    let work = job("incremental", "audit = 0");
    server.run(&work).expect(0);
    let plan = work.call(&["plan", "job.toml", "--endpoint", server.endpoint()]).expect(0);
    assert!(!plan.stdout.contains("show no last message"), "{}", plan.stdout);
}

/// If a night has no time for all conversations, the nights come to each of them in turn.
#[test]
fn a_time_box_starves_no_conversation() {
    let server = Qpien::start(Account::new(3, 120, 4), |_, _| None);
    let work = job("incremental", &format!("audit = 0\naliases_per_request = 2{DROPPED}"));
    server.run(&work).expect(0);
    let mut stopped = 0;
    for night in 0..12 {
        for n in (0..120).filter(|n| n % 12 == night) {
            add(&mut server.account(), n, night);
        }
        let outcome = work.call(&["run", "job.toml", "--max-requests", "40", "--endpoint", server.endpoint()]);
        assert!([0, 4].contains(&outcome.code), "{}", outcome.stdout);
        stopped += usize::from(outcome.code == 4);
    }
    assert!(stopped > 3, "{stopped}");
    // After two complete rounds in such nights everything is read, because the second round began after the last
    // message came.
    let (mut ended, mut nights) = (0, 0);
    while ended < 2 {
        nights += 1;
        assert!(nights < 12, "{ended} rounds in {nights} nights");
        let outcome = work.call(&["run", "job.toml", "--max-requests", "40", "--endpoint", server.endpoint()]);
        ended += usize::from(outcome.code == 0);
    }
    messages_are_whole(&work, &server);
}
