//! Fields that no page documents: a run keeps them in `_extra`, or leaves them out if the job says so. It names those
//! that it does not ask for.

use serde_json::json;

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{Sandbox, Work};

const LISTS: &str = "streams = [\"contacts\", \"customer_persons\"]\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n";
const OUT: &str = "[[destination]]\nkind = \"csv\"\npath = \"out\"\n";

/// Starts a sandbox of the shipped schema with two undocumented scalars and one undocumented object.
fn account(work: &Work, more: &[&str]) -> Sandbox {
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let more_fields = "type ExternalContact {\n  nickname: String @sandbox(column: \"firstName\")\n  loyaltyPoints: Int\n  boss: ExternalContact";
    let sdl = shipped.replacen("type ExternalContact {", more_fields, 1);
    assert_ne!(sdl, shipped);
    std::fs::write(work.path("more.graphql"), sdl).expect("the schema");
    let sdl = work.path("more.graphql").display().to_string();
    let size = ["--contacts", "130", "--persons", "7", "--conversations", "9", "--messages", "9"];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--sdl", &sdl], more].concat())
}

fn extras(work: &Work, stream: &str) -> Option<Vec<String>> {
    let bytes = work.csv(stream);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let at = reader.headers().expect("a header").iter().position(|name| name == "_extra")?;
    Some(reader.records().map(|r| r.expect("a row")[at].to_owned()).collect())
}

#[test]
fn they_are_collected_and_the_schema_is_read_once() {
    let work = Work::with_job(&format!("{LISTS}{OUT}"));
    let sandbox = account(&work, &[]);
    work.run(&sandbox, &[]).expect(0);
    let contacts = extras(&work, "contacts").expect("a column");
    assert_eq!(contacts.len(), 130);
    for extra in &contacts {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(extra).expect("an object");
        let names: Vec<&String> = object.keys().collect();
        assert_eq!(names, ["boss", "loyaltyPoints", "nickname"], "{extra}");
    }
    let truth = sandbox.truth("contacts");
    for (record, extra) in truth.values().zip(&contacts) {
        let object: serde_json::Value = serde_json::from_str(extra).expect("an object");
        assert_eq!(object["nickname"], record["firstName"]);
    }
    assert_eq!(extras(&work, "customer_persons"), None, "there is nothing to hold");
    let column = work.manifest()["streams"]["contacts"]["columns"].as_array().and_then(|c| c.last().cloned());
    assert_eq!(column, Some(serde_json::json!({ "name": "_extra", "type": "json" })));
    let schemas = |log: &[serde_json::Value]| log.iter().filter(|l| l["operation"] == "__schema").count();
    let log = sandbox.log();
    assert_eq!(schemas(&log), 1);
    work.run(&sandbox, &[]).expect(0);
    assert_eq!(schemas(&sandbox.log()), 1, "the second night reads no schema");
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let known: u64 =
        mirror.query_row("SELECT count(_extra) FROM contacts", [], |r| r.get(0)).expect("a view with _extra");
    assert_eq!(known, 130);
}

#[test]
fn a_job_may_leave_them_out_and_collect_them_later() {
    let work = Work::with_job(&format!("{LISTS}extra_fields = \"ignore\"\n{OUT}"));
    let sandbox = account(&work, &[]);
    work.run(&sandbox, &[]).expect(0);
    assert_eq!(extras(&work, "contacts"), None);
    // If the job asks for the fields later, the next run fetches them.
    std::fs::write(work.path("job.toml"), format!("{LISTS}extra_fields = \"collect\"\n{OUT}")).expect("the job");
    work.run(&sandbox, &[]).expect(0);
    assert!(extras(&work, "contacts").expect("a column").iter().all(|e| e.contains("nickname")));
}

#[test]
fn a_destination_that_was_filled_without_them_keeps_its_columns_until_the_job_names_them() {
    let work = Work::with_job(&format!("{LISTS}extra_fields = \"ignore\"\n{OUT}"));
    let sandbox = account(&work, &[]);
    work.run(&sandbox, &[]).expect(0);
    let become_job = |line: &str, more: &str| {
        std::fs::write(work.path("job.toml"), format!("{LISTS}{line}{OUT}{more}")).expect("the job");
    };
    // Another destination of the job has them from its beginning.
    become_job("", "[[destination]]\nkind = \"csv\"\npath = \"new\"\n");
    for _ in 0..2 {
        work.run(&sandbox, &[]).expect(0);
        assert_eq!(extras(&work, "contacts"), None);
        work.call(&["verify", "job.toml"]).expect(0);
        let new = std::fs::read_to_string(work.path("new/contacts.csv")).expect("the file");
        assert!(new.lines().next().expect("a header").ends_with("\"_extra\"") && new.contains("nickname"));
    }
    become_job("extra_fields = \"collect\"\n", "");
    work.run(&sandbox, &[]).expect(0);
    assert!(extras(&work, "contacts").expect("a column").iter().all(|e| e.contains("nickname")));
}

