use super::super::query::{Select, Start};
use super::super::response_names::{ResponseNames, operations};
use super::*;
use crate::streams::Stream;

fn rules() -> PerStream<Volatile> {
    PerStream::new(Volatile::default)
}

fn dialect() -> Dialect {
    Dialect::shipped().expect("shipped")
}

fn contacts() -> Vec<Question> {
    vec![Question {
        stream: Stream::Contacts,
        parent: None,
        size: 2,
        start: Start::Row(0),
        select: Select::Whole,
        since: None,
    }]
}

fn ask(status: u16, body: &str) -> Result<Page> {
    judged(&contacts(), &["getContactList"], status, body.as_bytes()).outcomes.remove(0)
}

fn judged(questions: &[Question], names: &[&str], status: u16, body: &[u8]) -> ReadAnswer {
    pages(&dialect(), &rules(), questions, &operations(names), HttpAnswer { status, body: body.to_vec() })
}

fn kind(status: u16, body: &str) -> Kind {
    ask(status, body).expect_err(body).kind
}

const GOOD: &str = r#"{"data":{"getContactList":{"success":true,"data":{"docs":[{"_id":"a","firstName":"x\ud83d"},{"_id":"b"}],"hasNextPage":true,"totalDocs":9},"code":null,"message":null}}}"#;

