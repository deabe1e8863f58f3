//! A failure that belongs to one question costs only that question, whatever form the failure has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::foreign::Answer;
use crate::support::qpien::{Account, Field, Qpien, job, page};
use crate::support::{STREAMS, Work, ids};

const QUICK: &str = "page_size = 100\nretry_for = \"3s\"";

/// Asserts that every stream's file holds the account's records except these and what belongs to them.
#[track_caller]
fn whole_but(work: &Work, account: &Account, but: &[&str]) {
    for stream in STREAMS {
        let delivered: BTreeSet<String> = ids(work, stream).into_iter().collect();
        let expected = account.ids(stream).into_iter().filter(|id| !but.iter().any(|part| id.contains(part)));
        assert_eq!(delivered, expected.collect(), "{stream}");
    }
}

fn asks_for(field: &Field, conversation: &str) -> bool {
    field.arguments.get("conversationId").is_some_and(|id| id == conversation)
}

/// Returns the positions, on the page of contacts that the field asks for, of these rows.
fn shown(field: &Field, rows: &[usize]) -> Vec<usize> {
    let (from, to) = field.rows();
    let is_shown = |row: &&usize| field.operation == "getContactList" && (from..to).contains(*row);
    rows.iter().filter(is_shown).map(|row| row - from).collect()
}

const SEVENTH: &str = "conversation-00007";

#[test]
fn a_list_that_breaks_whatever_carries_it_is_set_aside() {
    let json = |text: &str| Answer::new(200, "application/json", text);
    for (n, broken) in [
        Answer::new(500, "text/plain", "oops"),
        Answer::nothing(),
        json("{\"data\":{"),
        json(""),
        Answer::new(204, "application/json", ""),
        Answer::new(302, "text/html", "").with("location", "/login"),
        Answer::new(400, "text/plain", "bad request"),
        Answer::html(200),
        json("[]"),
    ]
    .into_iter()
    .enumerate()
    {
        // A request with several questions breaks as a whole, so it breaks for all of them.
        for aliases in if n < 3 { vec![1, 10] } else { vec![10] } {
            let broken = broken.clone();
            let server = Qpien::whole(
                Account::new(30, 30, 5),
                |_, _| None,
                move |_, fields, body| {
                    let breaks = fields.iter().any(|field| asks_for(field, SEVENTH));
                    if breaks { broken.clone() } else { Answer::json(200, &body) }
                },
            );
            let work = job("backfill", &format!("{QUICK}\naliases_per_request = {aliases}"));
            server.run(&work).expect(3);
            whole_but(&work, &server.account(), &["message-conversation-00007"]);
            assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!([SEVENTH]), "{n}");
            // The next run sets the same list aside again.
            server.run(&work).expect(3);
        }
    }
}

#[test]
fn a_refusal_of_one_list_beside_answers_to_others_is_its_own() {
    for code in ["FORBIDDEN", "UNAUTHORIZED", "INSUFFICIENT_SCOPES"] {
        let server = Qpien::start(Account::new(30, 60, 5), move |_, field| {
            let refusal = json!({"message": "not this one", "extensions": {"code": code}});
            asks_for(field, SEVENTH).then_some(Err(refusal))
        });
        let work = job("backfill", QUICK);
        let begun = std::time::Instant::now();
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["message-conversation-00007"]);
        assert_eq!(work.manifest()["streams"]["messages"]["set_aside"], json!([SEVENTH]), "{code}");
        assert!(begun.elapsed().as_secs() < 60, "{code}: the others waited");
    }
    // The refusal is also the list's own if it is alone in its request, because the server answers for another list
    // under the same token.
    for code in ["FORBIDDEN", "UNAUTHORIZED"] {
        let server = Qpien::start(Account::new(30, 30, 5), move |_, field| {
            let refusal = json!({"message": "not this one", "extensions": {"code": code}});
            asks_for(field, SEVENTH).then_some(Err(refusal))
        });
        let work = job("backfill", &format!("{QUICK}\naliases_per_request = 1"));
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["message-conversation-00007"]);
    }
}

