//! Audits: when an audit finds a missed message, every list that was skipped because of the same evidence is read
//! again.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{Work, ids};

/// Adds a message to each of these conversations without changing their entries. `made` must not be later than what
/// an entry shows: a later message, once found, would prove that the entry lags behind.
fn add_unseen(account: &mut Account, conversations: impl Iterator<Item = usize>, id: &str, made: &str) {
    for n in conversations {
        let conversation = format!("conversation-{n:05}");
        let message = json!({"_id": format!("{id}-{n}"), "conversation": conversation, "content": "unseen",
            "createdAt": made});
        account.messages.get_mut(&conversation).expect("a conversation").insert(0, message);
    }
}

#[track_caller]
fn messages_are_whole(work: &Work, server: &Qpien) {
    let delivered: BTreeSet<String> = ids(work, "messages").into_iter().collect();
    assert_eq!(delivered, server.account().ids("messages"));
}

#[test]
fn what_was_skipped_on_the_same_sign_is_read_again_in_the_same_run() {
    let server = Qpien::start(Account::new(3, 200, 4), |_, _| None);
    let work = job("incremental", "audit = 30");
    server.run(&work).expect(0);
    add_unseen(&mut server.account(), (0..200).step_by(3), "late", "2024-03-01T00:01:30.000Z");
    let outcome = server.run(&work).expect(0);
    assert!(outcome.stdout.contains("that the mirror lacked"), "{}", outcome.stdout);
    messages_are_whole(&work, &server);
    // After an audit without a miss, the run reads no list again.
    let before = server.asked().len();
    let outcome = server.run(&work).expect(0);
    assert!(!outcome.stdout.contains("lacked"), "{}", outcome.stdout);
    let asked = server.asked()[before..].iter().filter(|field| field.operation == "getMessages").count();
    assert_eq!(asked, 30);
}

/// A run reads at most `audit_repair` skipped lists again, and no run is green before all of them are read.
#[test]
fn what_is_read_again_keeps_to_the_requests_that_the_job_allows() {
    let server = Qpien::start(Account::new(3, 200, 4), |_, _| None);
    let source = "audit = 30\naliases_per_request = 1";
    let work = job("incremental", source);
    server.run(&work).expect(0);
    add_unseen(&mut server.account(), 0..200, "late", "2024-03-01T00:01:30.000Z");
    let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
    std::fs::write(work.path("job.toml"), text.replace(source, &format!("{source}\naudit_repair = 60")))
        .expect("the job");
    let (mut codes, mut spent) = (Vec::new(), Vec::new());
    while codes.last() != Some(&0) {
        let before = server.asked().len();
        let outcome = server.run(&work);
        assert!(codes.len() < 6, "{}", outcome.stdout);
        codes.push(outcome.code);
        spent.push(server.asked()[before..].iter().filter(|field| field.operation == "getMessages").count());
        if outcome.code == 3 {
            assert!(outcome.stdout.contains("skipped on the same sign"), "{}", outcome.stdout);
        }
    }
    // The first audit leaves 170 lists. Each run reads 60 of them, and the later audits draw their samples from lists
    // that were already read again.
    assert_eq!(codes, [3, 3, 0]);
    assert!(spent.iter().all(|asked| *asked <= 30 + 60), "{spent:?}");
    messages_are_whole(&work, &server);
}

/// The run reports a known message whose content changed, but reads no other list again because of it. Nor does it
/// for a message that was created after the round began.
#[test]
fn a_change_of_a_known_message_is_told_alone() {
    let server = Qpien::start(Account::new(3, 100, 4), |_, _| None);
    let work = job("incremental", "audit = 20");
    server.run(&work).expect(0);
    for rows in server.account().messages.values_mut() {
        rows[2]["content"] = json!("edited");
    }
    add_unseen(&mut server.account(), 0..100, "after", "2099-01-01T00:00:00.000Z");
    let before = server.asked().len();
    let outcome = server.run(&work).expect(0);
    assert!(outcome.stdout.contains("the audit found 20 records that had been missed"), "{}", outcome.stdout);
    let asked = server.asked()[before..].iter().filter(|field| field.operation == "getMessages").count();
    assert_eq!(asked, 20);
}

/// With `audit_repair = 0` no skipped list is read again. Every run says so, and is not green.
#[test]
fn a_job_that_allows_no_requests_for_it_is_never_green() {
    let server = Qpien::start(Account::new(3, 60, 4), |_, _| None);
    let work = job("incremental", "audit = 10\naudit_repair = 0");
    server.run(&work).expect(0);
    add_unseen(&mut server.account(), 0..60, "late", "2024-03-01T00:01:30.000Z");
    for _ in 0..2 {
        let outcome = server.run(&work).expect(3);
        assert!(outcome.stdout.contains("skipped on the same sign"), "{}", outcome.stdout);
    }
}