#[test]
fn a_good_page_is_read_with_its_rows_in_place() {
    let page = ask(200, GOOD).expect("page");
    assert_eq!((page.total, page.has_next, page.nameless), (Some(9), Some(true), 0));
    assert_eq!(page.records.payload(&page.records.rows[0]), br#"{"_id":"a","firstName":"x\ufffd"}"#);
    assert_eq!((page.records.rows[0].repaired, page.records.rows[1].repaired), (1, 0));
    assert_eq!(&*page.records.rows[1].id, "b");
}

#[test]
fn the_body_is_judged_before_the_status() {
    assert!(ask(500, GOOD).is_ok(), "whole data is whole data");
    let expired = r#"{"errors":[{"message":"m","extensions":{"code":"TOKEN_EXPIRED"},"success":false}]}"#;
    for status in [200, 400, 401, 500] {
        assert_eq!(kind(status, expired), Kind::TokenExpired);
    }
    assert_eq!(
        kind(
            400,
            r#"{"errors":[{"message":"Cannot query field \"x\" on type \"T\"."},
                          {"message":"Cannot query field \"y\" on type \"T\"."}]}"#
        ),
        Kind::QueryRejected { fields: vec!["x".into(), "y".into()] }
    );
    assert_eq!(kind(429, r#"{"errors":[{"message":"no"}]}"#), Kind::RateLimited);
    assert_eq!(kind(200, r#"{"errors":[{"message":"no","extensions":{"code":429}}]}"#), Kind::RateLimited);
    assert_eq!(kind(429, r#"{"message":"no"}"#), Kind::RateLimited);
    assert_eq!(kind(400, r#"{"errors":[{"message":"no"}]}"#), Kind::UnknownFailure);
}

#[test]
fn success_false_is_a_failure_without_errors() {
    let said = |code: &str| {
        format!(r#"{{"data":{{"getContactList":{{"success":false,"data":null,"code":{code},"message":"m"}}}}}}"#)
    };
    assert_eq!(kind(200, &said("\"TOKEN_EXPIRED\"")), Kind::TokenExpired);
    assert_eq!(kind(200, &said("429")), Kind::RateLimited);
    assert_eq!(kind(200, &said("\"E_OTHER\"")), Kind::UnknownFailure);
    assert_eq!(kind(200, &said("null")), Kind::UnknownFailure);
    for word in ["false", "\"false\"", "\"FALSE\"", "0"] {
        let empty =
            format!(r#"{{"data":{{"getContactList":{{"success":{word},"data":{{"docs":[],"totalDocs":0}}}}}}}}"#);
        assert_eq!(kind(200, &empty), Kind::UnknownFailure, "{word}");
    }
    // An empty list beside a member that says that it failed.
    for beside in [
        r#""success":null"#,
        r#""success":"error""#,
        r#""success":true,"code":500"#,
        r#""success":true,"code":"INTERNAL_SERVER_ERROR""#,
        r#""success":true,"errors":["m"]"#,
    ] {
        let body = |docs: &str| {
            format!(r#"{{"data":{{"getContactList":{{{beside},"data":{{"docs":[{docs}],"totalDocs":0}}}}}}}}"#)
        };
        assert!(ask(200, &body("")).is_err(), "{beside}");
        assert_eq!(ask(200, &body(r#"{"_id":"a"}"#)).is_ok(), !beside.contains("errors"), "{beside}");
    }
    for data in ["[]", r#"{"data":[]}"#, r#"{"success":true,"data":[]}"#] {
        assert!(ask(200, &format!(r#"{{"data":{{"getContactList":{data}}}}}"#)).is_err(), "{data} is no empty page");
    }
}

#[test]
fn partial_data_is_never_whole() {
    let partial = GOOD.trim_end_matches('}').to_owned()
        + r#"}},"errors":[{"message":"m","path":["getContactList","data","docs",1]}]}"#;
    assert_eq!(kind(200, &partial), Kind::FieldFailed { field: None });
    assert_eq!(kind(200, r#"{"data":{"getContactList":null}}"#), Kind::PartialData);
    assert_eq!(kind(200, r#"{"data":{"getContactList":{"success":true,"data":{"docs":null}}}}"#), Kind::PartialData);
    assert_eq!(kind(200, r#"{"data":null}"#), Kind::UnknownFailure);
}

#[test]
fn what_is_not_json_is_judged_by_its_status() {
    assert_eq!(kind(200, &GOOD[..GOOD.len() / 2]), Kind::Garbled);
    assert_eq!(kind(502, "<html>bad gateway</html>"), Kind::ServerFault);
    assert_eq!(kind(404, "not found"), Kind::WrongEndpoint);
    assert_eq!(kind(302, ""), Kind::Redirected);
}

#[test]
fn an_error_with_a_path_touches_its_question_alone() {
    let asked = [contacts(), contacts()].concat();
    let body = r#"{"errors":[{"message":"m","path":["q0"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}],
        "data":{"q0":null,"q1":{"success":true,"data":{"docs":[],"totalDocs":0}}}}"#;
    for path in [r#"["q0"]"#, r#""q0""#, r#""q0.data.docs""#] {
        let body = body.replace(r#"["q0"]"#, path);
        let results = judged(&asked, &["q0", "q1"], 200, body.as_bytes()).outcomes;
        assert_eq!(results[0].as_ref().expect_err("q0").kind, Kind::ServerFault);
        assert!(results[1].as_ref().is_ok_and(|p| p.records.rows.is_empty()));
    }
}

#[test]
fn an_error_without_an_address_touches_every_question() {
    let asked = [contacts(), contacts()].concat();
    let list = r#"{"success":true,"data":{"docs":[],"totalDocs":0}}"#;
    for error in [
        r#"[{"message":"m"}]"#,
        r#"[{"message":"m","path":["getContactList","data"]}]"#,
        r#"[{"message":"m","path":["ExternalContact"]}]"#,
        r#"[{"message":"m","path":["data","q0"]}]"#,
        r#"[{"message":"m","path":[0,"q0"]}]"#,
        r#"[{"message":"m","path":null}]"#,
        r#"[{"message":"m","path":{"at":"q0"}}]"#,
        r#"["m"]"#,
        "[7]",
        r#"{"message":"m"}"#,
        r#""m""#,
        "true",
    ] {
        let body = format!(r#"{{"data":{{"q0":{list},"q1":{list}}},"errors":{error}}}"#);
        let results = judged(&asked, &["q0", "q1"], 200, body.as_bytes()).outcomes;
        assert!(results.iter().all(Result::is_err), "{error}");
    }
    for beside in [r#""error":{"message":"m"}"#, r#""error":"m""#, r#""success":false"#, r#""errors":[null]"#] {
        let body = format!(r#"{{"data":{{"q0":{list},"q1":{list}}},{beside}}}"#);
        assert!(judged(&asked, &["q0", "q1"], 200, body.as_bytes()).outcomes.iter().all(Result::is_err), "{beside}");
    }
    for none in ["[]", "null", "{}", "\"\"", "false"] {
        let body = format!(r#"{{"data":{{"q0":{list},"q1":{list}}},"errors":{none}}}"#);
        assert!(judged(&asked, &["q0", "q1"], 200, body.as_bytes()).outcomes.iter().all(Result::is_ok), "{none}");
    }
}

#[test]
fn an_answer_to_another_request_is_not_believed() {
    let ours = ResponseNames::default().next("getContactList");
    let list = r#"{"success":true,"data":{"docs":[{"_id":"a"}],"totalDocs":1}}"#;
    for (members, named) in [
        (format!(r#""q9":{list}"#), Named::Others),
        (format!(r#""{ours}":{list}"#), Named::Others),
        (format!(r#""getContactList":{list}"#), Named::Operation),
    ] {
        let judged = judged(&contacts(), &["q0"], 200, format!(r#"{{"data":{{{members}}}}}"#).as_bytes());
        assert_eq!(judged.named, named, "{members}");
        let kind = if named == Named::Others { Kind::Garbled } else { Kind::PartialData };
        assert_eq!(judged.outcomes[0].as_ref().expect_err("another's").kind, kind);
    }
    // An answer that says that it failed is believed, under whatever name it stands.
    let refused = r#"{"data":{"getContactList":{"success":false,"code":"TOKEN_EXPIRED"}}}"#;
    let denied = judged(&contacts(), &["q0"], 200, refused.as_bytes()).outcomes.remove(0);
    assert_eq!(denied.expect_err("refused").kind, Kind::TokenExpired);
    let failed = r#"{"data":{"getContactList":null},"errors":[{"message":"m","path":["getContactList"],"extensions":{"code":"INSUFFICIENT_SCOPES"}}]}"#;
    let denied = judged(&contacts(), &["q0"], 200, failed.as_bytes()).outcomes.remove(0);
    assert!(matches!(denied.expect_err("refused").kind, Kind::InsufficientScopes { .. }));
    let error = format!(r#"{{"data":null,"errors":[{{"message":"m","path":["{ours}"]}}]}}"#);
    assert_eq!(judged(&contacts(), &["q0"], 200, error.as_bytes()).named, Named::Others);
}

#[test]
fn a_byte_that_is_no_text_costs_one_character() {
    let (before, behind) = GOOD.split_once("x\\ud83d").expect("a name");
    let broken = [before.as_bytes(), b"\xff\nx\\ud83d", behind.as_bytes()].concat();
    let page = judged(&contacts(), &["getContactList"], 200, &broken).outcomes.remove(0).expect("page");
    assert_eq!((page.records.rows.len(), page.records.rows[0].repaired), (2, 2));
    let text = std::str::from_utf8(page.records.payload(&page.records.rows[0])).expect("text");
    assert!(text.contains("\u{fffd}\\u000ax"), "{text}");
}

#[test]
fn the_failure_of_one_row_names_its_field_whatever_its_code() {
    let body = |path: &str| {
        format!(
            r#"{{"data":{{"getContactList":null}},
            "errors":[{{"message":"m","path":["getContactList",{path}],"extensions":{{"code":"INTERNAL_SERVER_ERROR"}}}}]}}"#
        )
    };
    let field = |field: &str| Kind::FieldFailed { field: Some(field.into()) };
    assert_eq!(kind(200, &body(r#""data","docs",84,"firstName""#)), field("firstName"));
    assert_eq!(kind(200, &body(r#""data","docs",3,"tags",0,"name""#)), field("name"));
    assert_eq!(kind(200, &body(r#""data","docs",3,"tags",0"#)), field("tags"));
    assert_eq!(kind(500, &body(r#""data","docs",3"#)), Kind::FieldFailed { field: None });
    assert_eq!(kind(200, &body(r#""data","docs""#)), Kind::ServerFault, "no row is named");
}

#[test]
fn rows_without_an_id_are_counted() {
    let body = r#"{"data":{"getContactList":{"success":true,"data":{"docs":[{"_id":null},null,{"_id":"a"}]}}}}"#;
    let page = ask(200, body).expect("page");
    assert_eq!((page.nameless, page.records.rows.len()), (2, 1));
}

#[test]
fn tokens_are_read_in_either_form_and_refusals_are_the_pairs() {
    let flat =
        Dialect::with(&"[token]\naccess_token = \"accessToken\"\nexpires_in = \"expiresIn\"".parse().expect("TOML"))
            .expect("dialect");
    let granted = |d: &Dialect, body: &str| {
        token(d, "generateOAuthToken", HttpAnswer { status: 200, body: body.as_bytes().to_vec() }).1
    };
    let t = granted(&flat, r#"{"data":{"generateOAuthToken":{"accessToken":"t","expiresIn":"3600"}}}"#).expect("token");
    assert_eq!((t.access_token.as_str(), t.expires_in), ("t", Some(3600.0)));
    let t = granted(&dialect(), r#"{"data":{"generateOAuthToken":{"success":true,"data":{"accessToken":"t"}}}}"#)
        .expect("token");
    assert_eq!(t.expires_in, None);
    for code in ["INVALID_CLIENT", "UNAUTHORIZED"] {
        let body = format!(r#"{{"errors":[{{"message":"m","extensions":{{"code":"{code}"}}}}]}}"#);
        assert_eq!(granted(&dialect(), &body).err().expect("refused").kind, Kind::InvalidClient);
    }
}
