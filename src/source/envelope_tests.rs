use super::super::query::{Select, Start};
use super::*;
use crate::streams::Stream;

fn rules() -> PerStream<Volatile> {
    PerStream::new(Volatile::default)
}

fn dialect() -> Dialect {
    Dialect::with(&toml::Table::new()).expect("shipped")
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
    pages(&dialect(), &rules(), &contacts(), Answer { status, body: body.as_bytes().to_vec() }).remove(0)
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
    assert_eq!(kind(429, r#"{"errors":[{"message":"no"}]}"#), Kind::RateLimited { wait: None });
    assert_eq!(
        kind(200, r#"{"errors":[{"message":"no","extensions":{"code":429}}]}"#),
        Kind::RateLimited { wait: None }
    );
    assert_eq!(kind(429, r#"{"message":"no"}"#), Kind::RateLimited { wait: None });
    assert_eq!(kind(400, r#"{"errors":[{"message":"no"}]}"#), Kind::UnknownFailure);
}

#[test]
fn success_false_is_a_failure_without_errors() {
    let said = |code: &str| {
        format!(r#"{{"data":{{"getContactList":{{"success":false,"data":null,"code":{code},"message":"m"}}}}}}"#)
    };
    assert_eq!(kind(200, &said("\"TOKEN_EXPIRED\"")), Kind::TokenExpired);
    assert_eq!(kind(200, &said("429")), Kind::RateLimited { wait: None });
    assert_eq!(kind(200, &said("\"E_OTHER\"")), Kind::UnknownFailure);
    assert_eq!(kind(200, &said("null")), Kind::UnknownFailure);
}

#[test]
fn partial_data_is_never_whole() {
    let partial = GOOD.trim_end_matches('}').to_owned()
        + r#"}},"errors":[{"message":"m","path":["getContactList","data","docs",1]}]}"#;
    assert_eq!(kind(200, &partial), Kind::PartialData);
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
    let results = pages(&dialect(), &rules(), &asked, Answer { status: 200, body: body.as_bytes().to_vec() });
    assert_eq!(results[0].as_ref().expect_err("q0").kind, Kind::ServerFault);
    assert!(results[1].as_ref().is_ok_and(|p| p.records.rows.is_empty()));
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
    let granted = |d: &Dialect, body: &str| token(d, Answer { status: 200, body: body.as_bytes().to_vec() });
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
