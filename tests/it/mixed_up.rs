//! Mixed-up answers: answers to another request, servers that ignore aliases, errors without a path, and texts that
//! are not valid.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::foreign::Answer;
use crate::support::qpien::{Account, Field, Qpien, job};
use crate::support::{STREAMS, Work, ids};

/// Asserts that every stream's file holds exactly the account's records.
#[track_caller]
fn whole(work: &Work, account: &Account) {
    for stream in STREAMS {
        let delivered: BTreeSet<String> = ids(work, stream).into_iter().collect();
        assert_eq!(delivered, account.ids(stream), "{stream}");
    }
}

fn lists(fields: &[Field]) -> bool {
    fields.iter().any(|f| f.operation.ends_with("List") || f.operation == "getMessages")
}

fn unbent(_: &Account, _: &Field) -> Option<Result<Value, Value>> {
    None
}

#[test]
fn the_answer_to_the_request_before_is_never_believed() {
    for aliases in [1, 10] {
        let (n, before) = (AtomicUsize::new(0), Mutex::new(Value::Null));
        let server = Qpien::whole(Account::new(230, 40, 30), unbent, move |_, fields, body| {
            let late = std::mem::replace(&mut *before.lock().expect("no panic"), body.clone());
            let mixed = lists(fields) && n.fetch_add(1, Ordering::SeqCst) % 5 == 4 && !late.is_null();
            Answer::json(200, if mixed { &late } else { &body })
        });
        let work = job("backfill", &format!("aliases_per_request = {aliases}\npage_size = 20"));
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

/// If a connection begins to deliver each answer one request late, the run gives the connection up.
#[test]
fn a_connection_that_lags_behind_is_given_up() {
    let waiting: Mutex<HashMap<usize, Value>> = Mutex::default();
    let server = Qpien::whole(Account::new(150, 12, 25), unbent, move |asked, fields, body| {
        let mut waiting = waiting.lock().expect("no panic");
        // From the server's ninth request on, the first four connections answer one request late.
        if asked.connection <= 4 && lists(fields) && asked.n > 8 {
            let late = waiting.insert(asked.connection, body);
            return late.map_or_else(|| Answer::json(200, &json!({"data": {}})), |late| Answer::json(200, &late));
        }
        Answer::json(200, &body)
    });
    let work = job("backfill", "page_size = 20");
    server.run(&work).expect(0);
    whole(&work, &server.account());
}

/// The run never believes an answer to another client's request. Here a proxy delivers answers to an older program,
/// which used no aliases.
#[test]
fn an_answer_to_somebody_else_is_never_believed() {
    let n = AtomicUsize::new(0);
    let server = Qpien::whole(Account::new(90, 5, 25), unbent, move |_, fields, body| {
        let foreign = |operation: &str| {
            json!({"data": {operation: {"success": true,
                "data": {"docs": [{"_id": "not-ours", "firstName": "x"}], "hasNextPage": false, "totalDocs": 1}}}})
        };
        match n.fetch_add(1, Ordering::SeqCst) % 4 {
            3 if lists(fields) => Answer::json(200, &foreign(&fields[0].operation)),
            _ => Answer::json(200, &body),
        }
    });
    let work = job("backfill", "page_size = 20");
    server.run(&work).expect(0);
    whole(&work, &server.account());
}

#[test]
fn a_server_that_ignores_aliases_is_read_all_the_same_and_that_is_said() {
    let server = Qpien::whole(Account::new(90, 12, 25), unbent, |_, fields, mut body| {
        let mut data = json!({});
        for field in fields {
            data[&field.operation] = body["data"][&field.name].take();
        }
        body["data"] = data;
        Answer::json(200, &body)
    });
    let work = job("backfill", "page_size = 100");
    let outcome = server.run(&work).expect(0);
    whole(&work, &server.account());
    for told in [&outcome.stderr, &outcome.stdout] {
        assert_eq!(told.matches("ignores aliases").count(), 1, "{told}");
    }
    assert!(server.requests() < 40, "{} requests", server.requests());
}

/// The run reads everything from a server that ignores aliases only in lists, or only in requests with several
/// questions.
#[test]
fn a_server_that_ignores_some_aliases_is_read_all_the_same() {
    for several in [false, true] {
        let server = Qpien::whole(Account::new(90, 12, 25), unbent, move |_, fields, mut body| {
            if lists(fields) && (!several || fields.len() > 1) {
                let mut data = json!({});
                for field in fields {
                    data[&field.operation] = body["data"][&field.name].take();
                }
                body["data"] = data;
            }
            Answer::json(200, &body)
        });
        let work = job("backfill", "page_size = 20");
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

#[test]
fn names_are_never_given_twice_and_requests_of_a_kind_have_one_length() {
    let server = Qpien::start(Account::new(60, 8, 5), unbent);
    let work = job("backfill", "aliases_per_request = 1");
    server.run(&work).expect(0);
    server.run(&work).expect(0);
    let of_a_list = |f: &Field| f.operation.starts_with("get") && !f.selection.contains("qpien__");
    let names: Vec<String> = server.asked().into_iter().filter(of_a_list).map(|f| f.name).collect();
    assert!(names.len() > 20);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert_eq!(names.iter().map(String::len).collect::<BTreeSet<_>>().len(), 1, "{names:?}");
}

/// The run does not accept an empty list beside an error whose path names no question of the request. Here every
/// tenth conversation gets such an answer twice.
#[test]
fn an_error_without_an_address_is_never_dropped() {
    for path in
        [json!(["getMessages"]), json!(["ExternalMessage", "docs"]), json!(["data", "getMessages"]), Value::Null]
    {
        let asked: Mutex<HashMap<String, usize>> = Mutex::default();
        let server = Qpien::whole(Account::new(20, 30, 25), unbent, move |_, fields, mut body| {
            let mut asked = asked.lock().expect("no panic");
            for field in fields.iter().filter(|f| f.operation == "getMessages") {
                let Some(conversation) = field.arguments.get("conversationId").cloned() else { continue };
                let times = asked.entry(conversation.clone()).or_default();
                if conversation.ends_with('7') && *times < 2 {
                    *times += 1;
                    body["data"][&field.name]["data"] = json!({"docs": [], "hasNextPage": false, "totalDocs": 0});
                    body["errors"] = json!([{"message": "shard is down", "path": path}]);
                }
            }
            Answer::json(200, &body)
        });
        let work = job("backfill", "page_size = 20");
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

/// Invalid UTF-8 and raw control characters in an answer cost no record. The run replaces the invalid bytes, says so,
/// and keeps the control characters.
#[test]
fn a_text_that_is_none_costs_no_record() {
    let server = Qpien::whole(Account::new(90, 3, 5), unbent, |_, _, body| {
        let text = body.to_string().replace("name 41\"", "name 41 \u{1}\"").replace("name 43\"", "name\n43\"");
        let mut bytes = text.into_bytes();
        for at in 0..bytes.len().saturating_sub(8) {
            if bytes[at..].starts_with(b"name 42\"") {
                bytes[at + 6] = 0xf0;
            }
        }
        Answer::new(200, "application/json", bytes)
    });
    let work = job("backfill", "page_size = 20");
    let outcome = server.run(&work).expect(0);
    whole(&work, &server.account());
    let csv = String::from_utf8(work.csv("contacts")).expect("UTF-8");
    assert!(csv.contains("name 4\u{fffd}") || csv.contains("name \u{fffd}2"), "{csv}");
    assert!(csv.contains("name 41 \u{1}") && csv.contains("\"name\n43\""), "{csv}");
    assert!(outcome.stdout.contains("replaced"), "{}", outcome.stdout);
}

/// A row whose id is not valid UTF-8 is set aside, because two such ids would become equal once their bytes are
/// replaced.
#[test]
fn an_id_that_is_no_text_is_none() {
    let server = Qpien::whole(Account::new(250, 3, 5), unbent, |_, _, body| {
        let text =
            body.to_string().replace("contact-00013\"", "contact-X1\"").replace("contact-00238\"", "contact-X2\"");
        let mut bytes = text.into_bytes();
        for at in 0..bytes.len().saturating_sub(11) {
            if bytes[at..].starts_with(b"contact-X") {
                bytes[at + 9] = if bytes[at + 9] == b'1' { 0xf1 } else { 0xf2 };
            }
        }
        Answer::new(200, "application/json", bytes)
    });
    let work = job("backfill", "page_size = 100");
    let outcome = server.run(&work).expect(3);
    assert!(outcome.stderr.contains("a row without an id that can be read"), "{}", outcome.stderr);
    assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"], json!(["row 14", "row 239"]));
    assert_eq!(ids(&work, "contacts").len(), 248);
}

/// An error whose path names a question of another request does not end the run.
#[test]
fn an_error_of_another_request_is_never_believed() {
    for data in [Value::Null, json!({})] {
        let (n, before) = (AtomicUsize::new(0), Mutex::new(None));
        let server = Qpien::whole(Account::new(90, 12, 25), unbent, move |_, fields, body| {
            let late: Option<String> = before.lock().expect("no panic").replace(fields[0].name.clone());
            match late.filter(|_| lists(fields) && n.fetch_add(1, Ordering::SeqCst) % 4 == 3) {
                Some(name) => {
                    let error =
                        json!({"message": "Cast failed", "path": [name], "extensions": {"code": "BAD_USER_INPUT"}});
                    Answer::json(200, &json!({"data": data, "errors": [error]}))
                }
                None => Answer::json(200, &body),
            }
        });
        let work = job("backfill", "page_size = 20");
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

/// The run treats `errors` as errors whatever its JSON type is: a text, an object, a list of texts or `true`.
#[test]
fn errors_of_any_form_are_never_dropped() {
    for errors in [json!("shard is down"), json!({"message": "shard is down"}), json!(["shard is down"]), json!(true)] {
        let asked: Mutex<HashMap<String, usize>> = Mutex::default();
        let server = Qpien::whole(Account::new(20, 30, 25), unbent, move |_, fields, mut body| {
            let mut asked = asked.lock().expect("no panic");
            for field in fields.iter().filter(|f| f.operation == "getMessages") {
                let Some(conversation) = field.arguments.get("conversationId").cloned() else { continue };
                let times = asked.entry(conversation.clone()).or_default();
                if conversation.ends_with('7') && *times < 2 {
                    *times += 1;
                    body["data"][&field.name]["data"] = json!({"docs": [], "hasNextPage": false, "totalDocs": 0});
                    body["errors"] = errors.clone();
                }
            }
            Answer::json(200, &body)
        });
        let work = job("backfill", "page_size = 20");
        server.run(&work).expect(0);
        whole(&work, &server.account());
    }
}

/// A broken text costs no record either if it is the only one on its page: once it is invalid UTF-8, once a control
/// character behind an escaped quotation mark.
#[test]
fn a_text_that_is_none_costs_no_record_alone_on_its_page() {
    let server = Qpien::whole(Account::new(90, 3, 5), unbent, |_, _, body| {
        let mut bytes = body.to_string().replace("name 71\"", "\\\"name\n71\"").into_bytes();
        if let Some(at) = bytes.windows(8).position(|w| w == b"name 12\"") {
            bytes[at + 6] = 0xf0;
        }
        Answer::new(200, "application/json", bytes)
    });
    let work = job("backfill", "page_size = 20");
    server.run(&work).expect(0);
    whole(&work, &server.account());
}
