//! A row or a list that always fails is set aside, a record that is gone is deleted, and everything else arrives.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::foreign::Answer;
use crate::support::qpien::{Account, Field, Qpien, job};
use crate::support::{Outcome, STREAMS, Work, ids};

/// Asserts that every stream's file holds the account's records except these.
#[track_caller]
fn whole_but(work: &Work, account: &Account, but: &[&str]) {
    for stream in STREAMS {
        let delivered: BTreeSet<String> = ids(work, stream).into_iter().collect();
        let expected = account.ids(stream).into_iter().filter(|id| !but.iter().any(|part| id.contains(part)));
        assert_eq!(delivered, expected.collect(), "{stream}");
    }
}

#[track_caller]
fn says(outcome: &Outcome, words: &[&str]) {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
}

/// Returns the position of row `bad` of the contacts on the page that a question asks for, or `None` if it is not on
/// it.
fn shows(field: &Field, bad: usize) -> Option<usize> {
    let (from, to) = field.rows();
    (field.operation == "getContactList" && (from..to).contains(&bad)).then(|| bad - from)
}

/// Returns the error of a null that is not allowed, so that the whole list is null.
fn null_bubbles(field: &Field, bad: usize) -> Option<Result<Value, Value>> {
    let place = shows(field, bad).filter(|_| field.selects("firstName"))?;
    Some(Err(json!({
        "message": "Cannot return null for non-nullable field ExternalContact.firstName.",
        "path": [field.name, "data", "docs", place, "firstName"],
        "extensions": {"code": "INTERNAL_SERVER_ERROR"},
    })))
}

const QUICK: &str = "page_size = 100\nretry_for = \"4s\"";

#[test]
fn a_record_of_which_a_field_always_fails_is_set_aside_and_tried_again() {
    for (aliases, bad) in [(10, 384), (1, 0), (10, 999)] {
        let mended = Arc::new(AtomicBool::new(false));
        let is_mended = mended.clone();
        let server = Qpien::start(Account::new(1000, 3, 5), move |_, field| {
            if is_mended.load(Ordering::SeqCst) { None } else { null_bubbles(field, bad) }
        });
        let work = job("backfill", &format!("{QUICK}\naliases_per_request = {aliases}"));
        let outcome = server.run(&work).expect(3);
        let id = format!("contact-{bad:05}");
        whole_but(&work, &server.account(), &[&id]);
        says(&outcome, &[&id, "firstName", "drop = [\"firstName\"]"]);
        let manifest = work.manifest();
        assert_eq!(manifest["streams"]["contacts"]["set_aside"], json!([id]), "{manifest:#}");
        assert!(manifest["streams"]["messages"].get("set_aside").is_none());
        assert_eq!(work.call(&["verify", "job.toml"]).code, 0);
        says(&work.call(&["export", "job.toml"]).expect(3), &["without what is set aside (1)"]);
        server.run(&work).expect(3);
        mended.store(true, Ordering::SeqCst);
        server.run(&work).expect(0);
        whole_but(&work, &server.account(), &[]);
        assert!(work.manifest()["streams"]["contacts"].get("set_aside").is_none());
    }
}

/// A record that cannot be read one night keeps the values that the mirror holds, and does not count as gone.
#[test]
fn a_record_that_fails_one_night_stays_as_it_was() {
    let fails = Arc::new(AtomicBool::new(false));
    let is_failing = fails.clone();
    let server = Qpien::start(Account::new(300, 3, 5), move |_, field| {
        is_failing.load(Ordering::SeqCst).then(|| null_bubbles(field, 42)).flatten()
    });
    let work = job("incremental", QUICK);
    server.run(&work).expect(0);
    fails.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        server.account().lists.get_mut("getContactList").expect("the list").remove(200);
        server.run(&work).expect(3);
    }
    // A record is gone once two readings did not show it.
    server.run(&work).expect(3);
    // The three removed records are deleted, and the one that fails is kept.
    whole_but(&work, &server.account(), &[]);
    fails.store(false, Ordering::SeqCst);
    server.run(&work).expect(0);
    whole_but(&work, &server.account(), &[]);
}

