//! Tests that no record is lost or doubled if each shipped schema is walked to its end with its own paging.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::super::SandboxOptions;
use super::super::api::{Api, SandboxReply};
use super::*;
use crate::sandbox::changes::drift_settings::{DriftChange, DriftSettings, ListOrder};
use crate::sandbox::truth::ObjectFields;
use crate::streams::Stream;

fn options(sdl: &str) -> SandboxOptions {
    SandboxOptions {
        contacts: 130,
        persons: 45,
        conversations: 30,
        messages: 700,
        requests_per_minute: 0,
        sdl: Some(sdl.to_owned()),
        ..SandboxOptions::default()
    }
}

fn api(sdl: &str) -> Arc<Api> {
    Arc::new(Api::new(options(sdl)).unwrap())
}

fn ask(api: &Api, token: &str, query: &str) -> Value {
    let body = json!({"query": query}).to_string();
    let answered = api.answer(Some(&format!("Bearer {token}")), body.as_bytes(), Instant::now());
    let SandboxReply::Whole { body, .. } = answered.reply else { panic!("no answer") };
    // Half an emoji is not valid text, which does not matter here.
    let text = String::from_utf8(body).unwrap().replace("\\ud83d", "");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Returns the value that answers a query of one field.
fn value(api: &Api, token: &str, query: &str) -> Value {
    let mut answer = ask(api, token, query);
    assert_eq!(answer.get("errors"), None, "{query}: {answer}");
    let Value::Object(data) = answer["data"].take() else { panic!("{query}") };
    data.into_iter().next().unwrap().1
}

const BY_INPUT: &str = r#"generateOAuthToken(input: {clientId: "sandbox-client", clientSecret: "sandbox-secret"})"#;
const BY_ARGUMENTS: &str = r#"generateOAuthToken(clientId: "sandbox-client", clientSecret: "sandbox-secret")"#;

/// Returns a token. `field` gives it, with this selection.
fn token(api: &Api, field: &str, selection: &str) -> String {
    let value = value(api, "", &format!("mutation {{ {field} {selection} }}"));
    let mut texts = vec![&value];
    while let Some(Value::Object(object)) = texts.pop() {
        texts.extend(object.values().filter(|v| v.is_object() || v.is_string()));
        if let Some(Value::String(text)) = texts.last() {
            return text.clone();
        }
    }
    value.as_str().expect("a token").to_owned()
}

/// Returns where the next page begins, from an answer, the number of rows so far and the number of the page. `None`
/// is the end of the list.
type Next = fn(&Value, usize, usize) -> Option<String>;

/// Returns the ids of a list. `{at}` in the query stands for the beginning of a page.
fn walk(api: &Api, token: &str, query: &str, rows: &str, first: &str, next: Next) -> Vec<String> {
    let (mut ids, mut at) = (Vec::new(), first.to_owned());
    for page in 1..1000 {
        let answer = value(api, token, &query.replace("{at}", &at));
        let shown = answer.pointer(rows).and_then(Value::as_array).expect("rows");
        ids.extend(shown.iter().map(|row| {
            let row = row.get("node").unwrap_or(row);
            row.get("_id").or(row.get("id")).and_then(Value::as_str).expect("an id").to_owned()
        }));
        match next(&answer, ids.len(), page) {
            Some(further) => at = further,
            None => return ids,
        }
    }
    panic!("no end: {query}");
}

/// Returns the ids that the account holds.
fn truth(api: &Arc<Api>, stream: Stream) -> Vec<String> {
    let mut parts = Arc::clone(api).truth(stream, ObjectFields::Shipped);
    let mut ids = Vec::new();
    while let Some(lines) = parts() {
        let text = String::from_utf8(lines).unwrap();
        ids.extend(text.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["_id"].as_str().unwrap().to_owned()
        }));
    }
    ids
}

/// Walks the messages of each conversation, and asserts that they are those of the account.
fn messages(api: &Arc<Api>, walk: &dyn Fn(&str) -> Vec<String>) {
    let seen: Vec<String> = truth(api, Stream::Conversations).iter().flat_map(|id| walk(id)).collect();
    assert_eq!(seen, truth(api, Stream::Messages));
}