#[test]
fn a_hidden_schema_gives_what_it_tells_when_it_is_asked_and_the_second_run_asks_nothing() {
    let lists =
        LISTS.replacen("\"customer_persons\"", "\"conversations\", \"messages\", \"whatsapp_business_templates\"", 1);
    for suggestions in ["on", "off"] {
        let work = Work::with_job(&format!("{lists}{OUT}"));
        let sandbox = rich(&work, &["--introspection", "off", "--suggestions", suggestions]);
        let said = work.run(&sandbox, &[]).expect(0).stdout;
        let filled = |stream: &str, column: &str| {
            let bytes = work.csv(stream);
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            let at = reader.headers().expect("a header").iter().position(|name| name == column).expect("the column");
            reader.records().filter(|row| !row.as_ref().expect("a row")[at].is_empty()).count()
        };
        // The account has data of e-mails alone. Of the other objects, the run says what it does not ask for.
        assert!(filled("messages", "emailData") > 0, "suggestions {suggestions}");
        assert!(!said.contains("the cells stay empty"), "suggestions {suggestions}: {said}");
        for extra in extras(&work, "whatsapp_business_templates").expect("a column") {
            let extra: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&extra).expect("an object");
            // Without suggestions, nobody tells the fields of the components.
            let names = ["category", "language", "status", "components"];
            for name in &names[..if suggestions == "on" { 4 } else { 3 }] {
                assert!(extra.contains_key(*name), "suggestions {suggestions}: {name}: {extra:?}");
            }
        }
        let log = sandbox.log();
        assert!(!log.iter().any(|line| line.to_string().contains("apiToken")), "a credential is never asked for");
        let before = log.len();
        work.run(&sandbox, &[]).expect(0);
        let probes = |line: &serde_json::Value| line.to_string().contains("qpien__");
        assert!(!sandbox.log()[before..].iter().any(probes), "the second run asks nothing");
    }
}

#[test]
fn a_server_that_checks_no_names_teaches_nothing_and_no_run_fails_for_it() {
    let server = Qpien::start(Account::new(3, 4, 3), |_, _| None);
    let work = job("backfill", "");
    server.run(&work).expect(0);
    assert_eq!(extras(&work, "contacts"), None);
    let listed =
        server.asked().into_iter().filter(|field| field.selects("updatedAt") && !field.selects("qpien__control"));
    assert_eq!(listed.count(), 0, "what the server does not refuse is not taken for a field");
}

#[test]
fn a_server_that_breaks_off_at_odd_documents_is_read_all_the_same() {
    use crate::support::foreign::Answer;
    let server = Qpien::whole(
        Account::new(3, 4, 3),
        |_, _| None,
        |asked, _, body| {
            let is_odd = asked.document().contains("qpien__");
            if is_odd { Answer::json(500, &json!({"errors": [{"message": "boom"}]})) } else { Answer::json(200, &body) }
        },
    );
    let work = job("backfill", "");
    server.run(&work).expect(0);
    assert_eq!(crate::support::ids(&work, "contacts").len(), 3);
}

#[test]
fn a_stream_with_masks_collects_only_what_the_job_names() {
    const MASK: &str = "[mask.contacts]\nemail = \"drop\"\n";
    const NAMED: &str = "[source.dialect.streams.contacts]\nextra = [\"loyaltyPoints\"]\n";
    for (named, names) in [("", None), (NAMED, Some("{\"loyaltyPoints\":"))] {
        let work = Work::with_job(&format!("{LISTS}{named}{MASK}{OUT}"));
        let sandbox = account(&work, &[]);
        work.run(&sandbox, &[]).expect(0);
        let found = extras(&work, "contacts");
        assert_eq!(found.is_some(), names.is_some());
        for extra in found.into_iter().flatten() {
            assert!(names.is_some_and(|names| extra.starts_with(names)) && !extra.contains("nickname"), "{extra}");
        }
    }
}