/// The run sets a list aside if its question meets the limit each time, alone in its request, while others are
/// answered.
#[test]
fn a_list_that_always_meets_a_limit_is_set_aside() {
    for is_status in [true, false] {
        let server = Qpien::whole(
            Account::new(30, 30, 5),
            |_, _| None,
            move |_, fields, body| {
                if !fields.iter().any(|field| asks_for(field, SEVENTH) || asks_for(field, "conversation-00019")) {
                    return Answer::json(200, &body);
                }
                let refusal =
                    json!({"errors": [{"message": "x", "extensions": {"code": "RATE_LIMITED"}}], "data": null});
                Answer::json(if is_status { 429 } else { 200 }, &refusal).with("Retry-After", "1")
            },
        );
        let work = job("backfill", &format!("{QUICK}\naliases_per_request = 1"));
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["message-conversation-00007", "message-conversation-00019"]);
        let aside = &work.manifest()["streams"]["messages"]["set_aside"];
        assert_eq!(aside, &json!([SEVENTH, "conversation-00019"]), "{is_status}");
        assert!(server.requests() < 140, "{}", server.requests());
    }
}

/// A limit that every list of messages meets belongs to no single list. The run waits for it and sets nothing aside.
#[test]
fn a_limit_that_every_list_meets_is_waited_for() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = refused.clone();
    let server = Qpien::whole(
        Account::new(30, 30, 5),
        |_, _| None,
        move |_, fields, body| {
            let are_messages = fields.iter().any(|field| field.operation == "getMessages");
            if !are_messages || count.fetch_add(1, Ordering::SeqCst) >= 6 {
                return Answer::json(200, &body);
            }
            Answer::new(429, "text/plain", "slow down").with("Retry-After", "1")
        },
    );
    let work = job("backfill", &format!("{QUICK}\naliases_per_request = 1"));
    server.run(&work).expect(0);
    assert!(refused.load(Ordering::SeqCst) > 6);
    whole_but(&work, &server.account(), &[]);
}

/// If a scope is missing for all lists of a stream, the run names the scope and does not deliver the stream. The key
/// is at fault, not the lists.
#[test]
fn a_refusal_of_every_list_is_the_streams_own() {
    let server = Qpien::start(Account::new(30, 30, 5), |_, field| {
        let refusal = json!({"message": "no", "extensions": {"code": "INSUFFICIENT_SCOPES"}});
        (field.operation == "getMessages").then_some(Err(refusal))
    });
    let work = job("backfill", QUICK);
    let outcome = server.run(&work).expect(3);
    assert!(outcome.stderr.contains("the scope is read_messages"), "{}", outcome.stderr);
    assert!(!work.path("out/messages.csv").exists());
}

/// The run asks again for an empty list that comes beside a refusal, whichever question the refusal names.
#[test]
fn an_empty_list_beside_a_refusal_is_asked_for_again() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let count = refusals.clone();
    let server = Qpien::whole(
        Account::new(30, 30, 5),
        |_, _| None,
        move |_, fields, mut body| {
            let messages: Vec<&Field> = fields.iter().filter(|f| f.operation == "getMessages").collect();
            if messages.len() > 2 && count.fetch_add(1, Ordering::SeqCst) < 2 {
                for field in &messages[1..] {
                    let nothing = json!({"docs": [], "hasNextPage": false, "totalDocs": 0});
                    body["data"][&field.name]["data"] = nothing;
                }
                body["errors"] = json!([{"message": "TOKEN_EXPIRED", "path": [messages[0].name],
                    "extensions": {"code": "TOKEN_EXPIRED"}}]);
                body["data"][&messages[0].name] = Value::Null;
            }
            Answer::json(200, &body)
        },
    );
    let work = job("backfill", QUICK);
    server.run(&work).expect(0);
    assert!(refusals.load(Ordering::SeqCst) >= 2);
    whole_but(&work, &server.account(), &[]);
}

#[test]
fn many_rows_of_a_page_that_fail_are_set_aside_and_the_others_delivered() {
    let every = |step: usize| (3..300).step_by(step).collect::<Vec<_>>();
    for bad in [(100..130).collect(), every(10), vec![0, 1, 298, 299]] {
        let names: Vec<String> = bad.iter().map(|row| format!("contact-{row:05}")).collect();
        let server = Qpien::start(Account::new(300, 3, 5), move |_, field| {
            let first = *shown(field, &bad).first().filter(|_| field.selects("firstName"))?;
            Some(Err(json!({"message": "Cannot return null for non-nullable field ExternalContact.firstName.",
                "path": [field.name, "data", "docs", first, "firstName"]})))
        });
        let work = job("backfill", QUICK);
        server.run(&work).expect(3);
        let but: Vec<&str> = names.iter().map(String::as_str).collect();
        whole_but(&work, &server.account(), &but);
        assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(names));
    }
}

