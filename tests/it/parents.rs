//! Servers that show the messages of another conversation than the one asked for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::foreign::Answer;

use crate::support::qpien::{Account, Field, Qpien, job, page};
use crate::support::{Outcome, STREAMS, Work, ids};

/// Asserts that every stream's file holds exactly the account's records.
#[track_caller]
fn whole(work: &Work, account: &Account) {
    for stream in STREAMS {
        let delivered: BTreeSet<String> = ids(work, stream).into_iter().collect();
        assert_eq!(delivered, account.ids(stream), "{stream}");
    }
}

/// Returns the messages of conversation number `n`.
fn messages(account: &Account, n: usize) -> &[Value] {
    &account.messages[&format!("conversation-{n:05}")]
}

/// Returns the number of the conversation that a question asks for.
fn asked(field: &Field) -> Option<usize> {
    field.arguments.get("conversationId")?.rsplit('-').next()?.parse().ok()
}

/// Asserts that the messages are delivered without these conversations' lists, which are set aside.
#[track_caller]
fn aside(work: &Work, lists: &[&str]) {
    let manifest = work.manifest();
    assert_eq!(manifest["streams"]["messages"]["set_aside"], json!(lists), "{manifest:#}");
    let delivered = ids(work, "messages");
    assert!(lists.iter().all(|list| !delivered.iter().any(|id| id.contains(list))));
    assert_eq!(delivered.len(), (30 - lists.len()) * 25);
}

#[track_caller]
fn says(outcome: &Outcome, words: &[&str]) {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
}

#[test]
fn another_conversations_messages_are_asked_for_again() {
    let wrong = AtomicUsize::new(0);
    let server = Qpien::start(Account::new(5, 30, 25), move |account, field| {
        (asked(field)? == 7 && wrong.fetch_add(1, Ordering::SeqCst) == 0).then(|| Ok(page(field, messages(account, 8))))
    });
    let work = job("backfill", "page_size = 20");
    server.run(&work).expect(0);
    whole(&work, &server.account());
}

#[test]
fn another_conversations_messages_that_stand_are_named_and_not_believed() {
    let server = Qpien::start(Account::new(5, 30, 25), move |account, field| {
        (asked(field)? == 7).then(|| Ok(page(field, messages(account, 8))))
    });
    let work = job("backfill", "page_size = 20");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["asked for the messages of conversation conversation-00007", "those of conversation-00008"]);
    aside(&work, &["conversation-00007"]);
}

#[test]
fn where_the_argument_is_ignored_the_stream_is_read_as_one_list() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        asked(field)?;
        let all: Vec<Value> = account.messages.values().flatten().cloned().collect();
        Some(Ok(page(field, &all)))
    });
    for message in server.account().messages.values_mut().flatten().step_by(2) {
        message["conversation"] = json!({"_id": message["conversation"].take()});
    }
    for mode in ["backfill", "incremental"] {
        let (work, before) = (job(mode, "page_size = 50"), server.requests());
        let outcome = server.run(&work).expect(0);
        whole(&work, &server.account());
        says(&outcome, &["ignores which conversation"]);
        let requests = server.requests() - before;
        assert!(requests < 60, "{requests} requests");
        server.account().talk(&format!("later-{mode}"), 7);
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

/// The same in runs of a few requests each: nothing is read twice, and the end is the same.
#[test]
fn the_one_list_is_read_in_pieces() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        asked(field)?;
        let all: Vec<Value> = account.messages.values().flatten().cloned().collect();
        Some(Ok(page(field, &all)))
    });
    let work = job("backfill", "page_size = 20\naliases_per_request = 2");
    let mut runs = 0;
    loop {
        let outcome = work.call(&["run", "job.toml", "--max-requests", "12", "--endpoint", server.endpoint()]);
        runs += 1;
        match outcome.code {
            0 => break,
            4 => assert!(runs < 20, "{}", outcome.stdout),
            _ => drop(outcome.expect(0)),
        }
    }
    assert!(runs > 2, "{runs} runs");
    whole(&work, &server.account());
}