const LISTS: [(&str, Stream); 4] = [
    ("Contact", Stream::Contacts),
    ("CustomerPerson", Stream::CustomerPersons),
    ("Conversation", Stream::Conversations),
    ("WhatsappBusinessTemplate", Stream::WhatsappBusinessTemplates),
];

#[test]
fn every_name_leads_to_a_schema_that_tells_nothing_of_the_sandbox() {
    assert_eq!(shipped("rival"), None);
    for name in NAMES {
        let api = api(shipped(name).unwrap());
        let query = "{ __schema { types { name fields { name description } } directives { name } } }";
        let shown = ask(&api, "", query);
        assert_eq!(shown.get("errors"), None, "{name}");
        assert!(!shown.to_string().to_lowercase().contains("sandbox"), "{name}");
    }
}

#[test]
fn default_and_prefixed_count_pages_from_1() {
    let more: Next = |answer, _, page| (answer["data"]["hasNextPage"] == true).then(|| (page + 1).to_string());
    for (dialect, prefix, messages_of, token_field, selection) in [
        ("default", "get", "getMessages", BY_INPUT, "{ data { accessToken } }"),
        ("prefixed", "externalGet", "externalGetMessageList", BY_ARGUMENTS, "{ accessToken }"),
    ] {
        let api = api(shipped(dialect).unwrap());
        let token = token(&api, token_field, selection);
        let list = |field: &str, argument: &str| {
            let query =
                format!("{{ {field}({argument}page: {{at}}, limit: 7) {{ data {{ docs {{ _id }} hasNextPage }} }} }}");
            walk(&api, &token, &query, "/data/docs", "1", more)
        };
        for (name, stream) in LISTS.into_iter().take(if dialect == "default" { 4 } else { 3 }) {
            assert_eq!(list(&format!("{prefix}{name}List"), ""), truth(&api, stream), "{dialect} {stream}");
        }
        messages(&api, &|id| list(messages_of, &format!("conversationId: \"{id}\", ")));
        let channels = value(&api, &token, &format!("{{ {prefix}AllConnectedPlatformList {{ data {{ _id }} }} }}"));
        assert_eq!(channels["data"].as_array().unwrap().len(), 12);
        let (id, one) = (&truth(&api, Stream::Contacts)[3], format!("{prefix}Contact"));
        let found = value(&api, &token, &format!("{{ {one}(_id: \"{id}\") {{ success data {{ _id }} }} }}"));
        assert_eq!(found, json!({"success": true, "data": {"_id": id}}));
        let missing = value(&api, &token, &format!("{{ {one}(_id: \"x\") {{ success code data {{ _id }} }} }}"));
        assert_eq!(missing, json!({"success": false, "code": "NOT_FOUND", "data": null}));
    }
}

#[test]
fn input_takes_one_object_a_list() {
    let api = api(shipped("input").unwrap());
    let token = token(&api, BY_ARGUMENTS, "{ access_token }");
    let more: Next = |answer, seen, page| {
        assert!(answer["total"].as_u64().unwrap() >= seen as u64);
        (answer["hasMore"] == true).then(|| (page + 1).to_string())
    };
    let list = |field: &str, object: &str, more_fields: &str| {
        let query = format!(
            "{{ {field}({object}: {{{more_fields}pageNumber: {{at}}, perPage: 7}}) {{ items {{ _id }} total hasMore }} }}"
        );
        walk(&api, &token, &query, "/items", "1", more)
    };
    assert_eq!(list("externalGetContactList", "input", ""), truth(&api, Stream::Contacts));
    assert_eq!(list("externalGetConversationList", "filter", ""), truth(&api, Stream::Conversations));
    messages(&api, &|id| list("externalGetMessageList", "input", &format!("conversation: \"{id}\", ")));
    let persons = value(&api, &token, "{ externalGetCustomerPersonList { _id } }");
    assert_eq!(persons.as_array().unwrap().len(), 45, "everything at once");
    let defaults = value(&api, &token, "{ externalGetContactList(input: {}) { items { _id } } }");
    assert_eq!(defaults["items"].as_array().unwrap().len(), 20);
    let id = &truth(&api, Stream::Contacts)[3];
    let one =
        |id: &str| value(&api, &token, &format!("{{ externalGetContact(input: {{contactId: \"{id}\"}}) {{ _id }} }}"));
    assert_eq!(one(id), json!({"_id": id}));
    assert_eq!(one("x"), Value::Null);
}

