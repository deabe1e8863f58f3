//! Addresses at which another service answers, or none that may be trusted. The run ends at once with one clear
//! sentence and the documented exit code, and sends the secret nowhere else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::support::foreign::{Answer, Server};
use crate::support::tls::SelfSigned;
use crate::support::{Outcome, Sandbox, Work};

const SECRET: &str = "DISTINCTIVE-secret";
const COMMANDS: [&str; 3] = ["run", "check", "discover"];

fn job() -> Work {
    Work::with_job(&format!(
        "name = \"test\"\n[source]\nclient_id = \"somebody\"\nclient_secret = \"{SECRET}\"\nrequests_per_minute = 0\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

/// Asserts that standard error has one line of cause, one line of hint and nothing else; returns both.
#[track_caller]
fn sentence(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with(" hint: "), "{outcome:?}");
    assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains("DISTINCT"), "{outcome:?}");
    format!("{} | {}", lines[0], lines[1])
}

/// Asserts that every command prints these words and ends with this code.
#[track_caller]
fn told(endpoint: &str, code: i32, words: &[&str]) {
    for command in COMMANDS {
        let work = job();
        let outcome = work.call(&[command, "job.toml", "--endpoint", endpoint]).expect(code);
        let said = sentence(&outcome);
        for word in words {
            assert!(said.contains(word), "{command}: `{word}` is not in {said}");
        }
        assert!(!said.contains(" attempts in "), "{command}: it was told at once: {said}");
        assert!(!work.path("out/manifest.json").exists());
        if command == "check" && code != 2 {
            assert!(outcome.stdout.contains("FAIL  endpoint: "), "{}", outcome.stdout);
            assert!(!work.path("state").exists() && !work.path("out").exists(), "check writes nothing");
        }
    }
}

const ENDPOINT: &str = "QPIEN_ENDPOINT";

// ---- no GraphQL at all

#[test]
fn a_web_page_is_told_at_once() {
    for status in [200, 404, 405, 501] {
        let server = Server::start(move |_| Answer::html(status));
        told(&server.endpoint, 6, &[&format!("HTTP {status}: an HTML page instead of JSON"), ENDPOINT]);
        assert_eq!(server.asked().len(), COMMANDS.len(), "HTTP {status}: one request a command");
    }
}

#[test]
fn what_refuses_in_front_of_the_api_is_told_at_once() {
    for (status, body) in [
        (401, "<html>log in</html>"),
        (403, "<html>Request blocked</html>"),
        (403, "{\"message\":\"Forbidden\"}"),
        (401, "{\"code\":401}"),
        (407, "proxy authentication required"),
        (451, ""),
    ] {
        let server = Server::start(move |_| Answer::new(status, "text/html", body));
        told(&server.endpoint, 6, &[&format!("HTTP {status}"), "something in front of the API refuses", ENDPOINT]);
        assert_eq!(server.asked().len(), COMMANDS.len(), "HTTP {status}: one request a command");
    }
}

#[test]
fn a_text_that_is_no_page_is_told_at_once() {
    for status in [404, 405, 501] {
        let server = Server::start(move |_| Answer::new(status, "text/plain", "no such thing"));
        told(&server.endpoint, 6, &[&format!("HTTP {status}: a body that is not JSON"), ENDPOINT]);
        assert_eq!(server.asked().len(), COMMANDS.len(), "HTTP {status}");
    }
}

#[test]
fn a_rest_api_is_told_at_once() {
    for (status, body) in [
        (404, json!({"status": 404, "error": "Not Found", "path": "/api/v1"})),
        (404, json!({"message": "no route"})),
        (200, json!({"name": "a service", "version": 3})),
        (200, json!([1, 2, 3])),
        (501, json!({"error": "not implemented"})),
    ] {
        let said = body.clone();
        let server = Server::start(move |_| Answer::json(status, &said));
        told(&server.endpoint, 6, &[&format!("HTTP {status}"), "no GraphQL answer", ENDPOINT]);
        assert_eq!(server.asked().len(), COMMANDS.len(), "HTTP {status} {body}");
    }
}

#[test]
fn what_answered_once_is_an_outage_afterwards() {
    let foreign = crate::support::foreign::Foreign::default();
    let server = Server::start(move |asked| if asked.n > 3 { Answer::html(501) } else { foreign.answer(asked) });
    let work = Work::with_job(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\nretry_for = \"1s\"\n\
         requests_per_minute = 0\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    );
    let run = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(6);
    assert!(run.stderr.contains("attempts in") && run.stderr.contains("run again later"), "{}", run.stderr);
}

// ---- GraphQL of something else

const CODE_FORGE: &str = "
type Query { repositories(first: Int): [Repository!]! viewer: User }
type Mutation { starRepository(id: ID!): Repository login(user: String!, password: String!): User }
type Repository { id: ID! name: String! stars: Int }
type User { id: ID! login: String! }
";

const SHOP: &str = "
type Query { product(sku: String!): Product search(text: String, page: Int): [Product] }
type Mutation { buy(sku: String!): Boolean }
type Product { sku: String price: Float }
";

const NOT_QPIEN: [&str; 4] = [
    "does not look like the Qpien API",
    "no mutation that gives a token for a client id and a secret",
    "no list of contacts, customer persons, conversations, messages",
    ENDPOINT,
];

fn other(sdl: &str, how: &[&str]) -> Sandbox {
    let work = job();
    std::fs::write(work.path("other.graphql"), sdl).expect("the schema");
    let file = work.path("other.graphql").display().to_string();
    Sandbox::start(&[&["--requests-per-minute", "0", "--sdl", &file][..], how].concat())
}

#[test]
fn a_graphql_api_of_something_else_is_told_by_what_it_lacks() {
    for (name, sdl) in [("a code forge", CODE_FORGE), ("a shop", SHOP)] {
        let sandbox = other(sdl, &[]);
        told(&sandbox.endpoint, 6, &NOT_QPIEN);
        let asked = sandbox.log().len();
        assert!(asked <= 20 * COMMANDS.len(), "{name}: {asked} requests");
    }
}

/// If the server hides its schema, names that were not guessed do not show that this is another API. The run asks for
/// the missing lines.
#[test]
fn what_is_hidden_and_not_guessed_is_open_and_not_another_api() {
    for suggestions in ["on", "off"] {
        let sandbox = other(SHOP, &["--introspection", "off", "--suggestions", suggestions]);
        for command in ["run", "discover"] {
            let outcome = job().call(&[command, "job.toml", "--endpoint", &sandbox.endpoint]).expect(2);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!said.contains("does not look like"), "{said}");
            for part in
                ["token", "streams.contacts", "streams.customer_persons", "streams.conversations", "streams.messages"]
            {
                assert!(said.contains(&format!("{part}.operation = \"...\"")), "{part}: {said}");
            }
        }
        let asked = sandbox.log().len();
        assert!(asked <= 40, "{asked} requests");
    }
}

#[test]
fn a_graphql_api_without_mutations_is_told_too() {
    let work = job();
    let (queries, _) = SHOP.split_once("type Mutation").expect("a mutation");
    std::fs::write(work.path("other.graphql"), format!("{queries} type Product {{ sku: String }}"))
        .expect("the schema");
    let file = work.path("other.graphql").display().to_string();
    for introspection in ["on", "off"] {
        let sandbox = Sandbox::start(&["--requests-per-minute", "0", "--sdl", &file, "--introspection", introspection]);
        told(&sandbox.endpoint, 6, &NOT_QPIEN);
    }
}

// ---- no TLS, or a certificate that is not trusted

#[test]
fn a_port_that_does_not_speak_tls_is_told() {
    // Like a web server, this port answers bytes that are not HTTP with an HTTP error.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut hello = [0; 16];
            let _ = socket.read(&mut hello);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    told(&format!("https://{address}/api/v1"), 6, &["does not speak TLS", &address.to_string(), ENDPOINT]);
}

#[test]
fn a_certificate_that_nobody_trusts_is_told_and_nothing_is_sent() {
    let server = SelfSigned::start();
    let place = server.endpoint.trim_start_matches("https://").trim_end_matches("/api/v1");
    told(&server.endpoint, 6, &["the certificate of", place, "is not trusted", "proxy"]);
    assert_eq!(server.visits(), COMMANDS.len(), "and it is not tried again");
    assert!(server.heard().is_empty(), "nothing was sent");
}

// ---- somewhere else

#[test]
fn a_redirect_names_the_other_host_and_sends_it_nothing() {
    for status in [301, 302, 307, 308] {
        let elsewhere = Server::start(|_| Answer::html(200));
        let host = elsewhere.endpoint.trim_end_matches("/api/v1").to_owned();
        let location = format!("{host}/login?next=somewhere-private");
        let server = Server::start(move |_| Answer::html(status).with("Location", &location));
        told(&server.endpoint, 6, &[&format!("HTTP {status}: a redirect to {host}"), "the address the API really has"]);
        assert!(elsewhere.asked().is_empty(), "credentials follow no redirect");
        assert_eq!(server.asked().len(), COMMANDS.len());
        let said = job().call(&["run", "job.toml", "--endpoint", &server.endpoint]).stderr;
        assert!(!said.contains("private"), "{said}");
    }
}

#[test]
fn a_redirect_on_the_same_host_names_the_path() {
    let server = Server::start(|_| Answer::html(308).with("Location", "/graphql/?session=private"));
    told(&server.endpoint, 6, &["HTTP 308: a redirect to http://127.0.0.1:", "/graphql/"]);
    let said = job().call(&["run", "job.toml", "--endpoint", &server.endpoint]).stderr;
    assert!(!said.contains("private"), "{said}");
    let nowhere = Server::start(|_| Answer::html(302).with("Location", "http://[nonsense"));
    told(&nowhere.endpoint, 6, &["HTTP 302: a redirect to an address that is none"]);
}

#[test]
fn what_is_not_encrypted_is_refused_before_anything_is_sent() {
    // A proxy would see every request that is sent.
    let proxy = Server::start(|_| Answer::html(200));
    for command in COMMANDS {
        let work = job();
        let outcome = work
            .command(&[command, "job.toml", "--endpoint", "http://api.qpien.com/api/v1"])
            .env("http_proxy", &proxy.endpoint)
            .env("HTTP_PROXY", &proxy.endpoint)
            .env("ALL_PROXY", &proxy.endpoint)
            .output()
            .expect("a command");
        let outcome = Outcome::of(&outcome).expect(2);
        let said = sentence(&outcome);
        assert!(said.contains("is not encrypted") && said.contains("over https:// only"), "{said}");
        assert!(outcome.stdout.is_empty() && !work.path("state").exists(), "{outcome:?}");
    }
    assert!(proxy.asked().is_empty(), "nothing was sent");
}