/// A server that is mended in the middle of a backfill: what it showed before keeps nothing from ending.
#[test]
fn a_server_that_is_mended_is_read_by_conversation_again() {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = mended.clone();
    let server = Qpien::start(Account::new(5, 30, 25), move |account, field| {
        asked(field)?;
        (!is_mended.load(Ordering::SeqCst)).then(|| Ok(page(field, messages(account, 0))))
    });
    let work = job("backfill", "page_size = 50");
    server.run(&work).expect(3);
    server.run(&work).expect(3);
    mended.store(true, Ordering::SeqCst);
    server.run(&work).expect(0);
    whole(&work, &server.account());
}

/// Everybody's messages are shown to the neighbour: the rows are all there, but nobody can say that none is missing.
#[test]
fn messages_that_are_shown_to_the_neighbour_are_never_the_whole() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        let n = asked(field)?;
        Some(Ok(page(field, if n < 29 { messages(account, n + 1) } else { &[] })))
    });
    let work = job("backfill", "page_size = 20");
    server.run(&work).expect(3);
    assert!(!work.path("out/messages.csv").exists());
}

/// The conversation that is named shows nothing, but its entry tells a last message: its messages have not moved, they are
/// shown to another one, whose own are missing.
#[test]
fn messages_of_a_conversation_that_tells_a_last_one_have_not_moved() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| match asked(field)? {
        17 => Some(Ok(page(field, messages(account, 18)))),
        18 => Some(Ok(page(field, &[]))),
        _ => None,
    });
    let work = job("backfill", "page_size = 20\naliases_per_request = 1\nin_flight = 1");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["conversation-00017", "conversation-00018"]);
    aside(&work, &["conversation-00017", "conversation-00018"]);
}

/// Once, one conversation is answered with another's messages, which name none: the list that showed them is read again.
#[test]
fn a_list_that_showed_anothers_messages_once_is_read_again() {
    let mut account = Account::new(5, 30, 25);
    for message in account.messages.values_mut().flatten() {
        message["conversation"] = Value::Null;
    }
    let wrong = AtomicUsize::new(0);
    let server = Qpien::start(account, move |account, field| {
        (asked(field)? == 7 && wrong.fetch_add(1, Ordering::SeqCst) == 0).then(|| Ok(page(field, messages(account, 8))))
    });
    let work = job("backfill", "page_size = 100\naliases_per_request = 1\nin_flight = 1");
    server.run(&work).expect(0);
    whole(&work, &server.account());
}

/// Ids that are written otherwise in messages than in conversations say nothing of whose they are.
#[test]
fn ids_of_another_form_are_no_contradiction() {
    let mut account = Account::new(5, 30, 25);
    for message in account.messages.values_mut().flatten() {
        message["conversation"] = json!(format!("urn:{}", message["conversation"].as_str().expect("an id")));
    }
    let server = Qpien::start(account, |account, field| {
        let id = field.arguments.get("conversationId")?;
        (!account.messages.contains_key(id)).then(|| Err(json!({"message": "no such conversation"})))
    });
    let work = job("backfill", "page_size = 20\nretry_for = \"2s\"");
    let outcome = server.run(&work).expect(0);
    whole(&work, &server.account());
    says(&outcome, &["is no conversation's id"]);
}

/// Some rows of a page are another conversation's.
#[test]
fn a_page_that_is_partly_anothers_is_not_believed() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        (asked(field)? == 11).then(|| {
            let mixed: Vec<Value> =
                messages(account, 11)[..20].iter().chain(&messages(account, 12)[..5]).cloned().collect();
            Ok(page(field, &mixed))
        })
    });
    let work = job("backfill", "page_size = 50");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["conversation-00011", "conversation-00012"]);
}

/// The first conversation's messages for every one: nothing shows the others.
#[test]
fn one_conversations_messages_for_all_are_never_the_whole() {
    let server = Qpien::start(Account::new(5, 50, 30), |account, field| {
        asked(field)?;
        Some(Ok(page(field, messages(account, 0))))
    });
    let work = job("backfill", "page_size = 100");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["49 conversations tell a last message"]);
    assert!(!work.path("out/messages.csv").exists());
    // Without a last message to go by, too.
    let mut account = Account::new(5, 50, 30);
    for entry in account.lists.get_mut("getConversationList").expect("the list") {
        entry["lastMessage"] = Value::Null;
    }
    let server = Qpien::start(account, |account, field| {
        asked(field)?;
        Some(Ok(page(field, messages(account, 0))))
    });
    let outcome = server.run(&job("backfill", "page_size = 100")).expect(3);
    says(&outcome, &["of one conversation alone"]);
}

