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

/// Several runs of a few requests each read the one list to its end, and the result is the same.
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

/// If a server is mended in the middle of a backfill, the next run is complete, whatever the server showed before.
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

/// If each conversation shows the messages of the next one, the run does not deliver the stream, because nothing
/// shows that no message is missing.
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

/// If a conversation shows the messages of another, and that one shows none although its entry has a last message,
/// the messages have not moved: the first conversation's own are missing. The run sets both lists aside.
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

/// The run reads a list again if it once showed another conversation's messages. Here messages name no conversation,
/// so only the other conversation's list reveals the mistake.
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

/// If messages write the ids of conversations in another form, the run does not compare them, and says so.
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

/// The run does not believe a page on which some rows belong to another conversation.
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

/// If the server shows one conversation's messages for every conversation, the run does not deliver the stream,
/// because nothing shows the other messages.
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
    // The same holds if no entry shows a last message.
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

/// The run files messages under the conversation that shows them. Here conversation 3 was merged into 4, whose list
/// shows messages that still name 3.
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

/// If one message stands in two lists, the run names it, keeps its first version, and delivers everything else.
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

/// A message that moved from one list to another is filed under the new one, in whatever order the run reads the two.
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

/// The run asks an honest server nothing twice, in whatever form messages name their conversation.
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

/// If the first of two conversations shows the second's messages, and the second shows none, the run is not complete.
/// A server that never showed a conversation's own messages has moved none.
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

/// If the conversation that the rows name shows the rows of yet another one, that does not tell whose the rows are.
/// The run sets both lists aside.
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

/// If the conversation that the rows name cannot be read, the run does not conclude that it lacks them. It sets both
/// lists aside.
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

/// The run finds a message that stands in two lists, even if it stands far down in the first.
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

/// The run also compares a conversation that a message names by an object.
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

/// If the run reads a stream as one list, it compares it with all conversations, also with those that become known
/// only after the list was read.
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
            // The server shows the further conversations only after the last page of messages.
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

/// If two conversations show the same messages on several pages, the run names both, and stops reading the second
/// list after its first page.
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

/// If the server ignores the conversation argument, the run reads one list, even if it is sorted by date and each
/// page shows messages of all conversations.
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

/// A merge of two conversations between two nights costs no message. The server still lists the old conversation,
/// without messages, or no longer lists it and answers for it with the new one's.
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

/// The run finds messages that moved behind known ones. It reads on past the first page, because the server's total
/// is larger than the number of messages in the mirror.
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

/// If a message stands in two lists and the other list fails just when the run asks for it, the run overwrites
/// nothing.
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

/// The run deletes nothing of a list that is empty although the entry of its conversation shows a last message.
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
    // A mirror that never read the list sets it aside.
    let work = job("backfill", "page_size = 50");
    server.run(&work).expect(3);
    aside(&work, &["conversation-00007"]);
}