/// If a row fails whatever the run asks for, its id stays unknown, so the run sets it aside by its place.
#[test]
fn a_row_without_a_name_is_set_aside_by_its_place() {
    for error in [
        json!({"message": "boom"}),
        json!({"message": "boom", "path": ["getContactList"]}),
        json!({"message": "boom", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}),
    ] {
        let server = Qpien::start(Account::new(250, 3, 5), move |_, field| {
            shows(field, 137)?;
            Some(Err(error.clone()))
        });
        let work = job("backfill", QUICK);
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["contact-00137"]);
        assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["row 138"]));
    }
}

/// The run sets a row aside if every answer that holds it breaks off, with status 200 or 500.
#[test]
fn a_row_that_breaks_the_whole_answer_is_set_aside() {
    for status in [200, 500] {
        let server = Qpien::whole(
            Account::new(250, 3, 5),
            |_, _| None,
            move |_, fields, body| {
                let text = body.to_string();
                let breaks = fields.iter().any(|f| shows(f, 77).is_some() && f.selects("firstName"));
                if breaks {
                    Answer::new(status, "application/json", &text.as_bytes()[..text.len() / 2])
                } else {
                    Answer::json(200, &body)
                }
            },
        );
        let work = job("backfill", QUICK);
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["contact-00077"]);
        assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["contact-00077"]));
    }
}

#[test]
fn offsets_are_divided_too() {
    let server = Qpien::start(Account::new(250, 3, 5), |account, field| {
        let skip = field.number("skip")?;
        let take = field.number("limit")?;
        let rows = account.lists.get(&field.operation)?;
        let shown = &rows[skip.min(rows.len())..(skip + take).min(rows.len())];
        if field.operation == "getContactList" && (skip..skip + take).contains(&61) && field.selects("owner") {
            return Some(Err(json!({"message": "boom", "path": [field.name, "data", "docs", 61 - skip, "owner"]})));
        }
        let more = skip + take < rows.len();
        Some(Ok(json!({"success": true, "data": {"docs": shown, "hasNextPage": more, "totalDocs": rows.len()}})))
    });
    let dialect = "[source.dialect.streams.contacts.list]\npaging = \"offset\"\npage = \"skip\"";
    let work = job("backfill", &format!("{QUICK}\n{dialect}"));
    server.run(&work).expect(3);
    whole_but(&work, &server.account(), &["contact-00061"]);
    assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["contact-00061"]));
}

#[test]
fn a_list_that_always_fails_is_set_aside_and_the_others_are_delivered() {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = mended.clone();
    let fails = move |field: &Field| {
        let id = field.arguments.get("conversationId")?;
        (id == "conversation-00007" && !is_mended.load(Ordering::SeqCst)).then(|| Err(json!({"message": "boom"})))
    };
    let server = Qpien::start(Account::new(5, 30, 25), move |_, field| fails(field));
    let work = job("backfill", QUICK);
    let outcome = server.run(&work).expect(3);
    whole_but(&work, &server.account(), &["message-conversation-00007"]);
    says(&outcome, &["conversation-00007"]);
    let manifest = work.manifest();
    assert_eq!(manifest["streams"]["messages"]["set_aside"], json!(["conversation-00007"]), "{manifest:#}");
    mended.store(true, Ordering::SeqCst);
    server.run(&work).expect(0);
    whole_but(&work, &server.account(), &[]);
}

