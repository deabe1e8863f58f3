//! Qpiens that differ from the sandbox: each run is complete and right, or says that it is not.

use crate::support::foreign::{Answer, Asked, Foreign, Server, TokenForm, Totals};
use crate::support::{Outcome, STREAMS, Work, ids};

/// Returns a job for a foreign server with these lines of `[source.dialect]`.
fn job(dialect: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\npage_size = 20\nretry_for = \"20s\"\n{dialect}\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

fn run(work: &Work, server: &Server) -> Outcome {
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint])
}

/// Runs against this server, and asserts that every record arrives once and the run is complete.
#[track_caller]
fn complete(foreign: Foreign, dialect: &str) -> Server {
    let (server, foreign) = foreign.start();
    let work = job(dialect);
    run(&work, &server).expect(0);
    for stream in STREAMS {
        assert_eq!(ids(&work, stream), foreign.ids(stream), "{stream}");
    }
    server
}

#[test]
fn a_plain_one_for_comparison() {
    complete(Foreign::default(), "");
}

#[test]
fn headers_in_another_casing() {
    let headers = vec![
        ("X-RATELIMIT-LIMIT", "1000"),
        ("x-ratelimit-remaining", "999"),
        ("X-Ratelimit-Reset", "60"),
        ("CONTENT-LANGUAGE", "tr"),
    ];
    complete(Foreign::default().headers(headers), "");
}

#[test]
fn chunked_answers() {
    complete(Foreign::default().chunked(), "");
}

#[test]
fn compressed_answers() {
    complete(Foreign::default().gzip(), "");
    complete(Foreign::default().gzip().chunked(), "");
}

#[test]
fn pretty_printed_answers() {
    complete(Foreign::default().pretty(), "");
}

#[test]
fn errors_null_before_data() {
    complete(Foreign::default().errors_first(), "");
}

#[test]
fn members_nobody_asked_for() {
    complete(Foreign::default().extra(), "");
}

#[test]
fn totals_as_text() {
    complete(Foreign::default().totals(Totals::Text), "");
}

#[test]
fn no_total_at_all() {
    complete(Foreign::default().totals(Totals::Missing), "");
}

#[test]
fn no_has_next_page() {
    complete(Foreign::default().has_next(false), "");
}

#[test]
fn neither_total_nor_has_next_page() {
    complete(Foreign::default().totals(Totals::Missing).has_next(false), "");
}

#[test]
fn numeric_ids() {
    complete(Foreign::default().numeric_ids(), "");
    complete(Foreign::default().numeric_ids().pretty(), "");
}

#[test]
fn pages_clamped_to_seven_in_silence() {
    complete(Foreign::default().clamp(7), "");
    complete(Foreign::default().clamp(7).totals(Totals::Missing).has_next(false), "");
}

#[test]
fn one_page_size_whatever_is_asked_for() {
    complete(Foreign::default().one_size(9), "");
    complete(Foreign::default().one_size(30), "");
    complete(Foreign::default().one_size(9).totals(Totals::Missing).has_next(false), "");
}

/// Runs against a server whose every page is the first; asserts that the run ends incomplete, holds the stream and
/// says so.
#[track_caller]
fn ignored(foreign: Foreign) {
    let (server, _) = foreign.ignore_page().start();
    let work = job("");
    let outcome = run(&work, &server).expect(3);
    assert!(outcome.stdout.contains("contacts incomplete: the server ignores the page argument"), "{}", outcome.stdout);
    assert!(!work.path("out/contacts.csv").exists(), "what is not proven is held");
    assert!(outcome.stderr.starts_with("error: contacts"), "{}", outcome.stderr);
}

#[test]
fn an_ignored_page_argument_with_a_total() {
    ignored(Foreign::default());
}

#[test]
fn an_ignored_page_argument_without_a_total() {
    ignored(Foreign::default().totals(Totals::Missing));
    ignored(Foreign::default().totals(Totals::Missing).has_next(false));
}

#[test]
fn ignored_page_and_size_arguments_with_a_total() {
    ignored(Foreign::default().one_size(20));
    ignored(Foreign::default().one_size(9));
}

#[test]
fn ignored_page_and_size_arguments_without_a_total() {
    ignored(Foreign::default().one_size(20).totals(Totals::Missing));
    ignored(Foreign::default().one_size(9).totals(Totals::Missing));
}

#[test]
fn a_token_without_a_lifetime() {
    complete(Foreign::default().token(TokenForm::NoLifetime), "");
}

#[test]
fn a_flat_token_by_override() {
    let over = "[source.dialect.token]\naccess_token = \"accessToken\"\nexpires_in = \"expiresIn\"\nsuccess = \"\"\ncode = \"\"\nmessage = \"\"";
    let server = complete(Foreign::default().token(TokenForm::Flat), over);
    let document = server.asked()[0].document().to_owned();
    assert!(document.ends_with("{ accessToken expiresIn } }"), "{document}");
}

