//! Conversations that are merged into others: their messages keep their ids and move, and the entry of the
//! conversation that now shows them may stay unchanged. No message that exists is ever deleted, in the night of the
//! merge or later. A message that is really gone with its conversation is deleted.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{Work, ids};

/// Returns an account of conversations with five messages each, two conversations to a contact.
fn account(conversations: usize) -> Account {
    let mut account = Account::new(3, conversations, 5);
    let entries = account.lists.get_mut("getConversationList").expect("conversations");
    for (n, entry) in entries.iter_mut().enumerate() {
        entry["joinedPerson"] = json!({"_id": format!("contact-{:05}", n / 2)});
    }
    account
}

fn id(n: usize) -> String {
    format!("conversation-{n:05}")
}

/// Removes a conversation and returns its messages.
fn take(account: &mut Account, n: usize) -> Vec<serde_json::Value> {
    account.lists.get_mut("getConversationList").expect("conversations").retain(|entry| entry["_id"] != *id(n));
    account.messages.remove(&id(n)).expect("a conversation")
}

/// The state of moved messages: the conversation that they name, and their place in the list.
#[derive(Clone, Copy, Debug)]
enum Moved {
    /// They name the new conversation and are sorted among its messages by their moments.
    Sorted,
    /// They still name the old conversation and come after all others.
    AsTheyWere,
}

/// Merges a conversation into another one, whose entry does not change.
fn merge(account: &mut Account, from: usize, into: usize, moved: Moved) {
    let mut messages = take(account, from);
    let target = account.messages.get_mut(&id(into)).expect("a conversation");
    if let Moved::Sorted = moved {
        for message in &mut messages {
            message["conversation"] = json!(id(into));
        }
    }
    target.append(&mut messages);
    if let Moved::Sorted = moved {
        target.sort_by_key(|message| std::cmp::Reverse(message["createdAt"].to_string()));
    }
}

fn delivered(work: &Work) -> BTreeSet<String> {
    ids(work, "messages").into_iter().collect()
}

#[test]
fn messages_of_a_merged_conversation_are_there_after_the_night() {
    // Conversations are merged into one of the same contact and into one of another, earlier and later in the list.
    for (pairs, moved) in [
        (&[(1, 0), (6, 7)][..], Moved::Sorted),
        (&[(1, 0), (6, 7)], Moved::AsTheyWere),
        (&[(3, 33), (30, 9), (31, 9)], Moved::Sorted),
        (&[(3, 33), (30, 9), (31, 9)], Moved::AsTheyWere),
    ] {
        for mode in ["incremental", "backfill"] {
            let server = Qpien::start(account(40), |_, _| None);
            let work = job(mode, "audit = 0");
            server.run(&work).expect(0);
            for (from, into) in pairs {
                merge(&mut server.account(), *from, *into, moved);
            }
            let night = server.run(&work).expect(0);
            assert_eq!(
                delivered(&work),
                server.account().ids("messages"),
                "{pairs:?} {moved:?} {mode}\n{}",
                night.stdout
            );
            assert!(!night.stdout.contains("no other list shows them"), "{}", night.stdout);
            work.call(&["verify", "job.toml"]).expect(0);
        }
    }
}

/// The run deletes messages that no list shows after their conversation is gone, and says that it inferred this. Here
/// eight messages are lost with two conversations.
#[test]
fn what_went_with_its_conversation_goes_and_is_told() {
    let server = Qpien::start(account(60), |_, _| None);
    let work = job("incremental", "audit = 0");
    server.run(&work).expect(0);
    drop(take(&mut server.account(), 12));
    let mut half = take(&mut server.account(), 13);
    half.truncate(2);
    server.account().messages.get_mut(&id(30)).expect("a conversation").append(&mut half);
    let night = server.run(&work).expect(0);
    assert_eq!(delivered(&work), server.account().ids("messages"), "{}", night.stdout);
    assert!(
        night
            .stdout
            .contains("messages: 8 records deleted (8: with what they belonged to, and no other list shows them)"),
        "{}",
        night.stdout
    );
}