/// Conversation 3 was merged into 4, whose list shows its messages, which still name 3.
#[test]
fn messages_of_a_merged_conversation_are_filed_under_the_one_that_shows_them() {
    for refusal in [
        Err(json!({"message": "Conversation not found"})),
        Ok(json!({"success": false, "data": null, "message": "not found"})),
        Ok(Value::Null),
        Ok(json!({"success": true, "data": {"docs": [], "hasNextPage": false, "totalDocs": 0}})),
    ] {
        let mut account = Account::new(5, 12, 25);
        account.lists.get_mut("getConversationList").expect("the list").remove(3);
        let moved = account.messages.remove("conversation-00003").expect("its messages");
        account.messages.get_mut("conversation-00004").expect("the other").extend(moved);
        let server = Qpien::start(account, move |_, field| (asked(field)? == 3).then(|| refusal.clone()));
        let work = job("backfill", "page_size = 20");
        let outcome = server.run(&work).expect(0);
        whole(&work, &server.account());
        says(&outcome, &["conversation-00003", "filed under"]);
        assert_eq!(work.call(&["verify", "job.toml"]).code, 0);
    }
}

#[test]
fn rows_that_name_no_conversation_and_are_the_same_for_all_are_not_believed() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        asked(field)?;
        Some(Ok(page(field, messages(account, 0))))
    });
    let work = job("backfill", "page_size = 50\n[source.dialect.streams.messages]\ndrop = [\"conversation\"]");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["whichever conversation it is asked for"]);
    assert!(!work.path("out/messages.csv").exists());
}

#[test]
fn two_conversations_that_show_the_same_messages_are_named() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        (asked(field)? == 9).then(|| Ok(page(field, messages(account, 21))))
    });
    let work = job("backfill", "page_size = 50\n[source.dialect.streams.messages]\ndrop = [\"conversation\"]");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["conversation-00009", "conversation-00021"]);
    assert!(!work.path("out/messages.csv").exists());
}

/// One message stands in two lists; it keeps what it was, and everything else is delivered.
#[test]
fn a_message_that_lives_under_two_conversations_is_named_and_overwrites_nothing() {
    let mut account = Account::new(5, 20, 25);
    let mut copy = account.messages["conversation-00002"][3].clone();
    let id = copy["_id"].as_str().expect("an id").to_owned();
    copy["content"] = json!("another text");
    copy["conversation"] = Value::Null;
    account.messages.get_mut("conversation-00015").expect("the other").insert(7, copy);
    let server = Qpien::start(account, |_, _| None);
    let work = job("backfill", "page_size = 50\naliases_per_request = 1\nin_flight = 1");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &[&id, "conversation-00002", "conversation-00015"]);
    whole(&work, &server.account());
    let manifest = work.manifest();
    assert_eq!(manifest["streams"]["messages"]["set_aside"], json!([id]), "{manifest:#}");
    let csv = String::from_utf8(work.csv("messages")).expect("UTF-8");
    assert!(csv.contains("21 in conversation-00002") && !csv.contains("another text"));
}

/// A message that has left one list for another is no dispute, in whatever order the two are read.
#[test]
fn a_message_that_has_moved_is_taken_over() {
    for (from, to) in [(2, 15), (15, 2)] {
        for mode in ["backfill", "incremental"] {
            let server = Qpien::start(Account::new(5, 20, 25), |_, _| None);
            let work = job(mode, "page_size = 50\naudit = 0");
            server.run(&work).expect(0);
            {
                let mut account = server.account();
                let list = |n: usize| format!("conversation-{n:05}");
                let moved = account.messages.get_mut(&list(from)).expect("its messages").remove(0);
                let mut moved = moved.clone();
                moved["conversation"] = json!(list(to));
                account.messages.get_mut(&list(to)).expect("the other").insert(0, moved.clone());
                let entries = account.lists.get_mut("getConversationList").expect("the list");
                entries[to]["lastMessage"] = json!({"content": "moved here", "createdAt": moved["createdAt"]});
                entries[from]["lastMessage"] = json!({"content": "gone", "createdAt": "2024-03-01T00:00:00.000Z"});
            }
            server.run(&work).expect(0);
            whole(&work, &server.account());
            let csv = String::from_utf8(work.csv("messages")).expect("UTF-8");
            let moved = csv.lines().find(|line| line.starts_with(&format!("message-conversation-{from:05}-00024")));
            assert!(moved.expect("there").contains(&format!(",conversation-{to:05},")), "{mode} {from}: {moved:?}");
        }
    }
}

