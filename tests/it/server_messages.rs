//! A server's own words: the program repeats only words that are known to quote nobody. A server may quote what it
//! was sent and what it holds, in any place and form, and none of it may reach a screen, a log, a report or a
//! manifest.

use serde_json::{Value, json};

use crate::secrets::{left_behind, nothing_leaks, talkative};
use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{Outcome, Work};

/// Texts that must appear nowhere: words, a number, and a name that could be a word of a program.
const NEVER: [&str; 5] = ["CANARY", "canary", "471108", "Kanarya", "gizli"];

/// Returns messages in every form in which a server may quote a text.
fn shapes() -> Vec<String> {
    let text = "my CANARY canary is 4711081599, Kanarya gizli";
    [
        "String cannot represent value: { text: \"@\" }",
        "String cannot represent value: @",
        "Invalid value '@' for field content",
        "Invalid value ‘@’ for field content",
        "Invalid value “@” and „@“",
        "Invalid value `@` (got [@])",
        "Invalid value «@», ‹@›, 「@」",
        "Invalid \"value \"@\" is \"not",
        "@\" was not expected}",
        "Variable \"$input\" got invalid value { a: [\"@\", '@'] } at \"input.@\"; Expected type T.",
        "Bad request - @",
        "Bad request\n@",
        "content=@",
        "@",
        "no row @ here",
        "Cannot query field \"@\" on type \"T\".",
        "Cannot query field \"owner\" on type \"T\". Did you mean @?",
        "E11000 duplicate key error collection: a.b dup key: { text: \"@\" }",
    ]
    .map(|shape| shape.replace('@', text))
    .to_vec()
}

const JOB: &str = "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"foreign-client\"\n\
                   client_secret = \"foreign-secret\"\nrequests_per_minute = 0\nretry_for = \"1s\"\n\
                   [[destination]]\nkind = \"csv\"\npath = \"out\"\n";

/// Starts a Qpien whose answers to `operation` are made by `answer`, with each of the forms in turn.
fn server(operation: &'static str, answer: fn(&Asked, &str) -> Answer) -> Server {
    let (foreign, shapes) = (Foreign::default(), shapes());
    let n = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |asked| {
        if !asked.document().contains(operation) {
            return foreign.answer(asked);
        }
        let n = n.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        answer(asked, &shapes[n % shapes.len()])
    })
}

fn error(message: &str, code: &str) -> Value {
    json!({"message": message, "extensions": {"code": code, "requiredScope": message, "exception": {"stacktrace": [message]}}})
}

/// Every place of an answer in which a message may occur.
const PLACES: [fn(&Asked, &str) -> Answer; 11] = [
    |asked, text| {
        let mut one = error(text, "INTERNAL_SERVER_ERROR");
        one["path"] = json!([asked.response_name()]);
        Answer::json(200, &json!({"data": {asked.response_name(): null}, "errors": [one]}))
    },
    |_, text| Answer::json(200, &json!({"data": null, "errors": [error(text, "SOMETHING_NEW")]})),
    |_, text| Answer::json(200, &json!({"errors": [error(text, text)]})),
    |_, text| Answer::json(400, &json!({"errors": [error(text, "BAD_USER_INPUT")]})),
    |_, text| Answer::json(400, &json!({"errors": [{ "message": text }]})),
    |_, text| Answer::json(500, &json!({"errors": [{ "message": text, "code": text }]})),
    |_, text| Answer::json(403, &json!({"errors": [error(text, "INSUFFICIENT_SCOPES")]})),
    |asked, text| {
        Answer::json(200, &json!({"data": {asked.response_name(): {"success": false, "message": text, "code": text}}}))
    },
    |asked, text| {
        Answer::json(200, &json!({"data": {asked.response_name(): {"success": false, "message": text, "code": 900}}}))
    },
    |_, text| Answer::json(503, &json!({"message": text, "code": text, "error": text})),
    |_, text| Answer::new(502, "text/html", format!("<html>{text}</html>")),
];

#[track_caller]
fn says_nothing_of_it(work: &Work, outcome: &Outcome, what: &str) {
    assert!(!outcome.stdout.contains("panicked") && !outcome.stderr.contains("panicked"), "{what}: {outcome:?}");
    nothing_leaks(work, outcome, &NEVER);
}