#[test]
fn plain_token_arguments_by_override() {
    let server = complete(Foreign::default(), "[source.dialect.token]\ninput = \"\"");
    let asked = &server.asked()[0];
    assert!(asked.document().contains("generateOAuthToken(clientId: $clientId, clientSecret: $clientSecret)"));
    assert!(asked.body["variables"]["input"].is_null(), "{}", asked.body);
}

#[test]
fn an_input_object_by_override() {
    let foreign = Foreign::default().check(|asked| {
        assert!(asked.document().contains("(filter: {"), "{}", asked.document());
    });
    let list = "[source.dialect.list]\npage = \"filter.page\"\nsize = \"filter.limit\"";
    let parent = "[source.dialect.streams.messages]\nparent = \"filter.conversationId\"";
    complete(foreign, &format!("{list}\n{parent}"));
}

#[test]
fn pages_counted_from_zero_by_override() {
    complete(Foreign::default().page_from(0), "[source.dialect.list]\npage_from = 0");
}

#[test]
fn authorization_without_bearer_by_override() {
    complete(Foreign::default().prefix(""), "[source.dialect]\nauthorization_prefix = \"\"");
}

#[test]
fn without_the_override_the_wrong_prefix_is_a_matter_of_credentials() {
    let (server, _) = Foreign::default().prefix("").start();
    let outcome = run(&job(""), &server).expect(5);
    assert!(outcome.stderr.contains("authorization_prefix"), "{}", outcome.stderr);
}

/// Returns the number of tokens that were asked for.
fn tokens(server: &Server) -> usize {
    server.asked().iter().filter(|a| a.operation() == "generateOAuthToken").count()
}

#[test]
fn token_expired_as_words_of_a_message() {
    let server = complete(
        Foreign::default().once(|_| {
            Answer::new(
                200,
                "application/json",
                r#"{"errors":[{"message":"Context creation failed: TOKEN_EXPIRED"}],"data":null}"#,
            )
        }),
        "",
    );
    assert_eq!(tokens(&server), 2);
}

#[test]
fn success_false_with_code_401_as_a_number() {
    let refused = serde_json::json!({"success": false, "data": null, "code": 401, "message": "nope"});
    let answer = move |asked: &Asked| Answer::json(200, &serde_json::json!({"data": {asked.response_name(): refused}}));
    let server = complete(Foreign::default().once(answer), "");
    assert_eq!(tokens(&server), 2);
}

#[test]
fn http_401_with_an_empty_body_once() {
    let server = complete(Foreign::default().once(|_| Answer::new(401, "text/plain", "")), "");
    assert_eq!(tokens(&server), 2);
}

#[test]
fn http_429_with_only_retry_after_once() {
    let server =
        complete(Foreign::default().once(|_| Answer::new(429, "text/plain", "slow down").with("Retry-After", "1")), "");
    assert_eq!(tokens(&server), 1);
}

#[test]
fn a_dropped_connection_once() {
    let server = complete(Foreign::default().once(|_| Answer::nothing()), "");
    assert_eq!(tokens(&server), 1);
}

#[test]
fn a_connection_for_every_answer() {
    complete(Foreign::default().headers(vec![("Connection", "close")]), "");
}

#[test]
fn a_byte_order_mark_before_the_json() {
    complete(Foreign::default().byte_order_mark(), "");
}

#[test]
fn a_record_without_an_id_is_not_passed_over_in_silence() {
    let (server, _) = Foreign::default().nameless().start();
    let work = job("");
    let outcome = run(&work, &server).expect(3);
    assert!(outcome.stderr.contains("a row without an id that can be read"), "{}", outcome.stderr);
    assert_eq!(work.manifest()["streams"]["contacts"]["set_aside"].as_array().map(Vec::len), Some(1));
}

/// The run asks again after a single bad answer in its middle, and ends complete.
#[test]
fn what_passes_is_asked_again() {
    let json = |text: &'static str| Answer::new(200, "application/json", text);
    let once: Vec<Answer> = vec![
        json(""),
        json("null"),
        json("[]"),
        json("{}"),
        json(r#"{"data":null}"#),
        json(r#"{"data":{}}"#),
        json(r#"{"data":{"getContactList":null}}"#),
        json(r#"{"data":{"getContactList":{"success":true,"data":null}}}"#),
        json(r#"{"errors":[{"message":"slow down","code":429}]}"#).with("Retry-After", "1"),
        json(r#"{"errors":"what","data":null}"#),
        json(r#"{"message":"upstream connect error","code":"SERVICE_UNAVAILABLE"}"#),
        Answer::html(200),
        Answer::html(404),
        Answer::html(502),
        Answer::new(503, "application/json", r#"{"error":"down"}"#),
        Answer::html(302).with("Location", "http://127.0.0.1:9/maintenance"),
    ];
    for answer in once {
        let struck = answer.clone();
        let (server, foreign) = Foreign::default().once(move |_| struck.clone()).start();
        let work = job("");
        let outcome = run(&work, &server);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(outcome.code, 0, "{} {body}: {}", answer.status, outcome.stderr);
        assert_eq!(ids(&work, "contacts"), foreign.ids("contacts"), "{} {body}", answer.status);
    }
}