#[test]
fn relay_goes_on_behind_a_cursor() {
    let api = api(shipped("relay").unwrap());
    let token = token(&api, BY_INPUT, "{ accessToken expiresIn }");
    let more: Next = |answer, seen, _| {
        let (edges, info) = (answer["edges"].as_array().unwrap(), &answer["pageInfo"]);
        assert_eq!(edges.last().map_or(&Value::Null, |edge| &edge["cursor"]), &info["endCursor"]);
        assert_eq!(info["hasNextPage"] == true, answer["totalCount"].as_u64().unwrap() > seen as u64);
        (info["hasNextPage"] == true).then(|| info["endCursor"].to_string())
    };
    let list = |field: &str, argument: &str| {
        let query = format!(
            "{{ {field}({argument}first: 7, after: {{at}}) {{
            edges {{ cursor node {{ _id }} }} pageInfo {{ hasNextPage endCursor }} totalCount }} }}"
        );
        walk(&api, &token, &query, "/edges", "null", more)
    };
    for (field, stream) in [
        ("contacts", Stream::Contacts),
        ("customerPersons", Stream::CustomerPersons),
        ("conversations", Stream::Conversations),
        ("channels", Stream::Channels),
        ("whatsappBusinessTemplates", Stream::WhatsappBusinessTemplates),
    ] {
        assert_eq!(list(field, ""), truth(&api, stream), "{stream}");
    }
    messages(&api, &|id| list("messages", &format!("conversationId: \"{id}\", ")));
    let id = &truth(&api, Stream::Contacts)[3];
    let one = |id: &str| value(&api, &token, &format!("{{ contact(id: \"{id}\") {{ _id }} }}"));
    assert_eq!(one(id), json!({"_id": id}));
    assert_eq!(one("x"), Value::Null);
    let wrong = ask(&api, &token, "{ contacts(after: \"x\") { totalCount } }");
    assert_eq!(wrong["errors"][0]["message"], "Invalid cursor");
}

#[test]
fn a_cursor_stays_right_when_rows_are_inserted_and_deleted_before_it() {
    for kind in [DriftChange::Insert, DriftChange::Delete] {
        let mut options = options(shipped("relay").unwrap());
        options.drift = Some(DriftSettings {
            rate: 2.0,
            order: ListOrder::NewestFirst,
            kinds: vec![kind],
            ..DriftSettings::default()
        });
        let api = Arc::new(Api::new(options).unwrap());
        let token = token(&api, BY_INPUT, "{ accessToken }");
        let before = truth(&api, Stream::Contacts);
        let more: Next = |answer, _, _| {
            let info = &answer["pageInfo"];
            (info["hasNextPage"] == true).then(|| info["endCursor"].to_string())
        };
        let query = "{ contacts(first: 7, after: {at}) { edges { node { _id } } pageInfo { hasNextPage endCursor } } }";
        let seen = walk(&api, &token, query, "/edges", "null", more);
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{kind:?}: none twice");
        let touched: BTreeSet<String> = api.touched()["contacts"].iter().cloned().collect();
        assert!(touched.len() > 5);
        let lost = before.iter().filter(|id| !touched.contains(*id) && !distinct.contains(id)).count();
        assert!(lost == 0, "{kind:?}: {lost} lost");
    }
}

#[test]
fn offset_skips_rows_and_clamps_in_silence() {
    let api = api(shipped("offset").unwrap());
    let token = token(&api, BY_ARGUMENTS, "{ token expires_in }");
    let more: Next = |answer, seen, _| (!answer.as_array().unwrap().is_empty()).then(|| seen.to_string());
    let list = |field: &str, argument: &str| {
        let query = format!("{{ {field}({argument}skip: {{at}}, limit: 80) {{ _id }} }}");
        walk(&api, &token, &query, "", "0", more)
    };
    for (field, stream) in [
        ("contacts", Stream::Contacts),
        ("customerPersons", Stream::CustomerPersons),
        ("conversations", Stream::Conversations),
        ("whatsappTemplates", Stream::WhatsappBusinessTemplates),
    ] {
        assert_eq!(list(field, ""), truth(&api, stream), "{stream}");
    }
    messages(&api, &|id| list("messages", &format!("conversationId: \"{id}\", ")));
    let first = value(&api, &token, "{ contacts(limit: 80) { _id } }");
    assert_eq!(first.as_array().unwrap().len(), 50);
    let id = &truth(&api, Stream::Contacts)[3];
    let one = |id: &str| value(&api, &token, &format!("{{ contact(_id: \"{id}\") {{ _id }} }}"));
    assert_eq!(one(id), json!({"_id": id}));
    assert_eq!(one("x"), Value::Null);
}