/// If every row of a short list fails, the run sets aside the rows, not the list.
#[test]
fn a_short_list_of_which_every_row_fails_is_set_aside_row_by_row() {
    let server = Qpien::start(Account::new(5, 30, 2), |_, field| {
        let fails = asks_for(field, SEVENTH) && field.selects("content");
        let (from, _) = field.rows();
        (fails && from < 2).then(|| Err(json!({"message": "boom", "path": [field.name, "data", "docs", 0, "content"]})))
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    whole_but(&work, &server.account(), &["message-conversation-00007"]);
    let aside = &work.manifest()["streams"]["messages"]["set_aside"];
    assert_eq!(aside, &json!(["message-conversation-00007-00000", "message-conversation-00007-00001"]));
}

/// If a field fails in every record, the run sets no record aside. The hint names the line that leaves the field out.
#[test]
fn a_field_that_fails_in_every_record_sets_none_aside() {
    let server = Qpien::start(Account::new(300, 3, 5), |_, field| {
        let fails = field.operation == "getContactList" && field.selects("owner");
        fails.then(|| Err(json!({"message": "boom", "path": [field.name, "data", "docs", 0, "owner"]})))
    });
    let work = job("backfill", QUICK);
    let outcome = server.run(&work).expect(6);
    assert!(outcome.stderr.contains("drop = [\"owner\"]"), "{}", outcome.stderr);
    assert!(!work.path("out/contacts.csv").exists());
}

#[test]
fn a_first_row_that_fails_whatever_is_asked_is_set_aside() {
    let server = Qpien::start(Account::new(130, 3, 5), |_, field| {
        (!shown(field, &[0]).is_empty()).then(|| Err(json!({"message": "boom"})))
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    whole_but(&work, &server.account(), &["contact-00000"]);
    assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["row 1"]));
}

/// The run sets a row aside by its place if the row is `null` or no object, has no id or two, or has a member whose
/// name is not valid UTF-8.
#[test]
fn a_row_whose_id_cannot_be_read_is_set_aside_by_its_place() {
    for broken in [
        "null",
        r#"{"_id":null,"firstName":"x"}"#,
        r#"{"_id":"contact-00001","firstName":"x","_id":"contact-00002"}"#,
        "{\"_id\":\"contact-00137\",\"first\u{fffd}Name\":\"x\"}",
        "[]",
    ] {
        let is_mended = Arc::new(AtomicBool::new(false));
        let mended = is_mended.clone();
        let server = Qpien::whole(
            Account::new(250, 3, 5),
            |_, _| None,
            move |_, fields, mut body| {
                for field in fields.iter().filter(|_| !mended.load(Ordering::SeqCst)) {
                    for place in shown(field, &[137]) {
                        body["data"][&field.name]["data"]["docs"][place] = json!("@broken@");
                    }
                }
                let text = body.to_string().replace("\"@broken@\"", broken).into_bytes();
                // The server sends the invalid byte 0xff in the place of the replacement character.
                let text = text.split(|b| *b == 0xef).map(|part| part.strip_prefix(b"\xbf\xbd").unwrap_or(part));
                Answer::new(200, "application/json", text.collect::<Vec<_>>().join(&0xff))
            },
        );
        let work = job("backfill", QUICK);
        server.run(&work).expect(3);
        whole_but(&work, &server.account(), &["contact-00137"]);
        assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["row 138"]), "{broken}");
        is_mended.store(true, Ordering::SeqCst);
        server.run(&work).expect(0);
        whole_but(&work, &server.account(), &[]);
    }
}

/// The run asks again if a name outside the rows is not valid UTF-8, because it may be the name of an error.
#[test]
fn an_answer_whose_own_names_are_broken_is_asked_for_again() {
    for (from, to) in [("\"errors\"", &b"\"err\xffors\""[..]), ("\"success\":false", b"\"succ\xffss\":false")] {
        let times = Arc::new(AtomicUsize::new(0));
        let server = Qpien::whole(
            Account::new(30, 30, 5),
            |_, _| None,
            move |_, fields, mut body| {
                let mut found = fields.iter().filter(|field| asks_for(field, SEVENTH));
                let Some(field) = found.next().filter(|_| times.fetch_add(1, Ordering::SeqCst) < 3) else {
                    return Answer::json(200, &body);
                };
                let nothing = json!({"docs": [], "hasNextPage": false, "totalDocs": 0});
                body["data"][&field.name]["data"] = nothing;
                body["data"][&field.name]["success"] = json!(from == "\"errors\"");
                if from == "\"errors\"" {
                    body["errors"] = json!([{"message": "boom"}]);
                }
                let text = body.to_string();
                let at = text.find(from).expect("the name");
                let parts = [&text.as_bytes()[..at], to, &text.as_bytes()[at + from.len()..]];
                Answer::new(200, "application/json", parts.concat())
            },
        );
        let work = job("backfill", QUICK);
        server.run(&work).expect(0);
        whole_but(&work, &server.account(), &[]);
    }
}