/// However a server writes the conversation's id in a message, an honest one is asked nothing twice.
#[test]
fn honest_servers_are_asked_nothing_twice() {
    let requests = |form: fn(&Value) -> Value| {
        let mut account = Account::new(5, 20, 25);
        for message in account.messages.values_mut().flatten() {
            message["conversation"] = form(&message["conversation"]);
        }
        let server = Qpien::start(account, |_, _| None);
        let work = job("backfill", "page_size = 20\naliases_per_request = 1");
        server.run(&work).expect(0);
        whole(&work, &server.account());
        server.requests()
    };
    let plain = requests(Value::clone);
    assert_eq!(requests(|id| json!({"_id": id})), plain);
    assert_eq!(requests(|_| Value::Null), plain);
}

/// Of two conversations the first shows the second's messages, and the second nothing: a server that never showed a
/// conversation's own messages has moved none.
#[test]
fn nothing_has_moved_where_no_conversation_shows_its_own() {
    let server = Qpien::start(Account::new(5, 2, 25), |account, field| {
        let n = asked(field)?;
        Some(Ok(page(field, if n == 0 { messages(account, 1) } else { &[] })))
    });
    let work = job("backfill", "page_size = 20");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["conversation-00000", "conversation-00001"]);
    assert!(!work.path("out/messages.csv").exists());
}

/// What the named conversation shows is yet another's: that says nothing of whose the rows are.
#[test]
fn a_chain_of_others_lists_is_no_move() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        let n = asked(field)?;
        [17, 18].contains(&n).then(|| Ok(page(field, messages(account, n + 1))))
    });
    let work = job("backfill", "page_size = 20");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["2 of 30 lists"]);
    aside(&work, &["conversation-00017", "conversation-00018"]);
}

/// The conversation that is named cannot be read: nobody knows whether it shows the rows.
#[test]
fn a_list_that_cannot_be_read_is_not_taken_for_one_that_does_not_show_the_rows() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| match asked(field)? {
        7 => Some(Ok(page(field, &messages(account, 8)[..5]))),
        8 => Some(Err(json!({"message": "boom", "path": [field.name, "data", "docs", 3, "content"]}))),
        _ => None,
    });
    let work = job("backfill", "page_size = 50\nretry_for = \"2s\"");
    server.run(&work).expect(3);
    let set_aside = work.manifest()["streams"]["messages"]["set_aside"].clone();
    assert_eq!(set_aside, json!(["conversation-00007", "conversation-00008"]));
    assert_eq!(ids(&work, "messages").len(), 28 * 25);
}

/// One message stands in two lists, far down in the first.
#[test]
fn a_message_under_two_conversations_is_found_on_any_page() {
    let mut account = Account::new(5, 20, 55);
    let mut copy = account.messages["conversation-00002"][52].clone();
    let id = copy["_id"].as_str().expect("an id").to_owned();
    copy["content"] = json!("another text");
    copy["conversation"] = Value::Null;
    account.messages.get_mut("conversation-00015").expect("the other").insert(7, copy);
    let server = Qpien::start(account, |_, _| None);
    let work = job("backfill", "page_size = 20\naliases_per_request = 1\nin_flight = 1");
    server.run(&work).expect(3);
    whole(&work, &server.account());
    assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!([id]));
    assert!(!String::from_utf8(work.csv("messages")).expect("UTF-8").contains("another text"));
}

/// A message may name its conversation as an object.
#[test]
fn a_conversation_that_is_named_by_an_object_is_compared() {
    for key in ["_id", "id"] {
        let mut account = Account::new(5, 30, 25);
        for message in account.messages.values_mut().flatten() {
            let id = message["conversation"].take();
            message["conversation"] = json!({ key: id });
        }
        let server = Qpien::start(account, |account, field| {
            (asked(field)? == 7).then(|| Ok(page(field, &messages(account, 8)[..5])))
        });
        let work = job("backfill", "page_size = 20");
        let outcome = server.run(&work).expect(3);
        says(&outcome, &["asked for the messages of conversation"]);
        aside(&work, &["conversation-00007"]);
    }
}