#[test]
fn zero_counts_from_0_and_lists_every_message() {
    let api = api(shipped("zero").unwrap());
    let token = token(&api, BY_INPUT, "{ result { access_token } }");
    let more: Next = |answer, seen, page| {
        let info = &answer["pagination"];
        assert_eq!(info["page"], page - 1);
        (info["total"].as_u64().unwrap() > seen as u64).then(|| page.to_string())
    };
    let list = |field: &str, argument: &str| {
        let query = format!(
            "{{ {field}({argument}page: {{at}}, size: 7) {{ ok items {{ _id }} pagination {{ total page totalPages }} }} }}"
        );
        walk(&api, &token, &query, "/items", "0", more)
    };
    for (name, stream) in LISTS {
        assert_eq!(list(&format!("get{name}List"), ""), truth(&api, stream), "{stream}");
    }
    assert_eq!(list("getMessages", ""), truth(&api, Stream::Messages));
    messages(&api, &|id| list("getMessages", &format!("filter: {{conversationId: \"{id}\"}}, ")));
    let id = &truth(&api, Stream::Contacts)[3];
    let one =
        |id: &str| value(&api, &token, &format!("{{ getContact(_id: \"{id}\") {{ ok contact {{ _id }} error }} }}"));
    assert_eq!(one(id), json!({"ok": true, "contact": {"_id": id}, "error": null}));
    assert_eq!(one("x"), json!({"ok": false, "contact": null, "error": "Record not found"}));
}

const STRANGER: &str = "
    type Query {
      people(where: Where, paging: Paging!): Answer!
      person(where: One!): Person!
      lines(threadId: ID!, cursor: String, take: Int): Lines
      weather: Weather!
    }
    type Mutation { login(client_id: String!, client_secret: String!): String! dropPerson(id: ID!): Person }
    input Where { name: String }
    input One { contactId: ID! }
    input Paging { by: By! }
    input By { page_no: Int = 1, per_page: Int = 3 }
    type Answer { status: Int! body: Body! }
    type Body { meta: Meta! results: [Person!]! }
    type Meta { total_count: String! has_more: Boolean! pages: Int! server: String! }
    type Person { id: ID! first_name: String! last_name: String! phone: String! language: Language! created_at: Float!
                  tags: [String!]! owner: Agent boss: Agent! }
    type Agent { id: ID! name: String! }
    enum Language { ANY TR }
    type Lines { results: [Line!]! nextCursor: String }
    type Line { id: ID! conversation: Talk content: String senderType: String ackStatus: String }
    type Talk { id: ID }
    type Weather { sunny: Boolean! degrees: [Int!]! wind: Wind }
    type Wind { speed: Float! }
";

