//! Answers whose members have other forms than GraphQL prescribes: the program still understands what they say.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{STREAMS, Work, ids};

fn job() -> Work {
    Work::with_job(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\npage_size = 20\nretry_for = \"60s\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    )
}

#[track_caller]
fn complete(server: &Server, what: &str) {
    let work = job();
    let outcome = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]);
    assert_eq!(outcome.code, 0, "{what}: {}", outcome.stderr);
    for stream in STREAMS {
        assert_eq!(ids(&work, stream), Foreign::default().ids(stream), "{what}: {stream}");
    }
}

/// Returns ways to say that a token has expired; `NAME` stands for the question's response name.
fn expired() -> Vec<(u16, Value)> {
    let code = json!({"code": "TOKEN_EXPIRED"});
    vec![
        (200, json!({"errors": "TOKEN_EXPIRED"})),
        (200, json!({"errors": "TOKEN_EXPIRED", "data": []})),
        (200, json!({"errors": ["TOKEN_EXPIRED"], "data": ""})),
        (200, json!({"errors": {"message": "m", "extensions": code}, "data": null})),
        (200, json!({"errors": {"0": {"message": "m", "extensions": code}}})),
        (200, json!({"errors": {"NAME": ["TOKEN_EXPIRED"]}, "data": {}})),
        (200, json!({"errors": [["TOKEN_EXPIRED"]]})),
        (200, json!({"errors": [{"message": "m", "extensions": "TOKEN_EXPIRED"}]})),
        (200, json!({"errors": [{"message": "m", "extensions": [code]}]})),
        (200, json!({"errors": [{"message": "m", "path": "NAME.data", "extensions": code}], "data": {"NAME": null}})),
        (
            200,
            json!({"errors": [{"message": "m", "path": "NAME", "code": "TOKEN_EXPIRED", "extensions": []}], "data": []}),
        ),
        (200, json!({"errors": [{"message": {"code": "TOKEN_EXPIRED", "text": "m"}}]})),
        (200, json!({"errors": [{"message": "m", "extensions": {"exception": code}}]})),
        (200, json!({"errors": [{"message": ["TOKEN_EXPIRED"], "locations": "here", "path": 7}]})),
        (200, json!({"data": [], "code": "TOKEN_EXPIRED", "message": "m"})),
        (200, json!({"data": "", "error": "TOKEN_EXPIRED"})),
        (200, json!({"data": {"NAME": null}, "code": "TOKEN_EXPIRED"})),
        (200, json!({"data": {"NAME": {"success": false, "errors": [{"message": "m", "extensions": code}]}}})),
        (200, json!({"data": {"NAME": {"success": false, "errors": "TOKEN_EXPIRED", "code": []}}})),
        (200, json!([{"errors": [{"message": "m", "extensions": code}]}])),
        (200, json!({"error": code})),
        (401, json!({"data": [], "errors": ["no"]})),
        (401, json!({"data": "", "errors": "no"})),
        (401, json!({"data": [], "message": "no"})),
        (401, json!({"errors": {"message": "no", "extensions": []}})),
        (401, json!({"error": "jwt expired"})),
    ]
}

#[test]
fn a_token_is_renewed_in_whatever_form_it_is_said() {
    std::thread::scope(|scope| {
        for (status, body) in expired() {
            scope.spawn(move || {
                let said = body.clone();
                let once = move |asked: &Asked| {
                    let text = said.to_string().replace("NAME", asked.response_name());
                    Answer::new(status, "application/json", text)
                };
                let (server, _) = Foreign::default().once(once).start();
                complete(&server, &format!("{status} {body}"));
                let tokens = server.asked().iter().filter(|a| a.operation() == "generateOAuthToken").count();
                assert_eq!(tokens, 2, "{status} {body}");
            });
        }
    });
}

/// If the server refuses the key, the run ends soon and names the variable to set, in whatever form the server says
/// it.
#[test]
fn a_refused_key_is_told_in_whatever_form_it_is_said() {
    for body in [
        json!({"errors": "INVALID_CLIENT", "data": []}),
        json!({"errors": [{"message": "m", "path": "NAME", "extensions": "INVALID_CLIENT"}], "data": ""}),
        json!({"errors": {"NAME": {"code": "INVALID_CLIENT"}}}),
        json!({"code": "INVALID_CLIENT", "message": "m"}),
    ] {
        let said = body.clone();
        let server = Server::start(move |asked| {
            Answer::new(200, "application/json", said.to_string().replace("NAME", asked.response_name()))
        });
        let begun = Instant::now();
        let outcome = job().call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(5);
        assert!(outcome.stderr.contains("QPIEN_CLIENT_SECRET"), "{body}: {}", outcome.stderr);
        assert!(begun.elapsed() < Duration::from_secs(10), "{body}");
    }
}

/// A change that a server makes to every answer.
type Form = fn(Answer) -> Answer;

fn changed(change: Form) -> Server {
    let foreign = Foreign::default();
    Server::start(move |asked| change(foreign.answer(asked)))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory")
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory")
}

fn with_body(answer: &Answer, body: Vec<u8>) -> Answer {
    Answer { body, ..answer.clone() }
}

#[test]
fn a_byte_order_mark_is_accepted() {
    let forms: [(&str, Form); 4] = [
        ("UTF-8", |answer| with_body(&answer, [b"\xef\xbb\xbf", &answer.body[..]].concat())),
        ("UTF-8, compressed", |answer| {
            with_body(&answer, gzip(&[b"\xef\xbb\xbf", &answer.body[..]].concat())).with("Content-Encoding", "gzip")
        }),
        ("UTF-16LE", |answer| {
            let text = format!("\u{feff}{}", String::from_utf8_lossy(&answer.body));
            with_body(&answer, text.encode_utf16().flat_map(u16::to_le_bytes).collect())
        }),
        ("UTF-16BE", |answer| {
            let text = format!("\u{feff}{}", String::from_utf8_lossy(&answer.body));
            with_body(&answer, text.encode_utf16().flat_map(u16::to_be_bytes).collect())
        }),
    ];
    for (what, form) in forms {
        complete(&changed(form), what);
    }
}

#[test]
fn a_body_is_read_in_every_form_of_compression() {
    let forms: [(&str, Form); 8] = [
        ("gzip in two members", |answer| {
            let (one, other) = answer.body.split_at(answer.body.len() / 2);
            with_body(&answer, [gzip(one), gzip(other)].concat()).with("Content-Encoding", "gzip")
        }),
        ("x-gzip", |answer| with_body(&answer, gzip(&answer.body)).with("Content-Encoding", "x-gzip")),
        ("GZIP", |answer| with_body(&answer, gzip(&answer.body)).with("Content-Encoding", "GZIP")),
        ("deflate", |answer| with_body(&answer, zlib(&answer.body)).with("Content-Encoding", "deflate")),
        ("two after one another", |answer| {
            with_body(&answer, gzip(&zlib(&answer.body))).with("Content-Encoding", "deflate, gzip")
        }),
        ("identity", |answer| answer.with("Content-Encoding", "identity")),
        ("undone and still named", |answer| answer.with("Content-Encoding", "gzip")),
        ("not named", |answer| with_body(&answer, gzip(&answer.body))),
    ];
    for (what, form) in forms {
        complete(&changed(form), what);
    }
}