/// The one list lacks the messages of conversations that become known only after it was read.
#[test]
fn what_the_one_list_lacks_is_judged_by_all_conversations() {
    let over = (Mutex::new(false), Condvar::new());
    let server = Qpien::whole(
        Account::new(5, 50, 5),
        |account, field| {
            asked(field)?;
            let some: Vec<Value> = (0..20).flat_map(|n| messages(account, n)).cloned().collect();
            Some(Ok(page(field, &some)))
        },
        move |_, fields, body| {
            // The further conversations are shown once the last page of the messages is.
            let is_end = |f: &Field| f.operation == "getMessages" && f.rows().1 >= 100;
            let is_late = |f: &Field| f.operation == "getConversationList" && f.rows().0 > 0;
            if fields.iter().any(is_end) {
                *over.0.lock().expect("no panic") = true;
                over.1.notify_all();
            }
            if fields.iter().any(is_late) {
                let waits = over.0.lock().expect("no panic");
                drop(over.1.wait_timeout_while(waits, Duration::from_secs(10), |over| !*over).expect("no panic"));
            }
            Answer::json(200, &body)
        },
    );
    let work = job("backfill", "page_size = 20\naliases_per_request = 1");
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["30 conversations tell a last message"]);
    assert!(!work.path("out/messages.csv").exists());
}

/// The same where the lists have several pages: the second list is over at its first.
#[test]
fn the_same_list_of_many_pages_is_closed_at_its_first() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        (asked(field)? == 9).then(|| Ok(page(field, messages(account, 21))))
    });
    let work = job(
        "backfill",
        "page_size = 10\naliases_per_request = 1\nin_flight = 1\n[source.dialect.streams.messages]\ndrop = [\"conversation\"]",
    );
    let outcome = server.run(&work).expect(3);
    says(&outcome, &["show", "conversation-00009", "conversation-00021", "1 of 30 lists"]);
    assert!(!work.path("out/messages.csv").exists());
}