/// Starts a sandbox whose templates and messages have more than the documentation says.
fn rich(work: &Work, more: &[&str]) -> Sandbox {
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let sdl = shipped
        .replacen(
            "type WhatsappBusinessTemplate {",
            "type WhatsappBusinessTemplate {\n  components: [TemplateComponent!]\n  apiToken: String\n  \
             buttons(kind: String!): [String]\n  conversations: [ExternalConversation]\n",
            1,
        )
        .replacen("type Message {", "type Message {\n  flowBotId: ID\n  inReplyTo: Message\n", 1)
        + "\ntype TemplateComponent {\n  kind: String\n  text: TemplateText\n}\n\ntype TemplateText {\n  body: String\n}\n";
    assert_eq!(sdl.matches("apiToken").count() + sdl.matches("flowBotId").count(), 2, "the types are named otherwise");
    std::fs::write(work.path("rich.graphql"), sdl).expect("the schema");
    let sdl = work.path("rich.graphql").display().to_string();
    let size = ["--contacts", "5", "--persons", "2", "--conversations", "6", "--messages", "900"];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--sdl", &sdl], more].concat())
}

#[test]
fn objects_come_two_levels_deep_references_as_their_id_and_the_rest_is_named() {
    let lists =
        LISTS.replacen("\"customer_persons\"", "\"conversations\", \"messages\", \"whatsapp_business_templates\"", 1);
    let work = Work::with_job(&format!("{lists}{OUT}"));
    let sandbox = rich(&work, &[]);
    let said = work.run(&sandbox, &[]).expect(0).stdout;
    for told in [
        "`apiToken` (looks like a credential)",
        "`buttons` (needs an argument)",
        "`conversations` (is a list of records",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(said.contains("[source.dialect.streams.whatsapp_business_templates] extra = "), "{said}");
    let named = &work.manifest()["streams"]["whatsapp_business_templates"]["not_asked_for"];
    assert_eq!(named.as_array().map(Vec::len), Some(3), "{named}");
    let templates = extras(&work, "whatsapp_business_templates").expect("a column");
    assert!(!templates.is_empty());
    for extra in templates {
        let extra: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&extra).expect("an object");
        assert_eq!(extra.keys().collect::<Vec<_>>(), ["category", "components", "language", "status"]);
    }
    for extra in extras(&work, "messages").expect("a column") {
        let extra: serde_json::Value = serde_json::from_str(&extra).expect("an object");
        let reply = extra["inReplyTo"].as_object();
        assert!(reply.is_none_or(|reply| reply.keys().eq(["_id"])), "{extra}");
        assert!(extra.get("flowBotId").is_some(), "{extra}");
    }
    let asked = sandbox.log().iter().filter(|line| line.to_string().contains("apiToken")).count();
    assert_eq!(asked, 0, "a credential is never asked for");
}

#[test]
fn a_counter_among_them_re_asks_no_conversation() {
    let server = Qpien::start(Account::new(3, 40, 3), |_, _| None);
    let extra = "audit = 0\n[source.dialect.streams.conversations]\nextra = [\"unreadCount\", \"stats { seen }\"]";
    let work = job("incremental", extra);
    let count = |server: &Qpien, night: usize| {
        for entry in server.account().lists.get_mut("getConversationList").expect("conversations") {
            entry["unreadCount"] = json!(night);
            entry["stats"] = json!({"seen": night * 10});
        }
    };
    count(&server, 0);
    server.run(&work).expect(0);
    for night in 1..4 {
        count(&server, night);
        let before = server.asked().len();
        server.run(&work).expect(0);
        let asked = server.asked();
        let messages = asked[before..].iter().filter(|field| field.operation == "getMessages").count();
        assert_eq!(messages, 0, "night {night}");
        let found = extras(&work, "conversations").expect("a column");
        let seen = format!("{{\"unreadCount\":{night},\"stats\":{{\"seen\":{}}}}}", night * 10);
        let same =
            |extra: &String| serde_json::from_str::<serde_json::Value>(extra).ok() == serde_json::from_str(&seen).ok();
        assert!(found.iter().all(same), "night {night}: {found:?}");
    }
    // What the documentation knows still counts: a new message is found.
    let mut account = server.account();
    let made = "2024-05-01T00:00:00.000Z";
    let message = json!({"_id": "new", "conversation": "conversation-00007", "content": "x", "createdAt": made});
    account.messages.get_mut("conversation-00007").expect("a conversation").insert(0, message);
    account.lists.get_mut("getConversationList").expect("conversations")[7]["lastMessage"] =
        json!({"content": "x", "createdAt": made});
    drop(account);
    server.run(&work).expect(0);
    assert!(crate::support::ids(&work, "messages").contains(&"new".to_owned()));
}