#[test]
fn a_strangers_schema_is_served_without_a_hint() {
    let api = api(STRANGER);
    let token = token(&api, r#"login(client_id: "sandbox-client", client_secret: "sandbox-secret")"#, "");
    let more: Next = |answer, seen, page| {
        let meta = &answer["body"]["meta"];
        assert_eq!((&meta["total_count"], &meta["pages"], &answer["status"]), (&json!("130"), &json!(19), &json!(200)));
        assert_eq!(meta["has_more"] == true, seen < 130);
        (seen < 130).then(|| (page + 1).to_string())
    };
    let query = "{ people(paging: {by: {page_no: {at}, per_page: 7}})
        { status body { meta { total_count has_more pages server } results { id } } } }";
    assert_eq!(walk(&api, &token, query, "/body/results", "1", more), truth(&api, Stream::Contacts));
    let query = "{ people(paging: {by: {}}) { body { results {
        id first_name last_name phone language created_at tags owner { id name } boss { id name } } } } }";
    let defaults = value(&api, &token, query);
    let rows = defaults["body"]["results"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "the default of the input object");
    for row in rows {
        assert!(row["created_at"].as_u64().unwrap() > 1_600_000_000_000, "{row}");
        assert!(row["tags"].as_array().unwrap().iter().all(Value::is_string), "{row}");
        assert!(row["boss"] == json!({"id": "", "name": ""}), "{row}");
        assert!(["last_name", "phone", "language"].iter().all(|name| row[name].is_string()), "{row}");
    }
    let conversation = truth(&api, Stream::Conversations).pop().unwrap();
    let more: Next = |answer, _, _| answer["nextCursor"].as_str().map(|cursor| format!("{cursor:?}"));
    for thread in truth(&api, Stream::Conversations).iter().take(5) {
        let query =
            format!("{{ lines(threadId: \"{thread}\", cursor: {{at}}, take: 4) {{ results {{ id }} nextCursor }} }}");
        let plain =
            format!("{{ lines(threadId: \"{thread}\", take: 100) {{ results {{ id conversation {{ id }} }} }} }}");
        let whole = value(&api, &token, &plain);
        let all: Vec<&Value> = whole["results"].as_array().unwrap().iter().collect();
        assert!(all.iter().all(|line| line["conversation"]["id"] == thread.as_str()));
        assert_eq!(walk(&api, &token, &query, "/results", "\"\"", more).len().min(100), all.len());
    }
    assert_ne!(conversation, "");
    let weather = value(&api, &token, "{ weather { sunny degrees wind { speed } } }");
    assert_eq!(weather, json!({"sunny": false, "degrees": [], "wind": null}));
    assert_eq!(value(&api, &token, "mutation { dropPerson(id: 1) { id } }"), Value::Null);
    let id = &truth(&api, Stream::Contacts)[3];
    let found = value(&api, &token, &format!("{{ person(where: {{contactId: \"{id}\"}}) {{ id }} }}"));
    assert_eq!(found, json!({"id": id}));
    let missing = ask(&api, &token, "{ person(where: {contactId: \"x\"}) { id } }");
    assert_eq!(missing["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

#[test]
fn a_server_that_ignores_the_page_shows_the_first_one_for_ever() {
    let api = api(r#"type Query { people(page: Int, size: Int): People @sandbox(ignores: "page") }
           type People { rows: [ExternalContact] hasMore: Boolean }
           type Mutation { login(clientId: String, clientSecret: String): String }
           type ExternalContact { _id: ID! }"#);
    let token = token(&api, r#"login(clientId: "sandbox-client", clientSecret: "sandbox-secret")"#, "");
    let page = |n: u32| value(&api, &token, &format!("{{ people(page: {n}, size: 5) {{ rows {{ _id }} hasMore }} }}"));
    assert_eq!(page(1), page(99));
    assert_eq!(page(99)["hasMore"], true);
}

#[test]
fn suggestions_are_made_only_when_they_are_on() {
    for on in [true, false] {
        let mut options = options(shipped("relay").unwrap());
        options.suggestions = on;
        let api = Api::new(options).unwrap();
        let refused = ask(&api, "", "{ contact { _id } contacts { edge { cursor } } }").to_string();
        assert_eq!(refused.contains("Did you mean"), on, "{refused}");
    }
}

#[test]
fn a_failure_is_told_where_the_schema_has_room_for_it() {
    for (dialect, field, selection, token_selection, told) in [
        ("zero", "getContactList(size: 4)", "{ ok items { _id } error }", "{ result { access_token } }", true),
        ("relay", "contacts(first: 4)", "{ totalCount }", "{ accessToken }", false),
    ] {
        let mut options = options(shipped(dialect).unwrap());
        options.faults =
            super::super::faults::Plan::from_toml("rule = [{ fault = 'success_false', rate = 1 }]").unwrap();
        let api = Api::new(options).unwrap();
        let token = token(&api, BY_INPUT, token_selection);
        let answer = ask(&api, &token, &format!("{{ a: {field} {selection} }}"));
        if told {
            let expected = json!({"ok": false, "items": null, "error": "Something went wrong"});
            assert_eq!(answer, json!({"data": {"a": expected}}));
        } else {
            assert_eq!(answer["errors"][0]["message"], "Something went wrong");
            assert_eq!((&answer["errors"][0]["path"], &answer["data"]["a"]), (&json!(["a"]), &Value::Null));
        }
    }
}