/// If only the entry of a conversation fails, the run reads its messages.
#[test]
fn the_messages_of_a_conversation_that_is_set_aside_are_read() {
    let server = Qpien::start(Account::new(5, 30, 25), move |_, field| {
        let (from, to) = field.rows();
        let bad = field.operation == "getConversationList" && (from..to).contains(&12) && field.selects("lastMessage");
        bad.then(|| Err(json!({"message": "boom", "path": [field.name, "data", "docs", 12 - from, "lastMessage"]})))
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    assert_eq!(work.manifest()["streams"]["conversations"]["set_aside"], json!(["conversation-00012"]));
    assert_eq!(ids(&work, "messages").len(), 30 * 25);
    assert_eq!(ids(&work, "conversations").len(), 29);
}

/// If a conversation is deleted after its entry was read and before its messages are, the run deletes it, in whatever
/// form the server refuses its messages.
#[test]
fn a_conversation_that_goes_meanwhile_ends_as_a_tombstone() {
    for refusal in [
        Err(json!({"message": "Conversation not found"})),
        Err(json!({"message": "Cast failed", "extensions": {"code": "BAD_USER_INPUT"}})),
        Ok(json!({"success": false, "data": null, "code": "NOT_FOUND", "message": "gone"})),
        Ok(Value::Null),
    ] {
        let gone: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let marked = gone.clone();
        let server = Qpien::start(Account::new(5, 60, 25), move |account, field| {
            let mut gone = marked.lock().expect("no panic");
            match field.operation.as_str() {
                "getMessages" => {
                    let id = field.arguments.get("conversationId")?;
                    if id.ends_with('7') {
                        gone.insert(id.clone());
                        return Some(refusal.clone());
                    }
                    None
                }
                "getConversationList" => {
                    let rows = account.lists.get("getConversationList")?;
                    let left: Vec<Value> =
                        rows.iter().filter(|r| !gone.contains(r["_id"].as_str().expect("an id"))).cloned().collect();
                    Some(Ok(crate::support::qpien::page(field, &left)))
                }
                _ => None,
            }
        });
        let work = job("backfill", QUICK);
        let outcome = server.run(&work).expect(0);
        assert_eq!(gone.lock().expect("no panic").len(), 6);
        says(&outcome, &["6 records deleted"]);
        let delivered = ids(&work, "conversations");
        assert_eq!((delivered.len(), ids(&work, "messages").len()), (54, 54 * 25));
        assert!(delivered.iter().all(|id| !id.ends_with('7')));
        server.run(&work).expect(0);
    }
}

/// If the server answers for single records, the run asks for such a conversation by its id and reads no list again.
#[test]
fn a_conversation_that_goes_meanwhile_is_asked_for_by_its_id() {
    let server = Qpien::start(Account::new(5, 60, 25), |account, field| match field.operation.as_str() {
        "getMessages" => {
            let id = field.arguments.get("conversationId")?;
            id.ends_with('7').then(|| Err(json!({"message": "Conversation not found"})))
        }
        "getConversation" => {
            let id = field.arguments.get("_id")?;
            let is_there = account.ids("conversations").contains(id) && !id.ends_with('7');
            Some(Ok(json!({"success": is_there, "data": is_there.then(|| json!({"_id": id}))})))
        }
        _ => None,
    });
    let one = "[source.dialect.streams.conversations.one]\noperation = \"getConversation\"\nid = \"_id\"\nitem = \"data\"\nsuccess = \"success\"\nnot_found = \"success_false\"";
    let work = job("backfill", &format!("{QUICK}\n{one}"));
    server.run(&work).expect(0);
    assert_eq!((ids(&work, "conversations").len(), ids(&work, "messages").len()), (54, 54 * 25));
    let lists = server.asked().iter().filter(|f| f.operation == "getConversationList").count();
    assert!(lists <= 6, "the list was read {lists} times");
}

/// The run sets each list aside that fails by itself, however many fail in a row.
#[test]
fn many_lists_that_fail_keep_no_other_from_being_read() {
    let server = Qpien::start(Account::new(5, 60, 5), |_, field| {
        let id = field.arguments.get("conversationId")?;
        ("conversation-00010".."conversation-00040").contains(&id.as_str()).then(|| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", "page_size = 100\nretry_for = \"1s\"");
    server.run(&work).expect(3);
    assert_eq!(ids(&work, "messages").len(), 30 * 5);
    let manifest = work.manifest();
    assert_eq!(manifest["streams"]["messages"]["set_aside"].as_array().map(Vec::len), Some(30));
}

/// The run divides a page of a list with cursors by the cursors of its rows. If rows have none, it asks for the ids
/// before a row, and uses the cursor of that page.
#[test]
fn lists_with_cursors_are_divided_too() {
    for has_row_cursors in [true, false] {
        let server = Qpien::start(Account::new(230, 3, 5), move |account, field| {
            if field.operation != "getContactList" {
                return None;
            }
            let rows = account.lists.get("getContactList")?;
            let from = field.arguments.get("after").map_or(0, |c| c.parse::<usize>().expect("a cursor") + 1);
            let to = (from + field.number("first")?).min(rows.len());
            if (from..to).contains(&143) && field.selects("owner") {
                let path = json!([field.name, "edges", 143 - from, "node", "owner"]);
                return Some(Err(json!({"message": "boom", "path": path})));
            }
            let edge = |n: usize| json!({"cursor": n.to_string(), "node": rows[n]});
            let edges: Vec<Value> = (from..to).map(edge).collect();
            let info = json!({"hasNextPage": to < rows.len(), "endCursor": to.saturating_sub(1).to_string()});
            Some(Ok(json!({"edges": edges, "pageInfo": info, "totalCount": rows.len()})))
        });
        let of_rows = if has_row_cursors { "edges.cursor" } else { "" };
        let list = format!(
            "[source.dialect.streams.contacts.list]\npaging = \"cursor\"\npage = \"after\"\nsize = \"first\"\nitems = \"edges.node\"\nrow_cursor = \"{of_rows}\"\nhas_next = \"pageInfo.hasNextPage\"\nnext_cursor = \"pageInfo.endCursor\"\ntotal = \"totalCount\"\nsuccess = \"\"\ncode = \"\"\nmessage = \"\""
        );
        let work = job("backfill", &format!("{QUICK}\n{list}"));
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["contact-00143"]);
        assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["contact-00143"]));
    }
}

/// If more conversations go during a run than `max_deletes` allows, the run keeps them and says so.
#[test]
fn too_many_that_go_meanwhile_are_refused() {
    let gone = Arc::new(AtomicUsize::new(0));
    let seen = gone.clone();
    let server = Qpien::start(Account::new(5, 60, 25), move |account, field| match field.operation.as_str() {
        "getMessages" if field.arguments.get("conversationId")?.as_str() >= "conversation-00030" => {
            seen.fetch_add(1, Ordering::SeqCst);
            Some(Err(json!({"message": "Conversation not found"})))
        }
        "getConversationList" if seen.load(Ordering::SeqCst) > 0 => {
            let rows = account.lists.get("getConversationList")?;
            Some(Ok(crate::support::qpien::page(field, &rows[..30])))
        }
        _ => None,
    });
    let work = job("backfill", QUICK);
    let outcome = server.run(&work).expect(7);
    says(&outcome, &["max_deletes"]);
    assert!(!work.path("out/messages.csv").exists(), "messages lack the lists of conversations that may be there");
}

/// If the list moves by a row while the run divides a page, the run names the row that fails and loses no other.
#[test]
fn a_list_that_moves_while_a_page_is_divided_costs_no_other_row() {
    for has_name in [true, false] {
        let moved = AtomicBool::new(false);
        let server = Qpien::start(Account::new(250, 3, 5), move |account, field| {
            if field.operation != "getContactList" {
                return None;
            }
            let size = field.number("limit")?;
            // A contact is added just before the first question for a single row.
            if size == 1 && field.rows().0 > 100 {
                moved.store(true, Ordering::SeqCst);
            }
            let mut rows = account.lists.get("getContactList")?.clone();
            if moved.load(Ordering::SeqCst) {
                rows.insert(0, json!({"_id": "contact-new", "firstName": "new", "owner": "o"}));
            }
            let bad = rows.iter().position(|row| row["_id"] == "contact-00137")?;
            let (from, to) = field.rows();
            if (from..to).contains(&bad) && (!has_name || field.selects("firstName")) {
                return Some(Err(json!({"message": "boom"})));
            }
            Some(Ok(crate::support::qpien::page(field, &rows)))
        });
        let work = job("backfill", QUICK);
        server.run(&work).expect(3);
        let expected = json!([if has_name { "contact-00137" } else { "row 139" }]);
        assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], expected);
        let delivered: BTreeSet<String> = ids(&work, "contacts").into_iter().collect();
        let mut all = server.account().ids("contacts");
        all.remove("contact-00137");
        assert!(delivered.is_superset(&all), "lost: {:?}", all.difference(&delivered));
    }
}

