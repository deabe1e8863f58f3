//! Tests that no byte of an answer, of its headers or of the budget's file leads to a panic ([`crate::any_input`]).

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::envelope::HttpAnswer;
use super::query::{Question, Select, Start};
use super::rate_limit::headers as limit_headers;
use super::rate_limit::window::BudgetWindow;
use super::response_names::operations;
use super::{decoding, envelope};
use crate::any_input::never_panics;
use crate::dialect::Dialect;
use crate::record::volatile::Volatile;
use crate::streams::{PerStream, Stream};

const ANSWERS: [&str; 6] = [
    r#"{"data":{"a":{"success":true,"data":{"docs":[{"_id":"a","firstName":"x\ud83d","createdAt":"2024-03-05T08:09:10Z"},{"_id":17}],"hasNextPage":true,"totalDocs":9},"code":null,"message":null}}}"#,
    r#"{"data":{"a":null,"b":null},"errors":[{"message":"Not allowed","path":["a","data","docs",0],"extensions":{"code":"TOKEN_EXPIRED","exception":{"stacktrace":["x"]}}}]}"#,
    r#"{"errors":"a text","success":false,"message":"Query is too complex"}"#,
    r#"[{"data":{"a":{"success":false,"code":"RATE_LIMITED","message":"wait"}}}]"#,
    r#"{"data":{"a":{"success":true,"data":{"accessToken":"t","expiresIn":3600}}}}"#,
    "<html><head><title>502 Bad Gateway</title></head></html>",
];

fn question(stream: Stream) -> Question {
    Question { stream, parent: Some("p".into()), size: 2, start: Start::Row(0), select: Select::Whole, since: None }
}

#[test]
fn answers() {
    let dialect = Dialect::shipped().expect("shipped");
    let rules = PerStream::new(Volatile::default);
    let questions = [question(Stream::Contacts), question(Stream::Messages)];
    let names = operations(&["a", "b"]);
    never_panics(&ANSWERS, |bytes| {
        for status in [200, 401, 503] {
            let answer = || HttpAnswer { status, body: bytes.to_vec() };
            drop(envelope::pages(&dialect, &rules, &questions, &names, answer()));
            drop(envelope::token(&dialect, "a", answer()));
        }
    });
}

#[test]
fn coded_bodies() {
    never_panics(&["\u{1f}\u{8b}\u{8}\u{0}\u{0}\u{0}", "{\"data\":{}}", "(\u{b5}/\u{fd}"], |bytes| {
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, br"] {
            let mut headers = HeaderMap::new();
            headers.insert("content-encoding", HeaderValue::from_static(coding));
            drop(decoding::undo(&headers, bytes.to_vec(), 1 << 16));
        }
    });
}

#[test]
fn headers() {
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "date"];
    never_panics(
        &["100", "60000", "Wed, 21 Oct 2026 07:28:00 GMT", "1792567680", "1.5", "2026-10-21T07:28:00Z"],
        |bytes| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
            let mut all = HeaderMap::new();
            for name in names {
                all.insert(HeaderName::from_static(name), value.clone());
                limit_headers::read(&all, 1_792_567_680.0);
            }
        },
    );
}

#[test]
fn budget_files() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("budget.json");
    let sample =
        r#"{"theoretical_arrival":1792567680000000000,"blocked_until":1792567680000000000,"blocked_at":1,"strikes":3}"#;
    never_panics(&[sample], |bytes| {
        std::fs::write(&path, bytes).expect("the file");
        let window = BudgetWindow::open(&path).expect("a window");
        window.update(1_792_567_680_000_000_000, |shared| shared.strikes = shared.strikes.saturating_add(1));
    });
}