/// The argument is ignored, and every page shows messages of every conversation.
#[test]
fn where_the_argument_is_ignored_the_list_may_be_one_by_date() {
    for conversations in [3, 12] {
        let server = Qpien::start(Account::new(5, conversations, 25), |account, field| {
            asked(field)?;
            let mut all: Vec<Value> = account.messages.values().flatten().cloned().collect();
            all.sort_by_key(|message| std::cmp::Reverse(message["createdAt"].to_string()));
            Some(Ok(page(field, &all)))
        });
        let work = job("backfill", "page_size = 50");
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

/// Conversations were merged between two nights; the old one is listed still, without a message, or asked for it the
/// server shows the new one's.
#[test]
fn conversations_that_merge_between_two_nights_cost_no_message() {
    for redirects in [false, true] {
        let server = Qpien::start(Account::new(5, 12, 25), move |account, field| {
            let redirected = redirects && asked(field)? == 3 && account.messages["conversation-00003"].is_empty();
            redirected.then(|| Ok(page(field, messages(account, 4))))
        });
        let work = job("incremental", "page_size = 50");
        server.run(&work).expect(0);
        {
            let mut account = server.account();
            let moved = std::mem::take(account.messages.get_mut("conversation-00003").expect("its messages"));
            let new = json!({"_id": "message-new", "conversation": "conversation-00004", "content": "we are one",
                "createdAt": "2026-11-20T00:00:00.000Z"});
            let all = account.messages.get_mut("conversation-00004").expect("the other");
            all.extend(moved);
            all.insert(0, new);
            let entries = account.lists.get_mut("getConversationList").expect("the list");
            entries[4]["lastMessage"] = json!({"content": "we are one", "createdAt": "2026-11-20T00:00:00.000Z"});
            entries[3]["lastMessage"] = Value::Null;
            if redirects {
                entries.remove(3);
            }
        }
        for _ in 0..3 {
            server.run(&work).expect(0);
            whole(&work, &server.account());
        }
    }
}

/// The messages that moved are older than those that are known, and the list is longer than a page: it is read on, because
/// the server tells more of them than the mirror holds.
#[test]
fn old_messages_of_a_merged_conversation_are_found_behind_those_that_are_known() {
    for (is_listed, renamed) in [(false, true), (true, true), (false, false)] {
        let mut account = Account::new(5, 12, 0);
        for n in 0..12 {
            account.messages.insert(format!("conversation-{n:05}"), Vec::new());
        }
        for (n, month) in [(3, "01"), (4, "02")] {
            let id = format!("conversation-{n:05}");
            let message = |k: usize| {
                json!({"_id": format!("message-{n}-{k:03}"), "conversation": id, "content": format!("{k}"),
                    "createdAt": format!("2024-{month}-01T00:{:02}:00.000Z", 59 - k)})
            };
            account.messages.insert(id.clone(), (0..25).map(message).collect());
            let entries = account.lists.get_mut("getConversationList").expect("the list");
            entries[n]["lastMessage"] = json!({"content": "0", "createdAt": format!("2024-{month}-01T00:59:00.000Z")});
        }
        let server = Qpien::start(account, |_, _| None);
        let work = job("incremental", "page_size = 10\naudit = 0");
        server.run(&work).expect(0);
        {
            let mut account = server.account();
            let mut moved = std::mem::take(account.messages.get_mut("conversation-00003").expect("its messages"));
            if renamed {
                for message in &mut moved {
                    message["conversation"] = json!("conversation-00004");
                }
            }
            let new = json!({"_id": "message-new", "conversation": "conversation-00004", "content": "new",
                "createdAt": "2024-03-01T00:00:00.000Z"});
            let all = account.messages.get_mut("conversation-00004").expect("the other");
            all.extend(moved);
            all.insert(0, new);
            let entries = account.lists.get_mut("getConversationList").expect("the list");
            entries[4]["lastMessage"] = json!({"content": "new", "createdAt": "2024-03-01T00:00:00.000Z"});
            entries[3]["lastMessage"] = Value::Null;
            if !is_listed {
                entries.remove(3);
                account.messages.remove("conversation-00003");
            }
        }
        for _ in 0..3 {
            server.run(&work).expect(0);
            whole(&work, &server.account());
        }
    }
}

/// The other list that shows a message fails once, just when it is asked whether it does.
#[test]
fn one_failure_of_the_other_list_overwrites_nothing() {
    for named in [Value::Null, json!("conversation-00015")] {
        let mut account = Account::new(5, 20, 25);
        let mut copy = account.messages["conversation-00002"][3].clone();
        let id = copy["_id"].as_str().expect("an id").to_owned();
        copy["content"] = json!("another text");
        copy["conversation"] = named;
        account.messages.get_mut("conversation-00015").expect("the other").insert(7, copy);
        let (asked_for, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let server = Qpien::start(account, move |_, field| match asked(field)? {
            15 => {
                asked_for.fetch_add(1, Ordering::SeqCst);
                None
            }
            2 if asked_for.load(Ordering::SeqCst) > 0 && failed.fetch_add(1, Ordering::SeqCst) == 0 => {
                Some(Err(json!({"message": "boom"})))
            }
            _ => None,
        });
        let work = job("backfill", "page_size = 50\naliases_per_request = 1\nin_flight = 1");
        for _ in 0..2 {
            server.run(&work).expect(3);
            assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!([id]));
            let csv = String::from_utf8(work.csv("messages")).expect("UTF-8");
            assert!(csv.contains("21 in conversation-00002") && !csv.contains("another text"));
        }
    }
}

/// A list that is empty although its conversation's entry tells a last message: nothing of it is deleted.
#[test]
fn an_empty_list_against_its_entrys_word_is_not_believed() {
    let empties = Arc::new(AtomicUsize::new(0));
    let is_empty = empties.clone();
    let server = Qpien::start(Account::new(5, 30, 25), move |_, field| {
        (is_empty.load(Ordering::SeqCst) > 0 && asked(field)? == 7).then(|| Ok(page(field, &[])))
    });
    for mode in ["backfill", "incremental"] {
        empties.store(0, Ordering::SeqCst);
        let work = job(mode, "page_size = 50\nlookback = \"36500d\"");
        server.run(&work).expect(0);
        empties.store(1, Ordering::SeqCst);
        for _ in 0..3 {
            let outcome = server.run(&work).expect(3);
            says(&outcome, &["conversation-00007", "its entry tells a last message, and its list shows none"]);
            whole(&work, &server.account());
        }
    }
    // One that nobody has read yet.
    let work = job("backfill", "page_size = 50");
    server.run(&work).expect(3);
    aside(&work, &["conversation-00007"]);
}