/// A number too large for any value (1e400) does not spoil a good answer, and does not hide an error that stands
/// beside it.
#[test]
fn a_number_without_measure_breaks_no_answer_and_hides_no_error() {
    let server = Qpien::whole(
        Account::new(130, 30, 5),
        |_, _| None,
        |_, _, body| {
            let text = body.to_string();
            Answer::new(200, "application/json", format!("{},\"cost\":1e400}}", &text[..text.len() - 1]))
        },
    );
    let work = job("backfill", QUICK);
    server.run(&work).expect(0);
    whole_but(&work, &server.account(), &[]);

    let server = Qpien::whole(
        Account::new(30, 30, 5),
        |_, _| None,
        |_, fields, mut body| {
            let Some(field) = fields.iter().find(|field| asks_for(field, SEVENTH)) else {
                return Answer::json(200, &body);
            };
            body["data"][&field.name]["data"] = json!({"docs": [], "hasNextPage": false, "totalDocs": 0});
            let text = body.to_string();
            let error = format!("{{\"message\":\"boom\",\"cost\":1e400,\"path\":[\"{}\"]}}", field.name);
            Answer::new(200, "application/json", format!("{},\"errors\":[{error}]}}", &text[..text.len() - 1]))
        },
    );
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    whole_but(&work, &server.account(), &["message-conversation-00007"]);
}

/// Lists of conversations that are deleted during a run do not make the run ask one question a request.
#[test]
fn lists_that_fail_do_not_teach_the_run_to_ask_one_at_a_time() {
    let honest = Qpien::start(Account::new(5, 300, 3), |_, _| None);
    let work = job("backfill", QUICK);
    honest.run(&work).expect(0);
    let first = honest.requests();

    let server = Qpien::start(Account::new(5, 300, 3), |_, field| {
        let id = field.arguments.get("conversationId")?;
        ("conversation-00020".."conversation-00030").contains(&id.as_str()).then(|| Err(json!({"message": "gone"})))
    });
    let work = job("backfill", "page_size = 100\nretry_for = \"1s\"");
    server.run(&work).expect(3);
    let fails = server.requests();
    assert!(fails < 3 * first, "{fails} requests beside {first}");
}

/// With `--allow-deletes` one run deletes all conversations that are gone, however many of their lists fail in a row.
#[test]
fn all_that_are_gone_go_in_one_run_where_that_is_allowed() {
    let gone = |id: &str| ("conversation-00050".."conversation-00090").contains(&id);
    let began = Arc::new(AtomicBool::new(false));
    let is_gone = began.clone();
    let server = Qpien::start(Account::new(5, 120, 3), move |account, field| {
        if let Some(id) = field.arguments.get("conversationId") {
            is_gone.fetch_or(gone(id), Ordering::SeqCst);
            return gone(id).then(|| Err(json!({"message": "Conversation not found"})));
        }
        let rows = account.lists.get("getConversationList").filter(|_| field.operation == "getConversationList")?;
        let is_left = |row: &&Value| !is_gone.load(Ordering::SeqCst) || !gone(row["_id"].as_str().expect("an id"));
        Some(Ok(page(field, &rows.iter().filter(is_left).cloned().collect::<Vec<_>>())))
    });
    let work = job("backfill", "page_size = 100\nretry_for = \"1s\"");
    server.run(&work).expect(7);
    let outcome = work.call(&["run", "job.toml", "--allow-deletes", "--endpoint", server.endpoint()]).expect(0);
    assert_eq!(ids(&work, "conversations").len(), 80, "{}", outcome.stdout);
    assert_eq!(ids(&work, "messages").len(), 80 * 3);
}

/// The run names a message without an id by its row and its conversation.
#[test]
fn a_message_whose_id_cannot_be_read_is_told_with_its_conversation() {
    let server = Qpien::start(Account::new(5, 30, 6), |account, field| {
        if !asks_for(field, SEVENTH) {
            return None;
        }
        let mut payload = page(field, &account.messages[SEVENTH]);
        let (from, to) = field.rows();
        if (from..to).contains(&3) {
            payload["data"]["docs"][3 - from]["_id"] = Value::Null;
        }
        Some(Ok(payload))
    });
    let work = job("backfill", QUICK);
    server.run(&work).expect(3);
    let aside = &work.manifest()["streams"]["messages"]["set_aside"];
    assert_eq!(aside, &json!([format!("row 4 of {SEVENTH}")]));
}