/// If the search for messages is limited to few requests, the run keeps the messages that it has not found, says so,
/// and continues the search in the next night.
#[test]
fn a_search_that_takes_nights_deletes_nothing_that_exists() {
    for (requests, least) in [(3, 2), (8, 1)] {
        let server = Qpien::start(account(200), |_, _| None);
        let few = format!("audit = 0\naliases_per_request = 5\n[mirror]\nconfirm_requests = {requests}");
        let work = job("incremental", &few);
        server.run(&work).expect(0);
        // The target belongs to another contact, and lies in the middle of the lists that are searched.
        merge(&mut server.account(), 199, 100, Moved::Sorted);
        drop(take(&mut server.account(), 20));
        let mut kept = 0;
        for night in 0.. {
            let before = server.requests();
            let run = server.run(&work).expect(0);
            let truth = server.account().ids("messages");
            let missing: Vec<String> = truth.difference(&delivered(&work)).cloned().collect();
            assert_eq!(missing, Vec::<String>::new(), "night {night}\n{}", run.stdout);
            assert!(server.requests() - before < 25, "{} requests", server.requests() - before);
            if delivered(&work) == truth {
                break;
            }
            assert!(run.stdout.contains("kept although what they belonged to is gone"), "{}", run.stdout);
            kept += 1;
            assert!(kept < 60, "{}", run.stdout);
        }
        assert!(kept >= least, "{kept}");
    }
}

/// If the server answers for single messages, the run asks for each one and searches no list.
#[test]
fn where_messages_can_be_asked_for_no_list_is_searched() {
    let server = Qpien::start(account(60), |account, field| {
        if field.operation != "getMessage" {
            return None;
        }
        let id = field.arguments.values().next()?;
        let found = account.messages.values().flatten().find(|message| message["_id"] == **id);
        Some(Ok(json!({"success": true, "data": found, "code": null, "message": null})))
    });
    let one = "[source.dialect.streams.messages.one]\noperation = \"getMessage\"\nid = \"_id\"\nitem = \"data\"\nsuccess = \"success\"\nnot_found = \"null\"";
    let work = job("incremental", &format!("audit = 0\n{one}"));
    server.run(&work).expect(0);
    drop(take(&mut server.account(), 12));
    let night = server.run(&work).expect(0);
    assert_eq!(delivered(&work), server.account().ids("messages"), "{}", night.stdout);
    assert!(night.stdout.contains("asked for by id, not there"), "{}", night.stdout);
    merge(&mut server.account(), 20, 44, Moved::Sorted);
    let night = server.run(&work).expect(0);
    assert_eq!(delivered(&work), server.account().ids("messages"), "{}", night.stdout);
}

/// A conversation may be merged before its messages were read, into one whose messages were already read. The run
/// finds the messages or reports the conversation.
#[test]
fn messages_of_a_conversation_that_is_merged_before_it_was_read_are_found_or_the_run_says_so() {
    // One job allows enough requests for the search. The other allows too few, so the next nights continue the
    // search.
    for (more, is_enough) in
        [("audit = 0", true), ("audit = 0\naudit_repair = 0\n[mirror]\nconfirm_requests = 1", false)]
    {
        let (mut whole, mut told) = (0, 0);
        for (at, moved) in (6..40).step_by(3).zip([Moved::Sorted, Moved::AsTheyWere].into_iter().cycle()) {
            let server = Qpien::changing(account(60), move |account, requests| {
                if requests == at {
                    merge(account, 59, 2, moved);
                }
            });
            let work =
                job("incremental", &format!("in_flight = 1\naliases_per_request = 2\nretry_for = \"1s\"\n{more}"));
            let run = server.run(&work).expect(0);
            let missing = |work: &Work| server.account().ids("messages").difference(&delivered(work)).count();
            let is_told = run.stdout.contains("was gone before anybody read it");
            if is_enough || !is_told {
                assert_eq!((missing(&work), is_told), (0, false), "merged at request {at}\n{}", run.stdout);
                whole += 1;
                continue;
            }
            told += 1;
            let mut nights = 0;
            while server.run(&work).expect(0).stdout.contains("was gone before anybody read it") {
                nights += 1;
                assert!(nights < 60, "merged at request {at}");
            }
            assert_eq!(missing(&work), 0, "merged at request {at}, after {nights} nights");
        }
        assert!(whole > 0 && (told > 0) != is_enough, "{whole} whole, {told} told");
    }
}