#[test]
fn no_place_of_an_answer_leads_peoples_words_outside() {
    for operation in ["generateOAuthToken", "getContactList", "getMessages"] {
        for (place, answer) in PLACES.into_iter().enumerate() {
            let what = format!("{operation}, place {place}");
            let server = server(operation, answer);
            let work = Work::with_job(JOB);
            let format = if place % 2 == 0 { "text" } else { "json" };
            let outcome = talkative(&work, &server.endpoint, format);
            assert_ne!(outcome.code, 0, "{what}");
            says_nothing_of_it(&work, &outcome, &what);
            let places: Vec<String> = left_behind(&work, &outcome).into_iter().map(|(place, _)| place).collect();
            let keeps = if operation == "getMessages" { "run.report" } else { "standard error" };
            assert!(places.iter().any(|p| p.contains(keeps)), "{what}: {places:?}");
            says_nothing_of_it(&work, &work.call(&["status", "job.toml", "-vv"]), &what);
        }
    }
}

/// If a list cannot be read, the mirror and the manifest hold the reason in the program's own words.
#[test]
fn the_manifest_tells_our_words_alone() {
    for answer in [PLACES[1], PLACES[2], PLACES[8]] {
        let (foreign, shapes) = (Foreign::default(), shapes());
        let told = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |asked| {
            if asked.operation() == "getMessages" && asked.document().contains("id-00003001") {
                let n = told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                return answer(asked, &shapes[n % shapes.len()]);
            }
            foreign.answer(asked)
        });
        let work = Work::with_job(&JOB.replace("retry_for", "aliases_per_request = 1\nretry_for"));
        let outcome = talkative(&work, &server.endpoint, "text").expect(3);
        nothing_leaks(&work, &outcome, &NEVER);
        let why = work.manifest()["streams"]["messages"]["why"].as_str().expect("a reason").to_owned();
        assert!(why.contains("conversation id-00003001: ") && why.contains("the server names a failure"), "{why}");
        assert!(!why.contains("the server says"), "{why}");
        let mirror = std::fs::read(work.path("state/qpien.db")).expect("a mirror");
        for word in NEVER {
            assert!(!mirror.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{word} is in the mirror");
        }
    }
}

/// `check`, `discover` and `plan` repeat none of the server's words either.
#[test]
fn commands_that_ask_tell_nothing_of_it_either() {
    for operation in ["__schema", "getContactList", "generateOAuthToken"] {
        for answer in [PLACES[1], PLACES[3], PLACES[4], PLACES[7]] {
            let server = server(operation, answer);
            for command in ["check", "discover", "plan"] {
                let work = Work::with_job(JOB);
                let mut command = work.command(&[command, "job.toml", "-vv", "--endpoint", &server.endpoint]);
                let outcome = Outcome::of(&command.env("QPIEN_LOG", "trace").output().expect("a run"));
                says_nothing_of_it(&work, &outcome, operation);
            }
        }
    }
}

#[test]
fn what_helps_is_told_all_the_same() {
    let told = |status: u16, message: &'static str, code: &'static str| {
        let foreign = Foreign::default();
        let server = Server::start(move |asked| match asked.operation() {
            "getContactList" => Answer::json(status, &json!({"errors": [error(message, code)]})),
            _ => foreign.answer(asked),
        });
        let work = Work::with_job(JOB);
        let outcome = talkative(&work, &server.endpoint, "text");
        format!("{}{}", outcome.stdout, outcome.stderr)
    };
    let unknown = told(400, "Cannot query field \"owner\" on type \"ExternalContact\".", "GRAPHQL_VALIDATION_FAILED");
    assert!(unknown.contains("Cannot query field \"owner\" on type \"ExternalContact\""), "{unknown}");
    assert!(unknown.contains("drop = [\"owner\"]"), "{unknown}");
    let scopes = told(200, "Insufficient scopes for this operation", "INSUFFICIENT_SCOPES");
    assert!(scopes.contains("Insufficient scopes for this operation (INSUFFICIENT_SCOPES)"), "{scopes}");
    let code = told(200, "Yetersiz bakiye", "E_BALANCE");
    assert!(code.contains("(E_BALANCE)") && !code.contains("bakiye"), "{code}");
}

/// The run learns a page size from a message without repeating it.
#[test]
fn a_page_size_is_learnt_from_words_that_are_not_told() {
    let foreign = Foreign::default();
    let server = Server::start(move |asked| {
        let size = asked.number("limit").unwrap_or(0);
        if asked.operation() == "getContactList" && size > 20 {
            let message = format!("perPage: \"CANARY\" maximum {{20}}, got {size}");
            return Answer::json(400, &json!({"errors": [error(&message, "BAD_USER_INPUT")]}));
        }
        foreign.answer(asked)
    });
    let work = Work::with_job(JOB);
    let outcome = talkative(&work, &server.endpoint, "text").expect(0);
    nothing_leaks(&work, &outcome, &NEVER);
    let sizes: Vec<usize> =
        server.asked().iter().filter(|a| a.operation() == "getContactList").filter_map(|a| a.number("limit")).collect();
    assert!(sizes.contains(&20), "{sizes:?}");
}