/// Before it sets a row aside, the run asks for it as often as for any other question.
#[test]
fn a_row_that_can_be_read_at_the_third_time_is_not_set_aside() {
    let failed = AtomicUsize::new(0);
    let server = Qpien::start(Account::new(250, 3, 5), move |_, field| {
        let (from, to) = field.rows();
        let is_read = to - from == 1 && shows(field, 42).is_some() && failed.fetch_add(1, Ordering::SeqCst) >= 2;
        if is_read { None } else { null_bubbles(field, 42) }
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(0);
    whole_but(&work, &server.account(), &[]);
}

/// If no list of a stream can be read, the run sets none aside and does not deliver the stream.
#[test]
fn a_stream_of_which_no_list_can_be_read_is_not_delivered() {
    let server = Qpien::start(Account::new(5, 5, 5), |_, field| {
        field.arguments.get("conversationId").map(|_| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", "page_size = 100\nretry_for = \"1s\"");
    server.run(&work).expect(3);
    assert!(!work.path("out/messages.csv").exists());
}

/// A reading that breaks off says nothing about the records that it did not show, so none of them is taken for gone.
#[test]
fn a_conversation_is_not_taken_for_gone_by_a_list_that_breaks_off() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        if field.operation == "getConversationList" && !field.selects("status") {
            let rows = account.lists.get("getConversationList")?;
            let mut shown = crate::support::qpien::page(field, &rows[..20]);
            shown["data"]["totalDocs"] = json!(rows.len());
            return Some(Ok(shown));
        }
        let id = field.arguments.get("conversationId")?;
        (id == "conversation-00025").then(|| Err(json!({"message": "Conversation not found"})))
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    assert_eq!(ids(&work, "conversations").len(), 30);
    assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!(["conversation-00025"]));
}

/// A conversation that gets a message while the list is read again moves to its head, past the reading. The run does
/// not take it for gone.
#[test]
fn a_conversation_that_moves_to_the_head_meanwhile_is_not_taken_for_gone() {
    let (moved, failed) = (AtomicBool::new(false), AtomicBool::new(false));
    let server = Qpien::start(Account::new(5, 60, 5), move |account, field| {
        if field.operation == "getConversationList" {
            let is_again = failed.load(Ordering::SeqCst) && !field.selects("status") && field.rows().0 > 0;
            let mut rows = account.lists.get("getConversationList")?.clone();
            if moved.fetch_or(is_again, Ordering::SeqCst) || is_again {
                let row = rows.remove(55);
                rows.insert(0, row);
            }
            return Some(Ok(crate::support::qpien::page(field, &rows)));
        }
        let id = field.arguments.get("conversationId")?;
        (id == "conversation-00055")
            .then(|| failed.store(true, Ordering::SeqCst))
            .map(|()| Err(json!({"message": "Conversation not found"})))
    });
    let work = job("backfill", "page_size = 20\nretry_for = \"4s\"\naliases_per_request = 1\nin_flight = 1");
    server.run(&work).expect(3);
    assert_eq!(ids(&work, "conversations").len(), 60);
    assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!(["conversation-00055"]));
}

/// A night reads the messages of a conversation whose entry cannot be read, because nothing shows that they are
/// unchanged.
#[test]
fn a_conversation_that_is_set_aside_is_not_taken_for_unchanged() {
    let fails = Arc::new(AtomicBool::new(false));
    let is_failing = fails.clone();
    let server = Qpien::start(Account::new(5, 30, 25), move |_, field| {
        let (from, to) = field.rows();
        let bad = is_failing.load(Ordering::SeqCst)
            && field.operation == "getConversationList"
            && (from..to).contains(&12)
            && field.selects("lastMessage");
        bad.then(|| Err(json!({"message": "boom", "path": [field.name, "data", "docs", 12 - from, "lastMessage"]})))
    });
    let work = job("incremental", &format!("{QUICK}\naudit = 0"));
    server.run(&work).expect(0);
    fails.store(true, Ordering::SeqCst);
    {
        let mut account = server.account();
        let message = json!({"_id": "message-new", "conversation": "conversation-00012", "content": "new", "createdAt": "2024-04-01T00:00:00.000Z"});
        account.messages.get_mut("conversation-00012").expect("its messages").insert(0, message);
    }
    server.run(&work).expect(3);
    whole_but(&work, &server.account(), &[]);
}

/// If a conversation is set aside without its id, the run cannot tell whose messages are missing, and the verdict of
/// the messages says so.
#[test]
fn messages_of_a_conversation_that_nobody_can_name_are_missed() {
    let server = Qpien::start(Account::new(5, 30, 25), |_, field| {
        let (from, to) = field.rows();
        let bad = field.operation == "getConversationList" && (from..to).contains(&12);
        bad.then(|| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", QUICK);
    let outcome = server.run(&work).expect(3);
    assert_eq!(ids(&work, "messages").len(), 29 * 25);
    let manifest = work.manifest();
    assert_eq!(manifest["streams"]["conversations"]["set_aside"], json!(["row 13"]));
    says(&outcome, &["so not every list is known"]);
}

/// If one list is set aside and another is incomplete, the run does not deliver the stream.
#[test]
fn what_is_set_aside_excuses_nothing_else() {
    let server = Qpien::start(Account::new(5, 30, 25), |account, field| {
        let id = field.arguments.get("conversationId")?;
        match id.as_str() {
            "conversation-00007" => Some(Err(json!({"message": "boom"}))),
            "conversation-00009" => {
                let mut page = crate::support::qpien::page(field, &account.messages["conversation-00009"][..10]);
                page["data"]["totalDocs"] = json!(25);
                Some(Ok(page))
            }
            _ => None,
        }
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    assert!(!work.path("out/messages.csv").exists());
}

/// If the server stops answering for any list, the run sets none aside, because the lists are not at fault.
#[test]
fn a_server_that_ends_reading_lists_has_none_set_aside() {
    let n = AtomicUsize::new(0);
    let server = Qpien::start(Account::new(5, 60, 5), move |_, field| {
        field.arguments.get("conversationId")?;
        (n.fetch_add(1, Ordering::SeqCst) >= 20).then(|| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", "page_size = 100\nretry_for = \"1s\"");
    server.run(&work).expect(6);
    assert!(!work.path("out/messages.csv").exists());
}

/// The run sets a failing list aside even if the entry of another conversation fails, too.
#[test]
fn a_list_that_fails_is_set_aside_although_an_entry_cannot_be_read_either() {
    let server = Qpien::start(Account::new(5, 30, 25), |_, field| {
        let (from, to) = field.rows();
        let bad = field.operation == "getConversationList" && (from..to).contains(&12)
            || field.arguments.get("conversationId").is_some_and(|id| id == "conversation-00020");
        bad.then(|| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    assert_eq!(ids(&work, "messages").len(), 28 * 25);
    assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!(["conversation-00020", "row 13"]));
}