/// The answer of a server that shows its schema: contacts with an undocumented `nickname` and `loyaltyPoints`.
fn introspection() -> serde_json::Value {
    let scalar = |name: &str| json!({"name": name, "args": [], "type": {"kind": "SCALAR", "name": "String"}});
    let object = |name: &str, ty: &str| json!({"name": name, "args": [], "type": {"kind": "OBJECT", "name": ty}});
    let list = |name: &str, ty: &str| json!({"name": name, "args": [], "type": {"kind": "LIST", "ofType": {"kind": "OBJECT", "name": ty}}});
    let ty = |name: &str, fields: &[serde_json::Value]| json!({"kind": "OBJECT", "name": name, "fields": fields});
    let contact = ["_id", "firstName", "lastName", "email", "phone", "owner", "nickname", "loyaltyPoints"].map(scalar);
    let types = [
        ty("Query", &[object("getContactList", "Payload")]),
        ty("Payload", &[scalar("success"), object("data", "Page"), scalar("code"), scalar("message")]),
        ty("Page", &[list("docs", "Contact"), scalar("hasNextPage"), scalar("totalDocs")]),
        ty("Contact", &contact),
    ];
    json!({"data": {"__schema": {"queryType": {"name": "Query"}, "mutationType": null, "types": types}}})
}

#[test]
fn one_that_fails_for_a_record_is_left_out_and_named() {
    let mut account = Account::new(60, 0, 0);
    for contact in account.lists.get_mut("getContactList").expect("contacts") {
        (contact["nickname"], contact["loyaltyPoints"]) = (json!("n"), json!(7));
    }
    // Row 40 has no nickname that the server can give, and the first two rows, which a run looks at first, have one.
    let bend = |_: &Account, field: &crate::support::qpien::Field| {
        let (from, to) = field.rows();
        let fails = field.operation == "getContactList" && field.selects("nickname") && (from..to).contains(&40);
        let path = json!([field.name, "data", "docs", 40_usize.saturating_sub(from), "nickname"]);
        fails.then(|| {
            Err(json!({"message": "Cannot return null for non-nullable field Contact.nickname.", "path": path}))
        })
    };
    let server = Qpien::whole(account, bend, |asked, _, body| {
        let is_schema = asked.document().contains("__schema");
        crate::support::foreign::Answer::json(200, &if is_schema { introspection() } else { body })
    });
    let work = job("backfill", "page_size = 50");
    let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
    std::fs::write(work.path("job.toml"), format!("streams = [\"contacts\"]\n{text}")).expect("the job");
    let said = server.run(&work).expect(0).stdout;
    assert!(said.contains("`nickname` (fails)"), "{said}");
    let contacts = extras(&work, "contacts").expect("a column");
    assert_eq!(contacts.len(), 60);
    assert!(contacts.iter().all(|extra| extra == "{\"loyaltyPoints\":7}"), "{contacts:?}");
    // A job that names the field wants it: then its failure is the record's.
    let named = format!("streams = [\"contacts\"]\n{text}").replacen(
        "[[dest",
        "[source.dialect.streams.contacts]\nextra = [\"nickname\"]\n[[dest",
        1,
    );
    std::fs::write(work.path("job.toml"), named).expect("the job");
    server.run(&work).expect(3);
}

#[test]
fn a_run_with_them_and_one_without_lose_no_column() {
    let sandbox = Sandbox::start(&["--contacts", "20", "--persons", "3", "--conversations", "20", "--messages", "900"]);
    let work = Work::new("");
    for setting in ["", "extra_fields = \"collect\"", ""] {
        std::fs::write(
            work.path("job.toml"),
            LISTS.replacen(", \"customer_persons\"]", ", \"conversations\", \"messages\"]", 1) + setting + "\n" + OUT,
        )
        .expect("the job file");
        work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
        let emails = emails(&work);
        assert!(emails > 0, "`{setting}`: the cells of emailData are empty");
    }
}

/// Returns the number of messages that have data of an e-mail.
fn emails(work: &Work) -> usize {
    let bytes = work.csv("messages");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let at = reader.headers().expect("a header").iter().position(|name| name == "emailData").expect("the column");
    reader.records().filter(|row| !row.as_ref().expect("a record")[at].is_empty()).count()
}
